"""Which pairs are decided when, and how often that is wrong."""

import math

import numpy as np
import pytest
from numpy.random import PCG64, Generator, SeedSequence

from rlbench.stats import iqm
from rlbench.stats.sequential_design import BETTER, EQUIVALENT, UNDECIDED, Design, PairTest, interim_results, pairs_of


def draws():
    return Generator(PCG64(SeedSequence(0)))


def followed(design, sides, rows=500, exact_up_to=300):
    """What becomes of every pair when algorithms are given groups until they are decided. sides: groups by algorithm."""
    family = pairs_of({name: ["task"] for name in sides})
    decided, last = {}, {}
    for look in range(1, design.looks + 1):
        scores = {name: {"task": groups[:look]} for name, groups in sides.items()}
        tests = {(a, b): PairTest(design, scores[a], scores[b], draws, rows, exact_up_to) for a, b in family}
        for reading in interim_results(design, tests, family, decided, look):
            pair = (reading.ours, reading.theirs)
            decided[pair], last[pair] = reading.outcome, reading
    return last


def normal(seed, mean, spread=1.0, looks=6, size=5):
    draw = Generator(PCG64(SeedSequence(seed)))
    return [draw.normal(mean, spread, size) for _ in range(looks)]


def test_far_apart_is_decided_at_the_first_look_and_the_higher_one_is_better():
    (reading,) = followed(Design(), {"a": normal(1, 0, 0.1), "b": normal(2, 1, 0.1)}).values()
    assert (reading.outcome, reading.winner, reading.look) == (BETTER, "b", 1)
    assert -reading.difference > reading.boundary > 0


def test_of_three_pairs_the_first_needs_a_third_of_alpha_and_so_a_second_look():
    """5 against 5 reach 2/252 at best, above 0.05/6/3; the rest of the family is stepped down to."""
    found = followed(Design(), {"a": normal(1, 0, 0.1), "b": normal(2, 1, 0.1), "c": normal(3, 2, 0.1)})
    assert {(r.outcome, r.look, r.winner) for r in found.values()} == {(BETTER, 2, "b"), (BETTER, 2, "c")}


def test_step_down_gives_the_share_of_a_rejected_pair_to_the_others():
    """Two pairs far apart go at alpha/3 and alpha/2; the boundary of the third is then that of a family of its own."""
    sides = {"a": normal(1, 0, 0.1), "b": normal(2, 5, 1), "c": normal(3, 5, 1)}
    third = followed(Design(margin=None, looks=2), sides)["b", "c"]
    alone = followed(Design(margin=None, looks=2), {name: sides[name] for name in "bc"})["b", "c"]
    assert third.outcome == UNDECIDED and third.boundary == alone.boundary


def test_equal_scores_are_equivalent_once_half_of_the_looks_are_over():
    same = [np.ones(5)] * 6
    (reading,) = followed(Design(), {"a": same, "b": same}).values()
    assert (reading.outcome, reading.look, reading.winner) == (EQUIVALENT, Design().first_equivalence, "")
    assert reading.look == 3 and all(boundary < 0.05 for boundary in reading.within)


def test_without_a_margin_nothing_is_equivalent_and_the_cap_leaves_it_undecided():
    same = [np.ones(5)] * 6
    (reading,) = followed(Design(margin=None), {"a": same, "b": same}).values()
    assert (reading.outcome, reading.look, reading.within) == (UNDECIDED, 6, None)


def test_a_pair_is_compared_on_the_tasks_it_shares():
    family = pairs_of({"a": ["x", "y"], "b": ["y"], "c": ["z"]})
    assert family == [("a", "b")]
    far, near = [np.arange(5.0)], [np.arange(5.0) + 0.1]
    test = PairTest(Design(), {"x": far, "y": far}, {"y": near}, draws)
    (reading,) = interim_results(Design(), {("a", "b"): test}, family, {}, 1)
    assert reading.difference == pytest.approx(-0.1)


def test_looks_one_by_one_decide_as_all_groups_read_at_once():
    """A later look extends the rows of an earlier one, so boundaries that were passed are not moved by it."""
    design = Design(looks=4)
    sides = {"a": normal(1, 0, looks=4), "b": normal(2, 0.9, looks=4)}
    (stepwise,) = followed(design, sides).values()
    whole = PairTest(design, {"task": sides["a"]}, {"task": sides["b"]}, draws, 500, 300)
    assert stepwise.outcome == BETTER and 1 < stepwise.look <= 4
    assert [whole.differs(1, look) for look in range(1, 5)] == [look >= stepwise.look for look in range(1, 5)]
    assert whole.result(("a", "b"), stepwise.look, BETTER, 1, 1) == stepwise


def test_the_statistic_is_the_one_that_was_chosen():
    sides = {"a": [np.array([0, 1, 1, 1, 1.0])], "b": [np.zeros(5)]}
    (mean,) = followed(Design(looks=1), sides).values()
    (middle,) = followed(Design(looks=1, statistic="iqm"), sides).values()
    assert mean.difference == 0.8 and middle.difference == iqm(sides["a"][0]) == 1


@pytest.mark.parametrize(
    ("values", "said"),
    [
        ({"alpha": 0}, "alpha is 0"),
        ({"margin": -1}, "the margin is -1"),
        ({"statistic": "median"}, "use one of mean, iqm"),
        ({"group_size": 1}, "2 runs a group"),
        ({"looks": 0}, "use at least 1"),
    ],
)
def test_a_design_that_is_none_is_refused(values, said):
    with pytest.raises(ValueError, match=said):
        Design(**values)


def test_in_a_few_simulated_studies_of_equals_wrong_verdicts_stay_within_alpha():
    """benchmarks/adaptive.py is the table; here 100 studies of three equal algorithms at alpha 0.2, 3 looks at 3 runs."""
    design = Design(alpha=0.2, margin=None, group_size=3, looks=3)
    wrong = 0
    for study in range(100):
        sides = {name: normal((study, i), 0, looks=3, size=3) for i, name in enumerate("abc")}
        wrong += any(r.outcome == BETTER for r in followed(design, sides, rows=200, exact_up_to=500).values())
    assert wrong / 100 <= 0.2 + 2 * math.sqrt(0.2 * 0.8 / 100)
