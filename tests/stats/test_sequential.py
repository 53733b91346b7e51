"""The group-sequential test, against a slow count over every relabelling and against the cases one can do by hand."""

import itertools
import math

import numpy as np
import pytest
from numpy.random import PCG64, Generator, SeedSequence

from rlbench.stats import overall_iqm, overall_mean
from rlbench.stats.sequential import crossing, trajectories, uniform_spending


def generator(seed=0):
    return Generator(PCG64(SeedSequence(seed)))


def data(seed, groups, n, m, tasks=1, shift=0.0):
    """Two sides of normal scores, by group and task."""
    draw = generator(seed)
    return (
        [[draw.normal(shift, 1, n) for _ in range(tasks)] for _ in range(groups)],
        [[draw.normal(0, 1, m) for _ in range(tasks)] for _ in range(groups)],
    )


def slowly(ours, theirs, level, looks):
    """Mean differences of one task by the definition, with lists: the look of the first crossing, and the boundaries."""
    choices = []
    for (left,), (right,) in zip(ours, theirs):
        pool = [*left, *right]
        choices.append(
            [
                ([pool[i] for i in chosen], [pool[i] for i in range(len(pool)) if i not in chosen])
                for chosen in itertools.combinations(range(len(pool)), len(left))
            ]
        )
    paths = []
    for row in itertools.product(*choices):
        path = []
        for look in range(1, len(row) + 1):
            left = [x for group in row[:look] for x in group[0]]
            right = [x for group in row[:look] for x in group[1]]
            path.append(abs(sum(left) / len(left) - sum(right) / len(right)))
        paths.append(path)
    observed, crossed, boundaries, first = paths[0], set(), [], 0
    for look in range(len(ours)):
        alive = [i for i in range(len(paths)) if i not in crossed]
        for value in sorted({paths[i][look] for i in alive}):
            beyond = {i for i in alive if paths[i][look] > value + 1e-12}
            if len(crossed | beyond) <= level * (look + 1) / looks * len(paths) + 1e-9:
                break
        boundaries.append(value)
        crossed |= beyond
        if not first and observed[look] > value + 1e-12:
            first = look + 1
    return first, boundaries, len(crossed) / len(paths)


@pytest.mark.parametrize("shift", [0.0, 1.0, 3.0])
@pytest.mark.parametrize(("n", "m", "groups"), [(2, 2, 3), (3, 2, 2), (3, 3, 2)])
def test_it_is_the_slow_count_over_every_relabelling(n, m, groups, shift):
    for seed in range(3):
        ours, theirs = data(seed, groups, n, m, shift=shift)
        found = crossing(trajectories(ours, theirs, generator()), 0.3, uniform_spending(4))
        look, boundaries, spent = slowly(ours, theirs, 0.3, 4)
        assert found.look == look and found.spent == pytest.approx(spent)
        assert found.boundaries == pytest.approx(boundaries, abs=1e-12)


@pytest.mark.parametrize(("statistic", "ties"), [(overall_mean, False), (overall_mean, True), (overall_iqm, False)])
def test_of_all_relabellings_of_any_scores_at_most_the_level_cross(statistic, ties):
    """So the error is at most the level, whatever the distribution; here 20² relabellings, each taken for the observed."""
    ours, theirs = data(7, 2, 3, 3)
    if ties:
        ours, theirs = ([[np.round(task) for task in group] for group in side] for side in (ours, theirs))
    pools = [np.concatenate([left[0], right[0]]) for left, right in zip(ours, theirs)]
    picks = [list(chosen) for chosen in itertools.combinations(range(6), 3)]
    crossed, spent = 0, set()
    for first, second in itertools.product(picks, picks):
        left = [[pool[chosen]] for pool, chosen in zip(pools, (first, second))]
        right = [[np.delete(pool, chosen)] for pool, chosen in zip(pools, (first, second))]
        found = crossing(trajectories(left, right, generator(), statistic), 0.2, uniform_spending(2))
        crossed += found.look > 0
        spent.add(round(found.spent, 12))
    assert len(spent) == 1 and crossed / 400 == pytest.approx(spent.pop())
    assert crossed / 400 <= 0.2 and (ties or crossed / 400 > 0.15)


