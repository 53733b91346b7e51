"""How the report says and shows things: one colour, dash and marker for each algorithm, names and numbers.

Any two of the light colours, and any two of the dark ones, differ by at least 24 (CIE76 in Lab) to normal,
deuteranopic, protanopic and tritanopic eyes (as simulated by Machado et al. 2009), and each has a contrast of 3 : 1 to
its background; the page's style sheet swaps the light set for the dark one.
"""

from __future__ import annotations

import json
import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

LIGHT = ("#2b3ee4", "#ea7300", "#014a38", "#b87d9a", "#3f157d", "#298cd4", "#7a4200", "#979864")
DARK = ("#3e58fb", "#ffaf2a", "#4bb66f", "#e0b5ff", "#8c4cac", "#bff2de", "#b94100", "#6e747d")
INK = "#7f7f81"  # stands for the page's text colour, whichever it is
MARKERS = "osD^vPX*"
DASHES: tuple[tuple[float, ...], ...] = ((), (4, 1.5), (1, 1.2), (5, 1.2, 1, 1.2))
_CUT = 20


@dataclass(frozen=True)
class Look:
    """How an algorithm is drawn. index: its place among all; colour: its light form; variable: the CSS colour that follows
    the page; dash: lengths of line and gap in line widths, empty for a solid line."""

    index: int
    colour: str
    variable: str
    dash: tuple[float, ...]
    marker: str

    @property
    def gid(self) -> str:
        """For what is drawn of the algorithm: by it the page's legend shows and hides it."""
        return f"s{self.index}"

    @property
    def linestyle(self) -> Any:
        return (0, self.dash) if self.dash else "solid"


def looks(algorithms: Sequence[str]) -> dict[str, Look]:
    """One look for each algorithm, in order; after the last colour the first comes again with another dash and marker."""
    found = {}
    for i, name in enumerate(dict.fromkeys(algorithms)):
        colour, again = i % len(LIGHT), i // len(LIGHT)
        marker = MARKERS[(i + again) % len(MARKERS)]
        found[name] = Look(i, LIGHT[colour], f"var(--c{colour})", DASHES[again % len(DASHES)], marker)
    return found


def clean(text: str) -> str:
    """`text` in one line, without control characters and whatever else has no shape of its own."""
    return "".join(" " if c.isspace() else c for c in text if c.isspace() or c.isprintable())


def shortened(text: str) -> str:
    """`text` cleaned and cut in its middle to what a figure has room for; beginnings and ends are what tells names apart."""
    plain = clean(text)
    return plain if len(plain) <= _CUT else f"{plain[: _CUT // 2]}…{plain[1 - _CUT // 2 :]}"


def digits_for(values: Iterable[float | None]) -> int:
    """Decimals that suit all of the values, so that a column of them lines up: three significant of the largest."""
    largest = max((abs(v) for v in values if v is not None and math.isfinite(v)), default=0.0)
    return max(1, min(8, 2 - math.floor(math.log10(largest)))) if largest > 0 else 1


def number(value: float | None, digits: int | None = None) -> str:
    """A number for a reader; an en dash for none. digits: decimals, as many as suit the value where left out."""
    if value is None or math.isnan(value):
        return "–"
    if abs(value) >= 1e9:
        return f"{value:.4g}".replace("-", "−")
    text = f"{value:.{digits_for([value]) if digits is None else digits}f}"
    return (text if text.strip("-0.") else text.lstrip("-")).replace("-", "−")  # "−0.00" is a zero


def interval(low: float | None, high: float | None, digits: int | None = None) -> str:
    """[low, high], or an en dash."""
    if low is None or high is None:
        return "–"
    digits = digits_for([low, high]) if digits is None else digits
    return f"[{number(low, digits)}, {number(high, digits)}]"


def in_words(value: Any) -> str:
    """A JSON object as "key value; key value", anything else as it is."""
    if not isinstance(value, Mapping):
        return as_text(value)
    said = {key.replace("_", " "): as_text(entry) for key, entry in value.items()}
    if "memory bytes" in said:
        said["memory"] = f"{value['memory_bytes'] / 2**30:.1f} GiB"
        del said["memory bytes"]
    return "; ".join(f"{key} {entry}" for key, entry in said.items())


def as_text(value: Any) -> str:
    """A JSON value as a reader would write it."""
    if value is None:
        return "none"
    return value if isinstance(value, str) and value else json.dumps(value, ensure_ascii=False)


def count(how_many: int, noun: str) -> str:
    """As in "1 run", "2 runs"."""
    return f"{how_many} {noun}" if how_many == 1 else f"{how_many} {noun}s"


def ranges(numbers: Iterable[int]) -> str:
    """0, 1, 2, 3, 7 as "0–3, 7"."""
    spans: list[list[int]] = []
    for n in sorted(set(numbers)):
        if spans and n == spans[-1][1] + 1:
            spans[-1][1] = n
        else:
            spans.append([n, n])
    return ", ".join(str(a) if a == b else f"{a}, {b}" if b == a + 1 else f"{a}–{b}" for a, b in spans)


def in_a_row(names: Sequence[str], most: int = 12) -> str:
    """As in "a", "a and b", "a, b and c"; names after `most` are counted."""
    shown = [*names[:most], f"{len(names) - most} more"] if len(names) > most else list(names)
    return shown[0] if len(shown) == 1 else f"{', '.join(shown[:-1])} and {shown[-1]}" if shown else ""
