"""With the executor `serial`, the code of a run is its own, whatever earlier runs of the process have imported."""

import json
import sys
from pathlib import Path

import pytest
from support.cli import rlbench

# Words that no module speaks of, this one included: a module that is mentioned counts.
FIRST, SECOND, ONLY, BOTH, DEEP, WORLD = (
    "".join(pair) for pair in zip("kqxzwv", ("olibri", "uokka", "erus", "ebu", "ombat", "icuna"))
)
PLUGIN = """
{imports}
from rlbench import Algorithm, AlgorithmSpec, Supports, hookimpl

class Leans(Algorithm):
    def act(self, obs): return (obs[..., 2] > 0).astype(int)
    def train(self, interaction):
        interaction.reset()
        while not interaction.finished:
            interaction.step(self.act(interaction.obs))

@hookimpl
def rlbench_algorithms():
    return [AlgorithmSpec("{name}", Leans, Supports(discrete=True))]
"""
BACKEND = """
import dataclasses
from rlbench import hookimpl
from rlbench.envs.gymnasium_backend import rlbench_env_backends as gymnasium_backends

@hookimpl
def rlbench_env_backends():
    return [dataclasses.replace(gymnasium_backends()[0], name="mine")]
"""
SAMPLER = """
from rlbench import SamplerSpec, hookimpl
from rlbench.runtime.task_samplers import UniformSampler

@hookimpl
def rlbench_samplers():
    return [SamplerSpec("picks", UniformSampler)]
"""
SUITE = "{{name: s, algorithms: [{algorithm}], environments: [{{id: CartPole-v1, steps: 50{more}}}], seeds: 1, evaluation: {{every: 0, final_episodes: 1}}}}"


@pytest.fixture
def here(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    yield
    for name in (FIRST, SECOND, ONLY, BOTH, DEEP, WORLD):
        sys.modules.pop(name, None)


def recorded(out, algorithm, *plugins, more=""):
    """Run a suite in this process. Returns: which of the modules of these tests its run has recorded."""
    Path("s.yaml").write_text(SUITE.format(algorithm=algorithm, more=more))
    options = [word for name in plugins for word in ("--plugin", f"{name}.py")]
    ran = rlbench("run", "s.yaml", "-o", out, "--executor", "serial", "--no-report", *options)
    assert ran.returncode == 0, ran.stderr
    (result,) = Path(out).glob("runs/*/result.json")
    files = json.loads(result.read_text())["dependencies"]["files"]
    return {FIRST, SECOND, ONLY, BOTH, DEEP, WORLD} & set(files)


def test_modules_of_another_plugin_are_left_out_and_those_of_the_run_are_not(here):
    Path(f"{FIRST}.py").write_text(PLUGIN.format(name="first", imports=f"import {ONLY}, {BOTH}"))
    Path(f"{SECOND}.py").write_text(PLUGIN.format(name="second", imports=f"import {BOTH}"))
    Path(f"{ONLY}.py").write_text("x = 1\n")
    Path(f"{BOTH}.py").write_text(f"import {DEEP}\n")
    Path(f"{DEEP}.py").write_text("y = 1\n")
    Path(f"{WORLD}.py").write_text(BACKEND)
    assert recorded("one", "first", FIRST) == {FIRST, ONLY, BOTH, DEEP}
    assert recorded("two", "second", SECOND) == {SECOND, BOTH, DEEP}
    assert recorded("three", "first", SECOND, FIRST) == {FIRST, ONLY, BOTH, DEEP}
    Path(f"{ONLY}.py").write_text(SAMPLER)
    sampled = ", curriculum: {sampler: picks, tasks: [{id: CartPole-v1}]}"
    assert recorded("five", "random", ONLY, SECOND, more=sampled) == {ONLY}
    assert recorded("four", "random", WORLD, SECOND, more=", backend: mine") == {WORLD}
