"""Permutation tests against scipy, an enumeration by loops, and hand numbers; Holm against a published example."""

import math
from itertools import combinations, product

import numpy as np
import pytest
from scipy import stats

from rlbench.stats import holm, iqm, overall_iqm, overall_mean, permutation_test, runs_needed, smallest_p, too_few
from rlbench.stats.permutation import _every_difference_of_iqms, every_split


def rng(seed=0):
    return np.random.default_rng(seed)


def every_difference(ours, theirs, statistic):
    """All relabellings within each task, one at a time."""
    splits = []
    for left, right in zip(ours, theirs):
        pool = [*left, *right]
        places = range(len(pool))
        chosen = combinations(places, len(left))
        splits.append([([pool[i] for i in c], [pool[i] for i in places if i not in c]) for c in chosen])
    return np.array(
        [float(statistic([a for a, _ in sides]) - statistic([b for _, b in sides])) for sides in product(*splits)]
    )


@pytest.mark.parametrize("alternative", ["two-sided", "greater", "less"])
@pytest.mark.parametrize("statistic", [overall_mean, overall_iqm])
def test_one_task_is_scipys_exact_test(statistic, alternative):
    ours, theirs = rng(1).normal(0.6, 1, 5), rng(2).standard_normal(5)

    def between(left, right, axis=-1):
        return statistic([np.moveaxis(left, axis, -1)]) - statistic([np.moveaxis(right, axis, -1)])

    found = permutation_test([ours], [theirs], rng(), statistic, alternative)
    peer = stats.permutation_test((ours, theirs), between, n_resamples=np.inf, alternative=alternative, vectorized=True)
    assert (found.difference, found.p) == pytest.approx((peer.statistic, peer.pvalue), abs=1e-9)
    assert found.exact and found.splits == math.comb(10, 5)


@pytest.mark.parametrize("statistic", [overall_mean, overall_iqm])
@pytest.mark.parametrize("counts", [[(4, 3)], [(3, 3), (2, 4)], [(2, 2), (3, 2), (1, 3)]])
def test_splits_of_all_tasks_are_every_combination_of_splits_within_tasks(statistic, counts):
    ours = [rng(n).standard_normal(n) for n, _ in counts]
    theirs = [rng(9 + m).standard_normal(m) for _, m in counts]
    every = every_difference(ours, theirs, statistic)
    found = permutation_test(ours, theirs, rng(), statistic)
    far = np.abs(every) >= abs(found.difference) - 1e-12
    assert found.p == pytest.approx(far.mean(), abs=1e-12) and found.splits == len(every)
    assert found.smallest == pytest.approx((np.abs(every) >= np.abs(every).max() - 1e-12).mean(), abs=1e-12)


@pytest.mark.parametrize("n, m", [(5, 5), (6, 6), (6, 5), (3, 7), (1, 2), (2, 2)])
def test_all_splits_of_one_task_have_the_bits_of_each_counted_for_itself(n, m):
    for decimals in (1, 17):  # with ties, and without
        ours, theirs = (np.round(rng(seed).standard_normal(count), decimals) for seed, count in enumerate((n, m)))
        splits = every_split([(ours, theirs)], math.comb(n + m, n))
        alone = np.concatenate([iqm(left) - iqm(right) for (left,), (right,) in splits])
        assert _every_difference_of_iqms(ours, theirs).tobytes() == alone.tobytes()


def test_labels_never_cross_tasks():
    """Tasks of unlike scale: only 2 x 2 splits exist, so p cannot fall below one half."""
    assert permutation_test([[1.0], [1000.0]], [[0.0], [900.0]], rng(), overall_mean).p == 0.5


def test_runs_are_not_paired_by_seed():
    ours, theirs = rng(1).standard_normal((1, 6)), rng(2).standard_normal((1, 6))
    shuffled = rng(3).permutation(theirs, axis=1)
    assert permutation_test(ours, theirs, rng()).p == permutation_test(ours, shuffled, rng()).p


def test_drawn_splits_agree_with_all_of_them():
    ours, theirs = rng(1).normal(0.8, 1, (2, 5)), rng(2).standard_normal((2, 5))
    exact = permutation_test(ours, theirs, rng())
    drawn = permutation_test(ours, theirs, rng(), permutations=50_000, exact_up_to=0)
    assert exact.exact and not drawn.exact and drawn.splits == 50_000
    assert drawn.p == pytest.approx(exact.p, abs=4 * math.sqrt(exact.p * (1 - exact.p) / 50_000))


def test_a_drawn_p_counts_the_observed_split_and_is_never_zero():
    found = permutation_test([np.arange(30.0) + 1000], [np.arange(30.0)], rng(), permutations=99)
    assert found.p == found.smallest == 1 / 100


def test_p_is_one_where_all_runs_are_equal():
    found = permutation_test([[0.1] * 5], [[0.1] * 5], rng())
    assert (found.difference, found.p, found.smallest) == (0, 1, 1)


