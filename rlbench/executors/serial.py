"""The executor `serial`: one group after another in this process, for debugging and notebooks."""

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

from rlbench.api import (
    DiskFull,
    EndEvent,
    Event,
    ExecutorContext,
    ExecutorSpec,
    Job,
    NoticeEvent,
    RunStatus,
    StartEvent,
    hookimpl,
)
from rlbench.executors.attempt import Attempt
from rlbench.executors.process_state import kept_process_state
from rlbench.executors.time_limits import timeout_message

_SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


def execute(jobs: Sequence[Job], context: ExecutorContext) -> None:
    """Run `jobs` in order. `context.workers`, `context.retry`, stall timeouts and limits of memory are ignored.

    A signal or a time limit stops the running group at its next safe point; a second signal stops it at once. Then the
    previous handler of the first signal is called. If this process is killed, all jobs end.

    Raises: DiskFull.
    """
    os.environ.setdefault("OMP_NUM_THREADS", "1")
    began = time.monotonic()
    for job in jobs:
        remaining = None if context.stop_after is None else began + context.stop_after - time.monotonic()
        if remaining is not None and remaining <= 0:
            return
        context.on_event(job, StartEvent())
        full: list[str] = []
        attempt = Attempt(job.attempt, partial(_forward, context, job, full), job.plugin_files)
        with (
            kept_process_state(),
            _limited(attempt, job.group.timeout, remaining),
            _stopping(attempt) as received,
            _leftovers(context, job),
        ):
            attempt.run()
        for number in received[:1]:
            signal.raise_signal(number)
        if full:
            raise DiskFull(full[0])


def _forward(context: ExecutorContext, job: Job, full: list[str], event: Event) -> None:
    if isinstance(event, EndEvent) and event.disk_full:
        full.append(event.message)
    context.on_event(job, event)


@contextmanager
def _leftovers(context: ExecutorContext, job: Job) -> Iterator[None]:
    """After a job, kill its child processes and report its threads.

    Only children that Python would wait for at exit are killed. Threads cannot be stopped from outside.
    """
    threads, children = set(threading.enumerate()), set(_children())
    try:
        yield
    finally:
        new_children = [child for child in _children() if child not in children]
        for child in new_children:
            child.kill()
        leftovers = [f"process {child.pid}, which was killed" for child in new_children]
        leftovers += [
            f"thread {thread.name}" for thread in threading.enumerate() if thread not in threads and not thread.daemon
        ]
        if leftovers:
            context.on_event(job, NoticeEvent(f"left behind: {', '.join(leftovers)}"))


def _children() -> list[BaseProcess]:
    """Return the children that Python waits for at exit."""
    return [child for child in multiprocessing.active_children() if not child.daemon]


@contextmanager
def _limited(attempt: Attempt, timeout: float | None, remaining: float | None) -> Iterator[None]:
    """Stop `attempt` as timed out after `timeout` seconds, and as interrupted after `remaining` seconds."""
    timers = []
    if timeout is not None:
        timers.append(threading.Timer(timeout, attempt.stop, (RunStatus.TIMEOUT, timeout_message(timeout))))
    if remaining is not None:
        timers.append(threading.Timer(remaining, attempt.stop))
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
    """Call `attempt.stop()` for each signal within the context. Yields: the list of received signals."""
    received: list[int] = []

    def handle(number: int, frame: FrameType | None) -> None:
        received.append(number)
        attempt.stop()
        if len(received) > 1:
            raise KeyboardInterrupt

    if threading.current_thread() is not threading.main_thread():  # only the main thread can set handlers
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
