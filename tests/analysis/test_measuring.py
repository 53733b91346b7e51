"""Anchors of a new task: what is tried, what wins, and the file that other commands read."""

import json

import gymnasium
import numpy as np
import pytest
from gymnasium.spaces import Box, Discrete
from support.cli import rlbench

from rlbench.analysis import anchor_measurement, read_anchors
from rlbench.analysis.anchor_measurement import constant_actions, measure
from rlbench.api import AnchorsError, RlbenchError, Task
from rlbench.runtime.evaluation import evaluation_seeds
from rlbench.testing.fakes import BANDIT


def test_every_discrete_action_is_tried_and_levels_of_continuous_ones_with_bounds_and_centre():
    assert [int(a) for _, a in constant_actions(Discrete(3, start=1), "x")] == [1, 2, 3]
    assert [float(a[0]) for _, a in constant_actions(Box(-2, 2, (1,)), "x")] == [-2, -1.5, -1, -0.5, 0, 0.5, 1, 1.5, 2]
    assert len(constant_actions(Box(-1, 1, (2,)), "x")) == 25
    assert [a.tolist() for _, a in constant_actions(Box(-1, 1, (3,)), "x")][::2] == [[-1] * 3, [0] * 3, [1] * 3]


@pytest.mark.parametrize("space", [Discrete(101), Box(-np.inf, np.inf, (1,))])
def test_actions_that_cannot_be_tried_are_an_error(space):
    with pytest.raises(RlbenchError, match="x: cannot measure actions"):
        constant_actions(space, "x")


def test_a_constant_action_scores_what_a_plain_loop_over_the_same_episodes_scores(monkeypatch):
    monkeypatch.setattr(anchor_measurement, "_LANES_IN_STEP", 7)  # 30 episodes are no whole number of turns
    found = {m.policy: m for m in anchor_measurement.measure(Task("CartPole-v1", 1), 30)}
    env, seeds, lengths = gymnasium.make("CartPole-v1"), evaluation_seeds("anchors", "training"), []
    for episode in range(30):
        env.reset(seed=seeds[episode])
        lengths.append(next(t for t in range(1, 100) if env.step(0)[2]))
    assert found["constant 0"].mean == np.mean(lengths) and found["constant 0"].episodes == 30
    assert found["constant 0"].standard_error == pytest.approx(np.std(lengths, ddof=1) / np.sqrt(30))
    assert found["random"].mean > 15


def test_the_better_of_random_and_constant_is_the_lower_anchor_and_the_file_can_be_read(tmp_path):
    path = tmp_path / "mine.json"
    ran = rlbench("anchors", BANDIT, "--episodes", 20, "--upper", f"{BANDIT}=2", "-o", path)
    assert ran.returncode == 0, ran.stderr
    entry = json.loads(path.read_text())["anchors"][BANDIT]
    assert (
        entry["lower"] == max(m["mean"] for m in entry["measured"]) and "constant action (3)" in entry["lower_source"]
    )
    assert entry["command"].startswith("rlbench anchors") and entry["commit"] and entry["versions"]["gymnasium"]
    assert read_anchors(path)[BANDIT].upper == 2


def test_measuring_again_keeps_other_tasks_and_the_upper_anchor_of_this_one(tmp_path):
    path = tmp_path / "mine.json"
    path.write_text(
        json.dumps({"anchors": {BANDIT: {"lower": -9, "upper": 7, "upper_source": "mine"}, "b": {"lower": 0}}})
    )
    rlbench("anchors", BANDIT, "--episodes", 2, "-o", path)
    found = json.loads(path.read_text())["anchors"]
    assert found[BANDIT]["upper"] == 7 and found[BANDIT]["upper_source"] == "mine" and found[BANDIT]["lower"] > -9
    assert found["b"] == {"lower": 0}


@pytest.mark.parametrize("upper", ["nan", "inf", "-9"])
def test_an_upper_anchor_that_no_score_can_be_held_against_is_refused_and_not_written(tmp_path, upper):
    path = tmp_path / "mine.json"
    ran = rlbench("anchors", BANDIT, "--episodes", 2, "--upper", f"{BANDIT}={upper}", "-o", path)
    assert ran.returncode == 2 and ("should be ENV=SCORE" in ran.stderr or "not above the lower" in ran.stderr)
    assert not path.exists()


def test_a_task_without_an_upper_anchor_says_what_to_give():
    ran = rlbench("anchors", BANDIT, "--episodes", 2)
    assert ran.returncode == 0 and f"--upper {BANDIT}=SCORE" in ran.stderr


def test_a_suites_file_stands_for_its_tasks_as_it_makes_them(tmp_path):
    suite = tmp_path / "s.yaml"
    suite.write_text(
        "name: s\nalgorithms: [random]\nseeds: 1\n"
        "environments: [{id: CartPole-v1, steps: 10, kwargs: {sutton_barto_reward: true}}]\n"
    )
    found = json.loads(rlbench("anchors", suite, "--episodes", 2, "--json").stdout)["anchors"]["CartPole-v1"]
    assert found["lower"] == -1.0 and found["kwargs"] == {"sutton_barto_reward": True} and found["upper"] is None


@pytest.mark.parametrize(
    "text",
    ["{", "[]", '{"anchors": {"a": {"lower": 1, "upper": 1}}}', '{"anchors": {"a": {"lower": 1, "upper": null}}}'],
)
def test_a_file_that_holds_no_sound_anchors_is_refused(tmp_path, text):
    path = tmp_path / "x.json"
    path.write_text(text)
    with pytest.raises(AnchorsError, match=r"x\.json"):
        read_anchors(path)


@pytest.mark.parametrize(
    "text",
    ["[" * 10_000, json.dumps({"anchors": {BANDIT: [1, 2]}}), '{"anchors": {}, "schema_version": "9"}', "[]", "\xe4"],
    ids=lambda text: text[:20],
)
def test_a_file_that_is_none_of_anchors_is_left_as_it_is(tmp_path, text):
    path = tmp_path / "mine.json"
    path.write_text(text, "latin-1")
    ran = rlbench("anchors", BANDIT, "--episodes", 2, "-o", path)
    assert ran.returncode == 2 and "nothing was written" in ran.stderr and path.read_text("latin-1") == text
    with pytest.raises(AnchorsError):
        read_anchors(path)


def test_observations_that_are_no_array_are_not_looked_at():
    """Blackjack shows a Tuple. Always sticking is worth -0.18292: the dealer's sums, worked out card by card."""
    random, stick, _ = measure(Task("Blackjack-v1", 1), 4_000)
    assert stick.policy == "constant 0" and abs(stick.mean + 0.18292) < 4 * stick.standard_error < 0.07
    assert random.mean < stick.mean
