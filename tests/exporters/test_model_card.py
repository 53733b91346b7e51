"""`rlbench export --to huggingface`: folders that the Hub's own library reads, and a suite that asks for the same runs."""

import json
import os
from importlib.util import find_spec

import numpy as np
import pytest
from ruamel.yaml import YAML
from safetensors.numpy import load_file
from support import result_folders
from support.cli import rlbench as command

import rlbench
from rlbench.exporters.export_results import export_results
from rlbench.plugins import load_plugins
from rlbench.suites import Suite, read_suite
from rlbench.suites.plan import plan
from rlbench.suites.suite_of_runs import suite_of_runs

SUITE = """
name: small
algorithms:
  - {id: dqn, label: my dqn, params: {learning_starts: 20, batch_size: 8, net_arch: [8]}}
  - random
environments: [{id: CartPole-v1, label: pole, steps: 120, kwargs: {max_episode_steps: 50}}]
seeds: [3, 5]
evaluation: {every: 60, episodes: 1, final_episodes: 4}
"""


@pytest.fixture(scope="module")
def out(tmp_path_factory):
    folder = tmp_path_factory.mktemp("hub")
    (folder / "s.yaml").write_text(SUITE)
    ran = command("run", folder / "s.yaml", "-o", folder / "out")
    assert ran.returncode == 0, ran.stderr
    ran = command("export", folder / "out", "--to", "huggingface", "-o", folder / "hub")
    assert ran.returncode == 0 and "2 of the runs have no policy file" in ran.stderr, ran.stderr
    return folder


def test_the_hubs_own_reader_finds_the_result(out):
    if find_spec("huggingface_hub") is None:
        pytest.skip("huggingface_hub is not installed: pip install huggingface_hub")
    from huggingface_hub import ModelCard

    card = ModelCard.load(out / "hub/my-dqn-pole/README.md")
    evaluations = rlbench.load(out / "out").evaluations().query("algorithm == 'my dqn' and kind == 'final'")
    returns = np.concatenate(list(evaluations["returns"]))
    assert len(returns) == 8
    (result,) = card.data.eval_results
    assert (result.task_type, result.dataset_type, result.dataset_name) == (
        "reinforcement-learning",
        "CartPole-v1",
        "pole",
    )
    assert (
        result.metric_type == "mean_reward" and result.metric_value == f"{returns.mean():.2f} +/- {returns.std():.2f}"
    )
    assert card.data.model_name == "my dqn" and card.data.library_name == "rlbench"
    assert {"CartPole-v1", "reinforcement-learning", "deep-reinforcement-learning", "dqn"} <= set(card.data.tags)


def test_policies_and_returns_are_those_of_the_runs(out):
    results = rlbench.load(out / "out")
    folder = out / "hub/my-dqn-pole"
    assert sorted(os.listdir(folder)) == ["README.md", "results.json", "seed-3", "seed-5", "suite.yaml"]
    document = json.loads((folder / "results.json").read_text())
    for run, shown in zip([run for run in results.requested if run.algorithm == "dqn"], document["runs"]):
        published = load_file(results.store.folder(run) / "policy.safetensors")
        copied = load_file(folder / shown["policy"])
        assert copied.keys() == published.keys() and all((copied[name] == published[name]).all() for name in copied)
        assert shown["score"] == results.score_of(run) == pytest.approx(np.mean(shown["returns"]))
    cell = next(cell for cell in results.cells if cell.algorithm == "my dqn")
    assert document["iqm"] == cell.iqm and document["hyperparameters"]["batch_size"] == 8
    assert sorted(os.listdir(out / "hub/random-pole")) == ["README.md", "results.json", "suite.yaml"]


@pytest.mark.parametrize(("folder", "algorithm"), [("my-dqn-pole", "dqn"), ("random-pole", "random")])
def test_the_suite_requests_the_same_runs(out, folder, algorithm):
    planned = plan(read_suite(out / "hub" / folder / "suite.yaml"), load_plugins())
    keys = {run.key for group in planned.groups for run in group.runs}
    assert keys == {run.key for run in rlbench.load(out / "out").requested if run.algorithm == algorithm}


def test_the_suite_of_runs_on_images_and_with_action_masks_wraps_them_once():
    text = """
    name: shapes
    algorithms: [dqn]
    environments:
      - {id: Taxi-v4, steps: 8_000, action_masks: true}
      - {id: CarRacing-v3, steps: 8_000, kwargs: {continuous: false}}
    seeds: [7]
    """
    planned = plan(Suite.model_validate(YAML(typ="safe").load(text)), load_plugins())
    for group in planned.groups:
        again = suite_of_runs("again", group.runs, planned.suite.resolved(), group.seeds)
        (new,) = plan(Suite.model_validate(again), load_plugins()).groups
        assert [run.key for run in new.runs] == [run.key for run in group.runs]


def test_a_diverged_run_counts_with_its_score_and_a_missing_one_is_named(tmp_path):
    scores = {"a|b <i>": {"CartPole-v1": [100.0, (50.0, "diverged"), "failed"]}}
    results = rlbench.load(result_folders.folder(tmp_path / "made", scores).root)
    export_results(results, "huggingface", tmp_path / "hub")
    (folder,) = (path for path in (tmp_path / "hub").iterdir() if path.is_dir())
    lower = results.anchors["CartPole-v1"].lower
    returns = json.loads((folder / "results.json").read_text())["runs"]
    assert [run["returns"] for run in returns] == [[100.0], [lower] * 3]
    card = (folder / "README.md").read_text()
    assert "# a\\|b &lt;i&gt; on CartPole-v1" in card and "A diverged run counts with its score" in card
    assert "Of 3 planned runs, 1 have no score" in card
