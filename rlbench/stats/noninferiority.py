"""Tests of whether a loss is greater or smaller than a margin, and how many runs it takes to show this.

The margin is added to the runs of the new side, which are then exchanged with those of the base. This is a permutation
test of a loss of exactly the margin.

- "Greater" is tested by the difference. Adding δ to every run of one side raises the observed difference by δ. After
  relabelling, it raises the difference by at most δ, because raising a run never lowers the IQM or the mean. If both
  sides come from one distribution, a loss is therefore called greater with probability at most α, whatever the
  distribution and however few the runs. Breaking ties by the plain mean does not change this.
- "Smaller" is tested by the difference, and by the difference over its standard error; the larger p counts. This test
  is not exact: if the loss is not a mere shift, the two sides differ in spread, which exchanging runs hides. The
  standard error corrects for this as n grows.

Both tests are combined with Welch's t, and the larger p counts (`two_sample.py` explains why). The error rate of the
permutation test bounds that of the combination, too, because the larger p rejects no more often.

docs/gate.md reports the error rates of both, by simulation. Sources: Yuen 1974 (standard error of a trimmed mean);
Janssen 1997 and Chung & Romano 2013, arXiv:1304.5939 (studentised permutation tests); Piaggio et al. 2012, JAMA
308:2594 (non-inferiority).
"""

from __future__ import annotations

import math
from bisect import bisect_left
from dataclasses import dataclass
from statistics import NormalDist

import numpy as np
from numpy.random import Generator

from rlbench.stats.aggregates import overall_iqm, overall_mean
from rlbench.stats.permutation import EXACT_UP_TO, draw_splits, every_split
from rlbench.stats.resampling import draw_resamples
from rlbench.stats.samples import Numbers, Statistic, Tasks, as_pairs, exponent_of, scale_down, share
from rlbench.stats.student_t import t_quantile
from rlbench.stats.welch import standard_error, welch_test

_NORMAL = NormalDist()
POWER = 0.8
_MOST_RUNS = 10**12


@dataclass(frozen=True)
class MarginTest:
    """The result of a margin test. difference: statistic(new) - statistic(base).

    p_greater: p of "the loss is at most the margin"; if it is small, the loss is shown to be greater.
    p_smaller: p of "the loss is at least the margin"; if it is small, the loss is shown to be smaller.
    smallest: the smallest p that either test can give with this many runs.
    """

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
    """Test a loss of `new` [n] against `base` [m] in both directions; both are runs of one task in one unit.

    statistic: `overall_iqm` or `overall_mean`. If there are at most `exact_up_to` splits, all are enumerated; otherwise
    `permutations` of them are drawn.
    Raises: ValueError for a margin below 0, another statistic, no runs, or scores that are not finite.
    """
    if not (margin >= 0 and math.isfinite(margin)):
        raise ValueError(f"the margin is {margin}; it is the loss that is still acceptable, and must be 0 or more")
    if statistic not in (overall_iqm, overall_mean):
        raise ValueError("a margin test needs overall_iqm or overall_mean, whose standard errors are known")
    ours, theirs = as_pairs([new], [base])["0"]
    exponent = exponent_of([ours + margin, theirs])
    raised, base_runs = scale_down([ours + margin, theirs], exponent)
    pair = [(raised, base_runs)]
    splits = math.comb(len(ours) + len(theirs), len(ours))
    exact = splits <= exact_up_to
    relabelled = every_split(pair, splits) if exact else draw_splits(pair, permutations, generator)
    trimmed = statistic is overall_iqm
    rounding = 1e-12 * max(1e-300, float(np.abs(raised).max()), float(np.abs(base_runs).max()))
    observed = standardise(raised[None], base_runs[None], trimmed, rounding)  # three arrays [1]
    below = above = np.zeros(2, np.int64)
    for (left,), (right,) in relabelled:
        relabelled_values = standardise(left, right, trimmed, rounding)
        tails = np.array(
            [
                _tails(relabelled_values[i], relabelled_values[2], observed[i][0], observed[2][0], rounding)
                for i in (0, 1)
            ]
        )
        below, above = below + tails[:, 0], above + tails[:, 1]
    extra, total = (0, splits) if exact else (1, permutations + 1)
    welch = welch_test([raised], [base_runs], statistic)
    p_greater = max((int(below[0]) + extra) / total, welch.p_below(0.0))
    p_smaller = max((int(above.max()) + extra) / total, welch.p_above(0.0))
    return MarginTest(float(np.ldexp(observed[0][0], exponent)) - margin, margin, p_greater, p_smaller, 1 / total)


