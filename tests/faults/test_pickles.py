"""A pickle in place of a checkpoint, a policy or a table, with hashes that fit: it is refused, and nothing in it runs."""

import hashlib
import json
import os
import pickle
from pathlib import Path

import pytest
from support.cli import rlbench
from support.published_runs import published, results
from support.tampered_runs import edit_result

pytestmark = pytest.mark.faults

PLUGIN = """
import numpy as np
from rlbench import Algorithm, AlgorithmSpec, Supports, hookimpl

class Leans(Algorithm):
    def __init__(self, *arguments):
        super().__init__(*arguments)
        self.skill = np.zeros((len(self.streams.seeds), 1))
    def act(self, obs): return (obs[..., 2] > 0).astype(int)
    def train(self, interaction):
        interaction.reset()
        while not interaction.finished:
            interaction.checkpoint()
            interaction.step(self.act(interaction.obs))
            self.skill += 1
    def state(self): return {"skill": self.skill}
    def load_state(self, state): self.skill = state["skill"].copy()

@hookimpl
def rlbench_algorithms(): return [AlgorithmSpec("leans", Leans, Supports(discrete=True))]
"""
SUITE = """
name: s
algorithms: [leans]
environments: [{id: CartPole-v1, steps: 160}]
seeds: 2
evaluation: {every: 20, episodes: 2, final_episodes: 3}
checkpoint_every: 40
"""


class Payload:
    """Whoever unpickles this leaves a file."""

    def __reduce__(self):
        return Path("opened").touch, ()


@pytest.fixture
def run(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    Path("leans.py").write_text(PLUGIN)
    Path("s.yaml").write_text(SUITE)
    return lambda out, **more: rlbench("run", "s.yaml", "-o", out, "--plugin", "leans.py", "--retries", 0, **more)


def replace(path):
    path.write_bytes(pickle.dumps(Payload()))
    return hashlib.sha256(path.read_bytes()).hexdigest()


def test_the_payload_would_leave_a_file(run):
    replace(Path("x"))
    pickle.loads(Path("x").read_bytes())  # noqa: S301 - it is our own
    assert Path("opened").exists()


@pytest.mark.parametrize("suffix", ["safetensors", "json"])
def test_a_run_whose_checkpoints_are_pickles_starts_again(run, suffix):
    assert run("whole").returncode == 0
    assert run("out", RLBENCH_FAIL_AT="evaluated:6").returncode == 1
    for done in Path("out").glob("attempts/*/checkpoints/*/DONE"):
        document = json.loads(done.read_text())
        for path in done.parent.glob(f"*.{suffix}"):
            document["sha256"][path.name] = replace(path)
        done.write_text(json.dumps(document))
    ran = run("out")
    assert ran.returncode == 0 and "starts again at step 0: " in ran.stderr and "cannot be read" in ran.stderr
    assert {result["resumed_from"] for result in results(Path("out"))} == {0}
    assert published(Path("out")) == published(Path("whole")) and not Path("opened").exists()


def test_a_policy_or_a_table_that_is_a_pickle_is_refused_by_every_command_that_reads_it(run):
    assert run("out").returncode == 0
    for folder in Path("out/runs").iterdir():
        for name in ("policy.safetensors", "metrics.parquet", "episodes.parquet"):
            digest = replace(folder / name)
            edit_result(folder, lambda document, n=name, d=digest: document["files"][n].update(sha256=d))
    one = next(Path("out/runs").iterdir())
    for arguments, code in (
        (["evaluate", one, "--plugin", "leans.py"], 73),
        (["table", "out"], 1),
        (["report", "out"], 1),
        (["export", "out"], 1),
        (["run", "s.yaml", "-o", "out", "--plugin", "leans.py"], 1),
    ):
        ran = rlbench(*arguments)
        assert ran.returncode == code and "internal error" not in ran.stderr, (arguments, ran)
    assert not Path("opened").exists() and not os.path.exists("out/opened")
