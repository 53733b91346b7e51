"""Estimates and intervals against scipy, hand-computed numbers and simulation."""

import numpy as np
import pytest
from numpy.random import PCG64, Generator
from scipy import stats

from rlbench.stats import iqm, percentile_interval


@pytest.mark.parametrize("n", [1, 2, 3, 4, 5, 9, 10, 33])
def test_the_iqm_is_scipys_trimmed_mean(n):
    scores = np.random.default_rng(n).standard_normal((4, n))
    assert iqm(scores) == pytest.approx(stats.trim_mean(scores, 0.25, axis=-1), abs=1e-12)


def test_the_iqm_of_five_runs_is_the_mean_of_the_middle_three():
    assert iqm(np.array([500, 0, 10, 20, 30])) == 20


def test_the_iqm_of_nothing_is_an_error():
    with pytest.raises(ValueError, match="at least one score"):
        iqm(np.array([]))


def test_an_interval_is_the_percentiles_of_resampled_statistics():
    scores, generator = np.array([1.0, 2.0, 4.0, 8.0, 16.0]), Generator(PCG64(0))
    low, high = percentile_interval(scores, lambda x: x.mean(-1), generator, resamples=200_000)
    peer = stats.bootstrap(
        (scores,), np.mean, n_resamples=50_000, method="percentile", rng=np.random.default_rng(1)
    ).confidence_interval
    assert (low, high) == pytest.approx((peer.low, peer.high), rel=0.02)


def test_equal_scores_have_an_interval_of_no_width():
    assert percentile_interval(np.full(5, 500.0), iqm, Generator(PCG64(0))) == (500.0, 500.0)


def test_the_interval_of_the_iqm_covers_what_it_says_at_ten_runs():
    """95 % nominal; 500 simulated studies have a standard error of 1 %."""
    rng, covered = np.random.default_rng(0), 0
    for _ in range(500):
        low, high = percentile_interval(rng.standard_normal(10), iqm, Generator(PCG64(1)), resamples=1000)
        covered += low <= 0 <= high
    assert 0.90 <= covered / 500 <= 0.98
