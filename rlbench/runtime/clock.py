"""The training clock: monotonic seconds spent training, evaluation and checkpoints excluded."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager


class TrainingClock:
    """Seconds since it was made, less the pauses, plus what earlier attempts had already spent."""

    def __init__(self, spent: float = 0.0) -> None:
        self._began = time.perf_counter() - spent
        self._paused_at: float | None = None

    @property
    def seconds(self) -> float:
        now = time.perf_counter() if self._paused_at is None else self._paused_at
        return now - self._began

    @contextmanager
    def paused(self) -> Iterator[None]:
        """Stand still meanwhile; pauses may be nested."""
        if self._paused_at is not None:
            yield
            return
        self._paused_at = time.perf_counter()
        try:
            yield
        finally:
            self._began += time.perf_counter() - self._paused_at
            self._paused_at = None
