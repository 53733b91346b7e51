"""Parse a script's output lines: CleanRL's form (or another that a pattern describes), or JSON.

global_step=1234, episodic_return=21.0          CleanRL's; also episodic_return=[21.]
{"step": 1234}                                  number of environment steps taken so far
{"step": 1234, "return": 21.0, "length": 21}    a training episode has ended
{"step": 5000, "evaluation": [480.0, 500.0]}    the script's own evaluation: return of each episode
{"step": 5000, "metrics": {"loss": 0.1}}        numbers to record
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
    """The report in one line. return_: the return of an episode that has ended, or None. length: 0 if unknown."""

    step: int
    return_: float | None = None
    length: int = 0
    evaluation: tuple[float, ...] = ()
    metrics: Mapping[str, float] = field(default_factory=dict)


def read_line(text: str, pattern: re.Pattern[str]) -> Line | None:
    """Return a line's report, or None if it has none. Raises: ValueError that quotes a line with an invalid number."""
    values = _json(text) if text.lstrip().startswith("{") else _matched(text, pattern)
    if values is None:
        return None
    try:
        return Line(
            int(values["step"]),
            None if values.get("return") is None else float(values["return"]),
            int(values.get("length") or 0),
            tuple(map(float, values.get("evaluation") or ())),
            {str(name): float(value) for name, value in dict(values.get("metrics") or {}).items()},
        )
    except (TypeError, ValueError) as error:
        raise ValueError(f"the line {text.strip()[:200]!r} cannot be understood: {error}") from error


def _json(text: str) -> Mapping[str, Any] | None:
    """Return the JSON object in a line if it has a step. Return None for any other text; it is ignored."""
    try:
        value = json.loads(text)
    except ValueError:
        return None
    return value if isinstance(value, dict) and "step" in value else None


def _matched(text: str, pattern: re.Pattern[str]) -> Mapping[str, Any] | None:
    match = pattern.search(text)
    return None if match is None else match.groupdict()
