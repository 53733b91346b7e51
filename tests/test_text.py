"""Numbers, intervals, counts and times as text, compared with what a person would write."""

import ast
from pathlib import Path

import pytest

from rlbench import text

ROOT = Path(__file__).parents[1]


def test_a_count_of_one_is_singular():
    assert [text.plural(n, "run") for n in (0, 1, 2, 1200)] == ["0 runs", "1 run", "2 runs", "1200 runs"]


def test_a_large_count_has_commas():
    assert [text.counted(n, "row") for n in (0, 1, 1200)] == ["0 rows", "1 row", "1,200 rows"]


def test_neighbouring_numbers_are_joined_to_ranges():
    assert text.ranges([7, 0, 1, 2, 3, 2]) == "0–3, 7"
    assert text.ranges([5, 4, 9]) == "4, 5, 9"


def test_numbers_that_are_one_range_are_shown_as_one_and_others_as_they_are():
    assert text.range_or_list([3, 4, 5]) == "3–5"
    assert text.range_or_list([0, 1]) == "0, 1"
    assert text.range_or_list([5, 1, 2]) == "5, 1, 2"


def test_names_are_joined_as_in_a_sentence_and_too_many_are_counted():
    assert [text.join_names(list("abc")[:n]) for n in range(4)] == ["", "a", "a and b", "a, b and c"]
    assert text.join_names(list("abcd"), most=2) == "a, b and 2 more"


@pytest.mark.parametrize(
    ("seconds", "said"),
    [(7.5, "7.5 s"), (45, "45 s"), (125, "2 min 5 s"), (3600, "1 h"), (5430, "1 h 30 min"), (90_061, "25 h 1 min")],
)
def test_durations_are_said_as_a_person_writes_them(seconds, said):
    assert text.duration(seconds) == said


def test_a_clock_shows_hours_only_if_there_are_some():
    assert [text.clock(s) for s in (0, 59.6, 75, 3661)] == ["0:00", "1:00", "1:15", "1:01:01"]


def test_the_time_in_a_log_has_two_digits_and_no_hours():
    assert [text.log_time(s) for s in (0, 59.6, 75, 3661)] == ["00:00", "00:59", "01:15", "61:01"]


@pytest.mark.parametrize(
    ("value", "shown"),
    [(None, "–"), (float("nan"), "–"), (-12.345, "−12.3"), (0.001234, "0.00123"), (-0.0, "0.0"), (-2e9, "−2e+09")],
)
def test_a_page_has_a_minus_sign_and_as_many_decimals_as_suit_the_number(value, shown):
    assert text.number(value) == shown


def test_the_bounds_of_an_interval_on_a_page_have_the_same_decimals():
    assert text.interval(-1.0, 0.5) == "[−1.00, 0.50]"
    assert text.interval(None, 0.5) == "–"


@pytest.mark.parametrize(
    ("value", "digits", "sign", "among", "shown"),
    [
        (None, 1, "+", (), "–"),
        (12.34, 1, "", (), "12.3"),
        (0.0, 1, "+", (), "+0.0"),
        (-0.01, 1, "+", (-0.012, -0.008), "-0.01"),
        (0.01, 1, "+", (0.02,), "+0.01"),
        (0.01, 1, "+", (-3.0, 5.0), "+0.0"),
        (1e99, 1, "", (), "1e+99"),
        (0.0, 1, "+", (1e99,), "+0"),
        (123456789.0, 1, "", (), "123456789.0"),
    ],
)
def test_a_number_on_the_console_shows_something_and_not_too_much(value, digits, sign, among, shown):
    assert text.console_number(value, digits, sign, among) == shown


def test_an_interval_on_the_console_has_hyphens_and_may_show_every_sign():
    assert text.console_interval(-1.25, 0.5, 2) == "[-1.25, 0.50]"
    assert text.console_interval(-1.25, 0.5, 2, "+") == "[-1.25, +0.50]"
    assert text.console_interval(0.001, 0.002, 1, among=(5.0,)) == "[0.0, 0.0]"
    assert text.console_interval(None, 0.5, 2) == "–"


def test_fixed_numbers_keep_their_decimals_whatever_their_size():
    assert [text.fixed(v, 1) for v in (None, float("nan"), 0.01, -1e13)] == ["–", "–", "0.0", "-10000000000000.0"]
    assert text.fixed_interval(0.01, 2, 1) == "[0.0, 2.0]"
    assert text.fixed_interval(0.01, None, 1) == "–"


def test_significant_digits_suit_any_size():
    assert [text.significant(v) for v in (None, 1234567.0, 0.00001234567)] == ["–", "1.23457e+06", "1.23457e-05"]


def test_a_number_in_a_sentence_is_rounded_to_what_one_reads():
    assert [text.rounded(v) for v in (0.05, 12.0, 123.456)] == ["0.05", "12", "123.5"]


def test_no_command_and_no_other_module_has_its_own_of_these():
    """A public function of the same name, or a private one of a command, would be a second form of the same thing."""
    own = {name for name, value in vars(text).items() if getattr(value, "__module__", "") == text.__name__}
    own |= {f"_{name}" for name in own}
    for path in {*ROOT.glob("rlbench/**/*.py")} - {Path(text.__file__)}:
        defined = {node.name for node in ast.parse(path.read_text()).body if isinstance(node, ast.FunctionDef)}
        assert not {name for name in defined & own if name[0] != "_" or "cli" in path.parts}, path


def test_bytes_are_in_the_unit_that_leaves_up_to_three_digits():
    sizes = {0: "0 B", 999: "999 B", 1_000: "1.0 kB", 69_793: "69.8 kB", 125_888: "126 kB", 999_949: "1.0 MB"}
    sizes |= {3_000_000_000: "3.0 GB", 150e9: "150 GB", 2e15: "2,000,000 GB"}
    assert {size: text.data_size(size) for size in sizes} == sizes
