"""Probability of improvement, profiles and effect sizes against loops, scipy, enumerations and simulation."""

import math

import numpy as np
import pytest
from scipy import optimize, stats

from rlbench.stats import cliffs_delta, performance_profile, probability_of_improvement, standardised_difference


def rng(seed=0):
    return np.random.default_rng(seed)


def slow_probability(ours, theirs):
    return np.mean([np.mean([(x > y) + (x == y) / 2 for x in a for y in b]) for a, b in zip(ours, theirs)])


@pytest.mark.parametrize("seed", range(5))
def test_the_estimate_counts_every_pair_and_ties_by_half(seed):
    draw = rng(seed)
    ours, theirs = ([draw.integers(0, 4, draw.integers(2, 7)) for _ in range(3)] for _ in range(2))
    found = probability_of_improvement(ours, theirs, draw, resamples=100)
    assert found.estimate == pytest.approx(slow_probability(ours, theirs), abs=1e-12)
    other = probability_of_improvement(theirs, ours, draw, resamples=100)
    assert found.estimate + other.estimate == pytest.approx(1, abs=1e-12)


def test_the_interval_is_that_of_resamples_made_one_by_one():
    draw = rng(1)
    ours, theirs = [draw.normal(0.5, 1, 8), draw.random(5)], [draw.standard_normal(6), draw.random(7)]
    slow = [
        slow_probability([draw.choice(x, len(x)) for x in ours], [draw.choice(x, len(x)) for x in theirs])
        for _ in range(1000)
    ]
    found = probability_of_improvement(ours, theirs, rng(2))
    assert (found.low, found.high) == pytest.approx(tuple(np.quantile(slow, [0.025, 0.975])), abs=0.04)


def test_complete_separation_has_a_one_sided_exact_bound():
    """All of 10 above all of 12: at least ten independent pairs agree, so 0.05 = p¹⁰ at the bound."""
    found = probability_of_improvement([np.arange(10.0) + 100], [np.arange(12.0)], rng())
    assert (found.estimate, found.high) == (1, 1) and found.low == pytest.approx(0.05**0.1, abs=1e-9)
    assert found.method == "exact, one-sided" and "one-sided bound" in found.note
    below = probability_of_improvement([np.arange(12.0)], [np.arange(10.0) + 100], rng())
    assert (below.estimate, below.low) == (0, 0) and below.high == pytest.approx(1 - 0.05**0.1, abs=1e-9)


def test_the_bound_of_separation_is_attained_by_a_constant_opponent():
    """Theirs always 0, ours above it with probability p: all of n are above it in pⁿ of studies."""
    n, level = 5, 0.95
    p = (1 - level) ** (1 / n)
    separated = (rng().random((200_000, n)) < p).all(1).mean()
    assert separated == pytest.approx(1 - level, abs=0.002)


@pytest.mark.parametrize("counts", [(5, 5, 5), (3, 8), (4, 20, 2)])
def test_over_tasks_the_bound_is_the_smallest_mean_that_agrees_so_often(counts):
    """Against a general optimiser: least mean p with Σ k log p ≥ log 0.05, 0 < p ≤ 1."""
    found = probability_of_improvement(
        [np.arange(k) + 100.0 for k in counts], [np.arange(k + 1.0) for k in counts], rng()
    )
    sizes = np.array(counts, float)
    peer = optimize.minimize(
        lambda p: p.mean(),
        np.full(len(counts), 0.9),
        jac=lambda p: np.full(len(p), 1 / len(p)),
        bounds=[(1e-6, 1.0)] * len(counts),
        constraints={"type": "ineq", "fun": lambda p: sizes @ np.log(p) - math.log(0.05), "jac": lambda p: sizes / p},
        method="SLSQP",
        options={"ftol": 1e-12, "maxiter": 1000},
    )
    assert found.low == pytest.approx(peer.fun, abs=1e-6)


def test_tasks_decided_both_ways_have_bounds_on_both_sides():
    ours, theirs = [np.arange(10.0) + 100, np.arange(10.0)], [np.arange(10.0), np.arange(10.0) + 100]
    found = probability_of_improvement(ours, theirs, rng())
    assert found.estimate == 0.5 and found.method == "exact"
    assert found.low == pytest.approx(0.025**0.1 / 2, abs=1e-9) and found.high == pytest.approx(1 - found.low, abs=1e-9)


def test_runs_that_are_all_equal_are_not_certainly_equal():
    found = probability_of_improvement([[500.0] * 10], [[500.0] * 10], rng())
    assert found.estimate == 0.5 and found.low == pytest.approx(0.025**0.1 / 2, abs=1e-9)
    assert found.high == pytest.approx(1 - 0.025**0.1 / 2, abs=1e-9)


def test_a_profile_is_the_share_of_runs_above_each_threshold_with_tasks_weighing_the_same():
    found = performance_profile({"a": [0.0, 1.0], "b": [0.5, 0.5, 1.0, 2.0]}, np.array([-1, 0, 0.5, 1, 2]), rng())
    assert found.share == pytest.approx([1, (0.5 + 1) / 2, (0.5 + 0.5) / 2, 0.25 / 2, 0], abs=1e-12)


def test_the_band_of_a_profile_is_the_binomial_of_each_threshold():
    """One task of 40 runs, 12 of them above: resampled counts are Bin(40, 0.3)."""
    runs = np.r_[np.zeros(28), np.ones(12)]
    found = performance_profile([runs], np.array([0.5]), rng(), resamples=100_000)
    wanted = stats.binom.ppf([0.025, 0.975], 40, 0.3) / 40
    assert (found.low[0], found.high[0]) == pytest.approx(tuple(wanted), abs=1e-9)


def test_cliffs_delta_counts_pairs_won_less_pairs_lost():
    ours, theirs = rng(1).integers(0, 5, 7), rng(2).integers(0, 5, 4)
    slow = np.mean([(x > y) * 1.0 - (x < y) for x in ours for y in theirs])
    assert cliffs_delta(ours, theirs) == pytest.approx(slow, abs=1e-12)
    u = stats.mannwhitneyu(ours, theirs).statistic
    assert cliffs_delta(ours, theirs) == pytest.approx(2 * u / 28 - 1, abs=1e-9)


def test_the_standardised_difference_by_hand():
    """Means 4 and 2, squares 2 + 2 over 4 degrees of freedom: d = 2, and J(4) = Γ(2)/(√2 Γ(1.5)) = 0.79788."""
    assert standardised_difference([3.0, 4.0, 5.0], [1.0, 2.0, 3.0]) == pytest.approx(2 * 0.7978845608, abs=1e-9)


def test_the_correction_of_a_standardised_difference_takes_its_bias_away():
    """True difference 1 at n = 4 and 3: uncorrected it averages 1.19; 4000 studies have a standard error of 0.015."""
    draw = rng()
    found = [standardised_difference(draw.normal(1, 1, 4), draw.standard_normal(3)) for _ in range(4000)]
    assert np.mean(found) == pytest.approx(1, abs=0.06)


def test_without_spread_there_is_no_standardised_difference():
    assert standardised_difference([0.1] * 5, [0.1] * 5) is None
    assert standardised_difference([500.0] * 5, [20.0] * 5) is None
    assert cliffs_delta([500.0] * 5, [20.0] * 5) == 1
