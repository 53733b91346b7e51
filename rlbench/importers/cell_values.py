"""Numbers in the cells of tables: steps, lengths and seeds as whole numbers."""

from __future__ import annotations

import re

from rlbench.importers.imported_records import LARGEST_STEP, ForeignError


def whole_number(where: str, name: str, text: str) -> int:
    """Return a step or a length. where: file and line. Raises: ForeignError, also above the largest step."""
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
    """Return the seed with all of its digits. Any whole number can be a seed, because it only names a run."""
    try:
        return int(text) if re.fullmatch(r"[+-]?\d+", text) else int(_exact(text))
    except (ValueError, OverflowError):
        raise ForeignError(f"{where}: seed {text!r} is not a whole number") from None


def _exact(text: str) -> float:
    value = float(text)
    if value != int(value):
        raise ValueError
    return value
