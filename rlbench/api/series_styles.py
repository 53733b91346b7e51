"""How each algorithm is drawn: colour, dash and marker, the same in every figure of a page.

Any two light colours, and any two dark ones, differ by at least 24 (CIE76 in Lab) to normal, deuteranopic, protanopic
and tritanopic eyes (as simulated by Machado et al. 2009). Each has a contrast of 3 : 1 to its background. The page's
style sheet swaps the light set for the dark one.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal

LIGHT = ("#2b3ee4", "#ea7300", "#014a38", "#b87d9a", "#3f157d", "#298cd4", "#7a4200", "#979864")
DARK = ("#3e58fb", "#ffaf2a", "#4bb66f", "#e0b5ff", "#8c4cac", "#bff2de", "#b94100", "#6e747d")
MARKERS = "osD^vPX*"
DASHES: tuple[tuple[float, ...], ...] = ((), (4, 1.5), (1, 1.2), (5, 1.2, 1, 1.2))


@dataclass(frozen=True)
class SeriesStyle:
    """How an algorithm is drawn.

    index: its place among all algorithms. colour: the colour on a light page; a dark page replaces it. variable: the
    CSS variable of that colour. dash: lengths of line and gap in line widths, empty for a solid line.
    """

    index: int
    colour: str
    variable: str
    dash: tuple[float, ...]
    marker: str

    @property
    def gid(self) -> str:
        """The id of everything drawn for the algorithm, by which the page's legend shows and hides it."""
        return f"s{self.index}"

    @property
    def linestyle(self) -> tuple[int, tuple[float, ...]] | Literal["solid"]:
        """The dash as matplotlib takes it."""
        return (0, self.dash) if self.dash else "solid"


def series_styles(algorithms: Iterable[str]) -> dict[str, SeriesStyle]:
    """Return one style for each algorithm, in order.

    After the last colour, colours repeat with another dash and marker.
    """
    styles = {}
    for i, name in enumerate(dict.fromkeys(algorithms)):
        colour, again = i % len(LIGHT), i // len(LIGHT)
        marker = MARKERS[(i + again) % len(MARKERS)]
        styles[name] = SeriesStyle(i, LIGHT[colour], f"var(--c{colour})", DASHES[again % len(DASHES)], marker)
    return styles
