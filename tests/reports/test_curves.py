"""Curves against time and over tasks, and which algorithms are compared over which."""

import numpy as np
import pytest
from support.report_pages import TASK, group, play, suite_of

from rlbench.analysis import Results
from rlbench.analysis.learning_curves import LearningCurves
from rlbench.api import Task
from rlbench.reports.curves_over_time import POINTS, curves_at_times
from rlbench.reports.sample_efficiency import efficiency_figure
from rlbench.reports.task_panels import panels

ACROBOT = Task("Acrobot-v1", 100, TASK.evaluation)
PENDULUM = Task("Pendulum-v1", 100, TASK.evaluation)


def test_against_time_a_curve_begins_with_the_slowest_first_evaluation_and_is_held_to_the_last_end():
    returns = np.array([[0.0, 10.0], [0.0, 20.0]])
    clock = np.array([[1.0, 2.0], [2.0, 4.0]])
    grid = LearningCurves("a", "t", np.array([1.0, 2.0]), returns, returns, clock, clock, np.zeros(2, bool), ("x", "y"))
    times, values = curves_at_times(grid, clock)
    assert (times[0], times[-1], len(times)) == (2.0, 4.0, POINTS)
    assert values[0].tolist() == [10.0] * POINTS  # through at 2 s, held
    assert values[1] == pytest.approx(np.linspace(0.0, 20.0, POINTS))


def test_a_run_that_diverged_counts_with_its_score_once_its_clock_has_stopped():
    nan = np.nan
    returns, counted = np.array([[5.0, nan], [0.0, 20.0]]), np.array([[5.0, -9.0], [0.0, 20.0]])
    clock = np.array([[1.0, nan], [2.0, 4.0]])
    grid = LearningCurves(
        "a", "t", np.array([1.0, 2.0]), returns, counted, clock, clock, np.array([True, False]), ("x", "y")
    )
    assert curves_at_times(grid, clock)[1][0].tolist() == [-9.0] * POINTS


def scored(root, tasks):
    """A folder in which each algorithm has five runs on its tasks."""
    groups = [group(n, 5, task, n, {"n": n}) for n, own in tasks.items() for task in own]
    store = suite_of(root, groups)
    for g in groups:
        grid = [[(50, 100.0 + i), (100, 200.0 + i)] for i in range(5)]
        play(store, g, [200.0 + i for i in range(5)], grid)
    return Results(store)


def test_algorithms_are_compared_over_tasks_that_all_of_them_have(tmp_path):
    readings = scored(tmp_path, {"discrete": [TASK, ACROBOT], "both": [TASK, ACROBOT, PENDULUM], "sac": [PENDULUM]})
    found = panels(readings.final_scores, anchored=True)
    assert [(panel.tasks, panel.algorithms) for panel in found] == [
        (("CartPole-v1", "Acrobot-v1"), ("discrete", "both")),
    ]  # alone on all three tasks "both" has nobody beside it, and one task alone has figures of its own


def test_a_task_without_anchors_is_in_no_normalised_panel(tmp_path):
    other = Task("Mine-v0", 100, TASK.evaluation)
    readings = scored(tmp_path, {"a": [TASK, other], "b": [TASK, other]})
    assert [panel.tasks for panel in panels(readings.final_scores, anchored=True)] == [("CartPole-v1",)]
    assert [panel.tasks for panel in panels(readings.final_scores, anchored=False)] == [("CartPole-v1", "Mine-v0")]


def test_sample_efficiency_is_the_iqm_between_the_anchors_at_shares_of_the_budget(tmp_path):
    readings = scored(tmp_path, {"a": [TASK], "b": [TASK]})
    (panel,) = panels(readings.final_scores, anchored=True)
    axes = efficiency_figure(panel, readings).draw().axes[0]
    line = next(line for line in axes.lines if len(line.get_xdata()) == 25)
    anchors = readings.final_scores.anchors["CartPole-v1"]
    wanted = (np.interp(np.linspace(0.04, 1, 25) * 100, [50, 100], [102.0, 202.0]) - anchors.lower) / (
        anchors.upper - anchors.lower
    )
    assert line.get_ydata() == pytest.approx(wanted)
