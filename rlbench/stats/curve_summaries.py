"""Summaries of evaluation curves: area under the curve, step at which it reaches a threshold, and IQM at each step.

They distinguish fast from slow learning on tasks whose final score saturates (CartPole).
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

from rlbench.stats.aggregates import iqm_of_draws, overall_iqm
from rlbench.stats.resampling import chunks
from rlbench.stats.samples import Numbers, Tasks, share


def area_under_curve(steps: NDArray[Any], returns: NDArray[Any]) -> Numbers:
    """Return the mean height of each curve between its first and last evaluation, in the unit of returns.

    It uses the trapezoid rule. Args: steps [K] ascending, K ≥ 2; returns [..., K], a run's evaluations at these steps.
    Returns: [...]. Raises: ValueError if the steps do not ascend, the shapes do not fit or an evaluation is not finite.
    """
    grid, values = _curve(steps, returns)
    if len(grid) < 2:
        raise ValueError("the area under a curve needs at least two evaluations")
    widths = np.diff(grid)
    height: Numbers = ((values[..., 1:] + values[..., :-1]) / 2 * widths).sum(-1) / (grid[-1] - grid[0])
    return height


@dataclass(frozen=True)
class ThresholdSteps:
    """When runs reach a threshold.

    steps [R]: the first step at which a run is at the threshold, or the step of its last evaluation if it never is.
    reached [R]: whether the run reached the threshold. median: the median step over all runs, or None if half of the
    runs or more never reach the threshold, because the median is then beyond the last step.
    """

    threshold: float
    steps: Numbers
    reached: NDArray[np.bool_]
    median: float | None

    def __str__(self) -> str:
        never, last = int((~self.reached).sum()), self.steps[~self.reached]
        middle = "median beyond the end" if self.median is None else f"median {self.median:,.0f} steps"
        if not never:
            return f"all {len(self.steps)} runs reached {self.threshold:g}: {middle}"
        count = f"{never} of {len(self.steps)} runs"
        return f"{count} never reached {self.threshold:g} in {last.max():,.0f} steps (censored): {middle}"


def steps_to_threshold(steps: NDArray[Any], returns: NDArray[Any], threshold: float, hold: int = 1) -> ThresholdSteps:
    """Return the first step from which each run is at or above `threshold` for `hold` evaluations in a row.

    Evaluations are noisy, so with hold = 1 a single lucky evaluation counts. The evaluation grid limits the precision.
    Runs that never reach the threshold are censored: the median counts them as later than their last step.
    Args: steps [K] ascending; returns [R, K]; hold from 1 to K. Raises: ValueError as `area_under_curve`.
    """
    grid, values = _curve(steps, returns)
    if values.ndim != 2:
        raise ValueError(f"returns have shape {list(values.shape)}; expected [runs, evaluations]")
    if not 1 <= hold <= len(grid):
        raise ValueError(f"hold is {hold}; it must be a number of evaluations from 1 to {len(grid)}")
    windows = np.lib.stride_tricks.sliding_window_view(values >= threshold, hold, axis=1)
    at: NDArray[np.bool_] = np.all(windows, -1)  # [R, K - hold + 1]
    reached: NDArray[np.bool_] = np.any(at, 1)
    first = np.where(reached, grid[at.argmax(1)], grid[-1])
    ranked = np.sort(np.where(reached, first, np.inf))
    middle = (ranked[(len(ranked) - 1) // 2] + ranked[len(ranked) // 2]) / 2
    return ThresholdSteps(float(threshold), first, reached, float(middle) if np.isfinite(middle) else None)


def median_bounds(reach: ThresholdSteps, level: float = 0.95) -> tuple[float, float] | None:
    """Return an interval of the median of the steps to a threshold, or None for too few runs (under 6 for 95 %).

    The bounds are the steps of two runs: the k-th from below and the k-th from above. A run is below the median with
    probability ½, so the number of such runs among n is binomial; k is the largest number that this count falls short
    of with probability at most (1 - level) / 2. The interval is valid for any distribution. A run that never reached
    the threshold counts as later than the last step, so a bound may be infinite. Source: Hahn & Meeker 1991,
    Statistical Intervals, ch. 5.
    """
    n, tail = len(reach.steps), (1 - share(level, "the level")) / 2
    below, k = 0.0, 0
    while (below := below + math.comb(n, k) / 2**n) <= tail:
        k += 1
    if not k:
        return None
    ranked = np.sort(np.where(reach.reached, reach.steps, np.inf))
    return float(ranked[k - 1]), float(ranked[n - k])


@dataclass(frozen=True)
class Band:
    """The IQM over runs and tasks at each point [K], with the bounds of its pointwise interval."""

    iqm: Numbers
    low: Numbers
    high: Numbers


def efficiency_curve(
    curves: Sequence[NDArray[Any]], generator: Generator, level: float = 0.95, resamples: int = 2_000
) -> Band:
    """Return the sample-efficiency curve: `overall_iqm` at each of K points, with a pointwise percentile band.

    Args: curves: arrays [n_task, K], one for each task, of normalised evaluations at K equal shares of the task's
    budget (or of wall-clock or CPU seconds). Whole runs are resampled within each task, the same runs at every point.
    Raises: ValueError if K differs between tasks, or an evaluation is not finite.
    """
    tasks = [np.asarray(task, np.float64) for task in curves]
    if not tasks or any(task.ndim != 2 or task.shape[1] != tasks[0].shape[-1] or not len(task) for task in tasks):
        raise ValueError("expected one [runs, points] array for each task, with the same number of points in each")
    tail = (1 - share(level, "the level")) / 2
    centre = overall_iqm([task.T for task in tasks])
    of_draws = _of_draws(tasks)
    drawn = []
    for rows in chunks(resamples, sum(task.size for task in tasks)):
        drawn.append(of_draws([generator.integers(len(task), size=(rows, len(task))) for task in tasks]))
    low, high = np.quantile(np.concatenate(drawn), [tail, 1 - tail], axis=0)
    return Band(centre, low, high)


def _of_draws(tasks: Tasks) -> Callable[[list[NDArray[np.int64]]], Numbers]:
    """Return a function from the runs drawn in each task [B, n] to `overall_iqm` at each point [B, K]."""
    if len({len(task) for task in tasks}) > 1:
        return lambda picks: overall_iqm([task.T[:, pick].swapaxes(0, 1) for task, pick in zip(tasks, picks)])
    points = [iqm_of_draws(values) for values in np.concatenate(tasks).T]  # runs weigh the same, whatever their task
    first = len(tasks[0]) * np.arange(len(tasks))

    def drawn(picks: list[NDArray[np.int64]]) -> Numbers:
        places = np.concatenate([pick + begin for pick, begin in zip(picks, first)], -1)
        return np.stack([point(places) for point in points], -1)

    return drawn


def _curve(steps: NDArray[Any], returns: NDArray[Any]) -> tuple[Numbers, Numbers]:
    grid, values = np.asarray(steps, np.float64), np.asarray(returns, np.float64)
    if grid.ndim != 1 or not len(grid) or (np.diff(grid) <= 0).any():
        raise ValueError("steps must be one ascending axis with at least one point")
    if values.ndim == 0 or values.shape[-1] != len(grid):
        raise ValueError(f"returns have shape {list(values.shape)}; the last axis must match the {len(grid)} steps")
    if not np.isfinite(values).all():
        raise ValueError("an evaluation is not finite: leave the run out, or give it the score of a diverged run")
    return grid, values
