"""Intervals against scipy, an enumeration of every resample, and loops over one resample at a time."""

from itertools import product
from types import SimpleNamespace

import numpy as np
import pytest
from scipy import stats

from rlbench.stats import (
    bootstrap_interval,
    difference,
    difference_per_task,
    iqm,
    not_worse,
    overall_iqm,
    overall_mean,
    percentile_interval,
    resampling,
)
from rlbench.stats.aggregates import overall_median
from rlbench.stats.bootstrap import standard_error
from rlbench.stats.permutation import _differences_of_iqms, draw_splits
from rlbench.stats.resampling import draw_resamples, picks


def rng(seed=0):
    return np.random.default_rng(seed)


def drawn(tasks, statistic, generator, resamples):
    return np.concatenate([statistic(sample) for sample in draw_resamples(tasks, generator, resamples)])


def test_runs_are_drawn_within_their_task_and_all_alike():
    tasks = [np.array([0.0, 1.0, 2.0]), np.array([10.0, 11.0])]
    first, second = (np.concatenate(part) for part in zip(*draw_resamples(tasks, rng(), 100_000)))
    assert first.shape == (100_000, 3) and second.shape == (100_000, 2)
    assert np.unique(first).tolist() == [0, 1, 2] and np.unique(second).tolist() == [10, 11]
    assert stats.chisquare(np.unique(first, return_counts=True)[1]).pvalue > 1e-3


def test_chunks_change_no_digit_of_one_task(monkeypatch):
    scores = rng(3).standard_normal(7)
    whole = percentile_interval(scores, iqm, rng(1))
    monkeypatch.setattr(resampling, "_CHUNK", 105)  # an odd number of draws at a time
    assert percentile_interval(scores, iqm, rng(1)) == whole


def test_memory_does_not_grow_with_the_resamples():
    sizes = [sample[0].size for sample in draw_resamples([np.arange(10.0)], rng(), 1_000_000)]
    assert sum(sizes) == 10_000_000 and max(sizes) <= 1 << 18


def test_the_same_generator_gives_the_same_interval():
    scores = rng(3).standard_normal((4, 6))
    one, two = (bootstrap_interval(scores, overall_iqm, rng(5), resamples=1000) for _ in range(2))
    assert one == two


def test_a_percentile_interval_is_the_quantiles_of_every_resample_there_is():
    """3 and 2 runs have 27 · 4 equally likely resamples, so the exact quantiles are known."""
    tasks = [np.array([0.0, 1.0, 4.0]), np.array([2.0, 7.0])]
    every = [
        overall_iqm([np.array(a), np.array(b)])
        for a in product(tasks[0], repeat=3)
        for b in product(tasks[1], repeat=2)
    ]
    found = bootstrap_interval(tasks, overall_iqm, rng(), resamples=200_000)
    assert (found.low, found.high) == tuple(np.quantile(every, [0.025, 0.975], method="inverted_cdf"))
    assert found.estimate == overall_iqm(tasks) and found.method == "percentile"


def test_how_often_runs_are_picked_sums_to_their_number():
    counts = picks(6, 50_000, rng())
    assert (counts.sum(1) == 6).all() and counts.var(0) == pytest.approx(np.full(6, 5 / 6), rel=0.05)


def scipys_bca(tasks, statistic, distribution):
    """scipy's BCa of independent samples, from the resamples given."""

    def of_samples(*samples, axis=-1):
        return statistic([np.moveaxis(sample, axis, -1) for sample in samples])

    given = SimpleNamespace(bootstrap_distribution=distribution)
    found = stats.bootstrap(
        tuple(tasks), of_samples, n_resamples=0, bootstrap_result=given, method="BCa", vectorized=True, axis=-1
    )
    return found.confidence_interval


@pytest.mark.parametrize("statistic", [overall_mean, overall_iqm])
@pytest.mark.parametrize("counts", [(10,), (8, 8, 8), (5, 9, 12)])
def test_bca_bounds_are_scipys_for_the_same_resamples(statistic, counts):
    tasks = [rng(n).exponential(size=n) for n in counts]
    found = bootstrap_interval(tasks, statistic, rng(2), "bca", resamples=5000)
    peer = scipys_bca(tasks, statistic, drawn(tasks, statistic, rng(2), 5000))
    assert (found.low, found.high) == pytest.approx((peer.low, peer.high), abs=1e-9) and found.method == "bca"


def test_bca_of_a_difference_is_scipys_for_the_same_resamples():
    ours, theirs = rng(1).exponential(size=9), rng(2).exponential(size=6)

    def between(strata):
        return strata[0].mean(-1) - strata[1].mean(-1)

    found = difference([ours], [theirs], overall_mean, rng(4), "bca", resamples=5000)
    peer = scipys_bca([ours, theirs], between, drawn([ours, theirs], between, rng(4), 5000))
    assert (found.low, found.high) == pytest.approx((peer.low, peer.high), abs=1e-9)


