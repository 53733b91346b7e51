"""Evaluations during training on their task's grid, and the IQM over runs at each of its points with its band.

A diverged run goes on to count with its score after its last evaluation, from the start if it has none: leaving it out
from there on would flatter those that are left.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

from rlbench.analysis.final_scores import FEWEST_FOR_INTERVAL
from rlbench.api import RunStatus
from rlbench.results import RunState
from rlbench.results.results_index import Facts
from rlbench.stats import iqm, iqm_of_draws

if TYPE_CHECKING:
    import pandas as pd

RESAMPLES = 2_000
MANY_RUNS, MOST_BAND_STEPS = 40, 25

Numbers = NDArray[np.float64]
Estimate = tuple[Numbers, Numbers, Numbers]


@dataclass(frozen=True)
class Grid:
    """Evaluations during training, of the published runs of one algorithm on one task.

    steps [T]: points of the grid, ascending. returns [R, T]: each run's evaluation, NaN where it has none. counted
    [R, T]: the same with what a diverged run counts with after its last one. seconds [R, T]: the run's training clock then.
    cpu [R, T]: the same share of the run's processor time, NaN where that is not known. diverged [R]. keys: of the runs.
    budget: environment steps given to each run.
    """

    algorithm: str
    environment: str
    steps: Numbers
    returns: Numbers
    counted: Numbers
    seconds: Numbers
    cpu: Numbers
    diverged: NDArray[np.bool_]
    keys: tuple[str, ...]
    budget: int = 0


def grid_of(rows: pd.DataFrame, facts: Mapping[str, Facts], states: Mapping[str, RunState]) -> Grid:
    """The grid of some published runs, at least one, of one algorithm on one task. rows: of run_table; facts, states: by key."""
    known = [facts[key] for key in rows["key"]]
    evaluations = [(own.steps.astype(float), own.returns, own.wall_seconds) for own in known]
    steps = np.unique(np.concatenate([np.zeros(0), *(own for own, _, _ in evaluations)]))
    returns, seconds = np.full((2, len(evaluations), len(steps)), np.nan)
    for row, (own, values, clock) in enumerate(evaluations):
        at = np.searchsorted(steps, own)
        returns[row, at], seconds[row, at] = values, clock
    counted, diverged = returns.copy(), (rows["status"] == RunStatus.DIVERGED).to_numpy(bool)
    for row in np.flatnonzero(diverged).tolist():
        last = max(evaluations[row][0], default=-1.0)
        counted[row, steps > last] = rows["score"].iloc[row]
    spent = np.array([_cpu_share(states[key].result) for key in rows["key"]])
    names = (str(rows["algorithm"].iloc[0]), str(rows["environment"].iloc[0]))
    budget = int(rows["budget"].iloc[0])
    cpu = seconds * spent[:, None]
    return Grid(*names, steps, returns, counted, seconds, cpu, diverged, tuple(rows["key"]), budget)


def _cpu_share(result: Mapping[str, Any]) -> float:
    """Processor seconds of the run for each second of its training clock."""
    wall, cpu = result.get("wall_seconds"), result.get("cpu_seconds")
    return cpu / wall if wall and cpu is not None and math.isfinite(wall) else math.nan


def at_shares(grid: Grid, shares: Numbers) -> Numbers:
    """What the runs that have evaluations count with at shares of the budget [n, K]: linear between evaluations."""
    steps = shares * grid.budget
    rows = [(grid.steps[known], row[known]) for row in grid.counted if (known := np.isfinite(row)).any()]
    return np.array([np.interp(steps, own, values) for own, values in rows]).reshape(-1, len(steps))


def estimate(values: Numbers, generator: Generator) -> Estimate:
    """IQM over runs at each step, with a 95 % band.

    Args: values [R, T], NaN where a run has no value.
    Returns: IQM, low and high [T]; over the runs that have a value; NaN without one, the band also under 3 of them. With many
    runs the band is computed at MOST_BAND_STEPS steps, from fewer resamples, and is linear between them.
    """
    present = ~np.isnan(values)
    centre, low, high = np.full((3, values.shape[1]), np.nan)
    patterns, which = np.unique(present, axis=1, return_inverse=True)  # steps that rest on the same runs go together
    for i, rows in enumerate(patterns.T):
        count, columns = int(rows.sum()), np.flatnonzero(which.ravel() == i)
        if count == 0:
            continue
        chosen = values[np.ix_(rows, columns)]
        centre[columns] = iqm(chosen, axis=0)
        if count < FEWEST_FOR_INTERVAL:
            continue
        few = _band_steps(len(columns), count)
        bounds = _bounds(chosen[:, few], generator.integers(count, size=(resamples_for(count), count)))
        low[columns], high[columns] = (np.interp(range(len(columns)), few, bound) for bound in bounds)
    return centre, low, high


def resamples_for(runs: int) -> int:
    """How often so many runs are resampled for a band; many runs make bands smooth."""
    return RESAMPLES if runs < MANY_RUNS else RESAMPLES // 4


def _band_steps(steps: int, runs: int) -> NDArray[np.int64]:
    """Indices of the steps at which the band is computed."""
    most = steps if runs < MANY_RUNS else min(steps, MOST_BAND_STEPS)
    return np.unique(np.linspace(0, steps - 1, most).round().astype(np.int64))


def _bounds(chosen: Numbers, picks: NDArray[np.int64]) -> Numbers:
    """95 % percentile bounds [2, T] of the IQM of chosen [R, T], for resamples of its rows picks [B, R]."""
    return np.quantile([iqm_of_draws(step)(picks) for step in chosen.T], [0.025, 0.975], axis=1)
