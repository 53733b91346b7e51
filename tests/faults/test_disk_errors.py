"""Errors of a disk in each function that writes, and in the harness while groups run."""

import errno
import os
from types import SimpleNamespace

import numpy as np
import pytest
from safetensors import SafetensorError
from support.broken_disk import refuse_to_sync, refusing
from support.result_folders import folder
from support.script_workers import Events, execute, jobs

from rlbench.api import DiskFull, EndEvent, Job, MetricRecord, RunStatus
from rlbench.disk_errors import writing
from rlbench.executors import worker_process
from rlbench.reevaluation import action_trace, playback_process
from rlbench.reevaluation.action_trace import EpisodeTrace, write_trace
from rlbench.results import JsonlSink, file_io, parquet_writer, publication
from rlbench.results.file_io import publish_file, replace_file
from rlbench.runtime import checkpoint

pytestmark = pytest.mark.faults


def test_every_error_of_a_disk_is_one_error_and_no_other_is(tmp_path):
    for number in (errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EIO):
        text = f"Error while serializing: I/O error: {os.strerror(number)} (os error {number})"
        for error in (OSError(number, os.strerror(number)), SafetensorError(text)):
            with pytest.raises(DiskFull, match=r"finished runs are safe") as raised, writing(tmp_path / "x"):
                raise error
            assert str(tmp_path / "x") in str(raised.value) and raised.value.__cause__ is error
    for error in (OSError(errno.EACCES, "Permission denied"), SafetensorError("HeaderTooLarge"), OSError("odd")):
        with pytest.raises(type(error)), writing(tmp_path / "x"):
            raise error


@pytest.mark.parametrize(
    "write", [lambda path: replace_file(path, lambda d: d.write_text("x")), lambda path: publish_file(path, "x")]
)
def test_a_folder_that_cannot_be_synced_is_an_error_and_nothing_counts_as_published(tmp_path, monkeypatch, write):
    (tmp_path / "in").mkdir()
    refuse_to_sync(monkeypatch, "*/in", errno.EIO)
    with pytest.raises(DiskFull):
        write(tmp_path / "in" / "result.json")
    assert [path.name for path in (tmp_path / "in").iterdir() if path.name.endswith(".tmp")] == []
    with pytest.raises(DiskFull):
        publish_file(tmp_path / "in" / "other.json", "x")
    assert not (tmp_path / "in" / "other.json").exists()


def test_a_table_that_finds_no_room_is_an_error_of_the_disk(tmp_path, monkeypatch):
    monkeypatch.setattr(parquet_writer.pq, "write_table", refusing(errno.ENOSPC))
    with pytest.raises(DiskFull, match="no room left to write .*episodes.parquet"):
        replace_file(tmp_path / "episodes.parquet", lambda draft: publication.write_table(draft, "episodes", []))
    assert list(tmp_path.iterdir()) == []


def test_a_run_that_is_set_aside_where_there_is_no_room_stays_and_leaves_no_draft(tmp_path, monkeypatch):
    made = folder(tmp_path / "made", {"a": {"CartPole-v1": [400.0]}})
    (run,) = made.runs()
    monkeypatch.setattr(file_io.Path, "write_text", refusing(errno.ENOSPC))
    with pytest.raises(DiskFull):
        made.set_aside(run, again=True)
    assert (made.folder(run) / "result.json").exists() and not list((made.root / "superseded").iterdir())


def test_a_trace_that_finds_no_room_is_an_error_of_the_disk_in_the_process_that_asked_for_it(tmp_path, monkeypatch):
    monkeypatch.setattr(action_trace, "write_parquet", refusing(errno.ENOSPC))
    for name in ("die_with_parent", "forbid_local_imports"):
        monkeypatch.setattr(playback_process, name, lambda *arguments: None)
    episode = EpisodeTrace(0, 7, np.zeros(3, np.int64), 1.0, 3, "hash")

    def answer_here(command, **options):
        playback_process.answer_request(lambda request: write_trace(tmp_path / "t", [episode]), *command[-3:])
        return SimpleNamespace(returncode=0)

    monkeypatch.setattr(playback_process.subprocess, "run", answer_here)
    request = {"trusted": False, "allowed": [], "plugin_files": [], "policy_file": "p", "mkl": None}
    with pytest.raises(DiskFull, match="no room left to write"):
        playback_process.play_in_child("module", request)


def test_half_a_checkpoint_gives_its_room_back(tmp_path, monkeypatch):
    states = [checkpoint.SeedState(seed, 100, {}, {"w": np.ones(1)}) for seed in (0, 1)]
    first = checkpoint.save(tmp_path, states)
    monkeypatch.setattr(checkpoint.Path, "write_text", refusing(errno.ENOSPC))
    with pytest.raises(DiskFull):
        checkpoint.save(tmp_path, [checkpoint.SeedState(0, 200, {}, states[0].arrays)])
    assert list(tmp_path.iterdir()) == [first] and checkpoint.complete(tmp_path) == [first]


def test_a_lost_record_is_an_error_at_every_later_call(tmp_path, monkeypatch):
    sink = JsonlSink(tmp_path)
    monkeypatch.setattr(os, "fsync", refusing(errno.EIO))
    with pytest.raises(DiskFull):
        sink.positions()
    monkeypatch.undo()
    for call in (sink.positions, lambda: sink.metric(MetricRecord(0, 1, "x", 1.0)), sink.close):
        with pytest.raises(DiskFull):
            call()


# The signal is blocked before the file says "ready": signal.pause() would miss one that comes just before it.
FOREVER = """
signal.pthread_sigmask(signal.SIG_BLOCK, {{signal.SIGTERM}})
open({!r}, "w")
signal.sigwait({{signal.SIGTERM}})
finish("interrupted", "saved")
sys.exit(1)
"""


@pytest.mark.parametrize("what", ["exit", "logs", "retry"])
def test_a_harness_that_cannot_write_lets_the_running_groups_save(tmp_path, monkeypatch, what):
    """The record of how a worker ended, the logs of the next one, and the folder of the next attempt."""
    waiting = str(tmp_path / "waiting")
    first, second, third = jobs(
        tmp_path,
        FOREVER.format(waiting),
        f"while not os.path.exists({waiting!r}): time.sleep(0.01)\nos.kill(os.getpid(), 9)",
        "finish()",
    )
    full = refusing(errno.ENOSPC)
    if what == "exit":
        monkeypatch.setattr(file_io.Path, "write_text", full)
    if what == "logs":
        logs = worker_process.Logs
        monkeypatch.setattr(worker_process, "Logs", lambda *p: full() if p[0].parent == third.attempt else logs(*p))

    def retry(job: Job):
        return [third] if what != "retry" else replace_file(tmp_path / "group.json", full)

    events = Events()
    with pytest.raises(DiskFull, match="no room left to write"):
        execute([first, second], retry=retry, events=events)
    ends = {job.attempt.name: event for job, event in events if isinstance(event, EndEvent)}
    assert ends.keys() == {first.attempt.name, second.attempt.name}
    assert ends[first.attempt.name] == EndEvent(RunStatus.INTERRUPTED, "saved")
    assert "killed by SIGKILL" in ends[second.attempt.name].message
