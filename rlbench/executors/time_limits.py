"""Limits on the time that a group runs, and on the time without a step. Time of a suspended machine does not count."""

from __future__ import annotations

import time

from rlbench.api import Event, ProgressEvent, RunGroup, RunStatus
from rlbench.text import duration

# After a longer gap between two ticks, this process or the machine was suspended, and only this much counts.
LONGEST_GAP_SECONDS = 5.0


class AwakeClock:
    """Seconds that this process was awake, measured from tick to tick."""

    def __init__(self) -> None:
        self._last, self.seconds = time.monotonic(), 0.0

    def tick(self) -> float:
        """Advance the clock. Returns: the seconds counted so far."""
        now = time.monotonic()
        self.seconds += min(now - self._last, LONGEST_GAP_SECONDS)
        self._last = now
        return self.seconds


class Limits:
    """The time limits of one group since its process started. `now` is always the time of an AwakeClock."""

    def __init__(self, group: RunGroup, now: float) -> None:
        self._group, self._began, self._moved = group, now, now
        self._pulse = -1

    def record(self, event: Event, now: float) -> None:
        """Record an event as a sign of life. A progress event counts only if its pulse has changed."""
        if not isinstance(event, ProgressEvent):
            self._moved = now
        elif event.pulse != self._pulse:
            self._pulse, self._moved = event.pulse, now

    def exceeded(self, now: float) -> tuple[RunStatus, str] | None:
        """Return the status and message for an exceeded limit, or None."""
        group = self._group
        if group.timeout is not None and now - self._began > group.timeout:
            return RunStatus.TIMEOUT, timeout_message(group.timeout)
        if group.stall_timeout is not None and now - self._moved > group.stall_timeout:
            return RunStatus.STALLED, f"took no environment step for {duration(group.stall_timeout)}"
        return None


def timeout_message(seconds: float) -> str:
    """Return the message of a run that exceeded its time limit."""
    return f"exceeded its time limit of {duration(seconds)}"
