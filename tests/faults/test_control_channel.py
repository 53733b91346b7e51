"""Junk on the pipe by which a worker reports: the harness lives, takes little memory, and hears what is sound."""

import os
import queue
import subprocess
import sys
import time

import pytest
from support.script_workers import Events, execute, jobs

from rlbench.api import EndEvent, NoticeEvent, ProgressEvent, RunStatus
from rlbench.executors import local, worker_process

pytestmark = pytest.mark.faults

DONE = EndEvent(RunStatus.DONE, "")
SHAPE = "sent an invalid event, which is ignored: it is not an object"
NO_JSON = "sent an invalid event, which is ignored: it is not JSON"
JUNK = {
    "nothing": (r"b''", []),
    "bytes": (r"bytes(range(256)) + b'\n'", [NO_JSON]),
    "half a line": (r"b'half a line'", [NO_JSON]),
    "half an event": (r"""b'{"event": "finished", "status": "do'""", [NO_JSON]),
    "other values": (r"b'[]\n3\nnull\n' * 1000", [SHAPE]),
    "deep": (r"b'[' * 100_000 + b'\n'", [NO_JSON]),
    "a number of many digits": (r"b'9' * 100_000 + b'\n'", [NO_JSON]),
    "an event that no worker sends": (r"""b'{"event": "started"}\n'""", None),
    "a status that does not exist": (r"""b'{"event": "finished", "status": "won", "message": ""}\n'""", None),
}


@pytest.mark.parametrize("kind", JUNK)
def test_junk_is_reported_once_and_the_events_around_it_are_heard(tmp_path, kind):
    junk, notices = JUNK[kind]
    script = f"event(event='progress', step=1, pulse=1); send({junk}); event(event='progress', step=2, pulse=2); send({junk}); finish()"
    events = execute(jobs(tmp_path, script))
    assert events.of(ProgressEvent) == [ProgressEvent(1, 1), ProgressEvent(2, 2)] and events.of(EndEvent) == [DONE]
    told = [notice.message for notice in events.of(NoticeEvent)]
    assert told == notices if notices is not None else len(told) == 1 and "invalid event" in told[0]


# In a process of its own, because tracemalloc counts the memory of all threads, and other tests may have left some.
MEASURED = """
import pathlib, sys, tracemalloc
from rlbench.api import EndEvent, NoticeEvent
from support.script_workers import execute, jobs
tracemalloc.start()
events = execute(jobs(pathlib.Path(sys.argv[1]), *sys.argv[2:]))
print(*(end.status for end in events.of(EndEvent)), len(events.of(NoticeEvent)), tracemalloc.get_traced_memory()[1])
"""


def test_lines_of_100_mb_take_little_memory_and_the_events_after_them_are_heard(tmp_path):
    long = "for _ in range(1600): send(b'x' * 65_536)"  # 105 MB
    scripts = [f"{long}\nfinish()", f"{long}\nsend(b'\\n')\nfinish()"]
    environment = os.environ | {"PYTHONPATH": os.pathsep.join(sys.path)}
    command = [sys.executable, "-c", MEASURED, str(tmp_path), *scripts]
    printed = subprocess.run(command, env=environment, check=True, capture_output=True, text=True).stdout
    *found, peak = printed.split()
    assert found == ["done", "done", "2"] and int(peak) < 20 * worker_process.LONGEST_EVENT


def test_a_line_without_end_costs_its_own_run_only(tmp_path):
    endless = "while True: send(b'x' * 65_536)\n"
    events = execute(jobs(tmp_path, f"signal.alarm(1)\n{endless}", "finish()"))
    assert sorted(end.status for end in events.of(EndEvent)) == ["done", "failed"]
    assert "worker crashed with SIGALRM" in [end.message for end in events.of(EndEvent)]


def test_a_worker_that_floods_the_harness_with_sound_events_waits_for_it(tmp_path, monkeypatch):
    """More of them than the queue and the pipe hold, while the harness is busy with the first one."""
    queues, create = [], queue.Queue
    monkeypatch.setattr(local, "LONGEST_QUEUE", 10)
    monkeypatch.setattr(local.queue, "Queue", lambda size: queues.append(create(size)) or queues[-1])
    sent = tmp_path / "sent"
    flood = (
        f"for step in range(5000): event(event='progress', step=step, pulse=step)\nopen({str(sent)!r}, 'w')\nfinish()"
    )

    class Busy(Events):
        def __call__(self, job, event):
            super().__call__(job, event)
            while len(self) == 2 and not queues[0].full():
                assert not sent.exists()
                time.sleep(0.001)
            assert queues[0].qsize() <= 10

    events = execute(jobs(tmp_path, flood), events=Busy())
    assert events.of(ProgressEvent) == [ProgressEvent(step, step) for step in range(5000)]
    assert events.of(EndEvent) == [DONE]


def test_a_worker_that_has_closed_the_pipe_is_judged_by_what_it_has_recorded(tmp_path):
    record = """
record = {"schema_version": 1, "status": STATUS, "message": "its reason"}
open(ATTEMPT + "/exit.json", "w").write(json.dumps(record))
os.close(control)
"""
    todo = jobs(
        tmp_path,
        *(
            f"STATUS, ATTEMPT = {s!r}, {str(tmp_path / 'attempts' / f'script-{n}')!r}{record}"
            for n, s in enumerate(["done", "failed"])
        ),
        "",
    )
    events = execute(todo, workers=1)
    assert [(end.status, end.message) for end in events.of(EndEvent)] == [
        ("done", "its reason"),
        ("failed", "its reason"),
        ("failed", "worker exited with code 0 during training"),
    ]
