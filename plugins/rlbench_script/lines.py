"""What a script says in a line: CleanRL's form (or another that a pattern describes), or a line of JSON.

global_step=1234, episodic_return=21.0          CleanRL's; also episodic_return=[21.]
{"step": 1234}                                  so many environment steps have been taken
{"step": 1234, "return": 21.0, "length": 21}    a training episode has ended
{"step": 5000, "evaluation": [480.0, 500.0]}    an evaluation of its own: each episode's return
{"step": 5000, "metrics": {"loss": 0.1}}        numbers to be kept
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

CLEANRL = r"global_step=(?P<step>\d+), episodic_return=\[?(?P<return>[^\],\s]+)"


@dataclass(frozen=True)
class Line:
    """What one line says. return_: of an episode that has ended, None where none has; length 0: not known."""

    step: int
    return_: float | None = None
    length: int = 0
    evaluation: tuple[float, ...] = ()
    metrics: Mapping[str, float] = field(default_factory=dict)


def read_line(text: str, pattern: re.Pattern[str]) -> Line | None:
    """A line's meaning, or None if it has none. Raises: ValueError for a number that is none, naming the line."""
    found = _json(text) if text.lstrip().startswith("{") else _matched(text, pattern)
    if found is None:
        return None
    try:
        return Line(
            int(found["step"]),
            None if found.get("return") is None else float(found["return"]),
            int(found.get("length") or 0),
            tuple(map(float, found.get("evaluation") or ())),
            {str(name): float(value) for name, value in dict(found.get("metrics") or {}).items()},
        )
    except (TypeError, ValueError) as error:
        raise ValueError(f"the line {text.strip()[:200]!r} cannot be understood: {error}") from error


def _json(text: str) -> Mapping[str, Any] | None:
    """An object with a step; whatever else a script prints in braces is its own affair."""
    try:
        found = json.loads(text)
    except ValueError:
        return None
    return found if isinstance(found, dict) and "step" in found else None


def _matched(text: str, pattern: re.Pattern[str]) -> Mapping[str, Any] | None:
    found = pattern.search(text)
    return None if found is None else found.groupdict()
