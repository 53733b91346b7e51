"""Where a side's loop waits for its turn: at a safe point it tells how far it came and blocks until it may go on.

The same in every library, so that all are timed alike: a turn is at least so many seconds long and ends at the first
safe point after that (a rollout learned from, a step of the environments with its update).
"""

from __future__ import annotations

import json
import os
import resource
import sys
import time
from typing import Any, TextIO


class Turnstile:
    """Made before the library is imported; all until `warm_steps` (summed over seeds) is the warm-up."""

    def __init__(self, commands: TextIO, answers: TextIO, warm_steps: int) -> None:
        self._commands, self._answers, self._warm_steps = commands, answers, warm_steps
        self._seconds: float | None = None  # None: warming up
        self._begin(0)

    def _begin(self, steps: int) -> None:
        self._steps, self._cpu, self._wall = steps, cpu_seconds(), time.perf_counter()

    def passed(self, steps: int) -> None:
        """To be called at every safe point with the environment steps made so far, summed over seeds."""
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
        """Answer and wait. Returns: how many seconds the next turn is to last. The process ends when nobody asks."""
        self._answers.write(json.dumps(answer) + "\n")
        self._answers.flush()
        line = self._commands.readline()
        if not line:
            os._exit(0)  # whatever the library's threads do
        return float(line)


def cpu_seconds() -> float:
    """Processor time of this process, all its threads, and its ended children (compilers)."""
    times = os.times()
    return time.process_time() + times.children_user + times.children_system  # os.times counts in hundredths alone
