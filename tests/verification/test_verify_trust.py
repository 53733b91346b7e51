"""`rlbench verify` trains only what is installed or allowed: a result folder is data, and runs no code that it names."""

import json
import subprocess
import sys

import pytest
from support.cli import rlbench
from support.tampered_runs import edit_result

from rlbench.api import Curriculum, PluginError, Run, RunGroup, Stage, Task, group_as_dict
from rlbench.reevaluation.loaded_group import load_group
from rlbench.reevaluation.trust import refuse_untrusted_settings
from rlbench.results import Store
from rlbench.results.checksums import with_checksum

SUITE = """
name: mine
algorithms: [random]
environments: [{id: "world_of_mine:Mine-v0", steps: 40}]
seeds: 1
evaluation: {every: 0, final_episodes: 2}
"""
WORLD = """
import gymnasium
from gymnasium.envs.classic_control import CartPoleEnv
open("was_imported", "w").close()
gymnasium.register("Mine-v0", CartPoleEnv, max_episode_steps=20)
"""


def elsewhere(*arguments):
    """As in a shell: the command decides whether modules of the current folder can be imported."""
    program = "from rlbench.cli.main import main; main()"
    return subprocess.run([sys.executable, "-P", "-c", program, *arguments], capture_output=True, text=True)


@pytest.fixture
def mine(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "mine.yaml").write_text(SUITE)
    (tmp_path / "world_of_mine.py").write_text(WORLD)
    ran = elsewhere("run", "mine.yaml", "-o", "out")
    assert ran.returncode == 0, ran.stderr
    (tmp_path / "was_imported").unlink()
    return tmp_path


def test_a_module_that_only_the_folder_names_is_not_imported(mine):
    ran = elsewhere("verify", "out")
    assert ran.returncode == 4 and "imports the module 'world_of_mine'" in ran.stdout and "--suite FILE" in ran.stdout
    assert not (mine / "was_imported").exists()
    ran = elsewhere("verify", "out", "--allow", "world_of_mine")
    assert ran.returncode == 0 and (mine / "was_imported").exists()


def test_the_suite_allows_what_it_lists_and_another_suite_does_not(mine):
    assert elsewhere("verify", "out", "--suite", "mine.yaml").returncode == 0
    (mine / "other.yaml").write_text(SUITE.replace("steps: 40", "steps: 40, kwargs: {render_mode: null}"))
    ran = elsewhere("verify", "out", "--suite", "other.yaml")
    assert ran.returncode == 2 and "does not contain 'world_of_mine:Mine-v0'" in ran.stderr


def test_traces_are_written_and_played_only_in_environments_that_are_trusted(mine):
    ran = elsewhere("export", "out", "--to", "traces")
    assert ran.returncode == 4 and "imports the module 'world_of_mine'" in ran.stderr
    assert elsewhere("export", "out", "--to", "traces", "--suite", "mine.yaml").returncode == 0
    (mine / "was_imported").unlink()
    ran = elsewhere("verify", "--traces", "out/export/traces")
    assert ran.returncode == 4 and "imports the module 'world_of_mine'" in ran.stdout
    assert not (mine / "was_imported").exists()
    assert elsewhere("verify", "--traces", "out/export/traces", "--allow", "world_of_mine").returncode == 0


def fake(folder, algorithm, config, curriculum=None):
    """A published run that nobody trained: what a stranger may write by hand."""
    task = Task("CartPole-v1", 10, curriculum=curriculum)
    run = Run(algorithm, config, task, 0, algorithm)
    store = Store(folder)
    store.describe_suite({"name": "fake", "algorithms": [], "environments": []}, [run], "0")
    result = {"schema_version": 1, "key": run.key, "attempt": "a", "status": "done", "steps": 10, "files": {}}
    result |= {"numerics": {"device": "cpu"}, "metering": "boundary", "reproducible": True}
    (store.folder(run) / "result.json").write_text(json.dumps(with_checksum(result)))
    return run, store.folder(run)


