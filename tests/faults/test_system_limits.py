"""Limits of the system on open files, processes and threads: fewer groups train at a time, and the limit is named."""

import errno
import os
import re
import resource
import subprocess
import sys
import threading

import psutil
import pytest
from support.script_workers import Events, execute, jobs
from support.small_suites import FAILS, cells

from rlbench.api import EndEvent, RlbenchError, StartEvent
from rlbench.cli.main import invoke
from rlbench.executors import file_limit, worker_process
from rlbench.executors.file_limit import allowed_workers

pytestmark = pytest.mark.faults

SUITE = """
name: s
algorithms: [leans]
environments: [{id: CartPole-v1, steps: 40}]
seeds: 4
evaluation: {every: 0, episodes: 1, final_episodes: 1}
checkpoint_every: 0
"""


def limited(files, folder, *options):
    """Run a suite of four groups under a limit of open files."""
    (folder / "light.py").write_text(
        FAILS.format(how="pass").replace("discrete=True)", "discrete=True), stackable=False")
    )
    (folder / "s.yaml").write_text(SUITE)
    words = [sys.executable, "-m", "rlbench.cli.main", "run", folder / "s.yaml", "-o", folder / "out", *options]
    words += ["--plugin", folder / "light.py"]
    shell = ["bash", "-c", f'ulimit -n {files}; exec "$@"', "bash", *map(str, words)]
    return subprocess.run(shell, capture_output=True, text=True)


def test_as_many_groups_run_at_a_time_as_files_may_be_open(tmp_path):
    ran = limited(40, tmp_path, "-j", "4")
    assert ran.returncode == 0 and "no further process" not in ran.stderr, ran.stderr
    said = re.search(
        r"`ulimit -n` allows 40 open files, and 4 groups at a time need (\d+); training (\d) at a", ran.stderr
    )
    assert int(said[1]) > 40 and int(said[2]) == 1
    assert cells(tmp_path / "out")[0]["n_valid"] == 4


def test_a_limit_of_files_that_allows_no_group_is_named_before_training(tmp_path):
    ran = limited(20, tmp_path)
    assert ran.returncode == 2 and "started" not in ran.stderr
    assert re.search(r"error: `ulimit -n` allows 20 open files, but training needs \d\d; raise it", ran.stderr)


@pytest.mark.parametrize(
    ("soft", "hard", "allowed", "raised"),
    [
        (1000, 1000, 10, None),
        (100, 5000, 10, 124),  # 20 open, 24 spare, 8 for each of 10
        (100, resource.RLIM_INFINITY, 10, 124),
        (resource.RLIM_INFINITY, resource.RLIM_INFINITY, 10, None),
        (100, 110, 8, 110),
        (100, 100, 7, None),
        (52, 52, 1, None),
        (51, 51, 0, None),
    ],
)
def test_the_soft_limit_of_files_is_raised_first_and_groups_are_fewer_after_that(
    monkeypatch, soft, hard, allowed, raised
):
    calls = []
    monkeypatch.setattr(file_limit, "_open_files", lambda: 20)
    monkeypatch.setattr(resource, "getrlimit", lambda kind: (soft, hard))
    monkeypatch.setattr(resource, "setrlimit", lambda kind, limits: calls.append(limits))
    if allowed:
        assert allowed_workers(10)[0] == allowed
        assert bool(allowed_workers(10)[1]) == (allowed < 10)
    else:
        with pytest.raises(RlbenchError, match="`ulimit -n` allows 51 open files, but training needs 52"):
            allowed_workers(10)
    assert set(calls) == ({(raised, hard)} if raised else set())


def test_no_more_files_are_open_than_the_limit_counts(tmp_path):
    """Seven workers, which wait until the files have been counted."""
    counted = tmp_path / "counted"
    before, seen = len(os.listdir("/dev/fd")), []

    class Counts(Events):
        def __call__(self, job, event):
            super().__call__(job, event)
            if len(self.of(StartEvent)) == 7 and not seen:
                seen.append(len(os.listdir("/dev/fd")))
                counted.touch()

    wait = f"while not os.path.exists({str(counted)!r}): time.sleep(0.01)\nfinish()"
    execute(jobs(tmp_path, *[wait] * 7), workers=7, events=Counts())
    assert seen[0] <= before + 7 * file_limit._PER_WORKER + 1  # the pipe to the guard


@pytest.mark.parametrize("what", ["process", "thread", "file"])
def test_where_no_further_process_can_be_started_fewer_run_and_nothing_is_left(tmp_path, monkeypatch, what):
    """The system allows two workers at a time."""
    start, thread, logs = subprocess.Popen, threading.Thread.start, worker_process.Logs
    running = set()

    def refuse(kind):
        return what == kind and len(running) == 2

    class Popen(start):
        def __init__(self, command, **options):
            if refuse("process"):
                raise BlockingIOError(errno.EAGAIN, "Resource temporarily unavailable")
            super().__init__(command, **options)

    def start_thread(self):
        if refuse("thread") and self._target.__name__ == "_wait":
            raise RuntimeError("can't start new thread")
        thread(self)

    def open_logs(*paths):
        if refuse("file"):
            raise OSError(errno.EMFILE, "Too many open files")
        return logs(*paths)

    monkeypatch.setattr(worker_process.subprocess, "Popen", Popen)
    monkeypatch.setattr(threading.Thread, "start", start_thread)
    monkeypatch.setattr(worker_process, "Logs", open_logs)

    class Seen(Events):
        def __call__(self, job, event):
            super().__call__(job, event)
            running.add(job.attempt) if isinstance(event, StartEvent) else None
            running.discard(job.attempt) if isinstance(event, EndEvent) else None

    before, children = len(os.listdir("/dev/fd")), psutil.Process().children()  # other tests may have left a zombie
    events = execute(jobs(tmp_path, *["time.sleep(0.05)\nfinish()"] * 5), workers=4, events=Seen())
    assert [end.status for end in events.of(EndEvent)] == ["done"] * 5
    (said,) = events.said
    assert said.startswith("the system allows no further process (") and said.endswith("training 2 groups at a time")
    assert len(os.listdir("/dev/fd")) == before and psutil.Process().children() == children


def test_where_no_process_can_be_started_the_command_says_so(tmp_path, monkeypatch):
    def refuse(*arguments, **options):
        raise BlockingIOError(errno.EAGAIN, "Resource temporarily unavailable")

    monkeypatch.setattr(worker_process, "_start", refuse)
    with pytest.raises(
        RlbenchError, match=r"allows no further process \(.*unavailable\); end other programs, or raise"
    ):
        execute(jobs(tmp_path, "finish()"))


def test_files_that_run_out_elsewhere_are_named_too(monkeypatch, capsys):
    def refuse(*arguments, **options):
        raise OSError(errno.EMFILE, "Too many open files", "x")

    monkeypatch.setattr("rlbench.cli.main.cli.main", refuse)
    assert invoke(["table", "x"]) == 2
    assert "Too many open files: 'x'; raise the limit on open files, as in `ulimit -n 1024`" in capsys.readouterr().err
