"""The point at which a side's loop waits for its turn: it reports its steps and blocks until the next turn.

All libraries use it, so that all are timed alike. A turn lasts at least a number of seconds and ends at the next pass
(after the update on a rollout, or after a step of the environments with its update).
"""

from __future__ import annotations

import json
import os
import resource
import sys
import time
from typing import Any, TextIO


class Turnstile:
    """Created before the library is imported. Everything before `warm_steps` (summed over seeds) is the warm-up."""

    def __init__(self, commands: TextIO, answers: TextIO, warm_steps: int) -> None:
        self._commands, self._answers, self._warm_steps = commands, answers, warm_steps
        self._seconds: float | None = None  # None: warming up
        self._begin(0)

    def _begin(self, steps: int) -> None:
        self._steps, self._cpu, self._wall = steps, cpu_seconds(), time.perf_counter()

    def passed(self, steps: int) -> None:
        """Pass between updates. steps: environment steps so far, summed over seeds."""
        if self._seconds is None:
            if steps < self._warm_steps:
                return
        elif time.perf_counter() - self._wall < self._seconds:
            return
        wall, cpu = time.perf_counter() - self._wall, cpu_seconds() - self._cpu
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * (1 if sys.platform == "darwin" else 1024)
        self._seconds = self.tell({"steps": steps - self._steps, "wall": wall, "cpu": cpu, "peak_bytes": peak})
        self._begin(steps)

    def tell(self, answer: dict[str, Any]) -> float:
        """Answer and wait. Returns: the length of the next turn in seconds. The process ends with its parent."""
        self._answers.write(json.dumps(answer) + "\n")
        self._answers.flush()
        line = self._commands.readline()
        if not line:
            os._exit(0)  # regardless of the library's threads
        return float(line)


def cpu_seconds() -> float:
    """Return the processor time of this process, its threads, and its ended children (compilers)."""
    times = os.times()
    return time.process_time() + times.children_user + times.children_system  # os.times counts only in hundredths
