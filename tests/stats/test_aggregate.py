"""Point estimates against hand numbers, scipy and loops that hold one run at a time."""

from fractions import Fraction

import numpy as np
import pytest
from scipy import stats

from rlbench.stats import (
    bootstrap_interval,
    difference,
    iqm,
    iqm_of_draws,
    normalise,
    optimality_gap,
    overall_iqm,
    overall_mean,
    overall_median,
    per_task,
    permutation_test,
    pooled_median,
    probability_of_improvement,
)
from rlbench.stats.samples import as_pairs

RAGGED = {"a": [1.0, 2.0, 3.0], "b": [0.0, 10.0], "c": [4.0, 4.0, 5.0, 9.0]}


def pooled(scores):
    """Every run with its exact weight, ascending; weights sum to one."""
    return sorted((Fraction(x), Fraction(1, len(scores) * len(runs))) for runs in scores for x in runs)


def slow_iqm(scores):
    """Whole or part runs are taken one after the other from the middle of the weight, in exact arithmetic."""
    runs = pooled(scores)
    cut = Fraction(len(runs) // 4, len(runs))
    passed = total = Fraction(0)
    for value, weight in runs:
        inside = min(passed + weight, 1 - cut) - max(passed, cut)
        total += value * max(Fraction(0), inside)
        passed += weight
    return float(total / (1 - 2 * cut))


def slow_median(scores):
    passed, lower, upper = Fraction(0), None, None
    for value, weight in pooled(scores):
        passed += weight
        lower = value if lower is None and passed >= Fraction(1, 2) else lower
        upper = value if upper is None and passed > Fraction(1, 2) else upper
    return float((lower + upper) / 2)


@pytest.mark.parametrize(("runs", "tasks"), [(1, 1), (3, 1), (5, 4), (10, 15), (7, 3)])
def test_the_overall_iqm_of_equal_run_counts_is_scipys_trimmed_mean_of_all_runs(runs, tasks):
    scores = np.random.default_rng(runs).standard_normal((tasks, runs))
    assert overall_iqm(scores) == pytest.approx(stats.trim_mean(scores, 0.25, axis=None), abs=1e-12)


def test_runs_of_unequal_tasks_weigh_one_over_their_number():
    """By hand: weights 1/9 (a), 1/6 (b), 1/12 (c), of which 2/9 goes at each end: b's 0 and half of a's 1 (1/18), b's 10
    and two thirds of c's 9. Left are 1/18·1 + 1/9·2 + 1/9·3 + 1/6·4 + 1/12·5 + 1/36·9 = 70/36, over 5/9."""
    assert overall_iqm(RAGGED) == pytest.approx(3.5, abs=1e-12)
    assert overall_mean(RAGGED) == pytest.approx((2 + 5 + 5.5) / 3, abs=1e-12)
    assert overall_median(RAGGED) == 5


@pytest.mark.parametrize("seed", range(20))
def test_ragged_estimates_agree_with_exact_loops(seed):
    rng = np.random.default_rng(seed)
    scores = [rng.integers(-4, 5, rng.integers(1, 9)) / 4 for _ in range(rng.integers(1, 6))]
    assert overall_iqm(scores) == pytest.approx(slow_iqm(scores), abs=1e-9)
    assert pooled_median(scores) == pytest.approx(slow_median(scores), abs=1e-9)
    gaps = [np.mean([max(0.0, 1 - x) for x in runs]) for runs in scores]
    assert optimality_gap(scores) == pytest.approx(np.mean(gaps), abs=1e-9)


def test_ties_between_tasks_of_unequal_weight_have_no_order():
    scores = [[0.0, 1.0, 1.0], [1.0, 1.0, 0.0, 0.0, 1.0, 1.0, 1.0]]
    turned = [[-x for x in reversed(runs)] for runs in reversed(scores)]
    assert overall_iqm(turned) == pytest.approx(-overall_iqm(scores), abs=1e-12)


def test_of_one_task_the_pooled_median_is_numpys():
    for n in range(1, 9):
        runs = np.random.default_rng(n).standard_normal(n)
        assert pooled_median([runs]) == pytest.approx(np.median(runs), abs=1e-15)


@pytest.mark.parametrize("statistic", [overall_iqm, overall_mean, overall_median, pooled_median, optimality_gap])
def test_a_batch_is_its_members_one_by_one(statistic):
    rng = np.random.default_rng(1)
    batch = [rng.standard_normal((2, 5, n)) for n in (3, 4, 7)]
    single = [[float(statistic([runs[i, j] for runs in batch])) for j in range(5)] for i in range(2)]
    assert statistic(batch) == pytest.approx(np.array(single), abs=1e-12)


def test_estimates_of_each_task_keep_their_names():
    assert per_task(RAGGED, overall_iqm) == {name: pytest.approx(iqm(np.array(runs))) for name, runs in RAGGED.items()}


def test_normalised_scores_are_zero_and_one_at_the_anchors():
    scaled = normalise({"Pendulum-v1": [-1230.0, -150.0, -690.0]}, {"Pendulum-v1": -1230}, {"Pendulum-v1": -150})
    assert scaled["Pendulum-v1"].tolist() == [0, 1, 0.5]


def test_a_task_without_anchors_or_with_inverted_ones_is_refused():
    with pytest.raises(ValueError, match="'a' has no anchors"):
        normalise({"a": [1.0]}, {}, {"a": 1})
    with pytest.raises(ValueError, match="'a': the upper anchor 1.0 is not above the lower anchor 2.0"):
        normalise({"a": [1.0]}, {"a": 2}, {"a": 1})


@pytest.mark.parametrize(
    "call",
    [
        overall_iqm,
        overall_mean,
        overall_median,
        pooled_median,
        optimality_gap,
        lambda scores: bootstrap_interval(scores, overall_iqm, np.random.default_rng(0)),
        lambda scores: difference(scores, scores, overall_iqm, np.random.default_rng(0)),
        lambda scores: permutation_test(scores, scores, np.random.default_rng(0)),
        lambda scores: probability_of_improvement(scores, scores, np.random.default_rng(0)),
    ],
)
@pytest.mark.parametrize("bad", [np.nan, np.inf])
def test_a_number_that_is_none_is_refused_and_named(call, bad):
    with pytest.raises(ValueError, match=r"task 'b': run 1 \(from 0\) is (nan|inf), which is not a score"):
        call({"a": [1.0, 2.0], "b": [1.0, bad, 3.0]})


def test_an_iqm_is_not_taken_of_nan_though_sorting_would_cut_it_off():
    with pytest.raises(ValueError, match="NaN"):
        iqm(np.array([1.0, 2.0, 3.0, np.nan]))


def test_no_task_an_empty_task_and_unlike_tasks_are_refused():
    with pytest.raises(ValueError, match="no scores"):
        overall_iqm([])
    with pytest.raises(ValueError, match="'1' has no scores"):
        overall_iqm([[1.0], []])
    with pytest.raises(ValueError, match="only one has: b, c"):
        as_pairs({"a": [1.0], "b": [1.0]}, {"a": [1.0], "c": [1.0]})
    with pytest.raises(ValueError, match="two mappings or two sequences"):
        as_pairs({"0": [1.0]}, [[1.0]])


def test_tasks_of_two_sides_are_matched_by_name_not_by_place():
    pairs = as_pairs({"a": [1.0], "b": [2.0]}, {"b": [20.0], "a": [10.0]})
    assert {name: (left[0], right[0]) for name, (left, right) in pairs.items()} == {"a": (1, 10), "b": (2, 20)}


def test_the_iqm_of_draws_is_to_the_bit_that_of_the_scores_drawn():
    draw = np.random.default_rng(2)
    scores = np.round(draw.standard_normal(11), 1)  # some of them tie
    picks = draw.integers(11, size=(200, 7))
    assert iqm_of_draws(scores)(picks).tolist() == iqm(scores[picks]).tolist()
    with pytest.raises(ValueError, match="NaN"):
        iqm_of_draws(np.array([1.0, np.nan]))
