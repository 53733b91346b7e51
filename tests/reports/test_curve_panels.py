"""Many learning curves as small multiples, and axes over the range of the anchors."""

import numpy as np
import pytest
from support.report_pages import TASK, grid_of, group, page_of, play, suite_of

from rlbench.analysis import Anchors, Results
from rlbench.api import Task
from rlbench.api.sections import Folded, Paragraph
from rlbench.api.series_styles import GREY, series_styles
from rlbench.reports.anchored_axes import view
from rlbench.reports.curve_figures import learning_curves
from rlbench.reports.curves_over_time import clock_figure
from rlbench.reports.curves_over_time import section as time_section
from rlbench.reports.sample_efficiency import efficiency_figure
from rlbench.reports.scores_section import curves_section
from rlbench.reports.svg_figures import Print, save, theme
from rlbench.reports.task_panels import panels as task_panels


def figure_of(names, top=10.0, grey=(), anchors=None):
    curves = [grid_of(np.full((4, 3), top * place) + np.arange(3.0), name) for place, name in enumerate(names, 1)]
    return learning_curves(curves, "t", TASK.evaluation, series_styles(names, grey), "f", anchors=anchors)


def bands(axes):
    return len(axes.collections)


# -- panels ------------------------------------------------------------------------------------------------------
def test_up_to_five_algorithms_share_axes_with_their_bands():
    (axes,) = figure_of(list("abcde")).draw().axes
    assert bands(axes) == 5


def test_six_algorithms_have_a_panel_each_with_one_band_and_the_others_grey():
    figure = figure_of(list("abcdef"))
    panels = [axes for axes in figure.draw().axes if axes.get_visible()]
    assert [axes.get_title(loc="left") for axes in panels] == list("abcdef") and figure.wide
    assert [bands(axes) for axes in panels] == [1] * 6
    colours = [{line.get_color() for line in axes.lines} for axes in panels]
    assert all(len(used) == 2 for used in colours)  # its own, and the ink of all others
    assert list(figure.legend) == []


def test_random_counts_as_no_algorithm_and_is_grey_in_every_panel():
    assert len(figure_of([*"abcde", "random"], grey=["random"]).draw().axes) == 1
    drawn = figure_of([*"abcdef", "random"], grey=["random"]).draw()
    panels = [axes for axes in drawn.axes if axes.get_visible()]
    assert len(panels) == 6 and GREY[0] not in {line.get_color() for axes in panels for line in axes.lines}
    heights = np.concatenate([np.ravel(line.get_ydata()) for line in panels[0].lines])
    assert 71.0 in heights  # random is the seventh: 70 + 1


def test_more_than_twenty_four_share_axes_without_bands():
    (axes,) = figure_of([f"a{i}" for i in range(25)]).draw().axes
    assert bands(axes) == 0


# -- many tasks --------------------------------------------------------------------------------------------------
def results_of(root, tasks, names, evaluated=True):
    chosen = tasks if isinstance(tasks, list) else [Task(f"T{i}-v0", 100, TASK.evaluation) for i in range(tasks)]
    groups = [group(name, 3, task, name, {"n": name}) for task in chosen for name in names]
    store = suite_of(root, groups)
    for g in groups:
        play(store, g, [1.0, 2.0, 3.0], [[(50, 1.0), (100, 2.0)]] * 3 if evaluated else ())
    return Results(store)


@pytest.mark.parametrize("make", [curves_section, time_section])
def test_curves_of_more_than_six_tasks_are_folded(tmp_path, make):
    assert not any(isinstance(part, Folded) for part in make(results_of(tmp_path / "six", 6, ["a"])).parts)
    parts = [p for p in make(results_of(tmp_path / "seven", 7, ["a"])).parts if not isinstance(p, Paragraph)]
    assert [part.summary for part in parts] == [f"T{i}-v0" for i in range(7)]
    assert all(isinstance(part, Folded) for part in parts)


def test_why_there_are_no_curves_is_said_once_for_all_tasks(tmp_path):
    (why,) = curves_section(results_of(tmp_path, 8, ["a"], evaluated=False)).parts
    assert why.text.startswith("T0-v0, T1-v0, T2-v0, T3-v0, T4-v0, T5-v0 and 2 more: There are no learning curves")


def test_curves_against_time_and_over_tasks_have_panels_too(tmp_path):
    results = results_of(tmp_path, [TASK], list("abcdef"))
    (panel,) = task_panels(results.final_scores, anchored=True)
    for figure in (clock_figure(results, TASK.name, "wall_seconds", "f"), efficiency_figure(panel, results)):
        titles = [axes.get_title(loc="left") for axes in figure.draw().axes if axes.get_visible()]
        assert titles == list("abcdef") and figure.wide and list(figure.legend) == []
        assert figure.method.startswith("In each panel one algorithm is in colour")


def test_panels_fit_a_column_of_a_paper(tmp_path):
    names = list("abcdef")
    save(figure_of(names), series_styles(names), tmp_path / "f.svg", printed=Print(width=3.5))
    assert 'width="252pt"' in (tmp_path / "f.svg").read_text()


def test_single_runs_are_hidden_until_the_reader_asks(tmp_path):
    g = group("mine", 3, algorithm="mine")
    store = suite_of(tmp_path, [g])
    play(store, g, [1.0, 2.0, 3.0], [[(50, 1.0), (100, 2.0)]] * 3)
    boxes = [a for tag, a in page_of(store).tags if tag == "input" and a.get("class") == "show-runs"]
    assert boxes and not any("checked" in box for box in boxes)


# -- axes --------------------------------------------------------------------------------------------------------
@pytest.mark.parametrize(
    ("values", "low", "high"),
    [
        ([30.0, 60.0], 0, 100),  # both anchors are always in sight
        ([-10.0, 110.0], -10, 110),  # a little beyond is shown
        ([-900.0, 500.0], -25, 125),  # and no more than a quarter
        ([float("nan"), 50.0], 0, 100),
    ],
)
def test_an_axis_covers_the_anchors_and_up_to_a_quarter_more(values, low, high):
    margin = 0.04 * (high - low)
    assert view([values], 0.0, 100.0) == pytest.approx((low - margin, high + margin))


def test_a_curve_beyond_the_axes_has_an_arrow_at_the_edge():
    anchors = Anchors(0.0, 15.0)
    with theme():
        (axes,) = figure_of(["in", "out"], anchors=anchors).draw().axes  # at 10 … 12 and at 20 … 22
    top = axes.get_ylim()[1]
    assert top < 20
    assert [(line.get_marker(), line.get_ydata()[0]) for line in axes.lines if line.get_marker() == "^"] == [("^", top)]
