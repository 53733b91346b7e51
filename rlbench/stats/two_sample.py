"""The test behind "better": the larger of two p values, each valid where the other fails.

A permutation test of run labels is exact if both sides have the same distribution, whatever it is. But it tests whether
the whole distributions are the same: if two sides have equal interquartile means but spreads of 1:10, it calls one of
them better in 15 to 43 % of studies, and more often with more runs. Welch's t allows for unequal spreads. But it
estimates the standard error from the runs, and if the few runs happen to be close together, its estimate is almost 0.
docs/statistics.md has the level and the power of both tests and of the larger p.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from statistics import NormalDist

from numpy.random import Generator

from rlbench.stats.aggregates import overall_iqm
from rlbench.stats.permutation import EXACT_UP_TO, permutation_test
from rlbench.stats.samples import Scores, Statistic, share
from rlbench.stats.student_t import t_tail
from rlbench.stats.welch import WelchTest, welch_test

POWER = 0.8
_NORMAL = NormalDist()


@dataclass(frozen=True)
class TwoSampleTest:
    """The result of the two tests. difference: statistic(ours) - statistic(theirs).

    p: the larger of p_permutation and p_welch, two-sided. smallest: the smallest p of any relabelling of these runs.
    exact: whether all relabellings were counted. splits: how many relabellings were counted.
    deviation: the standard deviation of the relabelled differences.
    """

    difference: float
    p: float
    p_permutation: float
    p_welch: float
    smallest: float
    exact: bool
    splits: int
    deviation: float
    welch: WelchTest

    def runs_to_show(self, runs: float, alpha: float, power: float = POWER, most: int = 1_000) -> int | None:
        """Return about how many runs on each side of each task would show a difference of the observed size.

        runs: the present number of runs on each side. The result is above `runs` and at most `most`; None if no such
        number is enough, or if nothing can be estimated. This is a normal approximation: standard deviations fall with
        the square root of the number of runs, and degrees of freedom rise in proportion to this number.
        """
        beyond = _NORMAL.inv_cdf(share(power, "the power"))
        critical = _NORMAL.inv_cdf(1 - share(alpha, "alpha") / 2)
        size, error, freedom = abs(self.difference), self.welch.error, self.welch.freedom

        def shows(n: int) -> bool:
            narrower = math.sqrt(runs / n)
            exchanged = (critical * self.deviation + beyond * error) * narrower
            if error == 0 or exchanged >= size:
                return exchanged < size
            # The same as (t's quantile + beyond) · standard error < size, without computing the quantile.
            return t_tail(size / (error * narrower) - beyond, freedom * n / runs) < alpha / 2

        low = math.floor(runs) + 1
        if size == 0 or math.isnan(error) or low > most or not shows(most):
            return None
        high = most
        while low < high:
            middle = (low + high) // 2
            low, high = (low, middle) if shows(middle) else (middle + 1, high)
        return high


def two_sample_test(
    ours: Scores,
    theirs: Scores,
    generator: Generator,
    statistic: Statistic = overall_iqm,
    permutations: int = 50_000,
    exact_up_to: int = EXACT_UP_TO,
) -> TwoSampleTest:
    """Test whether two sides of runs, by task, differ in `overall_iqm` or `overall_mean`.

    If the runs that the statistic counts are all equal on each side, Welch's test has no error to estimate. Its p is
    then 1 if the sides are equal and 0 if they differ, so the permutation test decides. Args and raises: as
    `permutation_test`, and ValueError for another statistic.
    """
    welch = welch_test(ours, theirs, statistic)
    permuted = permutation_test(ours, theirs, generator, statistic, "two-sided", permutations, exact_up_to)
    p = max(permuted.p, welch.p)
    return TwoSampleTest(
        permuted.difference,
        p,
        permuted.p,
        welch.p,
        permuted.smallest,
        permuted.exact,
        permuted.splits,
        permuted.deviation,
        welch,
    )
