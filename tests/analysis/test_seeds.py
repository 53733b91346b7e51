"""What a suite's seeds can show, from what is planned alone; the numbers are made by hand."""

from math import comb

import numpy as np
import pytest
from numpy.random import PCG64, Generator, SeedSequence

from rlbench.analysis.seed_count import reach_of
from rlbench.api import RunGroup, Task
from rlbench.cli.seed_advice import advice
from rlbench.stats import two_sample_test


def groups(seeds, tasks=("CartPole-v1",)):
    """A group on each task for each algorithm, with so many seeds."""
    return [RunGroup(name, {}, Task(env, 100), tuple(range(n)), name) for name, n in seeds.items() for env in tasks]


def test_five_seeds_cannot_decide_a_pair_among_many():
    """Of 5 against 5 the IQM cuts one run at each end: 2·2 of 252 splits are as far out as the furthest. Ten pairs: 0.159."""
    found = reach_of(groups({"random": 5, **dict.fromkeys("abcde", 5)}))
    assert (found.pairs, found.decidable, found.pairs_over_tasks, found.learners) == (10, 0, 0, 5)
    assert found.smallest_p == pytest.approx(10 * 2 * comb(2, 1) / comb(10, 5))
    # 6 against 6: 2·2 / 924 · 10 = 0.043
    assert found.seeds_needed == 6 and found.described == {}
    assert advice(found) == [
        "5 seeds cannot decide any of the 10 pairs on single tasks, whatever the scores: 6 seeds each are needed"
    ]


def test_ten_seeds_can_decide_a_pair():
    """10 against 10 cut two each: 2·C(4, 2) / C(20, 10), times the 30 pairs of five learners on three tasks."""
    found = reach_of(groups(dict.fromkeys("abcde", 10), ("X", "Y", "Z")), anchored={"X", "Y"})
    assert (found.pairs, found.decidable, found.pairs_over_tasks) == (30, 30, 10)
    assert found.smallest_p == pytest.approx(30 * 12 / 184_756)
    assert advice(found) == [
        "10 seeds: 30 pairs on single tasks; the smallest possible p after Holm's correction is 0.0019,"
        " so every pair can be decided",
        f"a difference of {found.deviations:.1f} standard deviations (normal scores) is shown with a power of 80 %"
        " for the first of these pairs; `rlbench power` estimates this from real runs",
        "over all tasks: 10 pairs, a separate family of tests",
    ]


def test_those_with_few_seeds_are_named_and_only_described():
    """Three pairs: 10 against 10 pass, 12 / 184 756 · 3; 10 against 3 have too few for a verdict whatever their p."""
    found = reach_of(groups({"a": 10, "b": 10, "a3c": 3}))
    assert (found.seeds, found.pairs, found.decidable, found.described) == ((3, 10), 3, 1, {"a3c": 3})
    assert found.smallest_p == pytest.approx(3 * 12 / 184_756)
    first, _, second = advice(found)
    assert first.startswith("3 to 10 seeds: 3 pairs on single tasks") and first.endswith(
        "so 1 of them can be decided; the others need 5 seeds each"
    )
    assert second == "described but not tested, with fewer than 5 seeds: a3c (3)"


def test_one_pair_of_five_seeds_can_be_decided_and_of_three_it_takes_five():
    five, three = (reach_of(groups({"a": n, "b": n})) for n in (5, 3))
    assert advice(five)[0] == (
        "5 seeds: 1 pair on a single task; the smallest possible p after Holm's correction is 0.016,"
        " so it can be decided"
    )
    assert three.deviations is None
    assert advice(three) == [
        "3 seeds cannot decide the only pair on a single task, whatever the scores: 5 seeds each are needed",
        "with fewer than 5 seeds, an algorithm is described but not tested",
    ]


def test_the_deviations_it_takes_are_those_that_the_test_shows_four_times_in_five():
    n, draw = 10, Generator(PCG64(SeedSequence(0)))
    apart = reach_of(groups({"a": n, "b": n})).deviations
    shown = [
        two_sample_test([draw.normal(apart, 1, n)], [draw.normal(0, 1, n)], draw, permutations=299, exact_up_to=0).p
        <= 0.05
        for _ in range(300)
    ]
    assert 0.7 < np.mean(shown) < 0.9
    assert reach_of(groups(dict.fromkeys("abcdef", n))).deviations > apart


def test_a_pair_shares_the_tasks_that_both_have_and_over_all_tasks_it_takes_two_with_anchors():
    planned = groups({"a": 5, "b": 5}, ("X", "Y")) + groups({"c": 5}, ("Y", "Z")) + groups({"d": 5}, ("W",))
    found = reach_of(planned, anchored={"X", "Y", "Z"})
    assert (found.pairs, found.pairs_over_tasks) == (4, 1)  # a-b on X and Y, a-c and b-c on Y
    assert reach_of(planned, anchored={"Y"}).pairs_over_tasks == 0


def test_seeds_of_groups_that_were_parted_are_counted_together():
    halves = [RunGroup(n, {}, Task("X", 100), part, n) for n in "ab" for part in ((0, 1, 2), (3, 4))]
    assert reach_of(halves).seeds == (5, 5)


@pytest.mark.parametrize("seeds", [{}, {"random": 5}, {"random": 5, "a": 5}])
def test_where_there_is_nothing_to_compare_nothing_is_said(seeds):
    found = reach_of(groups(seeds))
    assert (found.pairs, found.smallest_p) == (0, None) and advice(found) == []