def test_bca_gives_a_percentile_interval_where_all_runs_are_equal():
    found = bootstrap_interval([[500.0] * 5, [0.1] * 4], overall_iqm, rng(), "bca", resamples=1000)
    assert found.method == "percentile" and "BCa does not exist" in found.note
    assert (found.low, found.high) == pytest.approx((found.estimate, found.estimate))


def slow_bootstrap_t(tasks, generator, resamples):
    """One resample at a time, from the definition."""
    estimate = np.mean([x.mean() for x in tasks])
    error = np.sqrt(sum(x.var(ddof=1) / len(x) for x in tasks)) / len(tasks)
    (sample,) = draw_resamples(tasks, generator, resamples)
    pivots = []
    for index in range(resamples):
        runs = [part[index] for part in sample]
        spread = np.sqrt(sum(x.var(ddof=1) / len(x) for x in runs)) / len(runs)
        pivots.append((np.mean([x.mean() for x in runs]) - estimate) / max(spread, error / 4))
    low, high = np.quantile(pivots, [0.025, 0.975])
    return estimate - high * error, estimate - low * error


@pytest.mark.parametrize("counts", [(10,), (6, 9, 12)])
def test_bootstrap_t_is_the_slow_loop(counts):
    tasks = [rng(n).standard_normal(n) for n in counts]
    found = bootstrap_interval(tasks, overall_mean, rng(7), "bootstrap-t", resamples=2000)
    assert (found.low, found.high) == pytest.approx(slow_bootstrap_t(tasks, rng(7), 2000), abs=1e-9)


def test_bootstrap_t_of_many_normal_runs_is_students_interval():
    runs = rng(0).standard_normal(400)
    found = bootstrap_interval([runs], overall_mean, rng(1), "bootstrap-t")
    student = stats.t.interval(0.95, 399, runs.mean(), stats.sem(runs))
    assert (found.low, found.high) == pytest.approx(student, abs=0.01)


def test_a_standard_error_is_scipys():
    runs = rng(0).standard_normal(8)
    assert standard_error([runs]) == pytest.approx(stats.sem(runs), abs=1e-12)


def test_bootstrap_t_gives_a_percentile_interval_where_runs_have_no_spread():
    found = bootstrap_interval([[500.0] * 5], overall_mean, rng(), "bootstrap-t", resamples=100)
    assert found.method == "percentile" and "no spread" in found.note and (found.low, found.high) == (500.0, 500.0)


@pytest.mark.parametrize("runs", [[500.0, 500, 500, 500, 20], [-500.0, -500, -500, -490, -149], [0.0, 1.0, 2.0, 5.0]])
def test_no_bound_of_bootstrap_t_lies_beyond_the_runs(runs):
    """One of five has failed, or learnt: a third of the resamples leave it out and have next to no spread."""
    found = bootstrap_interval([runs], overall_mean, rng(), "bootstrap-t", resamples=5000)
    assert min(runs) <= found.low < found.estimate < found.high <= max(runs)
    assert found.method == "bootstrap-t" and (
        ("cut off" in found.note) == (found.high == max(runs) or found.low == min(runs))
    )


def test_no_bound_of_a_difference_lies_beyond_what_resampling_can_give():
    ours, theirs = [-500.0, -500, -500, -490, -149], [-500.0, -499, -500, -500, -498]
    found = difference([ours, [0.0, 1]], [theirs, [3.0, 4]], overall_mean, rng(), "bootstrap-t", resamples=5000)
    assert found.high == ((-149 + 500) + (1 - 3)) / 2 and "cut off" in found.note
    assert ((-500 + 498) + (0 - 4)) / 2 <= found.low < found.estimate


def test_bootstrap_t_is_refused_for_what_has_no_standard_error_here():
    with pytest.raises(ValueError, match="only supports overall_mean"):
        bootstrap_interval([[1.0, 2.0]], overall_iqm, rng(), "bootstrap-t")
    with pytest.raises(ValueError, match="only supports overall_mean"):
        difference([[1.0, 2.0]], [[1.0, 2.0]], overall_median, rng(), "bootstrap-t")


@pytest.mark.parametrize(
    ("scores", "options", "message"),
    [
        ([[1.0], [1.0, 2.0]], {}, "'0' has 1 runs; this needs at least 2"),
        ([[1.0, 2.0]], {"method": "basic"}, "unknown interval method 'basic'"),
        ([[1.0, 2.0]], {"level": 95}, "the level is 95; it must be between 0 and 1"),
        (np.ones((2, 3, 4)), {}, r"'0' has shape \[3, 4\]"),
    ],
)
def test_what_an_interval_cannot_be_made_of_is_refused(scores, options, message):
    with pytest.raises(ValueError, match=message):
        bootstrap_interval(scores, overall_mean, rng(), **options)