def test_rounding_does_not_make_equal_differences_unequal():
    """0.1 + 0.2 + 0.3 sums differently in another order; the mirror image of the observed split counts all the same."""
    found = permutation_test([[0.1, 0.2, 0.3]], [[0.4, 0.5, 0.6]], rng(), overall_mean)
    assert found.p == pytest.approx(2 / 20)


def test_under_the_null_p_is_at_most_alpha_in_at_most_alpha_of_studies():
    """400 studies at 10 %: the standard error is 1.5 %."""
    draw = rng(0)
    p = [permutation_test(draw.standard_normal((2, 4)), draw.standard_normal((2, 4)), draw).p for _ in range(400)]
    assert 0.05 <= np.mean(np.array(p) <= 0.1) <= 0.15


@pytest.mark.parametrize(("n", "m"), [(2, 2), (3, 3), (4, 4), (5, 5), (6, 6), (4, 6), (5, 3)])
@pytest.mark.parametrize("statistic", [overall_mean, overall_iqm])
def test_the_smallest_p_is_that_of_complete_separation(n, m, statistic):
    ours, theirs = rng(1).random(n) * 0.3 + 5, rng(2).random(m)
    found = permutation_test([ours], [theirs], rng(), statistic)
    assert found.p == found.smallest == pytest.approx(smallest_p(n, m, statistic), abs=1e-12)


def test_how_many_runs_a_family_needs():
    """The mean: 2/252 at n = 5, 2/924 at n = 6. The IQM of 5 leaves the ends free, which doubles it; of 4 it has 4/70."""
    assert smallest_p(5, 5, overall_mean) == 2 / 252 and smallest_p(5, 5) == 4 / 252
    assert runs_needed(1, statistic=overall_mean) == 4 and runs_needed(1) == 5
    assert runs_needed(10, statistic=overall_mean) == 6 and runs_needed(10) == 6
    assert too_few(5, 5, 10) == "n too small for 10 pairs: needs n >= 6"
    assert too_few(3, 3, 1) == "n too small for 1 pair: needs n >= 5"
    assert too_few(10, 10, 100) == ""


@pytest.mark.parametrize("pairs", [1, 3, 15, 200])
def test_the_runs_needed_are_the_fewest(pairs):
    n = runs_needed(pairs)
    assert pairs * smallest_p(n, n) <= 0.05 < pairs * smallest_p(n - 1, n - 1)


def test_holm_by_hand():
    """0.01·4 = 0.04; 0.02·3 = 0.06; 0.03·2 = 0.06; 0.04 alone would fall below it; the order given is kept."""
    found = holm({"d": 0.04, "a": 0.01, "c": 0.03, "b": 0.02})
    assert list(found) == ["d", "a", "c", "b"]
    assert found == pytest.approx({"a": 0.04, "b": 0.06, "c": 0.06, "d": 0.06})


def test_holm_is_the_step_down_procedure():
    """Reject the smallest while p ≤ α / (those left); an adjusted p at most α says the same."""
    p = {str(i): float(x) for i, x in enumerate(rng(4).random(12) ** 4)}
    for alpha in (0.01, 0.05, 0.2):
        rejected = set()
        for rank, name in enumerate(sorted(p, key=p.get)):
            if p[name] > alpha / (len(p) - rank):
                break
            rejected.add(name)
        assert rejected == {name for name, adjusted in holm(p).items() if adjusted <= alpha}


def test_what_is_no_test_is_refused():
    with pytest.raises(ValueError, match="two-sided, greater, less"):
        permutation_test([[1.0]], [[1.0]], rng(), alternative="bigger")
    with pytest.raises(ValueError, match="p of 'a' is 1.5"):
        holm({"a": 1.5})
    with pytest.raises(ValueError, match="at least one on each side"):
        smallest_p(0, 3)
    with pytest.raises(ValueError, match="at least one pair"):
        runs_needed(0)


class Coarse:
    """Draws that are often equal."""

    def __init__(self, seed):
        self.draws = rng(seed)

    def random(self, shape):
        return np.round(self.draws.random(shape), 1)


@pytest.mark.parametrize("draws", [rng, Coarse])
@pytest.mark.parametrize("tasks", [1, 3])
def test_drawn_splits_of_the_iqm_give_the_p_of_any_statistic_with_its_numbers(tasks, draws):
    draw = rng(1)
    ours, theirs = np.round(draw.standard_normal((tasks, 6)), 1), draw.standard_normal((tasks, 9))
    one = permutation_test(ours, theirs, draws(2), permutations=500, exact_up_to=0)
    other = permutation_test(ours, theirs, draws(2), lambda sides: overall_iqm(sides), permutations=500, exact_up_to=0)
    assert one == other and 0.01 < one.p < 1
