"""Processes that a run has started and hidden: they end with the run, and with a harness that is killed."""

import os
import signal
import subprocess
import sys
import time

import psutil
import pytest
from support.script_workers import Events, execute, jobs

from rlbench.api import EndEvent, EvaluationProtocol, NoticeEvent, RunGroup, RunStatus, Task
from rlbench.executors.orphan_guard import MARK
from rlbench.results import Store

pytestmark = pytest.mark.faults

# Starts processes that are found in no process group, session or family of the worker, and returns at once.
HIDE = """
def hide(times=1):
    for _ in range(times):
        if os.fork() == 0:
            os.setsid()
            if os.fork() == 0:
                for _ in range(3): os.dup2(os.open("/dev/null", os.O_RDWR), _)
                while True: signal.pause()
            os._exit(0)
        os.wait()
"""


def marked(folder):
    """The living processes that the attempts in a folder have started."""
    found = []
    for process in psutil.process_iter():
        try:
            if process.environ().get("RLBENCH_ATTEMPT", "").startswith(str(folder)) and process.status() != "zombie":
                found.append(process)
        except (psutil.Error, OSError):
            continue
    return found


@pytest.fixture(autouse=True)
def no_process_outlives_its_test(tmp_path):
    yield
    for process in marked(tmp_path):
        process.kill()


ENDS = {
    "finishes": "finish()",
    "says nothing": "os._exit(0)",
    "crashes": "os.abort()",
    "is killed": "os.kill(os.getpid(), 9)",
}


@pytest.mark.parametrize("ending", ENDS)
def test_hidden_processes_end_with_their_run_however_it_ends(tmp_path, ending):
    events = execute(jobs(tmp_path, f"{HIDE}\nhide(3)\n{ENDS[ending]}"))
    assert marked(tmp_path) == [] and len(events.of(EndEvent)) == 1
    (notice,) = events.of(NoticeEvent)
    assert (
        notice.message.startswith("left processes behind, which were killed: ")
        and notice.message.count("process ") == 3
    )


def test_the_processes_of_other_runs_are_left_alone(tmp_path):
    """The first one ends while the second one, with a hidden process of its own, still runs."""
    ready, gone = str(tmp_path / "ready"), str(tmp_path / "gone")
    first = f"{HIDE}\nhide()\nwhile not os.path.exists({ready!r}): time.sleep(0.01)\nfinish()"
    second = f"{HIDE}\nhide()\nopen({ready!r}, 'w')\nwhile not os.path.exists({gone!r}): time.sleep(0.01)\nfinish()"
    todo = jobs(tmp_path, first, second)
    alive = []

    class Ends(Events):
        def __call__(self, job, event):
            if job is todo[0] and isinstance(event, NoticeEvent):
                alive.extend(process.environ()["RLBENCH_ATTEMPT"] for process in marked(tmp_path))
                open(gone, "w").close()

    execute(todo, events=Ends())
    assert alive == [str(todo[1].attempt)] * 2 and marked(tmp_path) == []


HARNESS = """
import sys
sys.path[:0] = {paths}
from pathlib import Path
from support.script_workers import execute, jobs
execute(jobs(Path({folder!r}), *{scripts!r}))
"""


@pytest.mark.parametrize("how", [signal.SIGKILL, signal.SIGSEGV])
def test_nothing_outlives_a_harness_that_is_killed(tmp_path, how):
    """Neither a worker that hears no signal nor what it has hidden, nor the guard."""
    deaf = "signal.pthread_sigmask(signal.SIG_BLOCK, range(1, 32))"
    scripts = [
        f"{HIDE}\nhide(2)\n{deaf}\nprint(flush=True)\nopen({str(tmp_path / name)!r}, 'w')\nwhile True: signal.pause()"
        for name in "ab"
    ]
    tests = os.path.dirname(os.path.dirname(__file__))
    code = HARNESS.format(paths=[tests, os.path.dirname(tests)], folder=str(tmp_path), scripts=scripts)
    process = subprocess.Popen([sys.executable, "-c", code], stderr=subprocess.DEVNULL)
    try:
        while not all((tmp_path / name).exists() for name in "ab"):
            assert process.poll() is None
            time.sleep(0.01)
        family = [*psutil.Process(process.pid).children(recursive=True), *marked(tmp_path)]
        assert len(family) == 2 + 1 + 2 + 4  # workers, guard, workers again, hidden ones
    finally:
        process.send_signal(how)
        process.wait()
    assert not psutil.wait_procs(family, timeout=30)[1] and marked(tmp_path) == []


def test_a_guard_leaves_the_workers_of_other_attempts_alone(tmp_path):
    """Such as those of a later harness, also in the same folder."""
    sleeper = subprocess.Popen(
        [sys.executable, "-S", "-c", "import signal; signal.pause()"], env=os.environ | {MARK: str(tmp_path / "b")}
    )
    for name, code in (("a", None), ("b", -signal.SIGKILL)):
        guard = [sys.executable, "-m", "rlbench.executors.orphan_guard"]
        subprocess.run(guard, input=bytes(tmp_path / name) + b"\0", check=True)
        assert (sleeper.poll() if code is None else sleeper.wait()) == code


def test_a_worker_whose_harness_no_longer_listens_leaves_its_runs_to_be_resumed(tmp_path):
    """As where the kernel does not end it with the harness."""
    store, task = Store(tmp_path), Task("CartPole-v1", 100, EvaluationProtocol(20, 1, 1))
    group = RunGroup("random", {}, task, (0,))
    attempt = store.new_attempt(group, {}, "rlbench")
    read_end, write_end = os.pipe()
    os.close(read_end)
    command = [
        sys.executable,
        "-m",
        "rlbench.executors.worker_main",
        str(attempt),
        f"--control={write_end},{os.getpid()}",
    ]
    ran = subprocess.run(command, pass_fds=[write_end], stderr=subprocess.PIPE)
    os.close(write_end)
    assert ran.returncode == 1 and ran.stderr == b""
    (run,) = group.runs
    state = store.states([run])[run.key]
    assert (state.status, state.message) == (RunStatus.INTERRUPTED, "its process exited without reporting a result")
