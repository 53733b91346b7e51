"""Evaluation curves as a frame: the IQM over runs at each point of the grid, of one task or over tasks."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from rlbench.analysis.final_scores import FEWEST_FOR_INTERVAL, seeded
from rlbench.analysis.learning_curves import Grid, at_shares, estimate, grid_of, resamples_for
from rlbench.api import StoreError
from rlbench.results import Store
from rlbench.results.results_index import read_facts
from rlbench.results.run_table import run_table
from rlbench.results.score_anchors import Anchors, anchors_of
from rlbench.stats import efficiency_curve

AGAINST = ("steps", "wall_seconds", "cpu_seconds")
POINTS = 101  # of a curve over tasks, from none to all of the budget
COLUMNS = ("algorithm", "environment", "at", "n", "iqm", "low", "high")


def read_curves(store: Store, anchors: Mapping[str, Anchors] | None = None) -> tuple[list[Grid], dict[str, Anchors]]:
    """The evaluations of each algorithm on each task of a folder, in the suite's order, and the anchors of its tasks.

    Pairs without an evaluation have none.
    """
    asked = store.runs()
    states = store.states(asked)
    facts = read_facts(store, asked, states)
    found = []
    for _, rows in run_table(store, anchors, asked).groupby(["algorithm", "environment"], sort=False):
        published = rows[[key in facts for key in rows["key"]]]
        if any(len(facts[key].steps) for key in published["key"]):
            found.append(grid_of(published, facts, states))
    tasks = {run.task.env_id: run.task for run in asked}
    return found, anchors_of(store.suite()["suite"], tasks, anchors)


def curve_frame(
    grids: Sequence[Grid], anchors: Mapping[str, Anchors], normalised: bool = False, against: str = "steps"
) -> pd.DataFrame:
    """IQM over runs at each evaluation, with its pointwise 95 % percentile band over whole runs (`estimate`).

    normalised: scores between the anchors, of the tasks that have some; and, against steps, a curve over all of those
    (environment "") at equal shares of each task's budget, `at` in [0, 1], runs interpolated between evaluations and from
    the latest first one on. Returns the columns of COLUMNS: at, in `against`: the steps of the grid, or the median over
    runs of the seconds they had taken there; n: runs that count there, on which the rest is based; low, high:
    NaN under 3 runs. Raises: StoreError for another axis.
    """
    if against not in AGAINST:
        raise StoreError(f"curves are drawn against {', '.join(AGAINST)}, not {against!r}")
    shown = [grid for grid in grids if not normalised or grid.environment in anchors]
    rows: list[tuple[object, ...]] = []
    for grid in shown:
        values = _scaled(grid.counted, anchors[grid.environment]) if normalised else grid.counted
        rows += zip(*_columns(grid, values, against))
    if normalised and against == "steps":
        for name in dict.fromkeys(grid.algorithm for grid in shown):
            rows += _over_tasks(name, [grid for grid in shown if grid.algorithm == name], anchors)
    return pd.DataFrame(rows, columns=list(COLUMNS))


def _columns(grid: Grid, values: NDArray[np.float64], against: str) -> list[Sequence[object]]:
    count = len(grid.steps)
    at = grid.steps
    if against != "steps":
        seconds = grid.seconds if against == "wall_seconds" else grid.cpu
        known = ~np.isnan(seconds)
        at = np.array([np.median(seconds[known[:, t], t]) if known[:, t].any() else np.nan for t in range(count)])
    present = (~np.isnan(values)).sum(0)
    return [[grid.algorithm] * count, [grid.environment] * count, at, present, *estimate(values, seeded(grid.keys))]


def _over_tasks(name: str, grids: Sequence[Grid], anchors: Mapping[str, Anchors]) -> list[tuple[object, ...]]:
    """Every run that counts, at shares of the budget from the latest first evaluation on."""
    if any(len(grid.steps) < 2 for grid in grids):
        return []
    shares = np.linspace(0, 1, POINTS)
    shares = shares[shares >= max(float(grid.steps[0]) / grid.budget for grid in grids) - 1e-12]
    tasks = [_scaled(at_shares(grid, shares), anchors[grid.environment]) for grid in grids]
    if not all(map(len, tasks)):
        return []
    draw = seeded([key for grid in grids for key in grid.keys], "efficiency")
    band = efficiency_curve(tasks, draw, resamples=resamples_for(max(map(len, tasks))))
    enough = min(map(len, tasks)) >= FEWEST_FOR_INTERVAL
    low, high = (values if enough else np.full_like(values, np.nan) for values in (band.low, band.high))
    return [(name, "", at, sum(map(len, tasks)), *rest) for at, *rest in zip(shares, band.iqm, low, high)]


def _scaled(returns: NDArray[np.float64], anchors: Anchors) -> NDArray[np.float64]:
    return (returns - anchors.lower) / (anchors.upper - anchors.lower)
