"""A device that fails while a suite runs: a new process tries it, and if it is lost, its groups go to the others.

No device is needed: the algorithm computes on none, and fails on those that stand in the variable LOST.
"""

import json
from collections import Counter
from pathlib import Path

import pytest
from support.cli import rlbench

import rlbench as harness
from rlbench.api import SuiteError
from rlbench.executors import lost_devices
from rlbench.suites import devices

pytestmark = pytest.mark.faults

PLUGIN = """
import os
from rlbench import Algorithm, AlgorithmSpec, Supports, hookimpl

class Leans(Algorithm):
    def act(self, obs): return (obs[..., 2] > 0).astype(int)
    def train(self, interaction):
        interaction.reset()
        while not interaction.finished:
            interaction.step(self.act(interaction.obs))
            if interaction.steps == 40 and self.device.name in os.environ["LOST"]:
                if os.environ["HOW"] == "crashes": os.abort()
                raise RuntimeError("CUDA error: unspecified launch failure")

@hookimpl
def rlbench_algorithms(): return [AlgorithmSpec("leans", Leans, Supports(discrete=True), stackable=False)]
"""
SUITE = """
name: s
algorithms: [leans]
environments: [{id: CartPole-v1, steps: 80}]
seeds: 4
evaluation: {episodes: 2, final_episodes: 3}
devices: DEVICES
jobs: 2
"""


@pytest.fixture
def run(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(devices, "device_counts", lambda: {"cuda": 2, "mps": 0})
    Path("leans.py").write_text(PLUGIN)
    tried = []

    def ran(lost, problem, chosen="[cuda:0, cuda:1]", how="raises"):
        monkeypatch.setattr(
            lost_devices, "device_problem", lambda device: tried.append(device) or problem * (device in lost)
        )
        Path("s.yaml").write_text(SUITE.replace("DEVICES", chosen))
        return rlbench("run", "s.yaml", "-o", "out", "--plugin", "leans.py", LOST=lost, HOW=how), tried

    return ran


def trained_on():
    return Counter(
        json.loads(path.read_text())["numerics"]["device"] for path in Path("out/runs").glob("*/result.json")
    )


@pytest.mark.parametrize("how", ["raises", "crashes"])
def test_groups_of_a_lost_device_are_trained_on_another_and_it_is_tried_once(run, how):
    ran, tried = run("cuda:1", "CUDA error: no device", how=how)
    assert ran.returncode == 0, ran.stderr
    said = "cuda:1 no longer works: CUDA error: no device; its groups are trained on cuda:0"
    assert ran.stderr.count(said) == 1 and tried == ["cuda:1"]
    assert trained_on() == {"cuda:0": 4} and set(harness.load("out").runs()["status"]) == {"done"}


def test_a_failure_on_a_device_that_works_is_a_failure(run):
    ran, tried = run("cuda:1", "")
    assert ran.returncode == 1 and "no longer works" not in ran.stderr and set(tried) == {"cuda:1"}
    assert Counter(harness.load("out").runs()["status"]) == {"done": 2, "failed": 2} and trained_on() == {"cuda:0": 2}


def test_where_no_device_is_left_runs_are_interrupted_and_the_command_ends(run):
    ran, _ = run("cuda:0 cuda:1", "CUDA error: no device", chosen="[cuda:0]")
    assert ran.returncode == 1 and "cuda:0 no longer works: CUDA error: no device; no device is left" in ran.stderr
    assert set(harness.load("out").runs()["status"]) == {"interrupted"}
    again, _ = run("", "")
    assert again.returncode == 0 and sum(trained_on().values()) == 4


@pytest.mark.parametrize(
    ("code", "said"),
    [("raise OSError('driver error')", "OSError: driver error"), ("import os; os._exit(3)", "exit code 3")],
)
def test_why_a_device_cannot_be_used_is_the_last_line_of_the_process_that_tried_it(monkeypatch, code, said):
    monkeypatch.setattr(devices, "_TRIAL", code)
    assert devices.device_problem("cuda:0") == said
    monkeypatch.setattr(devices, "_TRIAL", "pass")
    assert devices.device_problem("cuda:0") == ""


def test_a_driver_that_does_not_answer_is_told_and_not_waited_for(monkeypatch):
    monkeypatch.setattr(devices, "TIME_LIMIT_SECONDS", 0.2)
    monkeypatch.setattr(devices, "_TRIAL", "import threading; threading.Event().wait()")
    monkeypatch.setattr(devices, "_QUERY", devices._TRIAL)
    assert "no answer within 0.2 s" in devices.device_problem("cuda:0")
    with pytest.raises(SuiteError, match="torch did not report its devices: no answer within 0.2 s"):
        devices.device_counts()


@pytest.mark.parametrize("visible", ["", "GPU-00000000-0000-0000-0000-000000000000"])
def test_devices_that_the_environment_hides_are_told_with_its_variable(monkeypatch, visible):
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", visible)
    (problem,) = devices.choose_devices(["cuda"])[1]
    assert f"torch finds no cuda device (CUDA_VISIBLE_DEVICES is {visible!r})" in problem
