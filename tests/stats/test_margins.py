"""Losses against a margin: against enumerations by loops with scipy's Yuen test, hand numbers, and the theorem itself."""

import math
from itertools import combinations

import numpy as np
import pytest
from scipy import stats

from rlbench.stats import detectable_loss, fewest_runs, margin_test, overall_iqm, overall_mean, permutation_test


def rng(seed=0):
    return np.random.default_rng(seed)


def every_split(pool, n):
    for chosen in combinations(range(len(pool)), n):
        yield pool[list(chosen)], pool[[i for i in range(len(pool)) if i not in chosen]]


@pytest.mark.parametrize("seed", [1, 5, 9])
@pytest.mark.parametrize("statistic, trim", [(overall_iqm, 0.25), (overall_mean, 0.0)])
def test_p_is_the_largest_of_the_permutations_and_welchs(statistic, trim, seed):
    """Of a smaller loss Yuen's t is exchanged too; the t itself has degrees of freedom a share g/n fewer than Yuen's."""
    new, base, margin = rng(seed).normal(0.7, 0.1, 5), rng(seed + 1).normal(0.8, 0.3, 4), 0.05
    splits = list(every_split(np.concatenate([new + margin, base]), 5))
    plain = np.array([float(statistic([a]) - statistic([b])) for a, b in splits])
    yuen = np.array([stats.ttest_ind(a, b, equal_var=False, trim=trim).statistic for a, b in splits])
    mean = np.array([a.mean() - b.mean() for a, b in splits])
    seen = next(i for i, (a, _) in enumerate(splits) if np.array_equal(np.sort(a), np.sort(new + margin)))

    def share(values, sign):
        below = sign * values < sign * values[seen] - 1e-12
        tied = np.abs(values - values[seen]) <= 1e-12
        return (below | (tied & (sign * mean <= sign * mean[seen] + 1e-12))).mean()

    peer = stats.ttest_ind(new + margin, base, equal_var=False, trim=trim)
    cuts = [int(trim * n) for n in (5, 4)]
    parts = [
        stats.mstats.winsorize(runs, (cut / len(runs), cut / len(runs))).var(ddof=1)
        * (len(runs) - 1) / ((len(runs) - 2 * cut) * (len(runs) - 2 * cut - 1))
        for runs, cut in zip((new, base), cuts)
    ]  # fmt: skip
    own = [(n - 2 * cut - 1) * (1 - cut / n) for n, cut in zip((5, 4), cuts)]
    freedom = sum(parts) ** 2 / sum(v**2 / f for v, f in zip(parts, own))
    welch = stats.t.cdf(peer.statistic, freedom)
    found = margin_test(new, base, margin, rng(), statistic)
    assert found.p_greater == pytest.approx(max(share(plain, 1), welch), abs=1e-12)
    assert found.p_smaller == pytest.approx(max(share(plain, -1), share(yuen, -1), 1 - welch), abs=1e-12)
    assert found.difference == pytest.approx(float(statistic([new]) - statistic([base])))
    assert found.smallest == 1 / math.comb(9, 5)


@pytest.mark.parametrize("margin", [0.0, 0.05, 0.5])
@pytest.mark.parametrize(
    "pool",
    [
        rng(3).normal(size=8),
        np.array([1, 1, 1, 1, 1, 0.25, 0.2, 0.3]),  # at the cap, or far below
        np.array([1, 1, 1, 1, 0, 0, 0, 0.0]),
        np.ones(8),
    ],
)
def test_no_relabelling_of_one_sample_is_called_a_loss_more_often_than_its_p_says(pool, margin):
    """Whatever the eight runs, of all ways to deal them to two sides at most a share p has a p as small."""
    p = np.array([margin_test(new, base, margin, rng()).p_greater for new, base in every_split(pool, 4)])
    assert all((p <= level + 1e-12).mean() <= level + 1e-12 for level in np.unique(p))


def test_the_margin_raises_the_new_side():
    new, base = rng(4).normal(size=6), rng(5).normal(size=7)
    moved, still = margin_test(new + 0.2, base, 0.0, rng()), margin_test(new, base, 0.2, rng())
    assert (still.p_greater, still.p_smaller) == (moved.p_greater, moved.p_smaller)
    assert still.difference == pytest.approx(moved.difference - 0.2)


