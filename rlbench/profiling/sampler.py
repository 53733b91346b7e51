"""Samples of the main thread's stack, taken as the process's processor time goes by and weighed with it.

The kernel sends SIGPROF after each few milliseconds of processor time, of all threads together. Python runs the handler
between bytecodes of the main thread alone: a call into C is noted when it returns, in the frame that made it, with all
the time it took. So a compiled graph or a matrix product is its caller's work, and so is a collection of garbage.
"""

from __future__ import annotations

import signal
import threading
import time
from types import CodeType, FrameType
from typing import Any, NamedTuple

INTERVAL_SECONDS = 0.004  # the tick of most kernels: a shorter one is not met


class Function(NamedTuple):
    """Whose frame it is: the file it was compiled from, and its qualified name in there."""

    file: str
    name: str


Stack = tuple[Function, ...]
"""Functions that were running, the innermost first."""


def unavailable() -> str:
    """Why this process cannot be sampled from here, or nothing."""
    if threading.current_thread() is not threading.main_thread():
        return "only a process's main thread can be sampled"
    if signal.getitimer(signal.ITIMER_PROF)[0]:
        return "another profiler has the process's timer"
    return ""


class Sampler:
    """Seconds of processor time by stack, between `start` and `stop`, which the main thread calls.

    The handler keeps nothing but numbers and code objects, and calls nothing written in Python: torch's compiler looks
    at every new frame while a compiled function runs, passes over those without tensors, and does so once.
    """

    def __init__(self) -> None:
        self._seconds: dict[tuple[int, ...], float] = {}
        self._codes: dict[int, CodeType] = {}  # by id; held, so that an id stays one code's
        self._last = 0.0
        self._before: Any = signal.SIG_DFL

    def start(self) -> None:
        self._before = signal.signal(signal.SIGPROF, self._note)
        signal.siginterrupt(signal.SIGPROF, False)  # a library's system call goes on instead of failing
        self._last = time.process_time()
        signal.setitimer(signal.ITIMER_PROF, INTERVAL_SECONDS, INTERVAL_SECONDS)

    def stop(self) -> None:
        """Take the last sample. The handler goes back to who had it; where nobody had, ours stays and is never called."""
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
        """Seconds by stack; () is what passed between the last sample and the end."""
        names = {key: Function(code.co_filename, code.co_qualname) for key, code in self._codes.items()}
        found: dict[Stack, float] = {}
        for ids, spent in self._seconds.items():
            stack = tuple(names[key] for key in ids)
            found[stack] = found.get(stack, 0.0) + spent
        return found
