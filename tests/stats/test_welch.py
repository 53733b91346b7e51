"""Welch's t of means and interquartile means: against scipy's, slow loops and what resampling many studies shows."""

import math

import numpy as np
import pytest
from scipy import stats

from rlbench.stats import (
    detectable_loss,
    difference,
    margin_test,
    overall_iqm,
    overall_mean,
    overall_median,
    permutation_test,
    standardised_difference,
    welch_test,
)
from rlbench.stats.welch import standard_error


def rng(seed=0):
    return np.random.default_rng(seed)


@pytest.mark.parametrize(("n", "m"), [(2, 2), (5, 5), (8, 20)])
def test_of_means_it_is_welchs_t(n, m):
    ours, theirs = rng(1).normal(0, 1, n), rng(2).normal(1, 4, m)
    found, peer = welch_test([ours], [theirs], overall_mean), stats.ttest_ind(ours, theirs, equal_var=False)
    assert found.difference / found.error == pytest.approx(peer.statistic) and found.freedom == pytest.approx(peer.df)
    assert found.p == pytest.approx(peer.pvalue)
    assert found.p_above(0) == pytest.approx(
        stats.ttest_ind(ours, theirs, equal_var=False, alternative="greater").pvalue
    )
    assert found.p_below(0.3) == pytest.approx(
        stats.ttest_ind(ours - 0.3, theirs, equal_var=False, alternative="less").pvalue
    )


@pytest.mark.parametrize(("n", "m"), [(4, 5), (5, 5), (8, 20), (10, 7)])
def test_of_interquartile_means_the_statistic_is_yuens(n, m):
    """And so is the error. Degrees of freedom: a share g/n fewer a side, g the runs that are cut at each end."""
    ours, theirs = rng(3).normal(0, 1, n), rng(4).normal(1, 4, m)
    found, peer = welch_test([ours], [theirs]), stats.ttest_ind(ours, theirs, equal_var=False, trim=0.25)
    assert found.difference / found.error == pytest.approx(peer.statistic)
    fewer = [1 - (k // 4) / k for k in (n, m)]
    assert min(fewer) * peer.df - 1e-9 <= found.freedom <= max(fewer) * peer.df + 1e-9


def test_the_winsorised_variance_of_normal_runs_varies_like_chi_squared_with_as_many_degrees_of_freedom():
    """A variable s² f/σ² that is χ² with f degrees of freedom has 2 (mean/deviation)² = f."""
    for n in (5, 8, 10, 20, 30):
        runs = rng(n).normal(size=(100_000, n))
        g, h = n // 4, n - 2 * (n // 4)
        squares = standard_error([runs], [np.zeros((100_000, n))], overall_iqm)[0] ** 2
        assert 2 * (squares.mean() / squares.std()) ** 2 == pytest.approx((h - 1) * (1 - g / n), rel=0.03)


@pytest.mark.parametrize("counts", [(10, 10, 10), (10, 5, 20)])
def test_over_tasks_the_error_is_about_the_deviation_of_many_studies(counts):
    """Tasks apart, tasks alike, spreads that differ between tasks and sides; never far below it."""
    draw = rng(5)
    for means in ((0.0, 0.3, 1.0), (0.5, 0.5, 0.5)):
        ours, theirs = (
            [draw.normal(mean, spread * wider, (4_000, n)) for mean, spread, n in zip(means, (0.05, 0.3, 0.1), counts)]
            for wider in (1, 2)
        )
        deviation = (overall_iqm(ours) - overall_iqm(theirs)).std()
        error = np.sqrt((standard_error(ours, theirs, overall_iqm)[0] ** 2).mean())
        assert 0.95 < error / deviation < 1.3


def test_over_tasks_of_means_the_variances_add_up():
    ours, theirs = [rng(6).normal(0, 1, 5), rng(7).normal(0, 2, 8)], [rng(8).normal(0, 3, 6), rng(9).normal(0, 1, 4)]
    parts = [(runs.var(ddof=1) / len(runs) / 4, len(runs) - 1) for runs in (*ours, *theirs)]
    found = welch_test(ours, theirs, overall_mean)
    assert found.error == pytest.approx(math.sqrt(sum(v for v, _ in parts)))
    assert found.freedom == pytest.approx(sum(v for v, _ in parts) ** 2 / sum(v**2 / f for v, f in parts))


def test_without_spread_equal_scores_have_p_1_and_unequal_ones_0():
    assert welch_test([np.full(5, 0.1) * 3], [np.full(7, 0.3)]).p == 1.0
    assert welch_test([np.full(5, 1.0)], [np.full(7, 2.0)]).p == 0.0
    only_cut = np.array([0.0, 1, 1, 1, 1])  # the run that differs is not counted
    assert welch_test([only_cut], [np.full(5, 1.0)]).p == 1.0


def test_a_single_run_shows_nothing():
    found = welch_test([[1.0]], [np.full(7, 2.0)])
    assert found.difference == -1 and math.isnan(found.error) and found.p == found.p_above(-9) == found.p_below(9) == 1


def test_units_do_not_matter():
    ours, theirs = rng(10).normal(0, 1, 10), rng(11).normal(1, 2, 10)
    small, large = welch_test([ours], [theirs]), welch_test([ours * 1e9], [theirs * 1e9])
    assert small.p == pytest.approx(large.p) and small.freedom == pytest.approx(large.freedom)


def test_a_statistic_without_a_known_error_is_refused():
    with pytest.raises(ValueError, match="only supports overall_iqm and overall_mean"):
        welch_test([np.arange(5.0)], [np.arange(5.0)], overall_median)


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize("size", [1e200, 2.0**600, 1e-200])
def test_scores_of_any_size_are_compared_as_others_are(size):
    ours, theirs = np.array([1.0, 2, 3, 4, 5, 7]), np.array([3.0, 4, 5, 6, 8, 9])
    found, scaled = welch_test([ours], [theirs]), welch_test([ours * size], [theirs * size])
    assert scaled.freedom == pytest.approx(found.freedom) and scaled.p == pytest.approx(found.p)
    assert scaled.error == pytest.approx(found.error * size)
    effect = standardised_difference(ours, theirs)
    assert standardised_difference(ours * size, theirs * size) == pytest.approx(effect)
    exchanged = permutation_test([ours * size], [theirs * size], np.random.default_rng(0))
    assert exchanged.p == permutation_test([ours], [theirs], np.random.default_rng(0)).p and exchanged.deviation > 0
    for statistic, method in ((overall_mean, "bootstrap-t"), (overall_iqm, "bca")):
        sides = ([ours], [theirs]), ([ours * size], [theirs * size])
        plain, large = (difference(*side, statistic, np.random.default_rng(0), method, resamples=500) for side in sides)
        assert (large.low / size, large.high / size) == pytest.approx(
            (plain.low, plain.high), abs=0.5
        )  # where draws tie, rounding decides
        assert large.method == plain.method
    margin = margin_test(ours * size, theirs * size, 0.05 * size, np.random.default_rng(0))
    expected = margin_test(ours, theirs, 0.05, np.random.default_rng(0))
    assert (margin.p_greater, margin.p_smaller) == pytest.approx((expected.p_greater, expected.p_smaller))
    plan = detectable_loss(ours * size, theirs * size, 0.05, np.random.default_rng(0), 0.05, 0.05)
    assert plan.loss is not None and math.isfinite(plan.loss)
