"""`rlbench export --to rliable` and `marl-eval`: arrays and episodes from which both get rlbench's own numbers."""

import json

import numpy as np
import pytest
from scipy.stats import trim_mean
from support import result_folders
from support.cli import rlbench as command

import rlbench
from rlbench.api import NothingToCompare, RlbenchError, StoreError
from rlbench.exporters.export_results import export_results

GRID = (0.25, 0.5, 0.75, 1.0)
SCORES = {
    "ours, new": {
        "CartPole-v1": [120.0, 310.5, 499.0, 77.25, 240.0],
        "Acrobot-v1": [-81.5, -90.0, -500.0, -120.0, -99.5],
    },
    "theirs": {"CartPole-v1": [20.0, 31.0, 48.5, 77.0, 24.0], "Acrobot-v1": [-500.0, -400.0, -450.5, -320.0, -380.0]},
}


def made(path, scores=SCORES, **options):
    return rlbench.load(result_folders.folder(path, scores, **{"grid": GRID, **options}).root)


def arrays(path):
    with np.load(path, allow_pickle=False) as file:
        return dict(file)


def test_rliable_gets_the_same_iqm_from_the_arrays(tmp_path):
    results = made(tmp_path / "made")
    outcome = export_results(results, "rliable", tmp_path / "r")
    assert outcome.notes == []
    scores, normalised = arrays(tmp_path / "r/scores.npz"), arrays(tmp_path / "r/normalised_scores.npz")
    assert {name: array.tolist() for name, array in scores.items()} == {
        name: [list(pair) for pair in zip(*tasks.values())] for name, tasks in SCORES.items()
    }
    anchors = json.loads((tmp_path / "r/axes.json").read_text())["anchors"]
    for column, task in enumerate(("CartPole-v1", "Acrobot-v1")):
        low, high = anchors[task]["lower"], anchors[task]["upper"]
        expected = (scores["theirs"][:, column] - low) / (high - low)
        assert normalised["theirs"][:, column] == pytest.approx(expected, abs=1e-12)
    ours = results.aggregate().query("statistic == 'iqm'").set_index(["algorithm", "environment"])["estimate"]
    raw = results.aggregate(normalized=False).query("statistic == 'iqm'").set_index(["algorithm", "environment"])
    for name in SCORES:  # as rliable.metrics.aggregate_iqm does
        assert trim_mean(normalised[name], 0.25, axis=None) == pytest.approx(ours[name, ""], abs=1e-9)
        for column, task in enumerate(("CartPole-v1", "Acrobot-v1")):
            assert trim_mean(scores[name][:, column], 0.25) == pytest.approx(raw["estimate"][name, task], abs=1e-9)


def test_rliable_gets_curves_by_run_task_and_checkpoint(tmp_path):
    export_results(made(tmp_path / "made"), "rliable", tmp_path / "r")
    curves = arrays(tmp_path / "r/curves.npz")["theirs"]
    assert curves.shape == (5, 2, 4)
    assert curves[0, 0].tolist() == [5.0, 10.0, 15.0, 20.0] and curves[1, 1].tolist() == [
        -100.0,
        -200.0,
        -300.0,
        -400.0,
    ]
    axes = json.loads((tmp_path / "r/axes.json").read_text())
    assert axes["checkpoints"] == {task: [250, 500, 750, 1000] for task in ("CartPole-v1", "Acrobot-v1")}
    assert axes["seeds"] == {"ours, new": [0, 1, 2, 3, 4], "theirs": [0, 1, 2, 3, 4]}
    low, high = axes["anchors"]["CartPole-v1"].values()
    normalised = arrays(tmp_path / "r/normalised_curves.npz")["theirs"]
    assert normalised[0, 0].tolist() == pytest.approx([(value - low) / (high - low) for value in (5, 10, 15, 20)])


def test_curves_of_different_lengths_are_interpolated_at_equal_shares(tmp_path):
    environments = {"Acrobot-v1": {"steps": 2_000}}
    results = made(tmp_path / "made", environments=environments)
    outcome = export_results(results, "rliable", tmp_path / "r")
    axes = json.loads((tmp_path / "r/axes.json").read_text())
    assert outcome.notes == [] and axes["checkpoints"]["Acrobot-v1"] == [500, 1000, 1500, 2000]
    mixed = {"a": {"CartPole-v1": [(8.0, "diverged")]}, "b": {"CartPole-v1": [8.0]}}
    outcome = export_results(made(tmp_path / "mixed", mixed, grid=(0.5, 1.0)), "rliable", tmp_path / "m")
    assert arrays(tmp_path / "m/curves.npz")["a"].tolist() == [[[4.0, 8.0]]]


