"""Numbers that change with the steps taken, and cadences that are crossed rather than hit."""

from __future__ import annotations

from collections.abc import Mapping


def decay(start: float, end: float, duration: float, steps: int, shape: str = "linear") -> float:
    """The value after `steps`, going from start to end over `duration` steps and staying there.

    shape: "constant" (start throughout), "linear", or "exponential" (start and end above 0).
    Raises: ValueError for another shape.
    """
    part = min(steps / duration, 1.0) if duration > 0 else 1.0
    if shape == "linear":
        return start + (end - start) * part
    if shape == "exponential":
        return start * (end / start) ** part
    if shape == "constant":
        return start
    raise ValueError(f"unknown schedule {shape!r}; known: constant, linear, exponential")


def parse_schedule(value: float | str) -> tuple[float, str]:
    """A setting with schedule=True as (its number at step 0, the shape for `decay`): 3e-4 is constant, "lin_3e-4" linear.

    Raises: ValueError for other text.
    """
    if isinstance(value, str) and value.startswith("lin_"):
        return float(value.removeprefix("lin_")), "linear"
    return float(value), "constant"


class Every:
    """Something due every `period` steps. With N environments steps come N at a time: multiples are crossed."""

    def __init__(self, period: int) -> None:
        self.period, self._passed = period, 0

    def due(self, steps: int) -> int:
        """How many multiples of the period have been reached since the last call; 0: not yet."""
        passed = steps // self.period
        new, self._passed = passed - self._passed, passed
        return new

    def state(self) -> dict[str, int]:
        return {"passed": self._passed}

    def load_state(self, state: Mapping[str, int]) -> None:
        self._passed = state["passed"]
