"""`rlbench verify`: a finished run is trained again, and is equal bit for bit, or it is said what differs and why."""

import json
import shutil

import pyarrow.parquet as pq
import pytest
from support.cli import rlbench
from support.tampered_runs import edit_result, rewrite_table, run_of

PLUGIN = """
import os
from dataclasses import dataclass
import numpy as np
from rlbench import Algorithm, AlgorithmSpec, Supports, hookimpl, setting

LEAN = 0.02

class Leans(Algorithm):
    "Draws a threshold, pushes to where the pole falls, and logs the mean angle, and a number that is none."
    def __init__(self, *arguments):
        super().__init__(*arguments)
        self.threshold = LEAN * self.streams.uniform("init", 1)
    def act(self, obs):
        return (obs[..., 2] > self.threshold).astype(int)
    def train(self, interaction):
        interaction.reset()
        try:
            while not interaction.finished:
                interaction.step(self.act(interaction.obs))
                interaction.log(angle=interaction.obs[..., 2].mean(1), nothing=np.nan, zero=0.0)
        finally:
            if "TRAINED_TO" in os.environ:
                open(os.environ["TRAINED_TO"], "w").write(f"{interaction.steps} {list(self.streams.seeds)}")
    def state(self):
        return {"threshold": self.threshold}
    def load_state(self, state):
        self.threshold = state["threshold"].copy()

class Diverges(Leans):
    def train(self, interaction):
        super().train(interaction)
        self.threshold[:] = np.nan

@dataclass(frozen=True)
class TunedConfig:
    lean: float = setting(0.0, "threshold")

class Tuned(Leans):
    Config = TunedConfig
    def __init__(self, config, *others):
        super().__init__(config, *others)
        self.threshold[:] = config.lean

@hookimpl
def rlbench_algorithms():
    return [AlgorithmSpec(kind.__name__.lower(), kind, Supports(discrete=True)) for kind in (Leans, Diverges, Tuned)]
"""
SUITE = """
name: small
algorithms: [leans, diverges]
environments: [{id: CartPole-v1, steps: 150}]
seeds: [3, 5, 4]
evaluation: {every: 50, episodes: 2, final_episodes: 3}
"""
LEARNERS = """
name: learners
algorithms:
  - {id: dqn, params: {net_arch: [16], learning_starts: 50}, environments: CartPole-v1}
  - {id: sac, params: {net_arch: [16], learning_starts: 50, batch_size: 16}, environments: Pendulum-v1}
  - {id: iql, params: {net_arch: [16], learning_starts: 20, batch_size: 8}}
environments:
  - {id: CartPole-v1, steps: 200}
  - {id: Pendulum-v1, steps: 100}
  - {id: "rlbench.envs.matrix_games:climbing", label: game, steps: 100, backend: pettingzoo}
seeds: 2
evaluation: {every: 50, episodes: 2, final_episodes: 2}
"""


@pytest.fixture(scope="module")
def home(tmp_path_factory):
    """A folder with the plugin, its suite and its results."""
    home = tmp_path_factory.mktemp("home")
    (home / "mine.py").write_text(PLUGIN)
    (home / "small.yaml").write_text(SUITE)
    ran = rlbench("run", home / "small.yaml", "-o", home / "out", "--plugin", home / "mine.py")
    assert len(list((home / "out/runs").glob("*/result.json"))) == 6, ran.stderr
    return home


@pytest.fixture(scope="module")
def learners(tmp_path_factory):
    home = tmp_path_factory.mktemp("learners")
    (home / "suite.yaml").write_text(LEARNERS)
    ran = rlbench("run", home / "suite.yaml", "-o", home / "out")
    assert len(list((home / "out/runs").glob("*/result.json"))) == 6, ran.stderr
    return home / "out"


@pytest.fixture
def copied(home, tmp_path):
    """A copy of everything, to be changed."""
    return shutil.copytree(home, tmp_path / "copy")


def document(*arguments, code=0, **environment):
    ran = rlbench("verify", *arguments, "--json", **environment)
    assert ran.returncode == code, ran.stdout + ran.stderr
    return json.loads(ran.stdout)["runs"]


def one(*arguments, code=0, **environment):
    (only,) = document(*arguments, code=code, **environment)
    return only


