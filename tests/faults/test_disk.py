"""A disk that is full or broken, for each kind of file: one message, exit 74, nothing lost, and the same command resumes."""

import errno
import json
import shutil
import sys

import pandas as pd
import pytest
from support.broken_disk import refuse_to_sync, refusing
from support.cli import rlbench

from rlbench.results import jsonl_records
from rlbench.results.file_io import read_json

pytestmark = pytest.mark.faults

PLUGIN = '''
import os, resource
import numpy as np
from rlbench import Algorithm, AlgorithmSpec, Supports, hookimpl
from rlbench.executors import file_size_limit

def try_log(interaction):
    """Log a number, and continue without it."""
    try:
        interaction.log(count=np.zeros(2))
    except Exception:
        pass

def wrap(interaction):
    """Log numbers, and raise another error if that fails."""
    try:
        for _ in range(200):
            interaction.log(count=np.zeros(2))
    except Exception as error:
        raise RuntimeError("the callback has failed") from error

class Fills(Algorithm):
    """Leans, keeps weights and logs; under a limit that FILLS names, where there is no room."""
    def __init__(self, config, task, streams, device):
        super().__init__(config, task, streams, device)
        self.weight, self.count = streams.normal("weight", 20_000), np.zeros(len(streams.seeds), int)
    def act(self, obs): return (obs[..., 2] + 0 * self.weight[:, :1] > 0).astype(int)
    def state(self): return {"weight": self.weight, "count": self.count}
    def load_state(self, state): self.weight, self.count = state["weight"], state["count"]
    def train(self, interaction):
        interaction.reset()
        while not interaction.finished:
            interaction.checkpoint()
            if interaction.steps == 150 and "FILLS" in os.environ:
                exec(os.environ["FILLS"])
            self.count += 1
            interaction.log(count=self.count)
            interaction.step(self.act(interaction.obs))

@hookimpl
def rlbench_algorithms(): return [AlgorithmSpec("fills", Fills, Supports(discrete=True))]
'''
SUITE = """
name: s
algorithms: [random, fills]
environments: [{id: CartPole-v1, steps: 300}]
seeds: [4, 9]
evaluation: {every: 50, episodes: 2, final_episodes: 3}
checkpoint_every: 100
jobs: 1
"""


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """A suite, its plugin, and what both give on a sound disk: the folder `out`, and `half`, where `random` is finished."""
    forget_modules_in(tmp_path_factory.getbasetemp())
    folder = tmp_path_factory.mktemp("disk")
    (folder / "fills.py").write_text(PLUGIN)
    (folder / "s.yaml").write_text(SUITE)
    assert command(folder, "half", "serial", "-a", "random").returncode == 0
    shutil.copytree(folder / "half", folder / "out")
    assert command(folder, "out", "serial").returncode == 0
    return folder


def forget_modules_in(folder):
    """Forget what other tests have loaded from `folder`, which a run in this process would count as its own code."""
    for name, module in list(sys.modules.items()):
        if (getattr(module, "__file__", None) or "").startswith(str(folder)):
            del sys.modules[name]


def command(folder, out, executor, *options, **environment):
    paths = folder / "s.yaml", "-o", folder / out, "--plugin", folder / "fills.py"
    return rlbench("run", *paths, "--executor", executor, *options, **environment)


def published(folder):
    """Records but times, and hashes of policies, of every finished run."""
    found = {}
    for result in folder.glob("runs/*/result.json"):
        for table in ("episodes", "evaluations", "metrics"):
            frame = pd.read_parquet(result.parent / f"{table}.parquet").drop(columns="wall_seconds", errors="ignore")
            found[result.parent.name, table] = frame.to_json()
        found[result.parent.name, "policy"] = read_json(result)["files"].get("policy.safetensors")
    return found


def stopped(folder, out, ran, where, reason):
    """Check that a command has stopped for the disk: what it says, and that nothing is lost."""
    assert ran.returncode == 74, ran.stderr
    said = ran.stderr.splitlines()[-1]
    assert said.startswith("error: ") and where in said and reason in said
    assert "MB free); finished runs are safe; " in said and said.endswith("rerun the same command to resume")
    assert "failed" not in ran.stderr and "Traceback" not in ran.stderr
    before, now = published(folder / "half"), published(folder / out)
    assert before and all(now[key] == before[key] for key in before)
    cells = json.loads(rlbench("table", folder / out, "--json").stdout)["cells"]
    states = {cell["algorithm"]: cell["statuses"] for cell in cells}
    assert not states["random"].keys() - {"done"} and set(states["fills"]) <= {"done", "interrupted", "pending"}
    assert states["fills"].keys() - {"done"}


