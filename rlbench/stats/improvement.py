"""Probability of improvement: how likely a run of ours beats a run of theirs, averaged over tasks.

Ties count one half. Source: Agarwal et al. 2021, arXiv:2108.13264, section 4.3; Mann & Whitney 1947.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
from numpy.random import Generator

from rlbench.stats.bootstrap import Interval
from rlbench.stats.resampling import RESAMPLES, chunks, picks
from rlbench.stats.samples import Numbers, Scores, as_pairs, share


def wins(ours: Numbers, theirs: Numbers) -> Numbers:
    """Return [n, m]: 1 where a run of ours [n] is above a run of theirs [m], one half where they tie, else 0."""
    return 0.5 + 0.5 * np.sign(ours[:, None] - theirs)


def probability_of_improvement(
    ours: Scores, theirs: Scores, generator: Generator, level: float = 0.95, resamples: int = RESAMPLES
) -> Interval:
    """Return P(ours > theirs) + ½ P(tie), averaged over tasks, with a percentile bootstrap interval over both sides'
    runs.

    If, on every task, all runs of one side are above all runs of the other, or all runs are equal, resampling cannot
    change the estimate. The bounds are then exact (`exact_bounds`): one-sided if the same side is above on every task.
    Raises: ValueError if the tasks differ, or for scores without runs or not finite.
    """
    pairs = list(as_pairs(ours, theirs).values())
    tables = [wins(left, right) for left, right in pairs]
    estimate = float(np.mean([table.mean() for table in tables]))
    tail = (1 - share(level, "the level")) / 2
    if all((table == table[0, 0]).all() for table in tables):
        return exact_bounds([(float(table[0, 0]), min(table.shape)) for table in tables], estimate, level)
    drawn = np.zeros(resamples)
    for table in tables:
        at, (n, m) = 0, table.shape
        for rows in chunks(resamples, n + m):
            left = picks(n, rows, generator) @ table
            drawn[at : at + rows] += np.einsum("bm,bm->b", left, picks(m, rows, generator)) / (n * m)
            at += rows
    low, high = np.quantile(drawn / len(tables), [tail, 1 - tail])
    return Interval(estimate, float(low), float(high), level, "percentile")


def exact_bounds(tasks: Sequence[tuple[float, int]], estimate: float, level: float) -> Interval:
    """Return exact bounds for tasks on each of which resampling cannot change the estimate.

    tasks: for each task, 1.0 (all our runs are above theirs), 0.0 (all below) or 0.5 (all equal), and k = min(n, m).
    k disjoint pairs of runs are independent, so all of them agree with probability at most pᵏ, where p is the
    probability for one pair; a side without spread attains it. With one task, p ≥ α^(1/k). Over tasks, the bound is the
    smallest mean of p with Π p^k ≥ α. It is one-sided at α = 1 - level if the same side is above on every task;
    otherwise α/2 applies at each end.
    """
    alpha = 1 - level
    if all(won == 1.0 for won, _ in tasks):
        return Interval(estimate, _smallest(tasks, alpha), 1.0, level, "exact, one-sided", _SEPARATED)
    if all(won == 0.0 for won, _ in tasks):
        swapped = [(1.0, pairs) for _, pairs in tasks]
        return Interval(estimate, 0.0, 1 - _smallest(swapped, alpha), level, "exact, one-sided", _SEPARATED)
    swapped = [(1 - won, pairs) for won, pairs in tasks]
    low, high = _smallest(tasks, alpha / 2), 1 - _smallest(swapped, alpha / 2)
    return Interval(estimate, low, high, level, "exact", "every task is decided: resampling cannot change the estimate")


_SEPARATED = "complete separation: an exact one-sided bound at the full level"


def _smallest(tasks: Sequence[tuple[float, int]], alpha: float) -> float:
    """Return the smallest mean of won·p over tasks with Π pᵏ ≥ α over the tasks that are not lost.

    At the minimum p = min(1, μ k / won) for one μ, found by bisection on a logarithmic scale.
    """
    counted = [(won, pairs) for won, pairs in tasks if won > 0]
    if not counted:
        return 0.0

    def agreement(mu: float) -> float:
        return sum(pairs * math.log(min(1.0, mu * pairs / won)) for won, pairs in counted)

    low, high = math.log(alpha) - 50.0, 0.0
    for _ in range(200):
        middle = (low + high) / 2
        low, high = (middle, high) if agreement(math.exp(middle)) < math.log(alpha) else (low, middle)
    mu = math.exp(high)
    return sum(won * min(1.0, mu * pairs / won) for won, pairs in counted) / len(tasks)
