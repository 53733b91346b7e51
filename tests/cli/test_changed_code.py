"""A change in the user's own code is seen: before it is mixed in, in the table, and when runs are trained again."""

import json
import sys
from pathlib import Path

import pytest
from support.cli import rlbench

MODULE = """
import gymnasium as gym
import numpy as np
from gain_of_mine import GAIN

class Walk(gym.Env):
    observation_space = gym.spaces.Box(-1, 1, (2,))
    action_space = gym.spaces.Discrete(2)
    def reset(self, seed=None, options=None):
        super().reset(seed=seed)
        self.t = 0
        return np.zeros(2, np.float32), {}
    def step(self, action):
        self.t += 1
        return np.zeros(2, np.float32), GAIN * float(action), self.t >= 10, False, {}

if "Walk-v0" not in gym.registry:
    gym.register("Walk-v0", Walk)
"""
SUITE = """
name: walk
algorithms: [random]
environments: [{id: "walk_of_mine:Walk-v0", steps: 60}]
seeds: 2
evaluation: {every: 0, final_episodes: 2}
"""


@pytest.fixture
def here(tmp_path, monkeypatch):
    (tmp_path / "walk_of_mine.py").write_text(MODULE)
    (tmp_path / "gain_of_mine.py").write_text("GAIN = 1\n")
    (tmp_path / "walk.yaml").write_text(SUITE)
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(tmp_path)
    yield tmp_path
    for name in ("walk_of_mine", "gain_of_mine"):
        sys.modules.pop(name, None)


def run(*options):
    return rlbench("run", "walk.yaml", "-o", "R", *options)


def test_rewards_times_ten_in_a_helper_of_the_environment_are_not_mixed_in_unseen(here):
    assert run().returncode == 0
    (result, *_) = [json.loads(path.read_text()) for path in sorted(Path("R/runs").glob("*/result.json"))]
    assert {"walk_of_mine", "gain_of_mine"} <= set(result["dependencies"]["files"])
    assert "different code" not in rlbench("check", "walk.yaml", "-o", "R").stdout

    (here / "gain_of_mine.py").write_text("GAIN = 10\n")
    said = rlbench("check", "walk.yaml", "-o", "R").stdout
    assert "random (gain_of_mine has changed (edited " in said and "walk_of_mine has" not in said
    refused = run("--strict")
    assert refused.returncode == 2 and "gain_of_mine has changed" in refused.stderr

    mixed = run("-s", "4")
    assert "made by different code" in mixed.stdout and "gain_of_mine has changed" in mixed.stderr
    cells = json.loads(rlbench("table", "R", "--json").stdout)["cells"]
    assert cells[0]["marks"] == ["made by different code"]

    whole = run("-s", "4", "--rerun", "changed")
    assert "made by different code" not in whole.stdout and "has changed" not in whole.stderr
    hidden = run("-s", "3")
    assert (
        "not requested by the suite: 1 finished run: random on walk_of_mine:Walk-v0, seed 3; kept, not shown"
        in hidden.stderr
    )


def test_a_data_file_that_the_suite_names_is_part_of_what_made_a_run(here):
    suite = here / "walk.yaml"
    suite.write_text(SUITE.replace("walk_of_mine:Walk-v0", "CartPole-v1") + "data_files: [levels.json]\n")
    assert "file 'levels.json' does not exist" in run().stderr
    (here / "levels.json").write_text("[1]")
    assert run().returncode == 0
    (here / "levels.json").write_text("[2]")
    assert "data_files name have changed" in rlbench("check", "walk.yaml", "-o", "R").stdout


def test_two_sides_of_a_comparison_that_ran_other_code_of_one_environment_are_told(here):
    assert run("-s", "3").returncode == 0
    (here / "gain_of_mine.py").write_text("GAIN = 10\n")
    assert rlbench("run", "walk.yaml", "-o", "later", "-s", "3").returncode == 0
    (row,) = json.loads(rlbench("compare", "R", "later", "--json").stdout)["rows"]
    assert "code differs between runs: gain_of_mine" in row["note"]


def test_a_function_and_a_registration_that_a_suite_names_are_part_of_what_made_a_run(here):
    (here / "reward_of_mine.py").write_text("def halved(reward):\n    return reward / 2\n")
    (here / "ids_of_mine.py").write_text("def register():\n    import walk_of_mine\n")
    wrapper = "{name: 'gymnasium.wrappers:TransformReward', kwargs: {func: {$import: 'reward_of_mine:halved'}}}"
    text = SUITE.replace("walk_of_mine:Walk-v0", "Walk-v0").replace("steps: 60", f"steps: 60, wrappers: [{wrapper}]")
    (here / "walk.yaml").write_text(text + "register: ids_of_mine:register\n")
    assert run().returncode == 0
    (result, *_) = [json.loads(path.read_text()) for path in sorted(Path("R/runs").glob("*/result.json"))]
    assert {"walk_of_mine", "reward_of_mine", "ids_of_mine"} <= set(result["dependencies"]["files"])
    (here / "reward_of_mine.py").write_text("def halved(reward):\n    return reward / 3\n")
    assert "reward_of_mine has changed" in rlbench("check", "walk.yaml", "-o", "R").stdout
