"""The training clock: seconds of training, without evaluation and checkpoints."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from contextlib import contextmanager


class TrainingClock:
    """Counts the seconds since its creation without pauses, plus the seconds of earlier attempts (`spent`).

    elapsed: the same with pauses. cpu: processor seconds of this process and its ended children, plus those of earlier
    attempts.
    """

    def __init__(self, spent: float = 0.0, elapsed: float = 0.0, cpu: float = 0.0) -> None:
        self._began = time.perf_counter() - spent
        self._started = time.perf_counter() - elapsed
        self._cpu_began = _cpu_seconds() - cpu
        self._paused_at: float | None = None

    @property
    def elapsed(self) -> float:
        return time.perf_counter() - self._started

    @property
    def cpu(self) -> float:
        return _cpu_seconds() - self._cpu_began

    @property
    def seconds(self) -> float:
        now = time.perf_counter() if self._paused_at is None else self._paused_at
        return now - self._began

    @contextmanager
    def paused(self) -> Iterator[None]:
        """Pause the clock inside the context. Pauses may be nested."""
        if self._paused_at is not None:
            yield
            return
        self._paused_at = time.perf_counter()
        try:
            yield
        finally:
            self._began += time.perf_counter() - self._paused_at
            self._paused_at = None


def _cpu_seconds() -> float:
    times = os.times()
    return times.user + times.system + times.children_user + times.children_system
