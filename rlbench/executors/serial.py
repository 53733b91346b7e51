"""The executor `serial`: one group after the other in this process, for debugging and notebooks."""

from __future__ import annotations

import multiprocessing
import os
import signal
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from multiprocessing.process import BaseProcess
from types import FrameType

from rlbench.api import DiskFull, ExecutorSpec, RunStatus, hookimpl
from rlbench.executors.attempt import Attempt
from rlbench.executors.jobs import Context, Event, Job
from rlbench.executors.time_limits import duration

_SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


def execute(jobs: Sequence[Job], context: Context) -> None:
    """Run `jobs` in order; `context.workers` and `context.retry` are ignored, for whoever kills this process ends them
    all, and so are stall timeouts. A signal, or a limit, stops the running group at its next safe point; a second
    signal at once, and it is then handled as it would have been.

    Raises: DiskFull.
    """
    os.environ.setdefault("OMP_NUM_THREADS", "1")
    began = time.monotonic()
    for job in jobs:
        left = None if context.stop_after is None else began + context.stop_after - time.monotonic()
        if left is not None and left <= 0:
            return
        context.listen(job, {"event": "started"})
        full: list[str] = []
        attempt = Attempt(job.attempt, partial(_tell, context, job, full), job.plugin_files)
        with _limited(attempt, job.group.timeout, left), _stopping(attempt) as received, _leftovers(context, job):
            attempt.run()
        for number in received[:1]:
            signal.raise_signal(number)
        if full:
            raise DiskFull(full[0])


def _tell(context: Context, job: Job, full: list[str], event: Event) -> None:
    if event.get("disk_full"):
        full.append(str(event["message"]))
    context.listen(job, event)


@contextmanager
def _leftovers(context: Context, job: Job) -> Iterator[None]:
    """Come back to the folder that this process worked in; end children of the algorithm that Python would wait for, and tell
    of threads, which nobody can end from outside.
    """
    here = os.getcwd()
    threads, children = set(threading.enumerate()), set(_children())
    try:
        yield
    finally:
        os.chdir(here)
        left = [child for child in _children() if child not in children]
        for child in left:
            child.kill()
        told = [f"process {child.pid}, which was ended" for child in left]
        told += [
            f"thread {thread.name}" for thread in threading.enumerate() if thread not in threads and not thread.daemon
        ]
        if told:
            context.listen(job, {"event": "notice", "message": f"left behind: {', '.join(told)}"})


def _children() -> list[BaseProcess]:
    """Those that a process waits for at its end."""
    return [child for child in multiprocessing.active_children() if not child.daemon]


@contextmanager
def _limited(attempt: Attempt, timeout: float | None, left: float | None) -> Iterator[None]:
    """Stop `attempt` after `timeout` seconds as timed out, or after `left` seconds as interrupted."""
    timers = []
    if timeout is not None:
        said = f"took over {duration(timeout)}, its time limit"
        timers.append(threading.Timer(timeout, attempt.stop, (RunStatus.TIMEOUT, said)))
    if left is not None:
        timers.append(threading.Timer(left, attempt.stop))
    for timer in timers:
        timer.daemon = True
        timer.start()
    try:
        yield
    finally:
        for timer in timers:
            timer.cancel()


@contextmanager
def _stopping(attempt: Attempt) -> Iterator[list[int]]:
    """Turn signals into `attempt.stop()` meanwhile; yields the list of those received."""
    received: list[int] = []

    def handle(number: int, frame: FrameType | None) -> None:
        received.append(number)
        attempt.stop()
        if len(received) > 1:
            raise KeyboardInterrupt

    if threading.current_thread() is not threading.main_thread():  # only there can handlers be set
        yield received
        return
    before = {number: signal.signal(number, handle) for number in _SIGNALS}
    try:
        yield received
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


@hookimpl
def rlbench_executors() -> list[ExecutorSpec]:
    return [ExecutorSpec("serial", execute)]
