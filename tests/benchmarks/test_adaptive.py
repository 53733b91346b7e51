"""The simulated studies of adaptive seeds, a few of them."""

from benchmarks.adaptive import CASES, MARGIN, measure, study
from rlbench.stats import Design


def index(name):
    return next(i for i, case in enumerate(CASES) if case.name == name)


def test_far_apart_stops_early_and_equals_with_a_wide_spread_reach_the_cap():
    far, equal = (measure(index(name), 4, 100) for name in ("2 two spreads apart", "2 equal, one run in five fails"))
    assert far["better"] == 1 and far["wrong_any"] == 0 and far["runs"] < 0.6
    assert equal["undecided"] > 0 and equal["runs"] > 0.8 and equal["equivalent"] + equal["better"] < 1


def test_a_study_is_the_same_again_and_counts_the_runs_of_pairs_that_are_open():
    case = CASES[index("2 equal, a third far better")]
    found, taken, cap = study(case, (1, 2), 200)
    assert (found, taken, cap) == study(case, (1, 2), 200) and cap == 3 * 30
    assert found[0, 2] == found[1, 2] == "better" and taken <= cap


def test_the_margin_of_the_cases_is_the_default_one():
    assert Design().margin == MARGIN
