"""Style of the report: colour, dash and marker of each algorithm, and the format of names and numbers.

Any two light colours, and any two dark ones, differ by at least 24 (CIE76 in Lab) to normal, deuteranopic, protanopic
and tritanopic eyes (as simulated by Machado et al. 2009). Each has a contrast of 3 : 1 to its background. The page's
style sheet swaps the light set for the dark one.
"""

from __future__ import annotations

import json
import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from rlbench.analysis import Results

LIGHT = ("#2b3ee4", "#ea7300", "#014a38", "#b87d9a", "#3f157d", "#298cd4", "#7a4200", "#979864")
DARK = ("#3e58fb", "#ffaf2a", "#4bb66f", "#e0b5ff", "#8c4cac", "#bff2de", "#b94100", "#6e747d")
INK = "#7f7f81"  # placeholder for the page's text colour
MARKERS = "osD^vPX*"
DASHES: tuple[tuple[float, ...], ...] = ((), (4, 1.5), (1, 1.2), (5, 1.2, 1, 1.2))
_CUT = 20


@dataclass(frozen=True)
class SeriesStyle:
    """How an algorithm is drawn.

    index: its place among all. colour: its light form. variable: the CSS colour that follows the page. dash: lengths of
    line and gap in line widths, empty for a solid line.
    """

    index: int
    colour: str
    variable: str
    dash: tuple[float, ...]
    marker: str

    @property
    def gid(self) -> str:
        """Id of everything drawn of the algorithm; the page's legend shows and hides it by this id."""
        return f"s{self.index}"

    @property
    def linestyle(self) -> Any:
        return (0, self.dash) if self.dash else "solid"


def series_styles(algorithms: Sequence[str]) -> dict[str, SeriesStyle]:
    """Return one style for each algorithm, in order.

    After the last colour, colours repeat with another dash and marker.
    """
    styles = {}
    for i, name in enumerate(dict.fromkeys(algorithms)):
        colour, again = i % len(LIGHT), i // len(LIGHT)
        marker = MARKERS[(i + again) % len(MARKERS)]
        styles[name] = SeriesStyle(i, LIGHT[colour], f"var(--c{colour})", DASHES[again % len(DASHES)], marker)
    return styles


def styles_of(results: Results) -> dict[str, SeriesStyle]:
    """Return how each algorithm of a suite is drawn, by label. The suite's order decides."""
    listed = [str(entry.get("label") or entry["id"]) for entry in results.suite.get("algorithms", [])]
    return series_styles([*listed, *results.table["algorithm"].unique()])


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
