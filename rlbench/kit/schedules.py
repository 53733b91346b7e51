"""Schedules: numbers that change with the environment steps, and events that are due every so many steps."""

from __future__ import annotations

from collections.abc import Mapping


def decay(start: float, end: float, duration: float, steps: int, shape: str = "linear") -> float:
    """Return the value after `steps`: from start to end over `duration` steps, then constant.

    shape: "constant" (start throughout), "linear", or "exponential" (start and end above 0).
    Raises: ValueError for another shape.
    """
    progress = min(steps / duration, 1.0) if duration > 0 else 1.0
    if shape == "linear":
        return start + (end - start) * progress
    if shape == "exponential":
        return start * (end / start) ** progress
    if shape == "constant":
        return start
    raise ValueError(f"unknown schedule {shape!r}; known: constant, linear, exponential")


def parse_schedule(value: float | str) -> tuple[float, str]:
    """Parse the value of a hyperparameter with schedule=True into its number at step 0 and its shape for `decay`.

    3e-4 is constant; "lin_3e-4" falls linearly.

    Raises: ValueError for other text.
    """
    if isinstance(value, str) and value.startswith("lin_"):
        return float(value.removeprefix("lin_")), "linear"
    return float(value), "constant"


class Every:
    """An event that is due every `period` steps.

    With N environments steps come N at a time, so a multiple of the period may be passed rather than hit.
    """

    def __init__(self, period: int) -> None:
        self.period, self._passed = period, 0

    def due(self, steps: int) -> int:
        """Return how many multiples of the period were reached since the last call; 0: not due."""
        passed = steps // self.period
        count, self._passed = passed - self._passed, passed
        return count

    def state(self) -> dict[str, int]:
        return {"passed": self._passed}

    def load_state(self, state: Mapping[str, int]) -> None:
        self._passed = state["passed"]
