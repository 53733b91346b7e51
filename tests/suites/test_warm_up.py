"""A warm-up that uses up the budget is an error of the suite, in the words of the run that would fail."""

from types import SimpleNamespace

import pytest

from rlbench.api import SuiteError
from rlbench.kit import UpdateRounds
from rlbench.plugins import load_plugins, resolve
from rlbench.suites import plan, read_suite

FROM_REPLAY = ["dqn", "double_dqn", "dueling_dqn", "per_dqn", "qrdqn", "rainbow", "ddpg", "td3", "sac", "tqc", "crossq"]
FROM_REPLAY += ["iql", "vdn", "qmix"]


def planned(tmp_path, algorithms, steps, more=""):
    path = tmp_path / "s.yaml"
    path.write_text(
        f"name: s\nseeds: 1\nalgorithms: {algorithms}\nenvironments:\n"
        f"  - id: CartPole-v1\n    steps: {steps}\n{more}  - id: Pendulum-v1\n    steps: 20_000\n"
    )
    return plan(read_suite(path), load_plugins())


def test_a_warm_up_that_leaves_nothing_is_told_at_the_budget_in_the_words_of_the_run(tmp_path):
    config = SimpleNamespace(learning_starts=1_000, train_freq=4, n_envs=1, gradient_steps=1)
    with pytest.raises(ValueError) as of_the_run:
        UpdateRounds(config, 1_000)
    with pytest.raises(SuiteError) as error:
        planned(tmp_path, "[random, dqn]", 1_000)
    first, *_ = str(error.value).splitlines()
    assert first.endswith(f"s.yaml:6:12: error: dqn on CartPole-v1: {of_the_run.value}")
    assert "learning_starts 1000 leaves none of the 1000 steps for learning" in first


def test_one_step_more_than_the_warm_up_is_a_run(tmp_path):
    assert len(planned(tmp_path, "[dqn]", 1_001).groups) == 1


def test_a_budget_of_its_own_is_the_place(tmp_path):
    more = "    per_algorithm:\n      dqn: {steps: 500}\n"
    with pytest.raises(
        SuiteError, match=r"s.yaml:8:20: error: dqn on CartPole-v1: learning_starts 1000 leaves none of"
    ):
        planned(tmp_path, "[dqn]", 5_000, more)


def test_each_point_of_a_sweep_is_checked(tmp_path):
    with pytest.raises(SuiteError) as error:
        planned(tmp_path, "[{id: dqn, sweep: {learning_starts: [100, 600]}}]", 500)
    assert "dqn learning_starts=600 on CartPole-v1" in str(error.value)
    assert "learning_starts=100" not in str(error.value)


def test_every_algorithm_that_learns_from_replay_marks_its_warm_up():
    for algorithm in resolve(load_plugins(), [(name, {}) for name in FROM_REPLAY]):
        marked = [setting["name"] for setting in algorithm.schema if setting.get("below_steps")]
        assert marked == ["learning_starts"], algorithm.name


@pytest.mark.parametrize(
    ("steps", "params", "said"),
    [
        (20_000, {"n_envs": 16, "n_steps": 1024}, "1 rollout of 16,384 steps; nothing is learned from the last 3,616"),
        (4_096, {"n_envs": 8, "n_steps": 1024}, "a rollout takes 8,192 steps; nothing is learned from the last 4,096"),
        (20_480, {"n_envs": 8, "n_steps": 128}, ""),
        (20_000, {"n_envs": 8, "n_steps": 128}, ""),  # 544 of 20,000 steps are little
    ],
)
def test_what_a_budget_leaves_after_the_last_rollout_is_said(tmp_path, steps, params, said):
    ppo = {"id": "ppo", "params": {**params, "batch_size": 64}, "environments": ["CartPole-v1"]}
    notes = [note for note in planned(tmp_path, [ppo, "random"], steps).notes if "rollout" in note]
    assert [said in note for note in notes] == ([True] if said else [])