def test_five_against_five_wholly_apart_are_decided_at_the_first_of_six_looks_and_not_of_seven():
    """2 of 252 relabellings lie as far out: 2/252 = 0.0079, below 0.05/6 = 0.0083 and above 0.05/7."""
    ours, theirs = [[np.arange(5.0) + 10]], [[np.arange(5.0)]]
    found = trajectories(ours, theirs, generator())
    assert found.exact.shape == (1, 252) and found.drawn is None and found.differences == [10]
    assert crossing(found, 0.05, uniform_spending(6)).look == 1
    assert crossing(found, 0.05, uniform_spending(6)).spent == pytest.approx(2 / 252)
    assert crossing(found, 0.05, uniform_spending(7)).look == 0
    assert crossing(found, 0.05, uniform_spending(12), "above").look == 1  # 1 of 252, below 0.05/12
    assert crossing(found, 0.05, uniform_spending(6), "above").look == 1
    assert crossing(trajectories(theirs, ours, generator()), 0.05, uniform_spending(6), "above").look == 0


def test_drawn_rows_find_the_boundaries_of_all_relabellings():
    ours, theirs = data(3, 3, 4, 4, shift=0.5)
    exact = crossing(trajectories(ours, theirs, generator(), exact_up_to=400_000), 0.2, uniform_spending(3))
    drawn = trajectories(ours, theirs, generator(), rows=50_000, exact_up_to=0)
    assert drawn.exact.shape[0] == 0 and drawn.drawn.shape == (3, 50_001)
    assert crossing(drawn, 0.2, uniform_spending(3)).boundaries == pytest.approx(exact.boundaries, abs=0.03)
    partly = trajectories(ours, theirs, generator(), rows=50_000, exact_up_to=5_000)
    assert partly.exact.shape == (2, 4_900) and partly.drawn.shape == (3, 50_001)
    mixed = crossing(partly, 0.2, uniform_spending(3))
    assert mixed.boundaries[:2] == pytest.approx(exact.boundaries[:2])
    assert mixed.boundaries[2] == pytest.approx(exact.boundaries[2], abs=0.03)


def test_a_later_look_extends_the_rows_of_an_earlier_one():
    ours, theirs = data(5, 4, 3, 3, tasks=2)
    three = trajectories(ours[:3], theirs[:3], generator(9), rows=50, exact_up_to=0)
    four = trajectories(ours, theirs, generator(9), rows=50, exact_up_to=0)
    np.testing.assert_array_equal(four.drawn[:3], three.drawn)


def test_the_observed_row_is_the_difference_of_all_runs_so_far_over_the_tasks():
    ours, theirs = data(5, 3, 3, 2, tasks=2)
    found = trajectories(ours, theirs, generator(), rows=10, exact_up_to=100)
    for look in range(3):
        left, right = (
            [np.concatenate([side[g][t] for g in range(look + 1)]) for t in range(2)] for side in (ours, theirs)
        )
        assert found.differences[look] == pytest.approx(
            np.mean([a.mean() for a in left]) - np.mean([b.mean() for b in right])
        )


def test_equal_scores_never_cross():
    same = [[np.ones(5)]] * 2
    found = crossing(trajectories(same, same, generator()), 0.05, uniform_spending(6))
    assert found.look == 0 and found.spent == 0 and found.boundaries == (0, 0)


def test_the_level_is_spent_in_equal_parts_from_the_look_it_begins_at():
    assert uniform_spending(4) == (0.25, 0.5, 0.75, 1)
    assert uniform_spending(6, 3) == (0, 0, 0.25, 0.5, 0.75, 1)
    assert uniform_spending(1) == (1,)


@pytest.mark.parametrize(
    ("ours", "theirs", "said"),
    [
        ([], [], "the same groups, at least one"),
        ([[[1.0]]], [[[1.0]]] * 2, "1 groups against 2"),
        ([[[1.0]], [[1.0], [2.0]]], [[[1.0]], [[1.0], [2.0]]], "different tasks"),
        ([[[math.nan]]], [[[1.0]]], "is not a score"),
    ],
)
def test_what_cannot_be_tested_is_refused(ours, theirs, said):
    with pytest.raises(ValueError, match=said):
        trajectories(ours, theirs, generator())


def test_levels_sides_and_spending_that_are_none_are_refused():
    found = trajectories(*data(0, 2, 2, 2), generator())
    for level, spending, side in (
        (0, (0.5, 1), "both"),
        (0.1, (1,), "both"),
        (0.1, (1, 0.5), "both"),
        (0.1, (1, 1), "up"),
    ):
        with pytest.raises(ValueError):
            crossing(found, level, spending, side)
    with pytest.raises(ValueError):
        uniform_spending(3, 4)
