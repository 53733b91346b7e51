"""The style of each algorithm in figures: colour, dash and marker, the same in every figure of a page.

LIGHT has the colours for a light page, DARK those for a dark page. Any two colours of one set differ by at least 34
(CIE76 in Lab), and by at least 19 to deuteranopic, protanopic and tritanopic eyes (as simulated by Machado et al.
2009). The grey of `random` differs as much from each. The light and the dark colour of one index have the same hue, to
within 13 degrees. Each colour has a contrast of at least 3 : 1 to its background. The page's style sheet replaces the
light set by the dark set.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import dataclass
from typing import Literal

LIGHT = (
    "#0156ff",
    "#df770c",
    "#529853",
    "#c32fc9",
    "#0098fb",
    "#ff2a47",
    "#685e00",
    "#003100",
    "#7e435e",
    "#00098b",
    "#96002d",
    "#34084a",
)
DARK = (
    "#0751ff",
    "#ff940d",
    "#007900",
    "#9d41a0",
    "#acccf3",
    "#ff0030",
    "#fff25d",
    "#64f795",
    "#ff55ad",
    "#bfa2ff",
    "#ffbac5",
    "#cc60ff",
)
GREY = ("#8b8b8b", "#6e6e6e")  # the grey of random on a light page, and on a dark page
MARKERS = "osD^vPX*"
DASHES: tuple[tuple[float, ...], ...] = ((), (4, 1.5), (1, 1.2), (5, 1.2, 1, 1.2))


@dataclass(frozen=True)
class SeriesStyle:
    """The style of one algorithm in figures.

    index: the algorithm's place among all algorithms. colour: its colour on a light page. variable: the CSS variable of
    the colour, which a dark page sets to another colour. dash: lengths of lines and gaps in line widths; empty: a solid
    line. marker: a matplotlib marker.
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
        """The dash as a matplotlib `linestyle`."""
        return (0, self.dash) if self.dash else "solid"

    @property
    def grey(self) -> bool:
        """Whether the algorithm is drawn in grey, like the random policy."""
        return self.colour == GREY[0]


def series_styles(algorithms: Iterable[str], grey: Collection[str] = ()) -> dict[str, SeriesStyle]:
    """Return one style for each algorithm, in order.

    grey: the algorithms to draw in grey. After the last colour, the colours repeat with another dash and marker.
    """
    styles: dict[str, SeriesStyle] = {}
    coloured = 0
    for i, name in enumerate(dict.fromkeys(algorithms)):
        if name in grey:
            styles[name] = SeriesStyle(i, GREY[0], f"var(--c{len(LIGHT)})", DASHES[0], MARKERS[0])
            continue
        colour, again = coloured % len(LIGHT), coloured // len(LIGHT)
        marker = MARKERS[(coloured + again) % len(MARKERS)]
        styles[name] = SeriesStyle(i, LIGHT[colour], f"var(--c{colour})", DASHES[again % len(DASHES)], marker)
        coloured += 1
    return styles