def standardise(left: Numbers, right: Numbers, trimmed: bool, rounding: float) -> tuple[Numbers, Numbers, Numbers]:
    """Return three arrays [B] for rows of runs, left [B, n] and right [B, m].

    They are the difference of means (trimmed as in the IQM if `trimmed`), this difference divided by its standard
    error, and the plain difference of means, which breaks ties. The squared error of each side is Yuen's,
    (n - 1) s² / (h (h - 1)): s² is the variance of the runs, winsorised if the mean is trimmed, and h is the number of
    runs that count.
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
    between[np.abs(between) <= rounding] = 0.0  # equal runs, summed in different orders
    error = np.sqrt(squared)
    flat = error <= rounding
    studentised = between / np.where(flat, 1.0, error)
    studentised[flat] = np.where(between[flat] == 0, 0.0, np.copysign(np.inf, between[flat]))
    return between, studentised, plain


def _tails(
    relabelled: Numbers, plain: Numbers, observed: float, observed_plain: float, rounding: float
) -> tuple[int, int]:
    """Count the splits with at most, and those with at least, the observed difference.

    The plain difference breaks ties. Many splits tie, because exchanging runs that the IQM cuts changes nothing, and
    neither does exchanging equal runs.
    """
    with np.errstate(invalid="ignore"):  # inf - inf
        slack = np.maximum(rounding, 1e-9 * abs(observed)) if math.isfinite(observed) else 0.0
        tied = (relabelled == observed) | (np.abs(relabelled - observed) <= slack)
    below = np.count_nonzero(~tied & (relabelled < observed)) + np.count_nonzero(
        tied & (plain <= observed_plain + rounding)
    )
    above = np.count_nonzero(~tied & (relabelled > observed)) + np.count_nonzero(
        tied & (plain >= observed_plain - rounding)
    )
    return int(below), int(above)


@dataclass(frozen=True)
class DetectableLoss:
    """What runs with this spread can decide with the requested power. A plan by normal approximation, not a guarantee.

    loss: the smallest loss that the present number of runs would show to be greater than the margin; None if so few
    runs cannot show any loss.
    runs_if_equal: runs on each side that show the loss to be below the margin if there is no loss; None if the margin
    is 0.
    runs_if_so: runs on each side that show the loss to be above the margin if the observed loss is the true one; None
    if the observed loss is not above the margin.
    Numbers of runs above 10¹² are None too.
    """

    loss: float | None
    runs_if_equal: int | None
    runs_if_so: int | None


def detectable_loss(
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
) -> DetectableLoss:
    """Return which loss runs with this spread would show on one task, and how many runs a decision takes.

    new, base: the scores of the runs, [n] and [m], n and m ≥ 2. alpha_greater, alpha_smaller: the levels of the tests
    that show the loss to be above the margin, and below it. alpha_greater is the level with which Holm's correction
    compares the smallest p of the family.

    With standard error s of the difference, loss = margin + (t_α + z_power) s, where t has Welch's degrees of freedom.
    The numbers of runs are the smallest for which (t_α + z_power) s is at most the distance between the true loss and
    the margin: more runs make s smaller and give more degrees of freedom. They are at least `fewest`, and enough for a
    test to reach its level.
    """
    runs_of_both = as_pairs([new], [base], fewest=2)["0"]
    exponent = exponent_of(runs_of_both)
    pairs, unit = scale_down(runs_of_both, exponent), math.ldexp(1.0, -exponent)
    margin *= unit
    variances = [_variance(side, statistic, generator, resamples) for side in pairs]
    n, m = map(len, pairs)
    beyond = _NORMAL.inv_cdf(share(power, "the power"))
    freedom = float(standard_error([pairs[0]], [pairs[1]], statistic)[1]) / (n + m)  # for each run
    error, summed_variance = math.sqrt(variances[0] / n + variances[1] / m), sum(variances)
    loss = float(statistic([pairs[1]]) - statistic([pairs[0]]))

    def reach(alpha: float, runs: int) -> float:
        """Return the number of standard errors that a difference needs to be shown by `runs` runs in all."""
        critical = t_quantile(1 - alpha, freedom * runs) if freedom else _NORMAL.inv_cdf(1 - alpha)
        return critical + beyond

    def needed(distance: float, alpha: float) -> int | None:
        if distance <= 0:
            return None

        def shows(each: int) -> bool:
            return reach(alpha, 2 * each) * math.sqrt(summed_variance / each) <= distance

        low = high = max(fewest, fewest_runs(alpha))
        while not shows(high):
            if high > _MOST_RUNS:
                return None
            low, high = high + 1, 2 * high
        return bisect_left(range(high), True, lo=low, key=shows)

    return DetectableLoss(
        (margin + reach(alpha_greater, n + m) * error) / unit if math.comb(n + m, n) * alpha_greater >= 1 else None,
        needed(margin, alpha_smaller),
        needed(loss - margin, alpha_greater),
    )


def fewest_runs(alpha: float) -> int:
    """Return the fewest runs on each side of one task with which a one-sided test can reach `alpha`.

    The smallest p of such a test is 1 / C(2n, n).
    """
    n = 1
    while math.comb(2 * n, n) * share(alpha, "alpha") < 1:
        n += 1
    return n


def _variance(runs: Numbers, statistic: Statistic, generator: Generator, resamples: int) -> float:
    """Return the variance of the statistic times the number of runs.

    It is bootstrapped and multiplied by n / (n - 1), because resampled runs have only (n - 1) / n of the variance.
    """
    tasks: Tasks = [runs]
    drawn = np.concatenate([statistic(sample) for sample in draw_resamples(tasks, generator, resamples)])
    return float(drawn.var()) * len(runs) * len(runs) / (len(runs) - 1)
