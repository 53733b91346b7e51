"""Point estimates over runs, of one task or over tasks; every task weighs the same however many runs it has.

Each takes a mapping or sequence of arrays, one [..., n_task] a task, and returns [...]: so each is also a statistic that
the bootstrap and the permutation test vectorise over. Source: Agarwal et al. 2021, arXiv:2108.13264, section 4.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from rlbench.stats.samples import Numbers, Scores, Statistic, Tasks, as_tasks, named_tasks

_NAN = "the interquartile mean of scores of which one is NaN: leave out runs that have no score"


def iqm(scores: NDArray[Any], axis: int = -1) -> NDArray[Any]:
    """Interquartile mean: the mean of what is left when ⌊n/4⌋ scores are cut off at each end.

    Of 5 runs 3 count, of 10 runs 6. Raises: ValueError without scores, or with a NaN.
    """
    ordered = np.sort(np.moveaxis(np.asarray(scores, float), axis, -1), -1)
    count = ordered.shape[-1]
    if count == 0:
        raise ValueError("the interquartile mean of no scores")
    if np.isnan(ordered[..., -1]).any():  # sorting puts NaN last, where it would be cut off in silence
        raise ValueError(_NAN)
    cut = count // 4
    return ordered[..., cut : count - cut].mean(-1)


def iqm_of_draws(scores: Numbers) -> Callable[[NDArray[np.integer[Any]]], Numbers]:
    """The `iqm` of each draw from scores [n], as a function of picks [B, m], places in [0, n): iqm(scores[picks]), to the bit.

    The ranks of what was drawn are sorted in place of the scores: integers of 32 bits take a third of the time.
    Raises: ValueError where a score is NaN.
    """
    order = np.argsort(scores)
    ordered, ranks = scores[order], np.empty(len(scores), np.int32)
    ranks[order] = np.arange(len(scores))
    if np.isnan(ordered[-1:]).any():
        raise ValueError(_NAN)

    def drawn(picks: NDArray[np.integer[Any]]) -> Numbers:
        found, count = ranks.take(picks), picks.shape[-1]
        found.sort(-1)
        cut = count // 4
        return ordered.take(found[:, cut : count - cut]).mean(-1)

    return drawn


def overall_iqm(scores: Scores) -> Numbers:
    """Interquartile mean of all runs of all tasks, a run weighing 1/n_task.

    With N runs in all, ⌊N/4⌋/N of the weight is cut off at each end; a run on the edge counts with the part of its weight
    that lies inside. With equal run counts that is the mean after cutting ⌊N/4⌋ whole runs (scipy's trim_mean).
    """
    tasks = as_tasks(scores)
    if len({runs.shape[-1] for runs in tasks}) == 1:
        return iqm(np.concatenate(tasks, -1))
    values, reached = _ordered(tasks)
    cut = (values.shape[-1] // 4) / values.shape[-1]
    inside = np.diff(np.clip(reached, cut, 1 - cut), prepend=cut, axis=-1)
    return (values * inside).sum(-1) / (1 - 2 * cut)


def overall_mean(scores: Scores) -> Numbers:
    """Mean over tasks of the mean over runs."""
    return _over_tasks([runs.mean(-1) for runs in as_tasks(scores)]).mean(-1)


def overall_median(scores: Scores) -> Numbers:
    """Median over tasks of the mean over runs: what the field reports as "median". Of one task it is the mean."""
    return np.median(_over_tasks([runs.mean(-1) for runs in as_tasks(scores)]), -1)


def pooled_median(scores: Scores) -> Numbers:
    """Median of all runs of all tasks, a run weighing 1/n_task; of one task the ordinary median.

    Where the weight is halved exactly between two runs it lies midway between them.
    """
    values, reached = _ordered(as_tasks(scores))
    rounding = 1e-12
    below = (reached < 0.5 - rounding).sum(-1, keepdims=True)
    above = (reached <= 0.5 + rounding).sum(-1, keepdims=True)
    middle = np.take_along_axis(values, below, -1) + np.take_along_axis(values, above, -1)
    return middle[..., 0] / 2


def optimality_gap(scores: Scores, optimum: float = 1.0) -> Numbers:
    """How far runs fall short of `optimum`, on average: mean over tasks and runs of max(0, optimum - score); 0 is best."""
    return _over_tasks([np.maximum(0.0, optimum - runs).mean(-1) for runs in as_tasks(scores)]).mean(-1)


def per_task(scores: Scores, statistic: Statistic) -> dict[str, float]:
    """`statistic` of each task alone, by task."""
    return {name: float(statistic([runs])) for name, runs in named_tasks(scores).items()}


def _over_tasks(values: Tasks) -> Numbers:
    return np.stack(np.broadcast_arrays(*values), -1)  # [..., tasks]


def _ordered(tasks: Tasks) -> tuple[Numbers, Numbers]:
    """All runs in ascending order [..., N], and the share of all weight up to and with each."""
    values = np.concatenate(tasks, -1)
    weights = np.concatenate([np.full(runs.shape[-1], 1 / (len(tasks) * runs.shape[-1])) for runs in tasks])
    order = np.argsort(values, -1)
    return np.take_along_axis(values, order, -1), np.cumsum(weights[order], -1)