FULL, BROKEN = "no room left to write", "cannot be written: Input/output error"
SYNCED = {
    "records": ("*/metrics.jsonl", errno.EIO, BROKEN),
    "code": ("*/attempts/fills*/.made-by.json.*", errno.ENOSPC, FULL),
    "arrays": ("*/000000000200/seed-9.safetensors", errno.ENOSPC, FULL),
    "numbers": ("*/000000000200/seed-9.json", errno.EIO, BROKEN),
    "done": ("*/DONE.tmp", errno.EDQUOT, FULL),
    "checkpoint": ("*/000000000200", errno.EIO, BROKEN),
    "checkpoints": ("*/checkpoints", errno.EIO, BROKEN),
    "table": ("*/fills*--s09*/.episodes.parquet.*", errno.EIO, BROKEN),
    "policy": ("*/fills*--s04*/.policy.safetensors.*", errno.EDQUOT, FULL),
    "result": ("*/fills*/.result.json.*", errno.EIO, BROKEN),
    "run": ("*/runs/fills*--s09*", errno.EIO, BROKEN),
}


@pytest.mark.parametrize("kind", SYNCED)
def test_a_file_that_does_not_reach_the_disk_stops_the_suite_and_it_resumes(made, monkeypatch, kind):
    pattern, number, reason = SYNCED[kind]
    shutil.copytree(made / "half", made / kind)
    refuse_to_sync(monkeypatch, pattern, number)
    ran = command(made, kind, "serial")
    stopped(made, kind, ran, str(made / kind), reason)
    monkeypatch.undo()
    again = command(made, kind, "serial")
    assert again.returncode == 0, again.stderr
    assert published(made / kind) == published(made / "out")
    shutil.rmtree(made / kind)


OWN_LIMIT = "resource.setrlimit(resource.RLIMIT_FSIZE, ({}, resource.getrlimit(resource.RLIMIT_FSIZE)[1]))"
LIMIT = OWN_LIMIT + "; file_size_limit.AT_START = 4_000"  # as if the process had been started with it
# What the algorithm does before its process may write no larger files, and the file that would be the first.
LIMITED = {
    "arrays": (LIMIT.format(50_000), "/000000000200 cannot be written"),
    "policy": (LIMIT.format(50_000) + "; interaction.save = None", "/policy.safetensors cannot be written"),
    "records": (LIMIT.format(4_000), "/attempts/fills"),
    "wrapped": (LIMIT.format(4_000) + "\nwrap(interaction)", "/attempts/fills"),
    "a gap": (
        LIMIT.format(4_000) + "\nfor _ in range(200): try_log(interaction)\n" + LIMIT.format(1 << 40),
        "/attempts/fills",
    ),
}


@pytest.mark.parametrize("kind", LIMITED)
def test_a_limit_on_the_size_of_files_stops_the_suite_and_it_resumes(made, kind):
    """The kernel refuses to write more, in a worker; SIGXFSZ does not end it."""
    (fills, where), out = LIMITED[kind], f"limited {kind}"
    shutil.copytree(made / "half", made / out)
    ran = command(made, out, "local", FILLS=fills)
    stopped(made, out, ran, where, "cannot be written: File too large")
    assert "raise the limit on the size of files (`ulimit -f`)" in ran.stderr
    assert command(made, out, "local").returncode == 0
    assert published(made / out) == published(made / "out")
    shutil.rmtree(made / out)


@pytest.mark.parametrize("kind", ["arrays", "wrapped"])
def test_a_limit_on_the_size_of_files_that_a_plugin_has_set_fails_its_group_alone(made, kind):
    out = f"limited itself {kind}"
    shutil.copytree(made / "half", made / out)
    ran = command(made, out, "local", FILLS=LIMITED[kind][0].replace(LIMIT.partition("; ")[2], "pass"))
    assert ran.returncode == 1 and "its code lowered the limit on the size of files (RLIMIT_FSIZE) to" in ran.stderr
    assert command(made, out, "local").returncode == 1  # as any run that has failed
    assert command(made, out, "local", "--rerun", "failed").returncode == 0
    assert published(made / out) == published(made / "out")
    shutil.rmtree(made / out)


def test_a_run_that_finds_no_room_when_it_resumes_does_not_start_again(made, monkeypatch):
    shutil.copytree(made / "half", made / "resumed")
    refuse_to_sync(monkeypatch, "*/000000000200", errno.EIO)
    assert command(made, "resumed", "serial").returncode == 74
    monkeypatch.undo()
    monkeypatch.setattr(jsonl_records, "open", refusing(errno.ENOSPC), raising=False)
    ran = command(made, "resumed", "serial")
    stopped(made, "resumed", ran, str(made / "resumed"), FULL)
    assert "starts again" not in ran.stderr
    monkeypatch.undo()
    assert "started from step 100" in command(made, "resumed", "serial").stderr
    assert published(made / "resumed") == published(made / "out")


def test_an_error_at_the_end_of_the_records_is_one_of_the_disk(made, monkeypatch):
    """A file system over a network may report only there that it had no room."""

    class Quota:
        def __init__(self, *where, **how):
            self._file = open(*where, **how)  # noqa: SIM115 - closed below

        def close(self):
            self._file.close()
            raise OSError(errno.EDQUOT, "Disk quota exceeded")

        def __getattr__(self, name):
            return getattr(self._file, name)

    shutil.copytree(made / "half", made / "close")
    monkeypatch.setattr(jsonl_records, "open", Quota, raising=False)
    stopped(made, "close", command(made, "close", "serial"), str(made / "close"), FULL)
    monkeypatch.undo()
    assert command(made, "close", "serial").returncode == 0
    assert published(made / "close") == published(made / "out")
