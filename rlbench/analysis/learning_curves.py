"""Learning curves: evaluations during training, and at each of them the IQM over runs with its band.

After its last evaluation, a diverged run counts with its final score; without any evaluation, it counts with that score
from the start. Leaving diverged runs out would make the algorithm look better than it is.
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
from rlbench.results.run_facts import RunFacts
from rlbench.stats import iqm, iqm_of_draws

if TYPE_CHECKING:
    import pandas as pd

RESAMPLES = 2_000
MANY_RUNS, MOST_BAND_STEPS = 40, 25

Numbers = NDArray[np.float64]
Estimate = tuple[Numbers, Numbers, Numbers]


@dataclass(frozen=True)
class LearningCurves:
    """Evaluations during training of the published runs of one algorithm on one task.

    steps [T]: points of the evaluation grid, ascending. returns [R, T]: evaluation of each run, NaN where it has none.
    counted [R, T]: the returns; after the last evaluation of a diverged run, its final score.
    seconds [R, T]: the run's training clock at that point.
    cpu [R, T]: processor seconds until that point, estimated in proportion to the clock; NaN if they are unknown.
    diverged [R]: whether the run diverged. keys [R]: keys of the runs. budget: environment steps given to each run.
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


def curves_of(rows: pd.DataFrame, facts: Mapping[str, RunFacts], states: Mapping[str, RunState]) -> LearningCurves:
    """Return the learning curves of one algorithm on one task.

    rows: at least one row of the run table, only of runs that have a score. facts, states: of each run, by its key.
    """
    run_facts = [facts[key] for key in rows["key"]]
    evaluations = [
        (run_steps.steps.astype(float), run_steps.returns, run_steps.wall_seconds) for run_steps in run_facts
    ]
    steps = np.unique(np.concatenate([np.zeros(0), *(run_steps for run_steps, _, _ in evaluations)]))
    returns, seconds = np.full((2, len(evaluations), len(steps)), np.nan)
    for row, (run_steps, values, clock) in enumerate(evaluations):
        at = np.searchsorted(steps, run_steps)
        returns[row, at], seconds[row, at] = values, clock
    counted, diverged = returns.copy(), (rows["status"] == RunStatus.DIVERGED).to_numpy(bool)
    for row in np.flatnonzero(diverged).tolist():
        last = max(evaluations[row][0], default=-1.0)
        counted[row, steps > last] = rows["score"].iloc[row]
    cpu_shares = np.array([_cpu_share(states[key].result) for key in rows["key"]])
    label_and_task = (str(rows["algorithm"].iloc[0]), str(rows["environment"].iloc[0]))
    budget = int(rows["budget"].iloc[0])
    cpu = seconds * cpu_shares[:, None]
    return LearningCurves(*label_and_task, steps, returns, counted, seconds, cpu, diverged, tuple(rows["key"]), budget)


def _cpu_share(result: Mapping[str, Any]) -> float:
    """Return the processor seconds of the run per second of its training clock, NaN if unknown."""
    wall, cpu = result.get("wall_seconds"), result.get("cpu_seconds")
    return cpu / wall if wall and cpu is not None and math.isfinite(wall) else math.nan


def at_shares(curves: LearningCurves, shares: Numbers) -> Numbers:
    """Interpolate `counted` linearly at K shares of the budget, for the n runs that have values. Returns: [n, K]."""
    steps = shares * curves.budget
    rows = [
        (curves.steps[evaluated], row[evaluated]) for row in curves.counted if (evaluated := np.isfinite(row)).any()
    ]
    return np.array([np.interp(steps, run_steps, values) for run_steps, values in rows]).reshape(-1, len(steps))


def estimate(values: Numbers, generator: Generator) -> Estimate:
    """Estimate the IQM over runs at each step, with a 95 % band.

    Args: values [R, T], NaN where a run has no value.
    Returns: IQM, low and high [T], over the runs that have a value at the step. All are NaN if no run has one; the band
    is NaN for fewer than 3 runs. From MANY_RUNS runs on, the band is computed at up to MOST_BAND_STEPS steps, from
    fewer resamples, and interpolated linearly.
    """
    present = ~np.isnan(values)
    centre, low, high = np.full((3, values.shape[1]), np.nan)
    # Group the steps at which the same runs have values.
    patterns, which = np.unique(present, axis=1, return_inverse=True)
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
    """Return the number of resamples for a band over `runs` runs. Many runs give smooth bands from fewer resamples."""
    return RESAMPLES if runs < MANY_RUNS else RESAMPLES // 4


def _band_steps(steps: int, runs: int) -> NDArray[np.int64]:
    """Return the indices of the steps at which the band is computed."""
    most = steps if runs < MANY_RUNS else min(steps, MOST_BAND_STEPS)
    return np.unique(np.linspace(0, steps - 1, most).round().astype(np.int64))


def _bounds(chosen: Numbers, picks: NDArray[np.int64]) -> Numbers:
    """Return 95 % bounds [2, T] of the IQM over resampled runs. picks [B, R]: rows of chosen [R, T]."""
    return np.quantile([iqm_of_draws(step)(picks) for step in chosen.T], [0.025, 0.975], axis=1)
