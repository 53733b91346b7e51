"""A folder that was made under the parameter names of version 0.1: read by every command, its runs never taken for those of now."""

import pytest
from support.cli import rlbench

SUITE = """
name: small
algorithms: [random, {id: leans, params: {%s}}]
environments: [{id: CartPole-v1, steps: 64}]
seeds: 5
evaluation: {every: 32, episodes: 2, final_episodes: 5}
"""
PLUGIN = """
from dataclasses import dataclass
import numpy as np
from rlbench import Algorithm, AlgorithmSpec, Supports, hookimpl, setting

@dataclass(frozen=True)
class Config:
    horizon: int = setting(8, "steps", ge=1)
    clip_schedule: str = setting("linear", "how it was trained")

class Leans(Algorithm):
    "Pushes to where the pole falls, once it has taken as many steps as it was told."
    Config = Config
    def __init__(self, *arguments):
        super().__init__(*arguments)
        self.skill = np.zeros((len(self.streams.seeds), 1))
    def act(self, obs):
        return np.where(self.skill > self.config.horizon, obs[..., 2] > 0, 0)
    def train(self, interaction):
        interaction.reset()
        while not interaction.finished:
            interaction.checkpoint()
            interaction.step(self.act(interaction.obs))
            self.skill += 1
    def state(self):
        return {"skill": self.skill}
    def load_state(self, state):
        self.skill = state["skill"].copy()

@hookimpl
def rlbench_algorithms():
    return [AlgorithmSpec("leans", Leans, Supports(discrete=True))]
"""
# The Config as it is now; nothing of the old one is left.
NOW = (
    PLUGIN.replace("horizon:", "n_steps:")
    .replace("config.horizon", "config.n_steps")
    .replace('    clip_schedule: str = setting("linear", "how it was trained")\n', "")
)
NAMES = "the parameter names of version 0.1"


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    folder = tmp_path_factory.mktemp("old")
    (folder / "leans.py").write_text(PLUGIN)
    (folder / "small.yaml").write_text(SUITE % "horizon: 5")
    ran = rlbench("run", folder / "small.yaml", "--plugin", folder / "leans.py", "-o", folder / "out")
    assert ran.returncode == 0, ran.stderr
    (folder / "leans.py").write_text(NOW)
    (folder / "now.yaml").write_text(SUITE % "n_steps: 5")
    return folder


@pytest.mark.parametrize(
    "arguments",
    [
        ["table", "out"],
        ["table", "out", "--json"],
        ["table", "out", "--sensitivity"],
        ["report", "out"],
        ["report", "out", "--files", "files"],
        ["compare", "leans", "random", "-d", "out"],
        ["gate", "out", "--against", "out"],
        ["power", "out"],
        ["status", "out"],
        ["show", "out/runs/RUN"],
        ["logs", "out/runs/RUN"],
        ["export", "out", "-o", "exported"],
        ["check-against", "zoo", "out"],
    ],
    ids=lambda arguments: " ".join(arguments[:1] + [a for a in arguments if a.startswith("--")]),
)
def test_every_command_that_reads_reads_it(made, monkeypatch, arguments):
    monkeypatch.chdir(made)
    ran = rlbench(*[a.replace("RUN", run_of(made).name) for a in arguments])
    assert ran.returncode in (0, 4, 5), ran.stderr
    assert "internal error" not in ran.stderr and "unknown parameter" not in ran.stderr


def run_of(folder):
    """One of those that were made under the old names."""
    return next(
        p for p in sorted((folder / "out/runs").glob("leans-*")) if '"horizon"' in (p / "spec.json").read_text()
    )


def test_its_final_policy_is_played_again_and_repeats_what_was_recorded(made):
    ran = rlbench("evaluate", run_of(made), "--plugin", made / "leans.py")
    assert ran.returncode == 0 and "final evaluation: repeated exactly" in ran.stdout, ran.stderr


def test_the_suite_as_it_was_is_told_the_new_names(made):
    ran = rlbench("check", made / "small.yaml", "--plugin", made / "leans.py", "-o", made / "out")
    assert ran.returncode == 2 and "leans.horizon: unknown parameter; it is called 'n_steps' here" in ran.stderr


def test_runs_of_then_are_other_runs_which_check_and_run_say_in_one_line(made):
    told = [made / "now.yaml", "--plugin", made / "leans.py", "-o", made / "out"]
    said = f"also in {made / 'out'}, not requested by the suite: 5 finished runs: leans on CartPole-v1 with {NAMES}, seeds 0–4; kept, not shown"
    checked = rlbench("check", *told)
    assert "leans       CartPole-v1      64   0–4     starts at step 0" in checked.stdout and said in checked.stdout
    ran = rlbench("run", *told)
    assert ran.returncode == 0 and ran.stderr.count(said) == 1 and "horizon" not in ran.stderr
