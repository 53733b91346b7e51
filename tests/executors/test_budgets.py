"""The step at which imported runs are scored, by hand."""

import pytest

from rlbench.importers import ImportedRecords
from rlbench.importers.imported_records import Row
from rlbench.importers.scored_budget import budget_notes, budget_of, protocol_notes, tasks_of


@pytest.mark.parametrize(
    ("last", "budget"),
    [
        ([300], 300),
        ([10_000] * 4 + [300], 10_000),
        ([10_000, 300], 10_000),
        ([300, 300, 10_000], 300),
        ([10_100, 10_200, 10_300], 10_100),
        ([1_000_000, 999_000, 899_000], 999_000),
        ([100, 100, 200], 100),
        ([0], 1),
    ],
)
def test_a_budget_is_what_half_of_the_runs_reach_but_for_a_tenth(last, budget):
    assert budget_of(last) == budget


def told(seed, last, evaluation=False):
    return ImportedRecords("f", [Row(step, 1.0, 0, evaluation) for step in range(10, last + 1, 10)], "A", "X-v0", seed)


def test_the_budget_and_what_lies_beyond_it_are_said():
    runs = [told(0, 100), told(1, 110), told(2, 30)]
    said = "X-v0: the budget is 100 steps, reached by 2 of 3 runs; skipped: 1 row of 1 run beyond it"
    assert budget_notes(runs, tasks_of(runs, None, None, {})) == [said + "; --steps N sets another"]


def test_runs_of_one_algorithm_that_are_scored_differently_are_said():
    assert protocol_notes([told(0, 100), told(1, 100)]) == []
    (said,) = protocol_notes([told(0, 100), told(1, 100, True)])
    assert said == "A on X-v0: scored in two ways: 1 run by evaluations, 1 run by training episodes"
