"""The suites that tuning runs: budgets and places of the original, and scores over tasks on one scale."""

import json
import re

import numpy as np
import pytest
from support.cli import rlbench

from rlbench.api import SuiteError
from rlbench.plugins import load_plugins
from rlbench.suites import plan, read_suite
from rlbench.suites.tuned_models import TunedEntry
from rlbench.tuning.trial_suites import final_suite, tuning_suite

SUITE = """\
name: pair
algorithms:
  - random
  - id: dqn
    label: mine
    params: {learning_starts: 50}
  - {id: dqn, params: {learning_starts: 40}}
  - {id: dqn, label: other, sweep: {tau: [0.5, 1]}, params: {learning_starts: 40}}
environments:
  - id: CartPole-v1
    steps: 400
    per_algorithm: {mine: {steps: 300}, dqn: {steps: 200}, random: {steps: 100}, 'other tau=1': {steps: 150}}
seeds: [4, 7]
tune:
  space:
    dqn: {train_freq: {int: [1, 4]}}
    mine: {train_freq: {int: [1, 4]}}
"""


@pytest.fixture
def loaded(tmp_path):
    (tmp_path / "s.yaml").write_text(SUITE)
    suite = read_suite(tmp_path / "s.yaml")
    assert suite.valid_suite()
    return suite


def budgets(planned):
    return {group.label: (group.task.steps, group.seeds, group.seed_space) for group in planned.groups}


def test_trials_have_the_budget_of_their_algorithm_and_seeds_of_their_own(loaded):
    settings = {"mine": [{}, {"train_freq": 2}], "dqn": [{}, {"train_freq": 3}]}
    planned = plan(tuning_suite(loaded, settings, {"mine": [1, 3], "dqn": [2, 2]}), load_plugins())
    assert planned.suite.name == "pair-tuning"
    assert budgets(planned) == {
        "mine trial 0": (300, (0,), "tuning"),
        "mine trial 1": (300, (0, 1, 2), "tuning"),
        "dqn trial 0": (200, (0, 1), "tuning"),
        "dqn trial 1": (200, (0, 1), "tuning"),
    }
    assert [group.config["train_freq"] for group in planned.groups][1::2] == [2, 3]


def test_the_final_comparison_has_every_algorithm_and_each_chosen_setting(loaded):
    planned = plan(final_suite(loaded, {"mine": {"train_freq": 2}, "dqn": {}}), load_plugins())
    own = ((4, 7), "training")
    steps = {"random": 100, "mine tuned": 300, "mine": 300, "dqn": 200, "other tau=0.5": 200, "other tau=1": 150}
    assert budgets(planned) == {label: (count, *own) for label, count in steps.items()}


def test_each_chosen_setting_says_what_its_search_cost_and_trials_and_the_others_keep_silent(loaded):
    """Of "mine", another setting was chosen, beside which the suite's own keeps what the suite says; of dqn, its own."""
    suite = loaded.suite
    said = suite.algorithms[1].model_copy(update={"tuned": TunedEntry(trials=0)})
    loaded.suite = suite.model_copy(update={"algorithms": (suite.algorithms[0], said, *suite.algorithms[2:])})
    cost = {"mine": TunedEntry(trials=9), "dqn": TunedEntry(trials=8)}
    final = final_suite(loaded, {"mine": {"train_freq": 2}, "dqn": {}}, cost).suite
    trials = {entry.name: entry.tuned and entry.tuned.trials for entry in final.algorithms}
    assert trials == {"random": None, "mine tuned": 9, "mine": 0, "dqn": 8, "other": None}
    tuning = tuning_suite(loaded, {"mine": [{}, {"train_freq": 2}]}, {"mine": [1, 1]}).suite
    assert [entry.tuned for entry in tuning.algorithms] == [None, None]


def test_a_drawn_value_that_is_refused_is_shown_in_the_space(loaded):
    """Values that an algorithm takes one by one may still not fit together, and only the trial shows it."""
    settings = {"mine": [{}, {"train_freq": -3}], "dqn": [{}]}
    with pytest.raises(SuiteError, match=r"s\.yaml:17:12: error: mine trial 1\.train_freq: should be at least 1"):
        plan(tuning_suite(loaded, settings, {"mine": [1, 1], "dqn": [1]}), load_plugins())
    with pytest.raises(SuiteError, match=r"s\.yaml:6:31: error: mine trial 0\.learning_starts: should be at least 0"):
        suite = loaded.suite
        wrong = suite.algorithms[1].model_copy(update={"params": {"learning_starts": -1}})
        loaded.suite = suite.model_copy(update={"algorithms": (suite.algorithms[0], wrong, *suite.algorithms[2:])})
        plan(tuning_suite(loaded, settings, {"mine": [1, 1], "dqn": [1]}), load_plugins())


def test_a_score_over_tasks_lies_between_their_anchors(tmp_path):
    """Of one run on each of two tasks, the IQM is the mean."""
    text = """\
name: two
algorithms: [{id: leans, label: mine}]
environments:
  - {id: CartPole-v1, steps: 40, anchors: {lower: 0, upper: 100}}
  - {id: CartPole-v1, label: slow, kwargs: {sutton_barto_reward: true}, steps: 40, anchors: {lower: -1, upper: 1}}
seeds: 3
evaluation: {every: 0, final_episodes: 2}
tune: {trials: 3, seeds: 1, space: {mine: {threshold: {choice: [0, 1, 2]}}}}
"""
    (tmp_path / "s.yaml").write_text(text)
    plugin = re.sub(r"tuning/.*", "support/leaning_algorithms.py", __file__)
    command = ("tune", tmp_path / "s.yaml", "-o", tmp_path / "out", "--plugin", plugin, "--executor", "serial", "-q")
    mine = json.loads(rlbench(*command, "--no-final", "--json").stdout)["algorithms"][0]
    cells = json.loads(rlbench("table", tmp_path / "out/tuning", "--json").stdout)["cells"]
    assert mine["normalised"] and mine["tasks"] == ["CartPole-v1", "slow"] and mine["params"] == {"threshold": 0}
    for trial in mine["trials"]:
        label = f"mine trial {trial['trial']}"
        pole, slow = (next(c["iqm"] for c in cells if (c["algorithm"], c["environment"]) == (label, task))
                      for task in mine["tasks"])  # fmt: skip
        assert np.isclose(trial["score"], (pole / 100 + (slow + 1) / 2) / 2)
    costs = mine["one_setting_for_all_tasks"]
    assert [cost["task"] for cost in costs] == mine["tasks"] and all(cost["by_luck"] is None for cost in costs)
    assert np.isclose(np.mean([cost["chosen"] for cost in costs]), mine["tuning_score"])
    assert all(cost["cost"] == cost["best"] - cost["chosen"] >= 0 for cost in costs)
    text = rlbench(*command, "--no-final").stdout
    assert "  one setting for all tasks (scores after the first round)\n    task " in text
    assert '\none setting for all tasks: "cost" is what a separate choice for each task would gain' in text
