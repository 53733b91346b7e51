"""The executor `serial`: one group after the other in this process, for debugging and notebooks."""

from __future__ import annotations

import os
import signal
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from types import FrameType

from rlbench.api import ExecutorSpec, hookimpl
from rlbench.executors.jobs import Job, Listen, Retry
from rlbench.executors.work import Attempt

_SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


def execute(jobs: Sequence[Job], workers: int, listen: Listen, retry: Retry) -> None:
    """Run `jobs` in order; `workers` and `retry` are ignored: whoever kills this process ends them all. A signal stops the running group at its next safe point, a second one
    at once; it is then handled as it would have been.
    """
    os.environ.setdefault("OMP_NUM_THREADS", "1")
    for job in jobs:
        listen(job, {"event": "started"})
        attempt = Attempt(job.attempt, partial(listen, job), job.plugin_files)
        with _stopping(attempt) as received:
            attempt.run()
        for number in received[:1]:
            signal.raise_signal(number)


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