def test_a_command_line_in_a_folder_is_not_run_whatever_its_result_claims(tmp_path):
    fake(tmp_path / "out", "script", {"command": "touch was_run", "steps": "{steps}"})
    ran = rlbench("verify", tmp_path / "out")
    assert ran.returncode == 4 and "'script' reports its own numbers" in ran.stdout
    assert not (tmp_path / "was_run").exists()


def test_a_stage_of_a_curriculum_is_trusted_no_more_than_an_environment(tmp_path):
    curriculum = Curriculum((Stage("world_of_mine:Mine-v0", steps=5),))
    _, folder = fake(tmp_path / "out", "random", {}, curriculum)
    ran = rlbench("verify", tmp_path / "out")
    assert ran.returncode == 4 and "imports the module 'world_of_mine'" in ran.stdout
    suite = "name: s\nalgorithms: [random]\nseeds: 1\nenvironments: [{id: CartPole-v1, steps: 10%s}]"
    (tmp_path / "other.yaml").write_text(suite % "")
    refused = "does not contain 'CartPole-v1' with the arguments"
    ran = rlbench("verify", folder, "--suite", tmp_path / "other.yaml")
    assert ran.returncode == 2 and refused in ran.stderr
    own = ", curriculum: {stages: [{id: 'world_of_mine:Mine-v0', until: {steps: 5}}]}"
    (tmp_path / "other.yaml").write_text(suite % own)
    assert refused not in rlbench("verify", folder, "--suite", tmp_path / "other.yaml").stderr


def test_a_hyperparameter_that_names_code_needs_the_suite_that_lists_it(tmp_path):
    _, folder = fake(tmp_path / "out", "mbpo", {"termination_fn": "os:system"})
    ran = rlbench("verify", tmp_path / "out")
    assert ran.returncode == 4 and "'mbpo' has the hyperparameter 'os:system'" in ran.stdout
    text = "{name: s, algorithms: [{id: mbpo, params: {termination_fn: %s}}], environments: [{id: CartPole-v1, steps: 10}], seeds: 1}"
    (tmp_path / "other.yaml").write_text(text % "'mine:ends'")
    ran = rlbench("verify", folder, "--suite", tmp_path / "other.yaml")
    assert ran.returncode == 2
    assert f"the hyperparameter 'os:system', which {tmp_path / 'other.yaml'} does not give 'mbpo'" in ran.stderr


@pytest.mark.parametrize("text", ["a/b", "module:function", "~", ".hidden", "C:\\x"])
def test_texts_that_may_be_paths_or_code_are_refused_wherever_they_are(text):
    with pytest.raises(PluginError, match="may be a path or code"):
        refuse_untrusted_settings("any", {"a": [{"b": text}]})
    refuse_untrusted_settings("any", {"activation": "relu", "net_arch": [64, 64], "nothing": None})


def test_what_a_record_says_of_instructions_is_not_passed_on_as_any_text(tmp_path):
    from rlbench.verification.retraining import instruction_limits

    assert instruction_limits({"aten_cpu_capability": "avx2"}) == {"ATEN_CPU_CAPABILITY": "avx2"}
    assert instruction_limits({"aten_cpu_capability": "a b\n", "onednn_max_cpu_isa": 3, "path": "x"}) == {}
    _, folder = fake(tmp_path / "out", "random", {})
    edit_result(folder, lambda result: result["numerics"].update(device="cuda:99"))
    ran = rlbench("verify", tmp_path / "out")
    assert ran.returncode == 4 and "trained on 'cuda:99'" in ran.stdout


def test_evaluate_too_refuses_a_hyperparameter_that_names_code():
    group = RunGroup("mbpo", {"termination_fn": "os:system"}, Task("Pendulum-v1", 10), (0,))
    request = {"group": group_as_dict(group), "plugin_files": [], "trusted": False, "allowed": []}
    with pytest.raises(PluginError, match="'mbpo' has the hyperparameter 'os:system'"):
        load_group(request, {})
