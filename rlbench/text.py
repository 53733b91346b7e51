"""Numbers, intervals, counts and times as text.

There are two styles. On a page, numbers have a minus sign (−) and as many decimals as suit the value. On the console,
they have a hyphen, so that they can be pasted into a program, and as many decimals as the caller requests.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence

NOTHING = "–"  # for a missing value
_LARGE_ON_PAGE = 1e9
_LARGE_ON_CONSOLE = 1e12


# -- counts and lists ------------------------------------------------------------------------------------------
def plural(count: int, noun: str) -> str:
    """Format a count, as in "1 run", "1200 runs"."""
    return f"{count} {noun}" if count == 1 else f"{count} {noun}s"


def counted(count: int, noun: str) -> str:
    """Format a count that may be large, as in "1 row", "1,200 rows"."""
    return f"{count:,} {noun}" if count == 1 else f"{count:,} {noun}s"


def ranges(numbers: Iterable[int]) -> str:
    """Format 0, 1, 2, 3, 7 as "0–3, 7"."""
    spans: list[list[int]] = []
    for n in sorted(set(numbers)):
        if spans and n == spans[-1][1] + 1:
            spans[-1][1] = n
        else:
            spans.append([n, n])
    return ", ".join(str(a) if a == b else f"{a}, {b}" if b == a + 1 else f"{a}–{b}" for a, b in spans)


def range_or_list(numbers: Sequence[int]) -> str:
    """Format 0, 1, 2, 3 as "0–3". If numbers are not a range of at least three, list them in the given order."""
    if len(numbers) > 2 and list(numbers) == list(range(numbers[0], numbers[-1] + 1)):
        return f"{numbers[0]}–{numbers[-1]}"
    return ", ".join(map(str, numbers))


def join_names(names: Sequence[str], most: int = 12) -> str:
    """Join names, as in "a", "a and b", "a, b and c". If there are more than `most` names, end with "and 5 more"."""
    shown = [*names[:most], f"{len(names) - most} more"] if len(names) > most else list(names)
    return shown[0] if len(shown) == 1 else f"{', '.join(shown[:-1])} and {shown[-1]}" if shown else ""


def data_size(count: float) -> str:
    """Format bytes: 12 B, 3.4 kB, 120 MB, 1.2 GB. A kilobyte has 1,000 bytes."""
    for unit in ("B", "kB", "MB", "GB"):
        if count < 999.5 or unit == "GB":  # infinity too
            break
        count /= 1000
    return f"{count:,.0f} {unit}" if unit == "B" or count >= 99.95 else f"{count:.1f} {unit}"


# -- times -----------------------------------------------------------------------------------------------------
def duration(seconds: float) -> str:
    """Format seconds for sentences: 45 s, 2 min 5 s, 1 h 30 min."""
    total = round(seconds)
    if total < 60:
        return f"{seconds:.3g} s"
    parts = ((total // 3600, "h"), (total // 60 % 60, "min"), (total % 60 if total < 3600 else 0, "s"))
    return " ".join(f"{count} {unit}" for count, unit in parts if count)


def clock(seconds: float) -> str:
    """Format seconds for a display that changes: m:ss or h:mm:ss, to the nearest second."""
    minutes, rest = divmod(int(seconds + 0.5), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02d}:{rest:02d}" if hours else f"{minutes}:{rest:02d}"


def log_time(seconds: float) -> str:
    """Format seconds for the beginning of a line in a log: mm:ss, in whole seconds; minutes may exceed 59."""
    minutes, rest = divmod(int(seconds), 60)
    return f"{minutes:02d}:{rest:02d}"


# -- numbers on a page -----------------------------------------------------------------------------------------
def digits_for(values: Iterable[float | None]) -> int:
    """Return one number of decimals for all values of a column, so that their decimal points line up.

    The value with the largest magnitude gets three significant digits.
    """
    largest = max((abs(v) for v in values if v is not None and math.isfinite(v)), default=0.0)
    return max(1, min(8, 2 - math.floor(math.log10(largest)))) if largest > 0 else 1


def number(value: float | None, digits: int | None = None) -> str:
    """Format a number for a page; an en dash for None or NaN. digits: decimals; None: as many as suit the value."""
    if value is None or math.isnan(value):
        return NOTHING
    if abs(value) >= _LARGE_ON_PAGE:
        return f"{value:.4g}".replace("-", "−")
    text = f"{value:.{digits_for([value]) if digits is None else digits}f}"
    return (text if text.strip("-0.") else text.lstrip("-")).replace("-", "−")  # no minus sign for a zero


def interval(low: float | None, high: float | None, digits: int | None = None) -> str:
    """Format [low, high] for a page; an en dash if either is None."""
    if low is None or high is None:
        return NOTHING
    digits = digits_for([low, high]) if digits is None else digits
    return f"[{number(low, digits)}, {number(high, digits)}]"


# -- numbers on the console ------------------------------------------------------------------------------------
def console_number(value: float | None, digits: int, sign: str = "", among: Sequence[float] = ()) -> str:
    """Format a number with `digits` decimals, or with significant digits if it is too small or too large for decimals.

    among: numbers shown next to this one; the largest magnitude among all of them decides the form. sign: "+" also
    marks positive numbers. None becomes an en dash.
    """
    if value is None:
        return NOTHING
    largest = max(map(abs, (value, *among)))
    if largest >= _LARGE_ON_CONSOLE:
        return f"{value:{sign}.6g}"
    if 0 < largest < 0.5 * 10.0**-digits:
        return f"{value:{sign}.2g}"
    return f"{value:{sign}.{digits}f}"


def console_interval(
    low: float | None, high: float | None, digits: int, sign: str = "", among: Sequence[float] = ()
) -> str:
    """Format [low, high] as two console numbers; an en dash if either is None."""
    if low is None or high is None:
        return NOTHING
    return f"[{console_number(low, digits, sign, among)}, {console_number(high, digits, sign, among)}]"


def fixed(value: float | None, digits: int) -> str:
    """Format a number with `digits` decimals, whatever its size; an en dash for None or NaN."""
    return NOTHING if value is None or math.isnan(value) else f"{value:.{digits}f}"


def fixed_interval(low: float | None, high: float | None, digits: int) -> str:
    """Format [low, high] with `digits` decimals, whatever their size; an en dash if either is None."""
    return NOTHING if low is None or high is None else f"[{low:.{digits}f}, {high:.{digits}f}]"


def significant(value: float | None, digits: int = 6) -> str:
    """Format a number of any size with up to `digits` significant digits; an en dash for None."""
    return NOTHING if value is None else f"{value:.{digits}g}"


def rounded(value: float) -> str:
    """Format a number for a sentence: three significant digits if its magnitude is below 100, else one decimal."""
    return f"{value:.3g}" if abs(value) < 100 else f"{value:.1f}"


# -- text from elsewhere ---------------------------------------------------------------------------------------
def escape_markdown(text: str) -> str:
    """Escape text so that Markdown shows it unchanged."""
    escaped = "".join(f"\\{c}" if c in "\\`*_[]|#~$" else c for c in text)
    return escaped.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
