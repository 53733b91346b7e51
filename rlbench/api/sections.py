"""The parts of a report section: text, tables and figures, as plain values.

Strings are plain text, never markup. The page escapes every string, so a section can show any name or message
unchanged. Each table is also written as CSV, Markdown and LaTeX, and each figure as SVG and PDF.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, TypeAlias

if TYPE_CHECKING:
    import matplotlib.figure


Place: TypeAlias = tuple[int, int]


@dataclass(frozen=True)
class Heading:
    """A heading within a section. anchor: a link target of letters, digits and dashes; "" for none."""

    text: str
    anchor: str = ""


@dataclass(frozen=True)
class Paragraph:
    """A paragraph. quiet: show it as a note, in smaller type."""

    text: str
    quiet: bool = False


@dataclass(frozen=True)
class Points:
    """A list. lines: pairs of an entry's first words, shown in bold, and the rest of the entry. Either may be empty."""

    lines: Sequence[tuple[str, str]]


@dataclass(frozen=True)
class Code:
    """Text in a monospaced font. Line breaks are kept."""

    text: str


@dataclass(frozen=True)
class Links:
    """Links to files. entries: pairs of a link's text and its file's path in the result folder (forward slashes)."""

    entries: Sequence[tuple[str, str]]


@dataclass(frozen=True)
class Table:
    """A table whose rows may be grouped under titles.

    name: the name of the table's files, of letters, digits and dashes; it must be unique among tables.
    title: what the table shows, for screen readers and at the top of its files.
    groups: pairs of a title ("" for none) and rows; each row is as long as the header. If a cell has several lines, the
    lines after the first are smaller.
    numbers: indices of right-aligned columns. marked: the first column names algorithms and shows their colours.
    note: how to read the table and how it was computed. muted: indices of rows shown in grey, counted from 0 over all
    groups. Use it for rows without a result, and write the reason in a cell.
    bold: the cells in bold, as pairs of row (counted as in `muted`) and column.
    marks: the letters after a cell's first line, by pairs of row and column. legend: pairs of a letter and its meaning.
    bold_note: what bold means, as a sentence. units: each column's unit, for the header of CSV and Markdown; "": none.
    runs: the number of runs of every cell that states no other number, such as "5/5"; "" if there is no such number.

    LaTeX shows an interval as a subscript, if it begins a cell's second line. It shows the column "95 % interval" as a
    subscript of the column before it. The number of runs moves to the caption: from `runs`, from a line `n = 5/5`, or
    from a column "n" or "runs" with equal rows. Other lines, and the column "note", become marks with a legend.
    """

    name: str
    title: str
    header: tuple[str, ...]
    groups: Sequence[tuple[str, Sequence[tuple[str, ...]]]]
    numbers: tuple[int, ...] = ()
    marked: bool = False
    note: str = ""
    muted: tuple[int, ...] = ()
    bold: Collection[Place] = ()
    marks: Mapping[Place, Sequence[str]] = field(default_factory=dict)
    legend: Sequence[tuple[str, str]] = ()
    bold_note: str = ""
    units: tuple[str, ...] = ()
    runs: str = ""


@dataclass(frozen=True)
class Figure:
    """A figure that is drawn only when needed.

    name: the name of the figure's files, of letters, digits and dashes; it must be unique among figures.
    draw: returns the matplotlib figure, without a title. rlbench calls it under the report's theme. It should draw
    text in `matplotlib.rcParams["text.color"]`.
    description: what the figure shows, for screen readers. caption: what the reader should see in the figure.
    method: how the figure was computed. wide: whether it has the full width of the page.
    legend: the algorithms to list in a legend below the figure, on the page and in the files; empty: no legend.
    runs: what the page calls the parts that it shows only on demand; "" if there are none. Draw them with the gid
    "runs".
    """

    name: str
    draw: Callable[[], matplotlib.figure.Figure]
    description: str
    caption: str
    method: str = ""
    legend: Sequence[str] = ()
    runs: str = ""
    wide: bool = False


@dataclass(frozen=True)
class Ranking:
    """Names in order, best first. A line joins names whose difference is not significant.

    title: what the names are ranked by. entries: pairs of a name and its value, best first. lines: for each line the
    names that it joins, in the order of the entries. apart: pairs of a name and a value outside the ranking, shown in
    grey. note: how certain the order is, in a few words.
    """

    title: str
    entries: Sequence[tuple[str, str]]
    lines: Sequence[Sequence[str]] = ()
    apart: Sequence[tuple[str, str]] = ()
    note: str = ""


@dataclass(frozen=True)
class Folded:
    """Parts that are hidden until the reader opens them. They are open in print."""

    summary: str
    parts: Sequence[Part]


@dataclass(frozen=True)
class Beside:
    """Parts side by side where the page is wide enough, and below one another elsewhere."""

    left: Sequence[Part]
    right: Sequence[Part]


Part: TypeAlias = "Heading | Paragraph | Points | Code | Links | Table | Figure | Ranking | Folded | Beside"


@dataclass(frozen=True)
class Section:
    """The contents of a section, from top to bottom. Consecutive figures are placed side by side."""

    parts: Sequence[Part]
