"""Curves so far and their chart: numbers by hand, and names as text."""

import re
from xml.etree import ElementTree

import pytest

from rlbench.api.series_styles import series_styles
from rlbench.viewer.curve_chart import chart, short_number, ticks
from rlbench.viewer.live_curves import MOST_POINTS, LiveCurve, live_curve


def test_the_centre_is_the_iqm_over_the_runs_that_have_a_value_at_the_step():
    curve = live_curve("a", [{10: 1, 20: 5}, {10: 2}, {10: 3}, {10: 100}], [])
    assert curve.centre == [(10, 2.5), (20, 5)]  # of four runs the middle two
    assert (curve.kind, curve.runs) == ("evaluation", 4)
    assert curve.singles[0] == [(10, 1), (20, 5)]


def test_training_episodes_are_shown_until_the_first_evaluation():
    assert live_curve("a", [{}, {}], [{5: 7.0}, {5: 9.0}]) == LiveCurve(
        "a", "training", 2, [(5, 8.0)], [[(5, 7.0)], [(5, 9.0)]]
    )
    assert live_curve("a", [{10: 1.0}, {}], [{5: 7.0}, {5: 9.0}]).centre == [(10, 1.0)]
    assert live_curve("a", [{}], [{}]) is None


def test_a_long_curve_keeps_its_ends():
    curve = live_curve("a", [{step: float(step) for step in range(10_000)}], [])
    assert len(curve.centre) == MOST_POINTS and curve.centre[0] == (0, 0) and curve.centre[-1] == (9_999, 9_999)
    assert curve.singles == []  # the one run is the line


@pytest.mark.parametrize(
    ("limits", "most", "expected"),
    [
        ((0, 50_000), 5, [0, 10_000, 20_000, 30_000, 40_000, 50_000]),
        ((-0.3, 1.05), 4, [0, 0.5, 1.0]),
        ((-510, -80), 4, [-400, -200]),
        ((3, 3.4), 4, [3, 3.1, 3.2, 3.3, 3.4]),
    ],
)
def test_ticks_are_round_numbers(limits, most, expected):
    assert ticks(limits, most) == pytest.approx(expected)


@pytest.mark.parametrize(
    ("value", "text"), [(0, "0"), (2500, "2.5k"), (-1e6, "−1M"), (0.02, "0.02"), (1e13, "1e+13"), (-150, "−150")]
)
def test_ticks_are_short(value, text):
    assert short_number(value) == text


def test_points_lie_where_they_belong():
    svg = ElementTree.fromstring(
        chart("t", [live_curve("a", [{0: 0.0, 50: 10.0, 100: 5.0}], [])], 100, series_styles(["a"]))
    )
    # 344 of 400 units wide from 46 on; 198 of 240 high from 8 on, with a margin of a twentieth of 10 on either side.
    numbers = [float(n) for n in re.findall(r"[\d.]+", svg.find(".//path").get("d"))]
    assert numbers == pytest.approx([46, 197, 218, 17, 390, 107], abs=0.06)


@pytest.mark.parametrize("value", [0.0, -7.0, 1e100, -1e100, 1e-300])
def test_one_point_of_any_size_can_be_drawn(value):
    svg = chart("t", [live_curve("a", [{100: value}], [])], 100, series_styles(["a"]))
    ElementTree.fromstring(svg)
    assert "nan" not in svg and "inf" not in svg


def test_names_in_a_chart_are_text():
    bad = "<script>alert(1)</script>\"' onload=x"
    curve = live_curve(bad, [{1: 1.0}], [])
    svg = ElementTree.fromstring(chart(bad, [curve], 10, series_styles([bad])))
    assert {element.tag for element in svg.iter()} == {"svg", "line", "text", "g", "title", "path", "circle"}
    assert svg.find(".//title").text == bad and set(svg.attrib) == {"viewBox", "role", "aria-label"}
