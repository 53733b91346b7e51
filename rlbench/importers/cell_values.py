"""Conversion of the text in table cells to steps, lengths and seeds."""

from __future__ import annotations

import re

from rlbench.importers.imported_records import LARGEST_STEP, ForeignError


def whole_number(where: str, name: str, text: str) -> int:
    """Return a step or length. where: file and line. Raises: ForeignError, also above LARGEST_STEP."""
    try:
        value = float(text)
        if value != int(value) or value < 0:
            raise ValueError
    except (ValueError, OverflowError):
        raise ForeignError(f"{where}: {name} {text!r} is not a whole number") from None
    if value > LARGEST_STEP:
        raise ForeignError(f"{where}: {name} {text} is above {LARGEST_STEP:,}")
    return int(value)


def seed_number(where: str, text: str) -> int:
    """Return the seed with all of its digits. It only names a run, so it may be any whole number."""
    try:
        return int(text) if re.fullmatch(r"[+-]?\d+", text) else int(_exact(text))
    except (ValueError, OverflowError):
        raise ForeignError(f"{where}: seed {text!r} is not a whole number") from None


def _exact(text: str) -> float:
    value = float(text)
    if value != int(value):
        raise ValueError
    return value
