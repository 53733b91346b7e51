"""How long a group may take, and how long it may stand still, by a clock that a suspended machine does not advance."""

from __future__ import annotations

import time
from collections.abc import Mapping
from typing import Any

from rlbench.api import RunGroup, RunStatus

# A longer gap between two looks means that this process, or the machine, was suspended; it counts for this much.
LONGEST_GAP_SECONDS = 5.0


class AwakeClock:
    """Seconds that this process was awake, as far as it looked."""

    def __init__(self) -> None:
        self._last, self.seconds = time.monotonic(), 0.0

    def tick(self) -> float:
        now = time.monotonic()
        self.seconds += min(now - self._last, LONGEST_GAP_SECONDS)
        self._last = now
        return self.seconds


class Limits:
    """One group's limits since its process started. `now` is an AwakeClock's time throughout."""

    def __init__(self, group: RunGroup, now: float) -> None:
        self._group, self._began, self._moved = group, now, now
        self._pulse: Any = None

    def heard(self, event: Mapping[str, Any], now: float) -> None:
        """Take a report as a sign of life if its pulse (steps of training and evaluation) has moved."""
        if event["event"] != "progress" or event.get("pulse") != self._pulse:
            self._pulse, self._moved = event.get("pulse", self._pulse), now

    def exceeded(self, now: float) -> tuple[RunStatus, str] | None:
        """The status and message of the limit that is passed, or None."""
        group = self._group
        if group.timeout is not None and now - self._began > group.timeout:
            return RunStatus.TIMEOUT, f"took over {duration(group.timeout)}, its time limit"
        if group.stall_timeout is not None and now - self._moved > group.stall_timeout:
            return RunStatus.STALLED, f"took no environment step for {duration(group.stall_timeout)}"
        return None


def duration(seconds: float) -> str:
    """Seconds as a person writes them: 45 s, 2 min 5 s, 1 h 30 min."""
    whole = round(seconds)
    if whole < 60:
        return f"{seconds:.3g} s"
    parts = ((whole // 3600, "h"), (whole // 60 % 60, "min"), (whole % 60 if whole < 3600 else 0, "s"))
    return " ".join(f"{count} {unit}" for count, unit in parts if count)
