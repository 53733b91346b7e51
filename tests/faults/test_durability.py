"""What survives a power failure and a kill: bytes are on disk before they count, and a kill at any step leaves a whole state."""

import json
import os
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from support.broken_disk import path_of

from rlbench.api import EpisodeRecord, EvaluationProtocol, EvaluationRecord, MetricRecord, Run, RunGroup, Task
from rlbench.results import JsonlSink, Store, publish
from rlbench.results.file_io import publish_file, write_json
from rlbench.runtime import checkpoint
from rlbench.runtime.checkpoint import SeedState

pytestmark = pytest.mark.faults

RUN = Run("random", {}, Task("CartPole-v1", 100, EvaluationProtocol(50, 1, 1)), 3)
FACTS = {"status": "done", "steps": 100}


def publish_one(root):
    """Train nothing, and publish it: the calls that `rlbench run` makes for a run."""
    store = Store(root)
    store.lock()
    store.describe_suite({"name": "s"}, [RUN], "0")
    attempt = store.new_attempt(RunGroup("random", {}, RUN.task, (3,)), {}, "rlbench")
    sink = JsonlSink(attempt)
    sink.episode(EpisodeRecord(3, 20, 0, 0, 1, 20.0, 20, "terminated"))
    sink.metric(MetricRecord(3, 20, "loss", 1.5))
    for step, kind in ((50, "grid"), (100, "grid"), (100, "final")):
        sink.evaluation(EvaluationRecord(3, step, step, kind, 9.0, 0.0, 9.0, (9.0,), (9,), 1.0))
    states = [SeedState(3, 50, {"positions": sink.positions()}, {"w": np.arange(3.0)})]
    checkpoint.save(attempt / "checkpoints", states)
    checkpoint.save(attempt / "checkpoints", [SeedState(3, 100, {"positions": sink.positions()}, states[0].arrays)])
    sink.close()
    publish(store.folder(RUN), RUN, attempt, {"w": np.arange(3.0)}, FACTS)
    write_json(attempt / "exit.json", {"status": "done"})
    store.unlock()
    return store


class Calls(list):
    """What was asked of the file system, in order: ("sync", path, size), ("move", from, to, size) and ("delete", path)."""

    def __init__(self, monkeypatch):
        super().__init__()
        fsync, rmtree = os.fsync, shutil.rmtree

        def record_sync(handle):
            self.append(("sync", Path(path_of(handle)), os.fstat(handle).st_size))
            fsync(handle)

        def record_delete(path, **options):
            self.append(("delete", Path(path), 0))
            rmtree(path, **options)

        monkeypatch.setattr(os, "fsync", record_sync)
        monkeypatch.setattr(shutil, "rmtree", record_delete)
        for name in ("replace", "link", "rename"):
            monkeypatch.setattr(os, name, self._recorded(getattr(os, name)))

    def _recorded(self, call):
        def record(source, target):
            size = os.stat(source).st_size
            call(source, target)
            self.append(("move", Path(source), Path(target), size))

        return record

    def synced(self, path, before, after=-1, size=None):
        """Whether a path was synced between two calls, with so many bytes in it."""
        found = [call for call in self[after + 1 : before] if call[0] == "sync" and call[1] == path]
        return bool(found) and (size is None or found[-1][2] == size)


def test_all_bytes_of_a_file_are_on_disk_before_it_gets_its_name_and_its_name_is_afterwards(tmp_path, monkeypatch):
    calls = Calls(monkeypatch)
    store = publish_one(tmp_path / "out")
    moves = [(at, call) for at, call in enumerate(calls) if call[0] == "move"]
    named = {call[2].name for _, call in moves}
    tables = {f"{name}.parquet" for name in ("episodes", "evaluations", "metrics")}
    assert (
        named
        == {"suite.json", "spec.json", "group.json", "DONE", "policy.safetensors", "result.json", "exit.json"} | tables
    )
    for at, (_, source, target, size) in moves:
        assert size > 0 and calls.synced(source, at, size=size), (
            f"{target.name} had its name before its bytes were on disk"
        )
        later = [number for number, call in moves if number > at]
        assert calls.synced(target.parent, min(later, default=len(calls)), after=at), (
            f"the name of {target.name} is not on disk"
        )
    (commit,) = [at for at, call in moves if call[2].name == "result.json"]
    for path in store.folder(RUN).iterdir():
        assert path.name == "result.json" or any(call[2] == path for at, call in moves if at < commit)


def test_all_of_a_checkpoint_is_on_disk_before_done_and_before_an_earlier_one_is_deleted(tmp_path, monkeypatch):
    state = SeedState(3, 0, {"positions": {}}, {"w": np.arange(3.0)})
    for step in (100, 200):
        checkpoint.save(tmp_path, [SeedState(3, step, state.numbers, state.arrays)])
    calls = Calls(monkeypatch)
    made = checkpoint.save(
        tmp_path, [SeedState(3, 300, state.numbers, state.arrays), SeedState(4, 300, state.numbers, state.arrays)]
    )
    (done,) = [at for at, call in enumerate(calls) if call[0] == "move"]
    for name in ("seed-3.safetensors", "seed-3.json", "seed-4.safetensors", "seed-4.json"):
        assert calls.synced(made / name, done, size=(made / name).stat().st_size), name
    (deleted,) = [at for at, call in enumerate(calls) if call == ("delete", tmp_path / "000000000100", 0)]
    for folder in (made, tmp_path):  # its files' names, and its own
        assert calls.synced(folder, deleted, after=done), folder


