"""What a suite no longer asks for is named in one line, with what sets it apart."""

import dataclasses

from rlbench.api import EvaluationProtocol, Run, Task
from rlbench.results import Store
from rlbench.runner import describe_unrequested

TASK = Task("CartPole-v1", 100, EvaluationProtocol())


def finished(store, *runs):
    """Runs as a suite left them: described, and with a result."""
    store.describe_suite({"name": "s"}, runs, "0")
    for run in runs:
        (store.folder(run) / "result.json").write_text("{}")


def test_dropped_seeds_old_hyperparameters_and_budgets_are_told_together(tmp_path):
    store = Store(tmp_path)
    old = [Run("ppo", {"learning_rate": 0.001}, TASK, seed) for seed in range(4)]
    now = [Run("ppo", {"learning_rate": 0.003}, TASK, seed) for seed in range(3)]
    longer = Run("ppo", {"learning_rate": 0.003}, dataclasses.replace(TASK, steps=2000), 0)
    finished(store, *now, *old, longer, Run("random", {}, TASK, 7))
    text = describe_unrequested(store, now[:1])
    for part in (
        "8 finished runs",
        "ppo on CartPole-v1, seeds 1, 2",
        "ppo on CartPole-v1 with learning_rate 0.001, seeds 0–3",
        "ppo on CartPole-v1 with 2,000 steps, seed 0",
        "random on CartPole-v1, seed 7",
    ):
        assert part in text


def test_nothing_is_said_where_all_is_asked_for_or_nothing_is_there(tmp_path):
    store, runs = Store(tmp_path / "s"), [Run("random", {}, TASK, 0)]
    assert describe_unrequested(store, runs) == ""
    finished(store, *runs)
    assert describe_unrequested(store, runs) == ""


def test_a_folder_that_cannot_be_read_is_named_by_its_own_name(tmp_path):
    store, runs = Store(tmp_path), [Run("random", {}, TASK, 0)]
    finished(store, *runs)
    stray = tmp_path / "runs" / "stray"
    stray.mkdir()
    for name in ("result.json", "spec.json"):
        (stray / name).write_text("{}")
    assert "1 finished run: stray;" in describe_unrequested(store, runs)


def test_a_damaged_suite_json_stops_nothing_here(tmp_path):
    store, runs = Store(tmp_path), [Run("random", {}, TASK, seed) for seed in range(2)]
    finished(store, *runs)
    (tmp_path / "suite.json").write_text("garbage")
    assert "1 finished run: random on CartPole-v1, seed 1;" in describe_unrequested(store, runs[:1])


def test_names_of_version_01_are_said_in_one_word_and_unfinished_runs_of_them_are_counted(tmp_path):
    store = Store(tmp_path)
    old = [Run("ppo", {"lr": 0.001, "horizon": 128, "gamma": 0.99}, TASK, seed) for seed in range(5)]
    now = [Run("ppo", {"learning_rate": 0.001, "n_steps": 128, "gamma": 0.99}, TASK, seed) for seed in range(5)]
    finished(store, *now, *old)
    for run in old[3:]:
        (store.folder(run) / "result.json").unlink()
    text = describe_unrequested(store, now)
    assert (
        "3 finished runs: ppo on CartPole-v1 with the parameter names of version 0.1, seeds 0–2; kept, not shown"
        in text
    )
    assert "2 unfinished runs with the parameter names of version 0.1: not resumed" in text
    assert "horizon" not in text and "lr" not in text
    for run in old[:3]:
        (store.folder(run) / "result.json").unlink()
    assert describe_unrequested(store, now).endswith(
        "5 unfinished runs with the parameter names of version 0.1: not resumed"
    )


def test_a_plugin_that_still_has_such_names_is_told_apart_by_its_numbers(tmp_path):
    store = Store(tmp_path)
    old, now = (Run("theirs", {"lr": lr}, TASK, 0) for lr in (0.1, 0.2))
    finished(store, old, now)
    assert "theirs on CartPole-v1 with lr 0.1, seed 0" in describe_unrequested(store, [now])
