"""Tolerance intervals against published factors, scipy's quadrature, beta distributions and simulation."""

import math

import numpy as np
import pytest
from scipy import integrate, stats

from rlbench.stats import normal_tolerance_interval, tolerance_interval
from rlbench.stats.tolerance_intervals import normal_factor


def rng(seed=0):
    return np.random.default_rng(seed)


@pytest.mark.parametrize(("n", "content", "rank"), [(60, 0.8, None), (100, 0.9, None), (40, 0.5, None), (93, 0.95, 1)])
def test_the_ranks_are_the_innermost_that_keep_the_confidence(n, content, rank):
    """The share between the r-th smallest and r-th largest of n is Beta(n - 2r + 1, 2r), whatever the distribution."""
    ranks = [r for r in range(1, n // 2 + 1) if stats.beta.sf(content, n - 2 * r + 1, 2 * r) >= 0.95]
    found = tolerance_interval(rng().permutation(n), content, 0.95)
    assert (found.low, found.high) == (ranks[-1] - 1, n - ranks[-1])
    assert found.confidence == pytest.approx(stats.beta.sf(content, n - 2 * ranks[-1] + 1, 2 * ranks[-1]), abs=1e-9)
    assert found.note == "" and (rank is None or ranks[-1] == rank)


def test_too_few_runs_have_less_confidence_and_say_how_many_are_needed():
    """Wilks: 46 runs for 90 % at 95 %; of 10 the extremes hold 90 % with 1 - 0.9¹⁰ - 10·0.1·0.9⁹ = 26.4 %."""
    found = tolerance_interval(rng().permutation(10), 0.9, 0.95)
    assert (found.low, found.high) == (0, 9)
    assert found.confidence == pytest.approx(1 - 0.9**10 - 0.9**9, abs=1e-12)
    assert found.note == "n too small for 90% of runs at 95%: needs n >= 46"


@pytest.mark.parametrize(
    ("n", "content", "confidence", "published"),
    [(10, 0.9, 0.95, 2.856), (10, 0.95, 0.95, 3.393), (20, 0.95, 0.95, 2.760), (5, 0.9, 0.95, 4.291)],
)
def test_the_normal_factor_is_the_published_one(n, content, confidence, published):
    assert normal_factor(n, content, confidence) == pytest.approx(published, abs=0.001)


@pytest.mark.parametrize(("n", "content", "confidence"), [(3, 0.9, 0.9), (10, 0.95, 0.95), (25, 0.5, 0.99)])
def test_the_normal_factor_has_its_confidence_by_quadrature(n, content, confidence):
    k = normal_factor(n, content, confidence)

    def held(z):
        radius = math.sqrt(stats.ncx2.ppf(content, 1, z * z / n))  # |N(z/√n, 1)| ≤ radius with probability `content`
        return 2 * stats.norm.pdf(z) * stats.chi2.sf((n - 1) * (radius / k) ** 2, n - 1)

    assert integrate.quad(held, 0, 9, epsabs=1e-11)[0] == pytest.approx(confidence, abs=1e-7)


def test_normal_intervals_hold_their_share_as_often_as_they_say():
    """4000 studies of 6 normal runs: the standard error is 0.35 %."""
    draw, held = rng(), 0
    k = normal_factor(6, 0.8, 0.95)
    samples = draw.standard_normal((4000, 6))
    centre, spread = samples.mean(1), samples.std(1, ddof=1)
    held = (stats.norm.cdf(centre + k * spread) - stats.norm.cdf(centre - k * spread) >= 0.8).mean()
    assert held == pytest.approx(0.95, abs=0.014)
    found = normal_tolerance_interval(samples[0], 0.8, 0.95)
    assert (found.low, found.high) == pytest.approx((centre[0] - k * spread[0], centre[0] + k * spread[0]))


def test_a_share_that_is_none_is_refused():
    with pytest.raises(ValueError, match="the content is 90"):
        tolerance_interval([1.0, 2.0], 90)
    with pytest.raises(ValueError, match="needs at least 2"):
        normal_tolerance_interval([1.0])
