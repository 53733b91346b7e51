"""Commands that look and run nothing."""

import json
import subprocess
import sys

import pytest
from support.cli import rlbench

from rlbench import __version__
from rlbench.suites import devices

SUITE = "{name: small, algorithms: [random, dqn, sb3/dqn], environments: [{id: CartPole-v1, steps: 2000}, {id: Pendulum-v1, steps: 100}], seeds: 2}"


def listed(*arguments, **environment):
    ran = rlbench(*arguments, "--json", **environment)
    assert ran.returncode == 0, ran.stderr
    return json.loads(ran.stdout)


def test_algorithms_are_listed_with_what_they_can_do():
    rows = {row["name"]: row for row in listed("ls", "algorithms")}
    assert {"random", "dqn", "ppo", "sb3/dqn"} <= set(rows)
    assert rows["dqn"] | {"summary": ""} == {
        "name": "dqn",
        "actions": ["discrete"],
        "stacked": True,
        "resumes": True,
        "state": "ready",
        "summary": "",
    }
    assert rows["sb3/dqn"]["stacked"] is False


def test_environments_suites_and_executors_are_listed():
    assert any(row["name"] == "CartPole-v1" and row["solved_at"] == 475.0 for row in listed("ls", "environments"))
    assert any(row["name"] == "quickstart" and row["seeds"] == 5 for row in listed("ls", "suites"))
    assert {row["name"] for row in listed("ls", "executors")} == {"local", "serial", "slurm", "ray"}


def test_a_broken_plugin_is_shown_with_its_error_among_the_others(tmp_path):
    (tmp_path / "broken.py").write_text("import nothing_of_the_kind")
    rows = {row["plugin"]: row for row in listed("plugins", "--plugin", tmp_path / "broken.py")}
    assert "nothing_of_the_kind" in rows["broken"]["state"] and rows["broken"]["offers"] == []
    assert rows["dqn"] == {
        "plugin": "dqn",
        "distribution": "rlbench",
        "version": __version__,
        "hooks": ["algorithms"],
        "offers": ["dqn"],
        "state": "ready",
    }


def test_only_the_plugins_that_may_be_used_are_shown():
    assert {row["name"] for row in listed("ls", "algorithms", RLBENCH_PLUGINS="ppo")} == {"ppo"}


def test_an_algorithms_hyperparameters_are_shown_with_range_and_meaning():
    text = rlbench("info", "dqn").stdout
    assert "discrete actions; trains its seeds together; resumes exactly" in text
    (line,) = [line for line in text.splitlines() if line.startswith("gamma")]
    assert "0.99" in line and "≥ 0, ≤ 1" in line and line.endswith("discount factor")
    assert listed("info", "dqn")["config"]["batch_size"] == 64
    assert "no parameters" in rlbench("info", "random").stdout
    ran = rlbench("info", "dqnn")
    assert ran.returncode == 2 and "did you mean 'dqn'" in ran.stderr


def test_beside_a_default_stands_that_of_stable_baselines3_marked_where_it_is_another():
    pytest.importorskip("stable_baselines3")
    lines = {line.split()[0]: line.split() for line in rlbench("info", "dqn").stdout.splitlines() if line}
    assert lines["parameter"][1:3] == ["default", "SB3"]
    assert lines["buffer_size"][1:4] == ["100000", "≠", "1000000"] and lines["gamma"][1:3] == ["0.99", "0.99"]
    found = listed("info", "dqn")
    assert found["sb3"]["learning_rate"] == 1e-4 and found["sb3"]["loss"] == "huber"
    assert "learning_rate" in found["unlike_sb3"] and not {"gamma", "loss"} & set(found["unlike_sb3"])
    for name in ("sb3/dqn", "double_dqn", "random"):
        assert listed("info", name)["sb3"] == {} and "SB3" not in rlbench("info", name).stdout.split()


LEANS = """
from rlbench import Algorithm, AlgorithmSpec, hookimpl

class Leans(Algorithm):
    def act(self, obs): return (obs[..., 2] > 0).astype(int)
    def train(self, interaction):
        interaction.reset()
        while not interaction.finished:
            interaction.checkpoint()
            interaction.step(self.act(interaction.obs))

@hookimpl
def rlbench_algorithms():
    return [AlgorithmSpec("leans", Leans)]
"""


@pytest.fixture
def suite(tmp_path):
    path = tmp_path / "small.yaml"
    path.write_text(SUITE)
    return path


