"""Losses against a margin: whether one is shown to be greater, shown to be smaller, or neither, and what it would take.

The runs of the new side are raised by the margin and then exchanged with those of the base: a permutation test of a loss of
just the margin.

- Greater, by the difference. Raising one side by δ raises the difference observed by δ and every relabelled one by at most
  δ, since no run's rise lowers the IQM or the mean, and both move along with all runs. So where both sides come from one
  distribution, whatever it is and however few the runs, a loss is said to be greater with probability at most α; ties
  broken by the plain mean change nothing in this.
- Smaller, by the difference and by the difference over its standard error; the larger p counts. Nothing is exact here: a
  loss of the margin is there, and unless it is a mere shift the two sides differ in spread, which exchanging runs hides
  and studentising repairs as n grows.

Both take Welch's t beside theirs, and the larger p counts (`two_sample.py` says why); what is proven of a permutation holds
for the larger of two p values as well.

docs/gate.md has both by simulation. Sources: Yuen 1974 (standard error of a trimmed mean); Janssen 1997 and Chung & Romano
2013, arXiv:1304.5939 (studentised permutation tests); Piaggio et al. 2012, JAMA 308:2594 (non-inferiority).
"""

from __future__ import annotations

import math
from bisect import bisect_left
from dataclasses import dataclass
from statistics import NormalDist

import numpy as np
from numpy.random import Generator

from rlbench.stats.aggregates import overall_iqm, overall_mean
from rlbench.stats.permutation import EXACT_UP_TO, drawn_splits, every_split
from rlbench.stats.resampling import resampled
from rlbench.stats.samples import Numbers, Statistic, Tasks, as_pairs, exponent_of, share, shrunk
from rlbench.stats.student_t import t_quantile
from rlbench.stats.welch import standard_error, welch_test

_NORMAL = NormalDist()
POWER = 0.8
_MOST_RUNS = 10**12


@dataclass(frozen=True)
class MarginTest:
    """difference: statistic(new) - statistic(base). p_greater: against a loss of at most the margin; p_smaller: against one
    of at least the margin; smallest: what neither could have fallen below with so many runs."""

    difference: float
    margin: float
    p_greater: float
    p_smaller: float
    smallest: float


def margin_test(
    new: Numbers,
    base: Numbers,
    margin: float,
    generator: Generator,
    statistic: Statistic = overall_iqm,
    permutations: int = 50_000,
    exact_up_to: int = EXACT_UP_TO,
) -> MarginTest:
    """Test a loss of `new` [n] against `base` [m] and `margin`, runs of one task in one unit, from both sides.

    statistic: `overall_iqm` or `overall_mean`. Up to `exact_up_to` splits are all counted, else so many are drawn.
    Raises: ValueError for a margin below 0, another statistic, no runs, or scores that are not finite.
    """
    if not (margin >= 0 and math.isfinite(margin)):
        raise ValueError(f"the margin is {margin}; it is the loss that would still be acceptable, 0 or more")
    if statistic not in (overall_iqm, overall_mean):
        raise ValueError("a margin is tested of overall_iqm or overall_mean, whose standard errors are known")
    ours, theirs = as_pairs([new], [base])["0"]
    exponent = exponent_of([ours + margin, theirs])
    raised, held = shrunk([ours + margin, theirs], exponent)
    pair = [(raised, held)]
    splits = math.comb(len(ours) + len(theirs), len(ours))
    exact = splits <= exact_up_to
    relabelled = every_split(pair, splits) if exact else drawn_splits(pair, permutations, generator)
    trimmed = statistic is overall_iqm
    rounding = 1e-12 * max(1e-300, float(np.abs(raised).max()), float(np.abs(held).max()))
    observed = standardised(raised[None], held[None], trimmed, rounding)  # three of [1]
    below = above = np.zeros(2, np.int64)
    for (left,), (right,) in relabelled:
        found = standardised(left, right, trimmed, rounding)
        tails = np.array([_tails(found[i], found[2], observed[i][0], observed[2][0], rounding) for i in (0, 1)])
        below, above = below + tails[:, 0], above + tails[:, 1]
    extra, total = (0, splits) if exact else (1, permutations + 1)
    welch = welch_test([raised], [held], statistic)
    p_greater = max((int(below[0]) + extra) / total, welch.p_below(0.0))
    p_smaller = max((int(above.max()) + extra) / total, welch.p_above(0.0))
    return MarginTest(float(np.ldexp(observed[0][0], exponent)) - margin, margin, p_greater, p_smaller, 1 / total)


def standardised(left: Numbers, right: Numbers, trimmed: bool, rounding: float) -> tuple[Numbers, Numbers, Numbers]:
    """Of rows [B, n] and [B, m]: the difference of means, trimmed as the IQM is or not; that over its standard error; and
    the plain difference of means, which breaks ties.

    The error is Yuen's: (n - 1) s² / (h (h - 1)), s² of the runs winsorised where the mean is trimmed, h those that count.
    """
    between, plain, squared = np.zeros(len(left)), np.zeros(len(left)), np.zeros(len(left))
    for sign, side in ((1, left), (-1, right)):
        ordered, n = np.sort(side, -1), side.shape[-1]
        cut = n // 4 if trimmed else 0
        counted = n - 2 * cut
        middle = ordered[:, cut : n - cut]
        between = between + sign * middle.mean(-1)
        plain = plain + sign * ordered.mean(-1)
        if counted > 1:
            clipped = np.clip(ordered, middle[:, :1], middle[:, -1:])
            squared = squared + (n - 1) * clipped.var(-1, ddof=1) / (counted * (counted - 1))
    between[np.abs(between) <= rounding] = 0.0  # sums of equal runs in another order
    error = np.sqrt(squared)
    flat = error <= rounding
    studentised = between / np.where(flat, 1.0, error)
    studentised[flat] = np.where(between[flat] == 0, 0.0, np.copysign(np.inf, between[flat]))
    return between, studentised, plain


