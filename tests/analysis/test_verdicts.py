"""What two tests, Holm and an interval make of a pair: the word, and the reason where they disagree."""

import dataclasses

import pytest

from rlbench.analysis.verdicts import Row, adjust_verdicts
from rlbench.stats import Interval, overall_iqm


def row(p_permutation, p_welch, low=0.5, high=1.5, tasks=1, wins=0.9, n=20):
    return Row(
        "a",
        "b",
        "t" if tasks == 1 else "",
        tasks,
        (n, n),
        "undecided",
        (2.0, 1.0),
        Interval((low + high) / 2, low, high, 0.95, "percentile"),
        Interval(wins, 0.6, 1.0, 0.95, "percentile"),
        p=max(p_permutation, p_welch),
        p_permutation=p_permutation,
        p_welch=p_welch,
        smallest_p=1e-9,
        runs_to_show=30,
    )


def judged(*rows):
    return adjust_verdicts(rows, overall_iqm, 0.05)


def test_both_tests_decide_and_then_no_number_of_runs_is_named():
    (found,) = judged(row(0.01, 0.02))
    assert (found.verdict, found.p_holm, found.note, found.runs_to_show) == ("better", 0.02, "", None)
    (found,) = judged(row(0.01, 0.02, -1.5, -0.5))
    assert found.verdict == "worse"


def test_a_verdict_beside_an_interval_that_holds_0_says_why():
    (found,) = judged(row(0.01, 0.02, -0.1, 1.5))
    assert found.verdict == "better" and found.note == "the tests decide, although the bootstrap interval includes 0"


@pytest.mark.parametrize(
    ("rows", "why"),
    [
        ([row(0.01, 0.03), row(0.5, 0.5)], "allows for one comparison and not for 2"),
        ([row(0.01, 0.3)], "Welch's t finds too few runs for how much they vary"),
        ([row(0.2, 0.01)], "exchanging labels often gives as large a difference"),
        ([row(0.2, 0.01, tasks=2)], "the tasks differ in who is ahead, or by how much"),
    ],
)
def test_an_interval_that_leaves_0_out_beside_an_undecided_pair_says_why(rows, why):
    found = judged(*rows)[0]
    assert found.verdict == "undecided" and why in found.note and found.runs_to_show == 30


def test_where_both_are_undecided_nothing_needs_a_reason():
    (found,) = judged(row(0.2, 0.3, -0.5, 1.5))
    assert (found.verdict, found.note) == ("undecided", "")


def test_runs_wholly_apart_are_named_before_the_reason():
    (found,) = judged(row(0.2, 0.01, wins=1.0))
    assert found.separated == "a" and found.note.startswith("every run of a scored higher; the interval")
    (found,) = judged(row(0.2, 0.01, wins=0.0))
    assert found.separated == "b"


def test_no_fewer_runs_are_named_than_holm_needs():
    """Of 9 runs against 9 of one task the least p is 2 · 6 / 48 620; a family of 300 needs 10."""
    found = judged(*[dataclasses.replace(row(0.2, 0.2), runs_to_show=7) for _ in range(300)])
    assert {r.runs_to_show for r in found} == {10}