def test_check_shows_what_would_run_and_runs_nothing(suite, tmp_path):
    found = listed("check", suite, "-o", tmp_path / "out")
    assert [(r["algorithm"], r["task"], r["seed"]) for r in found["runs"]] == [
        (algorithm, task, seed)
        for algorithm, task in (
            ("random", "CartPole-v1"),
            ("dqn", "CartPole-v1"),
            ("sb3/dqn", "CartPole-v1"),
            ("random", "Pendulum-v1"),
        )
        for seed in (0, 1)
    ]
    assert {(r["state"], r["will_run"], r["from_step"], r["why"]) for r in found["runs"]} == {
        ("pending", True, 0, "starts at step 0")
    }
    assert [s["algorithm"] for s in found["skipped"]] == ["dqn", "sb3/dqn"]
    text = rlbench("check", suite, "-o", tmp_path / "out").stdout
    assert (
        "8 runs, 8 to do (12,200 environment steps)" in text and "skipped: dqn on Pendulum-v1: actions are Box" in text
    )
    assert not (tmp_path / "out").exists()
    said = "2 seeds cannot decide the only pair on a single task, whatever the scores: 5 seeds each are needed"
    assert said in text and said in rlbench("run", suite, "-o", tmp_path / "out", "--dry-run").stdout
    assert found["can_show"]["pairs"] == 1 and found["can_show"]["seeds_needed"] == 5
    suite.write_text(SUITE.replace("seeds", "sedes"))
    assert rlbench("check", suite).returncode == 2


def test_check_looks_for_devices_where_the_executor_trains(tmp_path, monkeypatch):
    monkeypatch.setattr(devices, "device_counts", lambda: {"cuda": 0, "mps": 0})
    suite = tmp_path / "s.yaml"
    tasks = ", devices: cuda, slurm: {gpus: 1}}"
    suite.write_text("{name: s, algorithms: [random], environments: [{id: CartPole-v1, steps: 50}], seeds: 1" + tasks)
    here = rlbench("check", suite, "-o", tmp_path / "out")
    assert here.returncode == 2 and "device cuda is not available" in here.stderr
    assert rlbench("check", suite, "-o", tmp_path / "out", "--executor", "slurm").returncode == 0
    assert "slum" in rlbench("check", suite, "-o", tmp_path / "out", "--executor", "slum").stderr


def test_status_shows_each_run_and_how_far_it_is(tmp_path):
    (tmp_path / "leans.py").write_text(LEANS)
    suite = tmp_path / "s.yaml"
    suite.write_text(SUITE.replace("dqn, sb3/dqn", "leans").replace(", {id: Pendulum-v1, steps: 100}", ""))
    run = ("run", suite, "-o", tmp_path / "out", "--plugin", tmp_path / "leans.py")
    assert rlbench(*run, "--retries", "0", RLBENCH_FAIL_AT="evaluated:3").returncode == 1
    found = listed("status", tmp_path / "out")
    assert found["counts"] == {"interrupted": 4}
    assert {(r["algorithm"], r["step"], r["steps"]) for r in found["runs"]} == {
        ("random", 600, 2000),
        ("leans", 600, 2000),
    }
    assert rlbench(*run).returncode == 0
    text = rlbench("status", tmp_path / "out").stdout
    assert "4 runs: 4 done" in text and text.count("2000/2000") == 4


def test_help_imports_nothing_heavy():
    code = "import sys; from rlbench.cli.main import invoke; invoke(['--help']); print(*[m for m in ('torch', 'pandas', 'gymnasium', 'pydantic', 'pyarrow', 'numpy', 'rich') if m in sys.modules], file=sys.stderr)"
    ran = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert all(command in ran.stdout for command in ("run", "check", "table", "status", "ls", "info", "plugins"))
    assert ran.stderr.split() == []


FAILS = """
from rlbench import Algorithm, AlgorithmSpec, hookimpl

class Fails(Algorithm):
    def act(self, obs): ...
    def train(self, interaction):
        print("to stdout")
        raise ValueError("a mistake of its own")

@hookimpl
def rlbench_algorithms():
    return [AlgorithmSpec("fails", Fails)]
"""


def test_show_and_logs_tell_of_one_run(tmp_path):
    (tmp_path / "fails.py").write_text(FAILS)
    (tmp_path / "s.yaml").write_text(
        "{name: s, algorithms: [random, fails], environments: [{id: CartPole-v1, steps: 50}], seeds: 1}"
    )
    rlbench("run", tmp_path / "s.yaml", "-o", tmp_path / "out", "--plugin", tmp_path / "fails.py")
    good, bad = (next((tmp_path / "out/runs").glob(f"{name}--*")) for name in ("random", "fails"))
    document = listed("show", good)
    assert (
        document["status"] == "done" and document["asked"]["task"]["steps"] == 50 and document["result"]["steps"] == 50
    )
    text = rlbench("show", good).stdout
    assert (
        "random on CartPole-v1, seed 0: done" in text and "\n  task.steps 50\n" in text and "numerics.threads 1" in text
    )
    assert "ValueError: a mistake of its own (fails.py:8)" in rlbench("show", bad).stdout
    assert "Traceback" in rlbench("logs", bad).stdout and "to stdout" in rlbench("logs", bad, "--stdout").stdout
    elsewhere = rlbench("show", tmp_path / "out/runs")
    assert elsewhere.returncode == 73 and "is not a run's folder" in elsewhere.stderr
