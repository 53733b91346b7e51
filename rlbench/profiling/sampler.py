"""Samples of the main thread's stack, taken at intervals of CPU time and weighted by the CPU time between them.

The kernel sends SIGPROF after every few milliseconds of CPU time, summed over all threads. Python runs the handler only
between bytecodes of the main thread. A call into C is therefore sampled when it returns, in the calling frame, with all
the time it took: compiled graphs, matrix products and garbage collections count for their caller.
"""

from __future__ import annotations

import signal
import threading
import time
from types import CodeType, FrameType
from typing import Any, NamedTuple

INTERVAL_SECONDS = 0.004  # the tick of most kernels, which cannot keep a shorter interval


class Function(NamedTuple):
    """The function of a frame: its file and its qualified name."""

    file: str
    name: str


Stack = tuple[Function, ...]
"""The running functions, innermost first."""


def unavailable() -> str:
    """Return why this process cannot be sampled from here, "" if it can."""
    if threading.current_thread() is not threading.main_thread():
        return "only the main thread of a process can be sampled"
    if signal.getitimer(signal.ITIMER_PROF)[0]:
        return "another profiler uses the timer of this process"
    return ""


class Sampler:
    """CPU seconds by stack, between `start` and `stop`. The main thread must call both.

    The handler stores only numbers and code objects and calls no Python function, because torch's compiler inspects
    every new frame while a compiled function runs. It inspects a frame without tensors, such as the handler's, once.
    """

    def __init__(self) -> None:
        self._seconds: dict[tuple[int, ...], float] = {}
        self._codes: dict[int, CodeType] = {}  # by id; the references keep an id from being reused
        self._last = 0.0
        self._before: Any = signal.SIG_DFL

    def start(self) -> None:
        self._before = signal.signal(signal.SIGPROF, self._note)
        signal.siginterrupt(signal.SIGPROF, False)  # interrupted system calls are restarted and do not fail
        self._last = time.process_time()
        signal.setitimer(signal.ITIMER_PROF, INTERVAL_SECONDS, INTERVAL_SECONDS)

    def stop(self) -> None:
        """Take the last sample and restore the previous handler. Without one, this handler stays, but is not called."""
        signal.setitimer(signal.ITIMER_PROF, 0.0)
        self._note(signal.SIGPROF, None)
        if callable(self._before):
            signal.signal(signal.SIGPROF, self._before)

    def _note(self, number: int, frame: FrameType | None) -> None:
        now = time.process_time()
        spent, self._last = now - self._last, now
        ids, codes = [], self._codes
        while frame is not None:
            code = frame.f_code
            codes[id(code)] = code
            ids.append(id(code))
            frame = frame.f_back
        stack = tuple(ids)
        self._seconds[stack] = self._seconds.get(stack, 0.0) + spent

    def stacks(self) -> dict[Stack, float]:
        """Return seconds by stack. The empty stack has the time between the last sample and the end."""
        names = {key: Function(code.co_filename, code.co_qualname) for key, code in self._codes.items()}
        seconds: dict[Stack, float] = {}
        for ids, spent in self._seconds.items():
            stack = tuple(names[key] for key in ids)
            seconds[stack] = seconds.get(stack, 0.0) + spent
        return seconds