def contents(folder):
    return {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def test_a_run_repeats_and_neither_its_folder_nor_a_temporary_one_is_touched(home, tmp_path, monkeypatch):
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    before = contents(home / "out")
    run = run_of(home / "out", "leans", 5)
    verified = one(run, "--plugin", home / "mine.py")
    tables = [pq.read_table(run / f"{table}.parquet") for table in ("episodes", "evaluations", "metrics")]
    assert verified["verdict"] == "equal" and verified["weights"] and verified["steps"] == 150
    assert verified["records"] == sum(map(len, tables)) > 300 and verified["causes"] == []
    assert contents(home / "out") == before and list(tmp_path.iterdir()) == []


def test_of_a_folder_one_run_of_each_algorithm_is_trained_or_all_of_them(home):
    plugin = "--plugin", home / "mine.py"
    assert [(run["algorithm"], run["seed"]) for run in document(home / "out", *plugin)] == [
        ("leans", 3),
        ("diverges", 3),
    ]
    every = document(home / "out", "--all", "-a", "leans", *plugin)
    assert [(run["seed"], run["verdict"]) for run in every] == [(3, "equal"), (5, "equal"), (4, "equal")]
    ran = rlbench("verify", home / "out", "-a", "leans", *plugin)
    assert ran.returncode == 0 and ran.stdout.startswith("leans on CartPole-v1, seed 3: equal (up to step 150: ")


def test_a_run_that_diverged_repeats_with_its_weights_that_are_no_numbers(home):
    run = run_of(home / "out", "diverges", 4)
    assert json.loads((run / "result.json").read_text())["status"] == "diverged"
    assert one(run, "--plugin", home / "mine.py")["verdict"] == "equal"


def test_with_steps_it_trains_and_compares_only_so_far(home, tmp_path):
    run = run_of(home / "out", "leans", 3)
    rows = [
        row for t in ("episodes", "evaluations", "metrics") for row in pq.read_table(run / f"{t}.parquet").to_pylist()
    ]
    trained = tmp_path / "trained"
    verified = one(run, "--steps", 60, "--plugin", home / "mine.py", TRAINED_TO=str(trained))
    assert verified["verdict"] == "equal" and verified["steps"] == 60 and not verified["weights"]
    assert verified["records"] == sum(row["step"] <= 60 for row in rows)
    assert trained.read_text() == "61 [3]"


def test_what_differs_beyond_the_steps_is_not_seen(copied):
    run = run_of(copied / "out", "leans", 3)
    rewrite_table(run, "metrics", lambda rows: rows[-2].update(value=0.5))
    assert one(run, "--steps", 60, "--plugin", copied / "mine.py")["verdict"] == "equal"
    assert one(run, "--plugin", copied / "mine.py", code=1)["verdict"] == "differs"


def test_an_edited_plugin_is_named_as_the_cause(copied):
    (copied / "mine.py").write_text(PLUGIN.replace("LEAN = 0.02", "LEAN = 0.4"))
    verified = one(run_of(copied / "out", "leans", 3), "--plugin", copied / "mine.py", code=1)
    assert verified["verdict"] == "differs"
    assert [(cause["kind"], cause["name"]) for cause in verified["causes"][:1]] == [("code", "module mine")]
    assert {found["file"] for found in verified["differences"]} >= {"metrics.parquet", "policy.safetensors"}
    steps = [found["step"] for found in verified["differences"] if found["step"] is not None]
    assert steps == sorted(steps)


def test_a_changed_record_is_named_with_its_step_field_and_both_values(copied):
    run = run_of(copied / "out", "leans", 3)
    true = pq.read_table(run / "evaluations.parquet").to_pylist()[1]["returns"]
    rewrite_table(run, "evaluations", lambda rows: rows[1].update(returns=[true[0], true[1] + 1]))
    verified = one(run, "--plugin", copied / "mine.py", code=1)
    (found,) = verified["differences"]
    assert (found["file"], found["seed"], found["step"], found["field"]) == (
        "evaluations.parquet",
        3,
        100,
        "returns[1]",
    )
    assert (found["recorded"], found["now"], found["differing"]) == (true[1] + 1, true[1], 1)
    ran = rlbench("verify", run, "--plugin", copied / "mine.py")
    assert f"step 100, returns[1]: recorded {true[1] + 1}, now {true[1]} (1 of 4 rows differ)" in ran.stdout
    assert "nothing that is recorded differs" in ran.stdout


def test_a_row_that_was_removed_is_a_difference(copied):
    run = run_of(copied / "out", "leans", 3)
    rewrite_table(run, "episodes", lambda rows: rows.pop())
    edit_result(
        run,
        lambda result: result["files"]["episodes.parquet"].update(rows=result["files"]["episodes.parquet"]["rows"] - 1),
    )
    (found,) = one(run, "--plugin", copied / "mine.py", code=1)["differences"]
    assert found["file"] == "episodes.parquet" and found["recorded"] is None and "reset_seed" in found["now"]


def test_a_zero_of_the_other_sign_is_a_difference(copied):
    run = run_of(copied / "out", "leans", 3)

    def turn(rows):
        (row,) = [row for row in rows if row["name"] == "zero" and row["step"] == 7]
        assert row["value"] == 0
        row["value"] = -0.0

    rewrite_table(run, "metrics", turn)
    (found,) = one(run, "--plugin", copied / "mine.py", code=1)["differences"]
    assert (found["step"], found["field"], str(found["recorded"]), str(found["now"])) == (
        7,
        "value of zero",
        "-0.0",
        "0.0",
    )


def test_a_file_that_no_longer_fits_its_hash_is_damaged(copied):
    run = run_of(copied / "out", "leans", 3)
    rewrite_table(run, "episodes", lambda rows: rows[0].update({"return": 99.0}), honest=False)
    verified = one(run, "--plugin", copied / "mine.py", code=1)
    assert verified["verdict"] == "damaged" and "episodes.parquet" in verified["reason"]


TUNED = """
name: tuned
algorithms: [{id: tuned, label: left, params: {lean: -1.0}}, {id: tuned, label: right, params: {lean: 1.0}}]
environments: [{id: CartPole-v1, steps: 40}]
seeds: [3]
evaluation: {every: 0, episodes: 1, final_episodes: 1}
"""


def test_the_numbers_of_another_configuration_are_a_difference_although_they_name_its_attempt(tmp_path):
    (tmp_path / "mine.py").write_text(PLUGIN)
    (tmp_path / "tuned.yaml").write_text(TUNED)
    plugin = "--plugin", tmp_path / "mine.py"
    assert rlbench("run", tmp_path / "tuned.yaml", "-o", tmp_path / "out", *plugin).returncode == 0
    left, right = sorted((tmp_path / "out/runs").iterdir(), key=lean)
    key = json.loads((right / "result.json").read_text())["key"]
    shutil.copytree(left, right, ignore=shutil.ignore_patterns("spec.json"), dirs_exist_ok=True)
    edit_result(right, lambda result: result.update(key=key))
    found = document(tmp_path / "out", "--all", *plugin, code=1)
    assert [(run["algorithm"], run["verdict"]) for run in found] == [("left", "equal"), ("right", "differs")]


def lean(run):
    return json.loads((run / "spec.json").read_text())["config"]["lean"]


@pytest.mark.parametrize(
    ("part", "name", "old", "kind"),
    [
        ("versions", "torch", "1.2.3", "package"),
        ("versions", "python", "3.1.4", "Python"),
        ("hardware", "cpu", "Abacus 9000", "processor"),
        ("numerics", "cpu_capability", "ABACUS", "instruction set"),
        ("numerics", "threads", 9, "setting"),
    ],
)
def test_provenance_that_differs_is_the_cause_of_a_difference(copied, part, name, old, kind):
    run = run_of(copied / "out", "leans", 3)
    rewrite_table(run, "metrics", lambda rows: rows[0].update(value=7.0))
    edit_result(run, lambda result: result[part].update({name: old}))
    verified = one(run, "--plugin", copied / "mine.py", code=1)
    named = [cause for cause in verified["causes"] if cause["name"] in (name, kind) and cause["kind"] == kind]
    assert [cause["recorded"] for cause in named] == [str(old)] and named[0]["now"] != str(old)
    assert f"was {old}, is " in rlbench("verify", run, "--plugin", copied / "mine.py").stdout


def test_provenance_that_differs_without_effect_is_mentioned(copied):
    run = run_of(copied / "out", "leans", 3)
    edit_result(run, lambda result: result.update(environment_backend="gymnasium 0.1"))
    ran = rlbench("verify", run, "--plugin", copied / "mine.py")
    assert (
        ran.returncode == 0
        and "changed since the run, without effect:\n    environment backend was gymnasium 0.1, is " in ran.stdout
    )


def test_a_seed_is_trained_alone_if_its_stack_does_not_matter_and_else_with_its_stack(copied):
    run = run_of(copied / "out", "leans", 5)
    independent = json.loads((run / "result.json").read_text())
    assert independent["numerics"]["stack_independence"] == "bitwise" and independent["stack_size"] == 3
    assert one(run, "--plugin", copied / "mine.py")["trained_seeds"] == [5]
    for each in (copied / "out/runs").glob("leans--*"):
        edit_result(each, lambda result: result["numerics"].update(stack_independence="tolerance"))
    assert one(run, "--plugin", copied / "mine.py")["trained_seeds"] == [3, 5, 4]
    shutil.rmtree(copied / "out/attempts")  # the attempt's other runs still show which seeds these were
    assert sorted(one(run, "--plugin", copied / "mine.py")["trained_seeds"]) == [3, 4, 5]
    (run_of(copied / "out", "leans", 3) / "result.json").unlink()
    ran = rlbench("verify", run, "--plugin", copied / "mine.py")
    assert ran.returncode == 4 and "its stack of 3 seeds, and which ones these were is no longer known" in ran.stdout


@pytest.mark.parametrize(
    ("entries", "reason"),
    [
        ({"reproducible": False}, "does not promise the same numbers"),
        ({"environment_repeats": False, "reproducible": False}, "ignores its seed"),
        ({"metering": "self-reported"}, "self-reported"),
        ({"resume": "approximate"}, "resumed approximately"),
        ({"imported": {"rows": 3}}, "imported"),
    ],
)
def test_what_cannot_be_verified_is_named_with_the_reason(copied, entries, reason):
    run = run_of(copied / "out", "leans", 3)
    edit_result(run, lambda result: result.update(entries))
    ran = rlbench("verify", run, "--plugin", copied / "mine.py")
    assert (
        ran.returncode == 4
        and ran.stdout.startswith("leans on CartPole-v1, seed 3: not verified: ")
        and reason in ran.stdout
    )
    assert ran.stderr == "error: no run could be verified\n"
    ran = rlbench("verify", copied / "out", "--all", "-a", "leans", "--steps", 5, "--plugin", copied / "mine.py")
    assert ran.returncode == 0 and ran.stdout.endswith("3 runs: 2 equal, 1 not verified\n")


def test_a_run_without_a_result_and_an_algorithm_that_is_not_installed_are_not_verified(copied):
    ran = rlbench("verify", run_of(copied / "out", "leans", 3))
    assert ran.returncode == 4 and "nothing called 'leans' is installed" in ran.stdout
    (run_of(copied / "out", "leans", 3) / "result.json").unlink()
    ran = rlbench("verify", run_of(copied / "out", "leans", 3), "--plugin", copied / "mine.py")
    assert ran.returncode == 4 and "it has no result: " in ran.stdout


@pytest.mark.parametrize(
    ("arguments", "problem"), [(["RUN", "--all"], "a single run is given"), (["absent"], "'absent' does not exist")]
)
def test_a_wrong_request_is_a_usage_error(home, arguments, problem):
    ran = rlbench("verify", *(str(run_of(home / "out", "leans", 3)) if a == "RUN" else a for a in arguments))
    assert ran.returncode == 2 and problem in ran.stderr


def test_learners_of_one_and_of_several_agents_and_of_continuous_actions_repeat(learners):
    verified = {(run["algorithm"], run["environment"]): run for run in document(learners)}
    assert {"dqn", "sac", "iql"} == {algorithm for algorithm, _ in verified}
    assert {("sac", "Pendulum-v1"), ("iql", "game")} <= set(verified)
    for run in verified.values():
        assert run["verdict"] == "equal" and run["weights"] and run["causes"] == [], run


def test_a_processor_with_fewer_instructions_is_named(learners):
    run = run_of(learners, "dqn")
    capability = json.loads((run / "result.json").read_text())["numerics"]["cpu_capability"]
    ran = rlbench("verify", run, "--json", ATEN_CPU_CAPABILITY="default")
    (verified,) = json.loads(ran.stdout)["runs"]
    assert ran.returncode == (1 if verified["differences"] else 0)
    named = {
        cause["name"]: (cause["recorded"], cause["now"])
        for cause in verified["causes"]
        if cause["kind"] == "instruction set"
    }
    assert named["aten_cpu_capability"] == ("absent", "default")
    assert capability == "DEFAULT" or named["cpu_capability"] == (capability, "DEFAULT")


def test_a_recorded_limit_of_the_instructions_is_set_again(learners, tmp_path):
    copy = shutil.copytree(learners, tmp_path / "copy")
    run = run_of(copy, "dqn")
    edit_result(run, lambda result: result["numerics"].update(aten_cpu_capability="default", cpu_capability="DEFAULT"))
    verified = json.loads(rlbench("verify", run, "--json").stdout)["runs"][0]
    assert not [cause for cause in verified["causes"] if cause["kind"] == "instruction set"]