def test_a_difference_resamples_both_sides_independently():
    """Against every resample of both: 27 · 4 equally likely ones."""
    ours, theirs = np.array([0.0, 1.0, 4.0]), np.array([2.0, 7.0])
    every = [np.mean(a) - np.mean(b) for a in product(ours, repeat=3) for b in product(theirs, repeat=2)]
    found = difference({"t": ours}, {"t": theirs}, overall_mean, rng(), resamples=200_000)
    assert found.estimate == pytest.approx(5 / 3 - 4.5)
    assert (found.low, found.high) == pytest.approx(np.quantile(every, [0.025, 0.975], method="inverted_cdf"))


def test_a_bootstrap_t_difference_of_many_normal_runs_is_welchs_interval():
    ours, theirs = rng(0).standard_normal(300), 3 * rng(1).standard_normal(200)
    found = difference([ours], [theirs], overall_mean, rng(2), "bootstrap-t")
    welch = stats.ttest_ind(ours, theirs, equal_var=False).confidence_interval()
    assert (found.low, found.high) == pytest.approx((welch.low, welch.high), abs=0.03)


def test_differences_of_each_task_are_those_of_the_task_alone():
    ours, theirs = {"a": [1.0, 2.0, 3.0], "b": [5.0, 6.0]}, {"b": [1.0, 1.0], "a": [1.0, 2.0, 3.0]}
    found = difference_per_task(ours, theirs, overall_mean, rng(), resamples=2000)
    assert found["a"].estimate == 0 and found["b"].estimate == 4.5 and found["b"].low == 4


def test_not_worse_holds_the_one_sided_bound_against_the_margin():
    ours, theirs = rng(0).normal(0.9, 0.05, (3, 10)), rng(1).normal(0.9, 0.05, (3, 10))
    found = not_worse(ours, theirs, 0.05, rng(2))
    two_sided = difference(ours, theirs, overall_iqm, rng(2), level=0.9)
    assert (
        found.lower == pytest.approx(two_sided.low, abs=1e-12) and found.estimate == two_sided.estimate and found.holds
    )
    assert not not_worse(ours, theirs, 0.001, rng(2)).holds


@pytest.mark.parametrize(("margin", "level", "message"), [(-0.05, 0.95, "margin is -0.05"), (0.05, 0.4, "above 0.5")])
def test_a_margin_that_is_none_is_refused(margin, level, message):
    with pytest.raises(ValueError, match=message):
        not_worse([[1.0, 2.0]], [[1.0, 2.0]], margin, rng(), level=level)


@pytest.mark.parametrize("counts", [(7,), (5, 5, 5), (4, 6)])
def test_the_quick_way_to_an_iqms_interval_gives_the_same_digits(counts):
    tasks = [rng(n).normal(size=count) for n, count in enumerate(counts)]
    quick = bootstrap_interval(tasks, overall_iqm, rng(3), resamples=50_001)
    assert quick == bootstrap_interval(tasks, lambda drawn: overall_iqm(drawn), rng(3), resamples=50_001)


def test_resamples_and_splits_of_many_tasks_have_the_numbers_of_one_call_for_each_task():
    """So their digits do not depend on how many tasks are drawn at a time."""
    tasks = [rng(seed).standard_normal(count) for seed, count in enumerate((5, 5, 3, 5, 1, 1, 5))]
    one, other = rng(9), rng(9)
    for drawn in draw_resamples(tasks, one, 20_000):
        rows = len(drawn[0])
        alone = [runs.take(other.integers(len(runs), size=(rows, len(runs)))) for runs in tasks]
        assert all(a.tobytes() == b.tobytes() for a, b in zip(drawn, alone)) and len(drawn) == len(alone)
    pairs = list(zip(tasks, tasks[::-1]))
    for lefts, rights in draw_splits(pairs, 20_000, one):
        for (left, right), ours, theirs in zip(pairs, lefts, rights):
            pool = np.concatenate([left, right])
            values = pool[np.argsort(other.random((len(ours), len(pool))), -1)]
            assert np.array_equal(np.concatenate([ours, theirs], -1), values)
    equal = [(left, right) for left, right in pairs if len(left) == len(right)]
    splits = draw_splits(equal, 9_000, rng(4))
    alone = np.concatenate([overall_iqm(lefts) - overall_iqm(rights) for lefts, rights in splits])
    assert _differences_of_iqms(equal, 9_000, rng(4)).tobytes() == alone.tobytes()
