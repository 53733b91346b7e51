"""Evaluation curves: the returns of every run on its task's grid, and the IQM over runs, of one task or over tasks.

A diverged run goes on to count with its score after its last evaluation: leaving it out from there on would flatter those
that are left.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from rlbench.api import RunStatus, StoreError
from rlbench.comparison.scores import FEWEST_FOR_INTERVAL, seeded
from rlbench.results import Store
from rlbench.results.anchors import Anchors, anchors_of
from rlbench.results.index import Facts, read_facts
from rlbench.results.tables import run_table
from rlbench.stats import efficiency_curve

AGAINST = ("steps", "wall_seconds", "cpu_seconds")
POINTS = 101  # of a curve over tasks, from none to all of the budget
RESAMPLES = 2_000
COLUMNS = ("algorithm", "environment", "at", "n", "iqm", "low", "high")


@dataclass(frozen=True)
class Curve:
    """The evaluations of one algorithm on one task; R runs that have some, T points of the grid.

    steps [T], ascending, nominal. returns [R, T]; wall_seconds [R, T]: each run's training clock; both NaN where a run has
    no evaluation, after its last one a diverged run's return is its score. cpu_per_wall [R]: CPU seconds of a run for each
    second of its clock, NaN where not known. budget: in steps. keys [R].
    """

    algorithm: str
    environment: str
    steps: NDArray[np.float64]
    returns: NDArray[np.float64]
    wall_seconds: NDArray[np.float64]
    cpu_per_wall: NDArray[np.float64]
    budget: int
    keys: tuple[str, ...]


def read_curves(store: Store, anchors: Mapping[str, Anchors] | None = None) -> tuple[list[Curve], dict[str, Anchors]]:
    """The curves of each algorithm on each task of a folder, in the suite's order, and the anchors that its tasks have.

    Pairs without an evaluation have no curve.
    """
    asked = store.runs()
    states = store.states(asked)
    facts = read_facts(store, asked, states)
    cpu = {key: _cpu_per_wall(states[key].result) for key in facts}
    found = []
    for (algorithm, env), rows in run_table(store, anchors, asked).groupby(["algorithm", "environment"], sort=False):
        rows = rows[[key in facts and len(facts[key].steps) > 0 for key in rows["key"]]]
        if len(rows):
            found.append(_curve(str(algorithm), str(env), rows, facts, cpu))
    tasks = {run.task.env_id: run.task for run in asked}
    return found, anchors_of(store.suite()["suite"], tasks, anchors)


def _cpu_per_wall(result: Mapping[str, float]) -> float:
    wall = result.get("wall_seconds")
    return result.get("cpu_seconds", np.nan) / wall if wall else np.nan


def _curve(algorithm: str, env: str, rows: pd.DataFrame, facts: Mapping[str, Facts], cpu: Mapping[str, float]) -> Curve:
    keys = tuple(rows["key"])
    steps = np.unique(np.concatenate([facts[key].steps for key in keys]))
    returns = np.full((2, len(keys), len(steps)), np.nan)
    for r, (key, status, score) in enumerate(zip(keys, rows["status"], rows["score"])):
        places = np.searchsorted(steps, facts[key].steps)
        returns[:, r, places] = facts[key].returns, facts[key].wall_seconds
        if status == RunStatus.DIVERGED:
            returns[0, r, places[-1] + 1 :] = score
    per_wall = np.array([cpu[key] for key in keys])
    return Curve(
        algorithm, env, steps.astype(float), returns[0], returns[1], per_wall, int(rows["budget"].iloc[0]), keys
    )


def curve_frame(
    curves: Sequence[Curve], anchors: Mapping[str, Anchors], normalised: bool = False, against: str = "steps"
) -> pd.DataFrame:
    """IQM over runs at each evaluation, with its pointwise 95 % percentile band over whole runs.

    normalised: scores between the anchors, of the tasks that have some; and, against steps, a curve over all of those
    (environment "") at equal shares of each task's budget, `at` in [0, 1], runs interpolated between evaluations and from
    the latest first one on. Returns the columns of COLUMNS: at, in `against`: the steps of the grid, or the median over
    runs of the seconds they had taken there; n: runs that have an evaluation there, on which the rest is based; low, high:
    NaN under 3 runs. Raises: StoreError for another axis.
    """
    if against not in AGAINST:
        raise StoreError(f"curves are drawn against {', '.join(AGAINST)}, not {against!r}")
    shown = [curve for curve in curves if not normalised or curve.environment in anchors]
    rows: list[tuple[object, ...]] = []
    for curve in shown:
        values = _scaled(curve.returns, anchors[curve.environment]) if normalised else curve.returns
        rows += zip(*_columns(curve, values, against))
    if normalised and against == "steps":
        for name in dict.fromkeys(curve.algorithm for curve in shown):
            rows += _over_tasks(name, [curve for curve in shown if curve.algorithm == name], anchors)
    return pd.DataFrame(rows, columns=list(COLUMNS))


def _columns(curve: Curve, values: NDArray[np.float64], against: str) -> list[Sequence[object]]:
    present = ~np.isnan(values)
    count = len(curve.steps)
    iqm, low, high = np.full((3, count), np.nan)
    patterns, which = np.unique(present, axis=1, return_inverse=True)  # points that rest on the same runs go together
    for i, runs in enumerate(patterns.T):
        points = np.flatnonzero(which.ravel() == i)
        draw = seeded([key for key, there in zip(curve.keys, runs) if there], "curve")
        band = efficiency_curve([values[np.ix_(runs, points)]], draw, resamples=RESAMPLES)
        iqm[points] = band.iqm
        if runs.sum() >= FEWEST_FOR_INTERVAL:
            low[points], high[points] = band.low, band.high
    at = curve.steps
    if against != "steps":
        seconds = curve.wall_seconds * (1.0 if against == "wall_seconds" else curve.cpu_per_wall[:, None])
        known = ~np.isnan(seconds)
        at = np.array([np.median(seconds[known[:, t], t]) if known[:, t].any() else np.nan for t in range(count)])
    return [[curve.algorithm] * count, [curve.environment] * count, at, present.sum(0), iqm, low, high]


def _over_tasks(name: str, curves: Sequence[Curve], anchors: Mapping[str, Anchors]) -> list[tuple[object, ...]]:
    """Whole runs alone, those evaluated at every point of their grid: a curve may not change its runs on the way."""
    tasks, keys, begin = [], [], 0.0
    for curve in curves:
        whole: NDArray[np.bool_] = np.all(~np.isnan(curve.returns), axis=1)
        if not whole.any() or len(curve.steps) < 2:
            return []
        shares = np.linspace(0, 1, POINTS)
        values = _scaled(curve.returns[whole], anchors[curve.environment])
        tasks.append(np.array([np.interp(shares, curve.steps / curve.budget, run) for run in values]))
        keys += [key for key, there in zip(curve.keys, whole.tolist()) if there]
        begin = max(begin, float(curve.steps[0]) / curve.budget)
    chosen = np.linspace(0, 1, POINTS) >= begin - 1e-12
    band = efficiency_curve([task[:, chosen] for task in tasks], seeded(keys, "curve"), resamples=RESAMPLES)
    enough = min(len(task) for task in tasks) >= FEWEST_FOR_INTERVAL
    low, high = (values if enough else np.full_like(values, np.nan) for values in (band.low, band.high))
    shares = np.linspace(0, 1, POINTS)[chosen]
    return [(name, "", at, sum(map(len, tasks)), *rest) for at, *rest in zip(shares, band.iqm, low, high)]


def _scaled(returns: NDArray[np.float64], anchors: Anchors) -> NDArray[np.float64]:
    return (returns - anchors.lower) / (anchors.upper - anchors.lower)
