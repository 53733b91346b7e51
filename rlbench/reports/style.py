"""The format of names and numbers on the page."""

from __future__ import annotations

import json
import math
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

_CUT = 20


def clean(text: str) -> str:
    """Return `text` on one line, without control and other unprintable characters."""
    return "".join(" " if c.isspace() else c for c in text if c.isspace() or c.isprintable())


def shorten(text: str) -> str:
    """Return `text` cleaned and cut in the middle to fit into a figure.

    Beginnings and ends are what distinguishes names.
    """
    plain = clean(text)
    return plain if len(plain) <= _CUT else f"{plain[: _CUT // 2]}…{plain[1 - _CUT // 2 :]}"


def digits_for(values: Iterable[float | None]) -> int:
    """Return the number of decimals for all of the values, so that a column of them lines up.

    The largest gets three significant digits.
    """
    largest = max((abs(v) for v in values if v is not None and math.isfinite(v)), default=0.0)
    return max(1, min(8, 2 - math.floor(math.log10(largest)))) if largest > 0 else 1


def number(value: float | None, digits: int | None = None) -> str:
    """Format a number; an en dash for None or NaN. digits: decimals, by default as many as suit the value."""
    if value is None or math.isnan(value):
        return "–"
    if abs(value) >= 1e9:
        return f"{value:.4g}".replace("-", "−")
    text = f"{value:.{digits_for([value]) if digits is None else digits}f}"
    return (text if text.strip("-0.") else text.lstrip("-")).replace("-", "−")  # no minus sign for a zero


def interval(low: float | None, high: float | None, digits: int | None = None) -> str:
    """Format [low, high], or an en dash."""
    if low is None or high is None:
        return "–"
    digits = digits_for([low, high]) if digits is None else digits
    return f"[{number(low, digits)}, {number(high, digits)}]"


def in_words(value: Any) -> str:
    """Format a JSON object as "key value; key value", and anything else as text."""
    if not isinstance(value, Mapping):
        return as_text(value)
    entries = {key.replace("_", " "): as_text(entry) for key, entry in value.items()}
    if "memory bytes" in entries:
        entries["memory"] = f"{value['memory_bytes'] / 2**30:.1f} GiB"
        del entries["memory bytes"]
    return "; ".join(f"{key} {entry}" for key, entry in entries.items())


def as_text(value: Any) -> str:
    """Format a JSON value for a reader."""
    if value is None:
        return "none"
    return value if isinstance(value, str) and value else json.dumps(value, ensure_ascii=False)


def count(how_many: int, noun: str) -> str:
    """Format a count, as in "1 run", "2 runs"."""
    return f"{how_many} {noun}" if how_many == 1 else f"{how_many} {noun}s"


def ranges(numbers: Iterable[int]) -> str:
    """Format 0, 1, 2, 3, 7 as "0–3, 7"."""
    spans: list[list[int]] = []
    for n in sorted(set(numbers)):
        if spans and n == spans[-1][1] + 1:
            spans[-1][1] = n
        else:
            spans.append([n, n])
    return ", ".join(str(a) if a == b else f"{a}, {b}" if b == a + 1 else f"{a}–{b}" for a, b in spans)


def join_names(names: Sequence[str], most: int = 12) -> str:
    """Join names, as in "a", "a and b", "a, b and c"; names after `most` are counted."""
    shown = [*names[:most], f"{len(names) - most} more"] if len(names) > most else list(names)
    return shown[0] if len(shown) == 1 else f"{', '.join(shown[:-1])} and {shown[-1]}" if shown else ""