def test_of_means_it_is_the_permutation_test_of_raised_runs():
    new, base = rng(6).normal(0, 1, 8), rng(7).normal(1, 2, 8)
    found = margin_test(new, base, 0.1, rng(), overall_mean)
    plain = {
        side: permutation_test([new + 0.1], [base], rng(), overall_mean, side, exact_up_to=20_000).p
        for side in ("less", "greater")
    }
    welch = stats.ttest_ind(new + 0.1, base, equal_var=False, alternative="less").pvalue
    assert found.p_greater == pytest.approx(max(plain["less"], welch), abs=1e-12)
    assert found.p_smaller >= max(plain["greater"], 1 - welch) - 1e-12


def test_sides_that_do_not_overlap_are_always_the_most_extreme_split():
    for seed in range(20):
        new, base = rng(seed).normal(0.0, 0.01, 5), rng(seed + 100).normal(0.9, 0.01, 5)
        assert margin_test(new, base, 0.05, rng()).p_greater == 1 / 252


def test_runs_all_equal_are_decided_by_one_split():
    """Runs at the cap of a task on both sides: trimming would make most splits tie, 26 of 252 at five runs."""
    assert margin_test(np.full(5, 500.0), np.full(5, 500.0), 24.0, rng()).p_smaller == 1 / 252
    assert margin_test(np.full(5, 100.0), np.full(5, 500.0), 24.0, rng()).p_greater == 1 / 252


def test_drawn_splits_agree_with_all_of_them():
    new, base = rng(8).normal(0, 1, 6), rng(9).normal(0.5, 1, 6)
    every, drawn = margin_test(new, base, 0.1, rng()), margin_test(new, base, 0.1, rng(), exact_up_to=0)
    assert drawn.p_greater == pytest.approx(every.p_greater, abs=5 * math.sqrt(0.25 / 50_000))
    assert drawn.smallest == 1 / 50_001


@pytest.mark.parametrize("wrong", [{"margin": -0.1}, {"margin": math.nan}, {"statistic": np.median}])
def test_what_is_no_margin_test_is_refused(wrong):
    arguments = {"margin": 0.1, "statistic": overall_iqm, **wrong}
    with pytest.raises(ValueError, match="margin"):
        margin_test(np.ones(5), np.ones(5), arguments["margin"], rng(), arguments["statistic"])


@pytest.mark.parametrize("alpha, runs", [(0.05, 3), (0.025, 4), (0.01, 5), (0.05 / 20, 6), (1e-5, 10)])
def test_the_fewest_runs_are_those_whose_splits_are_many_enough(alpha, runs):
    """C(6, 3) = 20, C(8, 4) = 70, C(10, 5) = 252, C(12, 6) = 924, C(20, 10) = 184 756."""
    assert fewest_runs(alpha) == runs


def test_what_can_be_detected_follows_from_the_standard_error_of_the_difference():
    new, base = rng(10).normal(0.6, 0.2, 9), rng(11).normal(0.8, 0.1, 12)
    found = detectable_loss(new, base, 0.05, rng(), 0.01, 0.05, overall_mean, resamples=50_000)
    z, f = stats.norm.ppf(0.8), stats.ttest_ind(new, base, equal_var=False).df
    error = math.sqrt(new.var(ddof=1) / 9 + base.var(ddof=1) / 12)
    both, lost = new.var(ddof=1) + base.var(ddof=1), base.mean() - new.mean()
    assert found.loss == pytest.approx(0.05 + (stats.t.ppf(0.99, f) + z) * error, rel=0.02)

    def fewest(distance, alpha):
        return next(
            n for n in range(2, 9_999) if (stats.t.ppf(1 - alpha, f * 2 * n / 21) + z) * math.sqrt(both / n) <= distance
        )

    assert found.runs_if_equal == pytest.approx(fewest(0.05, 0.05), rel=0.03, abs=1)
    assert found.runs_if_so == pytest.approx(fewest(lost - 0.05, 0.01), rel=0.03, abs=1)


def test_where_no_loss_could_be_shown_none_is_called_detectable():
    found = detectable_loss(np.ones(3), np.ones(3), 0.05, rng(), 0.01, 0.05)
    assert found.loss is None and found.runs_if_so is None and found.runs_if_equal == 3
    assert detectable_loss(np.ones(5), np.ones(5), 0.0, rng(), 0.01, 0.05).runs_if_equal is None
