"""Schedules: numbers that change with the environment steps, and events that are due at regular intervals of steps."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import overload

import numpy as np
from numpy.typing import NDArray

from rlbench.api import PerSeed


def decay(start: float, end: float, duration: float, steps: int, shape: str = "linear") -> float:
    """Return the value after `steps`. It changes from start to end over `duration` steps and is then constant.

    shape: "constant" (start throughout), "linear", or "exponential" (start and end above 0).
    Raises: ValueError for another shape.
    """
    progress = min(steps / duration, 1.0) if duration > 0 else 1.0
    if shape == "linear":
        return start + (end - start) * progress
    if shape == "exponential":
        factor: float = (end / start) ** progress
        return start * factor
    if shape == "constant":
        return start
    raise ValueError(f"unknown schedule {shape!r}; known: constant, linear, exponential")


def parse_schedule(value: float | str) -> tuple[float, str]:
    """Parse the value of a hyperparameter with schedule=True. Return the number at step 0 and the shape for `decay`.

    3e-4 is constant; "lin_3e-4" falls linearly.

    Raises: ValueError for other text.
    """
    if isinstance(value, str) and value.startswith("lin_"):
        return float(value.removeprefix("lin_")), "linear"
    return float(value), "constant"


@dataclass(frozen=True)
class Schedule:
    """A number that changes with the steps of one seed. For the fields see `decay`."""

    start: float
    end: float
    duration: float
    shape: str = "linear"

    @overload
    @classmethod
    def parse(cls, value: float | str, budget: int) -> Schedule: ...
    @overload
    @classmethod
    def parse(cls, value: PerSeed, budget: int) -> ScheduleOfEachSeed: ...
    @classmethod
    def parse(cls, value: float | str | PerSeed, budget: int) -> Schedule | ScheduleOfEachSeed:
        """Return the schedule of a hyperparameter with schedule=True: constant, or linear to 0 at `budget`."""
        if isinstance(value, PerSeed):
            return ScheduleOfEachSeed([cls._parse(one, budget) for one in value])
        return cls._parse(value, budget)

    @classmethod
    def _parse(cls, value: float | str, budget: int) -> Schedule:
        start, shape = parse_schedule(value)
        return cls(start, 0.0, budget, shape)

    def __call__(self, steps: int) -> float:
        return decay(self.start, self.end, self.duration, steps, self.shape)


class ScheduleOfEachSeed:
    """One schedule for each seed of a stack. `start` is an array [S], and a call returns an array [S]."""

    def __init__(self, schedules: Sequence[Schedule]) -> None:
        self._schedules = schedules
        self.start = np.array([schedule.start for schedule in schedules])

    def __call__(self, steps: int) -> NDArray[np.float64]:
        return np.array([schedule(steps) for schedule in self._schedules])


class Every:
    """An event that is due whenever each of the n_envs environments of a seed has taken `period` more steps.

    `due` may be called after several steps. It then counts every multiple of the period that was reached or passed.
    """

    def __init__(self, period: int, n_envs: int = 1) -> None:
        self.period, self._n_envs, self._passed = period, n_envs, 0

    def due(self, steps: int) -> int:
        """Return how many multiples of the period were reached since the last call; 0: the event is not due.

        steps: the steps of one seed, to which each step of all its environments adds n_envs.
        """
        passed = steps // self._n_envs // self.period
        count, self._passed = passed - self._passed, passed
        return count

    def state(self) -> dict[str, int]:
        return {"passed": self._passed}

    def load_state(self, state: Mapping[str, int]) -> None:
        self._passed = state["passed"]
