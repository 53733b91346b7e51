"""Whatever method of an algorithm or an environment raises: its runs fail and say where, and all others are run."""

import json
from pathlib import Path

import pytest
from support.cli import rlbench

import rlbench as harness
from rlbench.executors.failure_messages import failure_message
from rlbench.text import ranges

pytestmark = pytest.mark.faults

ALGORITHMS = """
from rlbench import Algorithm, AlgorithmSpec, Supports, hookimpl

class Fine(Algorithm):
    def act(self, obs): return (obs[..., 1] > 0).astype(int)
    def train(self, interaction):
        interaction.reset()
        while not interaction.finished:
            interaction.checkpoint()
            interaction.step(self.act(interaction.obs))

def raising(name):
    def method(self, *arguments, **options):
        raise LookupError(f"{name} is mine")
    return type(name, (Fine,), {name: method})

@hookimpl
def rlbench_algorithms():
    kinds = {name: raising(name) for name in ("__init__", "train", "act", "policy", "state", "final_state")}
    kinds["fine"] = Fine
    return [AlgorithmSpec(name.strip("_"), kind, Supports(discrete=True)) for name, kind in kinds.items()]
"""
METHODS = ("init", "train", "act", "policy", "state", "final_state")
# It is sound when it is checked, before anything is trained.
ENVIRONMENT = """
import sys
import gymnasium
import numpy as np

class Odd(gymnasium.Env):
    observation_space = gymnasium.spaces.Box(-10, 10, (2,), np.float32)
    action_space = gymnasium.spaces.Discrete(2)

    def __init__(self, method=""):
        self.method = method
        self.fail("__init__")

    def fail(self, method):
        if method == self.method and "rlbench.executors.attempt" in sys.modules:
            raise LookupError(f"{method} is mine")

    def reset(self, *, seed=None, options=None):
        super().reset(seed=seed)
        self.fail("reset")
        self.t = 0
        return np.zeros(2, np.float32), {}

    def step(self, action):
        self.fail("step")
        self.t += 1
        return np.zeros(2, np.float32), 1.0, False, self.t >= 20, {}

    def close(self):
        self.fail("close")

gymnasium.register("Odd-v0", entry_point="odd_env:Odd")
"""
SUITE = """
name: s
algorithms: [{algorithms}]
environments: [{environments}]
seeds: 2
evaluation: {{episodes: 2, final_episodes: 3}}
checkpoint_every: 20
"""


@pytest.fixture
def run(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(tmp_path)
    Path("methods.py").write_text(ALGORITHMS)
    Path("odd_env.py").write_text(ENVIRONMENT)

    def ran(algorithms, environments):
        Path("s.yaml").write_text(SUITE.format(algorithms=", ".join(algorithms), environments=", ".join(environments)))
        return rlbench("run", "s.yaml", "-o", "out", "--plugin", "methods.py", "--executor", "serial")

    return ran


def test_each_method_of_an_algorithm_is_named(run):
    ran = run([*METHODS, "fine", "random"], ["{id: CartPole-v1, steps: 60}"])
    rows = harness.load("out").runs().set_index(["algorithm", "seed"])
    assert ran.returncode == 1
    for method in METHODS:
        assert set(rows.loc[method]["status"]) == {"failed"}
        said = f"LookupError: {'__init__' if method == 'init' else method} is mine (methods.py:"
        assert rows.loc[method]["message"].str.startswith(said).all()
        assert said in ran.stderr
    for name in ("fine", "random"):
        assert set(rows.loc[name]["status"]) == {"done"}


def test_each_method_of_an_environment_is_named_and_an_error_when_it_is_closed_spoils_no_run(run):
    kinds = ("__init__", "reset", "step", "close", "none")
    ran = run(["random"], [f"{{id: 'odd_env:Odd-v0', label: {k}, kwargs: {{method: {k}}}, steps: 60}}" for k in kinds])
    assert ran.returncode == 1
    found = {cell["environment"]: cell for cell in json.loads(rlbench("table", "out", "--json").stdout)["cells"]}
    for method in kinds:
        fails = method in ("__init__", "reset", "step")
        assert found[method]["statuses"] == {"failed" if fails else "done": 2}
        said = [line for line in ran.stderr.splitlines() if line.startswith(f"random on {method}, seed")]
        assert bool(said) is fails and all("failed: " in line and f"{method} is mine" in line for line in said)
    assert "LookupError: close is mine" in ran.stderr


def test_an_error_in_training_is_not_hidden_by_one_when_the_environment_is_closed(run):
    ran = run(["train"], ["{id: 'odd_env:Odd-v0', kwargs: {method: close}, steps: 60}"])
    assert ran.returncode == 1 and "failed: LookupError: train is mine (methods.py:" in ran.stderr


def test_an_error_that_arises_inside_rlbench_is_told_with_the_line_that_called_it():
    with pytest.raises(TypeError) as error:
        ranges([None, 1])
    assert "(test_raising_methods.py:" in failure_message(error.value)
