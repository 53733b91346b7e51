"""What sweeps say, in numbers one can do by hand."""

import numpy as np
import pytest

from rlbench.analysis.sensitivity import sensitivity
from rlbench.results.run_rows import RunRow
from rlbench.stats import iqm


def swept(*algorithms):
    return {"name": "swept", "algorithms": list(algorithms)}


def runs(scores, environment="CartPole-v1"):
    rest = {"status": "done", "message": "", "training_return": np.nan, "steps": 10, "budget": 10}
    rest |= {"resume": "exact", "metering": "boundary", "score_from": "evaluation"}
    return [
        RunRow(label, label, environment, i, f"{label}{i}", score=score, **rest)
        for label, values in scores.items()
        for i, score in enumerate(values)
    ]


GRID = {"id": "dqn", "sweep": {"learning_rate": [1, 2], "depth": [3, 4]}}
SCORES = {
    "random": [0, 0],
    "dqn learning_rate=1, depth=3": [1, 2, 3, 4],
    "dqn learning_rate=1, depth=4": [5, 6, 7, 8],
    "dqn learning_rate=2, depth=3": [9, 9, 9, 9],
    "dqn learning_rate=2, depth=4": [2, 2, 2, np.nan],
}


def test_a_value_is_scored_over_all_values_of_the_others():
    found = sensitivity(swept({"id": "random"}, GRID), runs(SCORES))
    cells = {(e.parameter, e.value): e for e in found.effects}
    assert list(cells) == [("learning_rate", 1), ("learning_rate", 2), ("depth", 3), ("depth", 4)]
    assert cells["learning_rate", 1].iqm == iqm(np.arange(1, 9)) == 4.5
    assert cells["depth", 3].iqm == 6.25  # of 1 2 3 4 9 9 9 9 the middle four
    assert (cells["learning_rate", 1].points, cells["learning_rate", 1].n, cells["learning_rate", 1].n_valid) == (
        2,
        8,
        8,
    )
    assert (cells["learning_rate", 2].n, cells["learning_rate", 2].n_valid) == (8, 7)
    assert cells["learning_rate", 1].low < 4.5 < cells["learning_rate", 1].high


def test_with_unequal_runs_points_weigh_the_same():
    """learning_rate = 2 has 4 runs of 9 and 3 of 2: half of the weight each, so the middle half of it is half 9 and half 2, less
    what ⌊7/4⌋/7 cuts off both ends alike."""
    found = sensitivity(swept(GRID), runs(SCORES))
    assert found.effects[1].iqm == pytest.approx(5.5)


def test_the_best_and_worst_points_are_named_with_what_the_choice_cost_and_that_it_is_one():
    (extremes,) = sensitivity(swept(GRID), runs(SCORES)).extremes
    assert (extremes.best, extremes.best_iqm) == ("dqn learning_rate=2, depth=3", 9)
    assert (extremes.worst, extremes.worst_iqm) == ("dqn learning_rate=2, depth=4", 2)
    assert (extremes.points, extremes.trials, extremes.steps) == (4, 15, 160)
    assert extremes.note == "chosen on its own seeds"


def test_the_same_runs_give_the_same_interval_in_any_order():
    rows = runs(SCORES)
    one, other = (sensitivity(swept(GRID), r).effects for r in (rows, rows[::-1]))
    assert {e.parameter: e.low for e in one} == {e.parameter: e.low for e in other}


def test_few_runs_have_no_interval_and_none_no_estimate():
    few = {label: values[:1] for label, values in SCORES.items()}
    first = sensitivity(swept(GRID), runs(few)).effects[0]
    assert (first.iqm, first.low) == (3, None)
    none = {label: [np.nan] for label in SCORES}
    found = sensitivity(swept(GRID), runs(none))
    assert {e.iqm for e in found.effects} == {None} and found.extremes[0].best is None


def test_each_task_is_told_alone_and_the_frame_has_a_row_an_effect():
    found = sensitivity(swept(GRID), [*runs(SCORES), *runs(SCORES, "Acrobot-v1")])
    assert list(found.frame()["environment"]) == ["CartPole-v1"] * 4 + ["Acrobot-v1"] * 4
    assert list(found.frame()["iqm"])[:2] == list(found.frame()["iqm"])[4:6]


def test_a_suite_without_a_sweep_has_none():
    found = sensitivity(swept({"id": "dqn"}), runs({"dqn": [1, 2]}))
    assert found.effects == () and found.extremes == () and len(found.frame()) == 0
