"""Welch's t for two interquartile means, or two means, of runs whose spreads and counts may differ.

The standard error is that of a trimmed mean: runs beyond the quartiles count as if they were on them (winsorised). Over
several tasks, the quartiles are those of the runs of all tasks together. Sources: Welch 1947; Yuen 1974, Biometrika
61:165 (trimmed means); Satterthwaite 1946 (degrees of freedom). docs/statistics.md reports the level of this test,
measured by simulation.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from rlbench.stats.aggregates import overall_iqm, overall_mean
from rlbench.stats.samples import Numbers, Scores, Statistic, Tasks, as_pairs, exponent_of, scale_down
from rlbench.stats.student_t import t_tail

_EDGE = 1e-12  # share of the weight, allowed for rounding in sums of shares


@dataclass(frozen=True)
class WelchTest:
    """The result of Welch's test. difference: statistic(ours) - statistic(theirs).

    error: the standard error of the difference; 0 if, on both sides, all runs that the statistic counts are equal.
    freedom: degrees of freedom, not necessarily whole. Both are NaN if a side has a single run on a task.
    """

    difference: float
    error: float
    freedom: float

    def p_above(self, reference: float) -> float:
        """Return the one-sided p against a true difference of at most `reference`.

        If the standard error is 0, p is 0 or 1, and another test has to decide. If a side has a single run on a task, p
        is 1, because nothing can be shown.
        """
        beyond = self.difference - reference
        if math.isnan(self.error):
            return 1.0
        if self.error == 0:
            return 0.0 if beyond > 0 else 1.0
        return t_tail(beyond / self.error, self.freedom)

    def p_below(self, reference: float) -> float:
        """Return the one-sided p against a true difference of at least `reference`."""
        return WelchTest(-self.difference, self.error, self.freedom).p_above(-reference)

    @property
    def p(self) -> float:
        """The two-sided p against no difference."""
        return min(1.0, 2 * min(self.p_above(0.0), self.p_below(0.0)))


def welch_test(ours: Scores, theirs: Scores, statistic: Statistic = overall_iqm) -> WelchTest:
    """Compare two sides of runs, [n] and [m] on each task, by `overall_iqm` or `overall_mean`.

    Raises: ValueError for another statistic, if the tasks differ, or for scores without runs or not finite.
    """
    pairs = as_pairs(ours, theirs).values()
    exponent = exponent_of(runs for pair in pairs for runs in pair)
    sides = scale_down((left for left, _ in pairs), exponent), scale_down((right for _, right in pairs), exponent)
    difference = float(statistic(sides[0]) - statistic(sides[1]))
    if any(len(runs) < 2 for side in sides for runs in side):
        check_statistic(statistic)
        return WelchTest(float(np.ldexp(difference, exponent)), math.nan, math.nan)
    scale = max(1e-300, *(float(np.abs(runs).max()) for side in sides for runs in side))
    error, freedom = standard_error(*sides, statistic)
    flat = float(error) <= 1e-12 * scale
    equal = abs(difference) <= 1e-12 * scale  # equal runs, summed in different orders
    scaled = np.ldexp([0.0 if equal else difference, 0.0 if flat else float(error)], exponent)
    return WelchTest(float(scaled[0]), float(scaled[1]), float(freedom))


def check_statistic(statistic: Statistic) -> None:
    """Check that the statistic has a known standard error. Raises: ValueError otherwise."""
    if statistic not in (overall_iqm, overall_mean):
        raise ValueError("Welch's test only supports overall_iqm and overall_mean, whose standard errors are known")


def standard_error(ours: Tasks, theirs: Tasks, statistic: Statistic) -> tuple[Numbers, Numbers]:
    """Return the standard error [...] of statistic(ours) - statistic(theirs) and its degrees of freedom [...].

    Args: ours, theirs: arrays [..., n_task], one for each task, n_task ≥ 2, with the same leading axes. The degrees of
    freedom are Satterthwaite's, (Σ v)² / Σ (v² / f) over the variances v and their degrees of freedom f, of both sides
    and all tasks.
    """
    check_statistic(statistic)
    parts = [_variances(side, statistic is overall_iqm) for side in (ours, theirs)]
    variances = np.concatenate([variance for variance, _ in parts], -1)
    freedoms = np.concatenate([freedom for _, freedom in parts], -1)
    total = variances.sum(-1)
    return np.sqrt(total), total**2 / np.maximum((variances**2 / freedoms).sum(-1), 1e-300)


def _variances(tasks: Tasks, trimmed: bool) -> tuple[Numbers, Numbers]:
    """Return each task's part of the variance of one side's statistic, and its degrees of freedom [..., tasks].

    A mean has the variance s²/n and n - 1 degrees of freedom. A trimmed mean that counts h of the n runs of its one
    task has Yuen's variance, (n - 1) s² / (h (h - 1)) with s² of the winsorised runs, and (h - 1)(n + h) / 2n degrees
    of freedom. If a quarter is cut at each end, these are a quarter fewer than Yuen's h - 1. They match the variation
    of s² of normal runs to 1 % for n from 5 to 60. With h - 1, the test would reject too often: 6 to 7 %, not 5 %.
    """
    count = len(tasks)
    if not trimmed:
        variances = [runs.var(-1, ddof=1) / runs.shape[-1] / count**2 for runs in tasks]
        freedoms = [np.full(v.shape, runs.shape[-1] - 1.0) for v, runs in zip(variances, tasks)]
        return np.stack(variances, -1), np.stack(freedoms, -1)
    low, high, inside, counted_share = _quartiles(tasks)
    variances, freedoms, start = [], [], 0
    for runs in tasks:
        n = runs.shape[-1]
        counted = np.maximum(inside[..., start : start + n].sum(-1), 2)
        start += n
        # Scaled by the share of runs that count over all tasks together, because the quartiles are those of all tasks.
        middle = max(n * counted_share, 1.5)
        winsorised = np.clip(runs, low, high).var(-1, ddof=1) / count**2
        variances.append(winsorised * (n - 1) / (middle * (middle - 1)))
        freedoms.append((counted - 1) * (n + counted) / (2 * n))
    return np.stack(variances, -1), np.stack(freedoms, -1)


def _quartiles(tasks: Tasks) -> tuple[Numbers, Numbers, Numbers, float]:
    """Return which runs `overall_iqm` counts.

    Returns: the lowest and the highest run that it counts [..., 1], whether it counts each run [..., N], and the share
    of the weight that it counts.
    """
    values = np.concatenate(tasks, -1)
    shares = np.concatenate([np.full(runs.shape[-1], 1 / (len(tasks) * runs.shape[-1])) for runs in tasks])
    total = values.shape[-1]
    cut = (total // 4) / total
    order = np.argsort(values, -1, kind="stable")
    reached = np.cumsum(shares[order], -1)
    counted = (reached > cut + _EDGE) & (reached - shares[order] < 1 - cut - _EDGE)
    ordered = np.take_along_axis(values, order, -1)
    low = np.where(counted, ordered, np.inf).min(-1, keepdims=True)
    high = np.where(counted, ordered, -np.inf).max(-1, keepdims=True)
    inside = np.zeros(values.shape, bool)
    np.put_along_axis(inside, order, counted, -1)
    return low, high, inside, 1 - 2 * cut
