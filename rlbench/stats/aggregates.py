"""Point estimates over runs, on one task or over tasks. All tasks have the same weight, however many runs they have.

Each estimate takes a mapping or sequence of arrays [..., n_task], one for each task, and returns [...], so the
bootstrap and the permutation test can vectorise over it. Source: Agarwal et al. 2021, arXiv:2108.13264, section 4.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from rlbench.stats.samples import Numbers, Scores, Statistic, Tasks, as_tasks, named_tasks

_NAN = "the interquartile mean of scores with a NaN is undefined: leave out runs that have no score"


def iqm(scores: NDArray[Any], axis: int = -1) -> NDArray[Any]:
    """Return the interquartile mean: the mean of the scores without the ⌊n/4⌋ lowest and the ⌊n/4⌋ highest.

    Of 5 runs 3 count, of 10 runs 6. Raises: ValueError without scores, or with a NaN.
    """
    ordered = np.sort(np.moveaxis(np.asarray(scores, float), axis, -1), -1)
    count = ordered.shape[-1]
    if count == 0:
        raise ValueError("the interquartile mean needs at least one score")
    if np.isnan(ordered[..., -1]).any():  # sorting puts NaN last, where it would be cut off silently
        raise ValueError(_NAN)
    cut = count // 4
    mean: NDArray[Any] = ordered[..., cut : count - cut].mean(-1)
    return mean


def iqm_of_draws(scores: Numbers) -> Callable[[NDArray[np.integer[Any]]], Numbers]:
    """Return a function that computes the `iqm` of each draw from scores [n].

    Its argument is picks [B, m], indices in [0, n); its result is bitwise equal to iqm(scores[picks]). It sorts the
    ranks of the drawn scores instead of the scores: 32-bit integers take a third of the time. Raises: ValueError if a
    score is NaN.
    """
    order = np.argsort(scores)
    ordered, ranks = scores[order], np.empty(len(scores), np.int32)
    ranks[order] = np.arange(len(scores))
    if np.isnan(ordered[-1:]).any():
        raise ValueError(_NAN)

    def drawn(picks: NDArray[np.integer[Any]]) -> Numbers:
        drawn_ranks, count = ranks.take(picks), picks.shape[-1]
        drawn_ranks.sort(-1)
        cut = count // 4
        means: Numbers = ordered.take(drawn_ranks[:, cut : count - cut]).mean(-1)
        return means

    return drawn


def overall_iqm(scores: Scores) -> Numbers:
    """Return the interquartile mean of all runs of all tasks, where each run has the weight 1/n_task.

    With N runs in all, ⌊N/4⌋/N of the weight is cut off at each end. A run on the edge counts with the part of its
    weight that is not cut off. With equal run counts this is the mean after cutting ⌊N/4⌋ whole runs at each end
    (scipy's trim_mean).
    """
    tasks = as_tasks(scores)
    if len({runs.shape[-1] for runs in tasks}) == 1:
        return iqm(np.concatenate(tasks, -1))
    values, reached = _ordered(tasks)
    cut = (values.shape[-1] // 4) / values.shape[-1]
    inside = np.diff(np.clip(reached, cut, 1 - cut), prepend=cut, axis=-1)
    mean: Numbers = (values * inside).sum(-1) / (1 - 2 * cut)
    return mean


def overall_mean(scores: Scores) -> Numbers:
    """Return the mean over tasks of the mean over runs."""
    mean: Numbers = _over_tasks([runs.mean(-1) for runs in as_tasks(scores)]).mean(-1)
    return mean


def overall_median(scores: Scores) -> Numbers:
    """Return the median over tasks of the mean over runs, which publications report as "median".

    On one task it is the mean.
    """
    return np.median(_over_tasks([runs.mean(-1) for runs in as_tasks(scores)]), -1)


def pooled_median(scores: Scores) -> Numbers:
    """Return the median of all runs of all tasks, where each run has the weight 1/n_task.

    If exactly half of the weight is on either side of a gap between two runs, the median is their midpoint. On one task
    this is the ordinary median.
    """
    values, reached = _ordered(as_tasks(scores))
    rounding = 1e-12
    below = (reached < 0.5 - rounding).sum(-1, keepdims=True)
    above = (reached <= 0.5 + rounding).sum(-1, keepdims=True)
    middle = np.take_along_axis(values, below, -1) + np.take_along_axis(values, above, -1)
    return middle[..., 0] / 2


def optimality_gap(scores: Scores, optimum: float = 1.0) -> Numbers:
    """Return the mean over tasks and runs of max(0, optimum - score): how far runs fall short on average. 0 is best."""
    gap: Numbers = _over_tasks([np.maximum(0.0, optimum - runs).mean(-1) for runs in as_tasks(scores)]).mean(-1)
    return gap


def per_task(scores: Scores, statistic: Statistic) -> dict[str, float]:
    """Return `statistic` of each task alone, by task."""
    return {name: float(statistic([runs])) for name, runs in named_tasks(scores).items()}


def _over_tasks(values: Tasks) -> Numbers:
    return np.stack(np.broadcast_arrays(*values), -1)  # [..., tasks]


def _ordered(tasks: Tasks) -> tuple[Numbers, Numbers]:
    """Return all runs in ascending order [..., N], and the cumulative share of weight up to and with each run."""
    values = np.concatenate(tasks, -1)
    counts = np.array([runs.shape[-1] for runs in tasks])
    weights = np.repeat(1 / (len(tasks) * counts), counts)
    order = np.argsort(values, -1)
    return np.take_along_axis(values, order, -1), np.cumsum(weights[order], -1)