def _tails(found: Numbers, plain: Numbers, seen: float, plainly: float, rounding: float) -> tuple[int, int]:
    """How many are at most, and at least, as far up as the one seen; where they tie, by the plain difference of means.

    Many splits tie, since exchanging runs that the IQM cuts changes nothing, and where runs are equal nothing else does.
    """
    with np.errstate(invalid="ignore"):  # inf - inf
        slack = np.maximum(rounding, 1e-9 * abs(seen)) if math.isfinite(seen) else 0.0
        tied = (found == seen) | (np.abs(found - seen) <= slack)
    below = np.count_nonzero(~tied & (found < seen)) + np.count_nonzero(tied & (plain <= plainly + rounding))
    above = np.count_nonzero(~tied & (found > seen)) + np.count_nonzero(tied & (plain >= plainly - rounding))
    return int(below), int(above)


@dataclass(frozen=True)
class Detectable:
    """What runs with this spread can decide, four times in five: a plan by normal approximation, no promise.

    loss: the smallest that would be shown to be greater than the margin with as many runs as there are; None where none
    could be. Runs on each side it takes to show: runs_if_equal, that the loss is smaller, if there is none (None where the
    margin is 0); runs_if_so, that it is greater, if it is the one observed (None where that is not greater). Neither is a
    number beyond 10¹².
    """

    loss: float | None
    runs_if_equal: int | None
    runs_if_so: int | None


def detectable(
    new: Numbers,
    base: Numbers,
    margin: float,
    generator: Generator,
    alpha_greater: float,
    alpha_smaller: float,
    statistic: Statistic = overall_iqm,
    power: float = POWER,
    resamples: int = 2_000,
    fewest: int = 2,
) -> Detectable:
    """What it takes on one task, from the spread of runs [n] and [m], n and m ≥ 2.

    alpha_greater: the level at which a loss is shown (after Holm's correction for the first of its family).
    With standard error s of the difference, loss = margin + (t_α + z_power) s, t with Welch's degrees of freedom; the runs
    are the fewest with (t_α + z_power) s ≤ distance, s falling with their root and the degrees of freedom rising with them,
    never fewer than `fewest` or than let a test reach its level.
    """
    given = as_pairs([new], [base], fewest=2)["0"]
    exponent = exponent_of(given)
    pairs, unit = shrunk(given, exponent), math.ldexp(1.0, -exponent)
    margin *= unit
    variances = [_variance(side, statistic, generator, resamples) for side in pairs]
    n, m = map(len, pairs)
    beyond = _NORMAL.inv_cdf(share(power, "the power"))
    freedom = float(standard_error([pairs[0]], [pairs[1]], statistic)[1]) / (n + m)  # for each run
    error, both = math.sqrt(variances[0] / n + variances[1] / m), sum(variances)
    loss = float(statistic([pairs[1]]) - statistic([pairs[0]]))

    def reach(alpha: float, runs: int) -> float:
        """Return how many standard errors a difference must measure to be shown by `runs` in all."""
        critical = t_quantile(1 - alpha, freedom * runs) if freedom else _NORMAL.inv_cdf(1 - alpha)
        return critical + beyond

    def needed(distance: float, alpha: float) -> int | None:
        if distance <= 0:
            return None

        def shows(each: int) -> bool:
            return reach(alpha, 2 * each) * math.sqrt(both / each) <= distance

        low = high = max(fewest, fewest_runs(alpha))
        while not shows(high):
            if high > _MOST_RUNS:
                return None
            low, high = high + 1, 2 * high
        return bisect_left(range(high), True, lo=low, key=shows)

    return Detectable(
        (margin + reach(alpha_greater, n + m) * error) / unit if math.comb(n + m, n) * alpha_greater >= 1 else None,
        needed(margin, alpha_smaller),
        needed(loss - margin, alpha_greater),
    )


def fewest_runs(alpha: float) -> int:
    """The fewest runs on each side of one task with which a one-sided test can reach `alpha`: 1 / C(2n, n) is its least p."""
    n = 1
    while math.comb(2 * n, n) * share(alpha, "alpha") < 1:
        n += 1
    return n


def _variance(runs: Numbers, statistic: Statistic, generator: Generator, resamples: int) -> float:
    """Of the statistic, times the number of runs: bootstrapped, corrected by n / (n - 1) for resampling what was seen."""
    tasks: Tasks = [runs]
    drawn = np.concatenate([statistic(sample) for sample in resampled(tasks, generator, resamples)])
    return float(drawn.var()) * len(runs) * len(runs) / (len(runs) - 1)
