"""Samples of the main thread's call stack at intervals of CPU time, weighted by the CPU time since the last sample.

The kernel sends SIGPROF after every few milliseconds of CPU time, summed over all threads. Python runs the handler only
between bytecodes of the main thread. A call into C is therefore sampled when it returns, and its whole time counts for
the calling function. So does the time of compiled graphs, matrix products and garbage collections.
"""

from __future__ import annotations

import signal
import threading
import time
from types import CodeType, FrameType
from typing import Any, NamedTuple

INTERVAL_SECONDS = 0.004  # the tick of most kernels; they cannot keep shorter intervals


class Function(NamedTuple):
    """The function of a frame: its file and its qualified name."""

    file: str
    name: str


Stack = tuple[Function, ...]
"""A call stack: the running functions, innermost first."""


def unavailable() -> str:
    """Return why this thread cannot sample its process; "" if it can."""
    if threading.current_thread() is not threading.main_thread():
        return "only the main thread of a process can be sampled"
    if signal.getitimer(signal.ITIMER_PROF)[0]:
        return "another profiler uses the timer of this process"
    return ""


class Sampler:
    """A sampler of CPU seconds by call stack, between `start` and `stop`. The main thread must call both.

    The signal handler stores only numbers and code objects and calls no Python function: while a compiled function
    runs, torch's compiler inspects every new frame. It inspects a frame without tensors, such as the handler's, once.
    """

    def __init__(self) -> None:
        self._seconds: dict[tuple[int, ...], float] = {}
        self._codes: dict[int, CodeType] = {}  # by id; these references keep ids from being reused
        self._last = 0.0
        self._before: Any = signal.SIG_DFL

    def start(self) -> None:
        self._before = signal.signal(signal.SIGPROF, self._note)
        signal.siginterrupt(signal.SIGPROF, False)  # interrupted system calls are restarted and do not fail
        self._last = time.process_time()
        signal.setitimer(signal.ITIMER_PROF, INTERVAL_SECONDS, INTERVAL_SECONDS)

    def stop(self) -> None:
        """Take the last sample, and restore the previous handler if there was one. No more signals come."""
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
        """Return the seconds by call stack. The empty stack contains the time from the last sample to `stop`."""
        names = {key: Function(code.co_filename, code.co_qualname) for key, code in self._codes.items()}
        seconds: dict[Stack, float] = {}
        for ids, spent in self._seconds.items():
            stack = tuple(names[key] for key in ids)
            seconds[stack] = seconds.get(stack, 0.0) + spent
        return seconds