def test_records_are_on_disk_before_the_checkpoint_that_counts_them(tmp_path, monkeypatch):
    calls = Calls(monkeypatch)
    publish_one(tmp_path / "out")
    dones = [at for at, call in enumerate(calls) if call[0] == "move" and call[2].name == "DONE"]
    for at, last in zip(dones, [-1, *dones]):
        for table in ("episodes", "evaluations", "metrics"):
            (path,) = tmp_path.glob(f"out/attempts/*/{table}.jsonl")
            assert calls.synced(path, at, after=last, size=path.stat().st_size)
            assert calls.synced(path.parent, at, after=last)


def test_a_new_folder_is_on_disk_before_anything_is_published_in_it(tmp_path, monkeypatch):
    calls = Calls(monkeypatch)
    store = publish_one(tmp_path / "out")
    (commit,) = [at for at, call in enumerate(calls) if call[0] == "move" and call[2].name == "result.json"]
    for folder in (store.root / "runs", store.root / "attempts", store.root):
        assert calls.synced(folder, commit), folder


# A process that is killed at each step, one fork after another, so that Python starts once.
KILLS = """
import json, os, shutil, sys
import numpy as np
sys.path[:0] = {paths}
from faults import test_durability as made
for point in {points}:
    child = os.fork()
    if child == 0:
        os.environ["RLBENCH_FAIL_AT"] = point
        {call}
        os._exit(0)
    print(json.dumps([point, os.waitpid(child, 0)[1]]), flush=True)
"""
PUBLISHING = (
    "published-episodes",
    "published-evaluations",
    "published-metrics",
    "published-policy",
    "publish-result",
    "link-result",
    "linked-result",
)
SAVING = (
    "checkpoint-arrays",
    "checkpoint-numbers",
    "checkpoint-arrays:2",
    "checkpoint-numbers:2",
    "checkpoint-done",
    "checkpoint-written",
)


def killed_at(points, call):
    """Kill a call at each point. Returns: the number of the signal that ended it, by point."""
    tests = Path(__file__).parents[1]
    code = KILLS.format(paths=[str(tests), str(tests.parent)], points=points, call=call)
    ran = subprocess.run([sys.executable, "-W", "ignore", "-c", code], capture_output=True, text=True)
    assert ran.returncode == 0, ran.stderr
    return {point: os.WTERMSIG(status) for point, status in map(json.loads, ran.stdout.splitlines())}


def two_states(step):
    return [SeedState(seed, step, {"positions": {}}, {"w": np.full(1000, float(step))}) for seed in (3, 4)]


def test_a_kill_at_any_step_of_a_checkpoint_leaves_the_one_before(tmp_path):
    call = f"made.checkpoint.save(made.Path({str(tmp_path)!r}) / point, made.two_states(200))"
    for point in SAVING:
        checkpoint.save(tmp_path / point, two_states(100))
    assert killed_at(SAVING, call) == dict.fromkeys(SAVING, signal.SIGKILL)
    for point in SAVING:
        newest, *_ = checkpoint.complete(tmp_path / point)
        assert newest.name == ("000000000200" if point == "checkpoint-written" else "000000000100"), point
        step = int(newest.name)
        assert all((checkpoint.load(newest, seed).arrays["w"] == step).all() for seed in (3, 4))
        checkpoint.save(tmp_path / point, two_states(200))  # over what the kill has left
        assert [path.name for path in checkpoint.complete(tmp_path / point)] == ["000000000200", "000000000100"]


def test_a_kill_at_any_step_of_publishing_leaves_a_run_done_or_not_begun(tmp_path):
    assert killed_at(PUBLISHING, f"made.publish_one(made.Path({str(tmp_path)!r}) / point)") == dict.fromkeys(
        PUBLISHING, signal.SIGKILL
    )
    whole = {p.name: p.read_bytes() for p in (publish_one(tmp_path / "whole").folder(RUN)).iterdir()}
    for point in PUBLISHING:
        store = Store(tmp_path / point)
        is_done = store.states([RUN])[RUN.key].status == "done"
        assert is_done == (point == "linked-result"), point
        (attempt,) = store.root.glob("attempts/*")
        assert publish(store.folder(RUN), RUN, attempt, {"w": np.arange(3.0)}, FACTS) == (not is_done)
        files = {p.name: p.read_bytes() for p in store.folder(RUN).iterdir() if not p.name.endswith(".tmp")}
        assert files.keys() == whole.keys()
        assert all(files[name] == whole[name] for name in whole if name != "result.json")


def test_a_file_is_published_by_its_first_writer(tmp_path):
    assert publish_file(tmp_path / "x", "first") and not publish_file(tmp_path / "x", "second")
    assert (tmp_path / "x").read_text() == "first" and len(list(tmp_path.iterdir())) == 1
