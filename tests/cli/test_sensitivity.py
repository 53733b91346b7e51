"""`rlbench table --sensitivity`: what is printed of a sweep, and that the table says which point was chosen by its own runs."""

import json

import pytest
from support.small_suites import cells, rlbench

from rlbench import load

PLUGIN = """
from dataclasses import dataclass
from rlbench import Algorithm, AlgorithmSpec, Supports, hookimpl

@dataclass(frozen=True)
class Config:
    gain: float = 0.5
    sign: int = 1

class Leans(Algorithm):
    Config = Config
    def act(self, obs): return (self.config.sign * (obs[..., 2] + self.config.gain * obs[..., 3]) > 0).astype(int)
    def train(self, interaction):
        interaction.reset()
        while not interaction.finished:
            interaction.step(self.act(interaction.obs))

@hookimpl
def rlbench_algorithms():
    return [AlgorithmSpec("leans", Leans, Supports(discrete=True))]
"""
SUITE = """
name: swept
algorithms: [{id: leans, sweep: {gain: [0.5, 0], sign: [1, -1]}}]
environments: [{id: CartPole-v1, steps: 40}]
seeds: 3
evaluation: {every: 0, final_episodes: 2}
"""


@pytest.fixture(scope="module")
def swept(tmp_path_factory):
    folder = tmp_path_factory.mktemp("swept")
    (folder / "p.py").write_text(PLUGIN)
    (folder / "s.yaml").write_text(SUITE)
    options = ("--plugin", folder / "p.py", "--executor", "serial", "-o", folder / "out")
    return folder / "out", rlbench("run", folder / "s.yaml", *options)


def test_a_sweep_is_run_point_by_point_and_the_best_is_marked(swept):
    folder, ran = swept
    assert ran.returncode == 0, ran.stderr
    found = {c["algorithm"]: (c["n_valid"], c["marks"]) for c in cells(folder)}
    assert found == {
        "leans gain=0.5, sign=1": (3, ["best of 4 points, chosen on its own seeds"]),
        "leans gain=0.5, sign=-1": (3, []),
        "leans gain=0, sign=1": (3, []),
        "leans gain=0, sign=-1": (3, []),
    }
    assert ran.stdout.count("chosen on its own seeds") == 1 and "rlbench table --sensitivity" in ran.stdout


def test_each_value_has_a_row_with_the_runs_of_all_points_that_have_it(swept):
    shown = rlbench("table", swept[0], "--sensitivity")
    rows = [
        line.split()[2:4] + line.split()[-2:] for line in shown.stdout.splitlines() if line.startswith("CartPole-v1")
    ]
    assert rows == [
        ["gain", "0.5", "6/6", "2"],
        ["gain", "0", "6/6", "2"],
        ["sign", "1", "6/6", "2"],
        ["sign", "-1", "6/6", "2"],
    ]
    assert "best leans gain=0.5, sign=1" in shown.stdout and "4 points, 12 runs, 480 environment steps" in shown.stdout
    assert "so they overestimate it" in shown.stdout


def test_the_same_in_python(swept):
    frame = load(swept[0]).sensitivity()
    assert list(frame["parameter"]) == ["gain", "gain", "sign", "sign"] and list(frame["value"]) == [0.5, 0, 1, -1]
    assert len(load(swept[0]).decisions()) == 0


def test_the_same_as_json(swept):
    document = json.loads(rlbench("table", swept[0], "--sensitivity", "--json").stdout)
    effects = {(e["parameter"], e["value"]): e for e in document["effects"]}
    assert effects["sign", 1]["low"] <= effects["sign", 1]["iqm"] <= effects["sign", 1]["high"]
    assert effects["sign", 1]["iqm"] > effects["sign", -1]["iqm"]
    (extremes,) = document["extremes"]
    assert extremes["best"] == "leans gain=0.5, sign=1" and extremes["note"] == "chosen on its own seeds"


def test_a_folder_without_a_sweep_says_how_to_make_one(tmp_path):
    (tmp_path / "suite.json").write_text('{"suite": {"name": "s", "algorithms": [{"id": "dqn"}]}, "runs": []}')
    ran = rlbench("table", tmp_path, "--sensitivity")
    assert ran.returncode == 4 and "sweeps no hyperparameter" in ran.stderr