def test_a_task_or_seed_that_would_leave_a_hole_is_left_out_and_named(tmp_path):
    scores = {
        "a": {"CartPole-v1": [1.0, 2.0, 3.0], "Acrobot-v1": [4.0, "failed", 6.0], "Pendulum-v1": [7.0]},
        "b": {"CartPole-v1": [10.0, 20.0], "Acrobot-v1": [40.0, 50.0]},
    }
    outcome = export_results(made(tmp_path / "made", scores), "rliable", tmp_path / "r")
    assert arrays(tmp_path / "r/scores.npz")["a"].tolist() == [[1.0, 4.0], [3.0, 6.0]]
    assert outcome.notes == [
        "left out, because not every algorithm ran there: Pendulum-v1",
        "left out, because they have no score on some task: seeds 1 of a",
    ]
    assert "seeds 1 of a" in (tmp_path / "r/README.md").read_text()
    apart = made(tmp_path / "apart", {"a": {"CartPole-v1": [1.0]}, "b": {"Acrobot-v1": [1.0]}})
    with pytest.raises(NothingToCompare, match="no task has runs of all algorithms"):
        export_results(apart, "rliable", tmp_path / "n")
    assert not (tmp_path / "n").exists()


def test_marl_eval_has_episodes_by_environment_task_algorithm_seed_and_step(tmp_path):
    results = made(tmp_path / "made")
    outcome = export_results(results, "marl-eval", tmp_path / "m")
    document = json.loads((tmp_path / "m/marl_eval.json").read_text())
    assert (
        outcome.notes == [] and list(document) == ["made"] and list(document["made"]) == ["CartPole-v1", "Acrobot-v1"]
    )
    assert list(document["made"]["CartPole-v1"]) == ["ours; new", "theirs"]  # marl-eval refuses commas
    assert document["made"]["CartPole-v1"]["theirs"]["seed_1"] == {
        "step_0": {"step_count": 250, "elapsed_time": 1.0, "return": [7.75]},
        "step_1": {"step_count": 500, "elapsed_time": 2.0, "return": [15.5]},
        "step_2": {"step_count": 750, "elapsed_time": 3.0, "return": [23.25]},
        "step_3": {"step_count": 1000, "elapsed_time": 4.0, "return": [31.0]},
        "absolute_metrics": {"return": [31.0]},
    }
    own = {(cell.algorithm, cell.environment): cell.iqm for cell in results.cells}
    for task, algorithms in document["made"].items():
        for name, seeds in algorithms.items():
            means = [np.mean(steps["absolute_metrics"]["return"]) for steps in seeds.values()]
            assert trim_mean(means, 0.25) == pytest.approx(own[name.replace(";", ","), task], abs=1e-9)


def test_marl_eval_counts_a_diverged_run_with_its_score(tmp_path):
    scores = {"a": {"CartPole-v1": [400.0, (200.0, "diverged"), (None, "diverged")]}}
    results = made(tmp_path / "made", scores)
    lower = results.anchors["CartPole-v1"].lower
    export_results(results, "marl-eval", tmp_path / "m")
    seeds = json.loads((tmp_path / "m/marl_eval.json").read_text())["made"]["CartPole-v1"]["a"]
    assert [steps["absolute_metrics"]["return"] for steps in seeds.values()] == [[400.0], [lower], [lower]]
    assert [seeds["seed_2"][f"step_{i}"]["return"] for i in range(4)] == [[lower]] * 4
    assert {tuple(steps) for steps in seeds.values()} == {("step_0", "step_1", "step_2", "step_3", "absolute_metrics")}


def test_what_marl_eval_cannot_read_is_reported(tmp_path):
    uneven = made(tmp_path / "made", {"a": {"CartPole-v1": [1.0, 2.0]}, "b": {"CartPole-v1": [1.0, "failed"]}})
    (note,) = export_results(uneven, "marl-eval", tmp_path / "m").notes
    assert note == "not every task has the same seeds, which marl-eval needs; select with -a and -e"
    twins = made(tmp_path / "twins", {"DQN": {"CartPole-v1": [1.0]}, "dqn": {"CartPole-v1": [1.0]}})
    with pytest.raises(RlbenchError, match="cannot distinguish the algorithms 'DQN' and 'dqn'"):
        export_results(twins, "marl-eval", tmp_path / "t")
    ran = command("export", tmp_path / "twins", "--to", "marl-eval", "-a", "DQN", "-o", tmp_path / "t")
    assert ran.returncode == 0 and ran.stdout == f"{tmp_path}/t: 1 run in 1 file\n", ran.stderr


def test_a_name_that_no_archive_holds_is_an_error_that_says_what_to_do(tmp_path):
    results = made(tmp_path / "made", {"a" * 70_000: {"CartPole-v1": [1.0]}, "b": {"CartPole-v1": [2.0]}})
    with pytest.raises(StoreError, match="too long for an archive.*give it a label"):
        export_results(results, "rliable", tmp_path / "r")
