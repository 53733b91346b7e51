"""How far the groups of a suite are, and how long they still take."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from rlbench.api import RunGroup, group_from_dict
from rlbench.results.cost_estimates import estimate_seconds


@dataclass(frozen=True)
class GroupProgress:
    """A group that is being trained.

    step: the step that each seed has reached. steps: the budget of each seed. value: mean return of the seeds' last
    evaluations or, if there are none, of their latest episodes; None without either. seconds_left: None if unknown.
    """

    algorithm: str
    task: str
    seeds: Sequence[int]
    step: int
    steps: int
    value: float | None
    seconds_left: float | None

    @property
    def share(self) -> float:
        return min(1.0, self.step / self.steps)


class GroupClock:
    """Times groups as this process sees them advance, because their files contain no clock.

    The speed of a group counts from the first step that was seen, so it leaves out the time to start up.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._first: dict[str, tuple[float, int]] = {}
        self._last: dict[str, tuple[float, int]] = {}
        self._estimates: dict[str, float | None] = {}  # seconds of whole groups, by attempt

    def advance(self, attempt: str, step: int) -> None:
        """Record the step that an attempt has reached by now."""
        if step <= 0:
            return
        now = self._clock()
        self._first.setdefault(attempt, (now, step))
        if step > self._last.get(attempt, (0.0, 0))[1]:
            self._last[attempt] = (now, step)

    def seconds_left(self, attempt: str, description: Mapping[str, Any], step: int, steps: int) -> float | None:
        """Return the seconds until a group ends: from its speed, else from what similar groups took on this machine.

        description: its group.json.
        """
        began, first = self._first.get(attempt, (0.0, 0))
        at, last = self._last.get(attempt, (0.0, 0))
        if last > first and at > began:
            since = self._clock() - at  # the group has probably advanced since its step was last written
            return max(0.0, (steps - last) * (at - began) / (last - first) - since)
        whole = self.expected(attempt, description)
        return None if whole is None else whole * max(0, steps - step) / steps

    def expected(self, attempt: str, description: Mapping[str, Any]) -> float | None:
        """Return how long a whole group takes, from what similar groups took on this machine; None if unknown."""
        if attempt not in self._estimates:
            group = _group(description)
            self._estimates[attempt] = None if group is None else estimate_seconds(group)
        return self._estimates[attempt]


def _group(description: Mapping[str, Any]) -> RunGroup | None:
    try:
        return group_from_dict(description["group"])
    except (KeyError, TypeError, ValueError, AttributeError):  # not written by rlbench
        return None


def overall_seconds(running: Sequence[float | None], waiting: Sequence[float | None]) -> float | None:
    """Return the seconds until all groups have ended, or None if they are unknown.

    Waiting groups share the workers that train the running ones.
    """
    known = [seconds for seconds in (*running, *waiting) if seconds is not None]
    if not running or len(known) < len(running) + len(waiting):
        return None
    return max(sum(known) / len(running), *known)
