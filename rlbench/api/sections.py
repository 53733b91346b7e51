"""The parts of a report section: text, tables and figures, as plain values.

No string is markup. The page escapes every string, so a section can show any name or message as it is. The same tables
are also written as CSV, Markdown and LaTeX, and the same figures as SVG and PDF.
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
    """A list. lines: for each entry its first words, shown in bold, and the rest. Either may be empty."""

    lines: Sequence[tuple[str, str]]


@dataclass(frozen=True)
class Code:
    """Text in a monospaced font. Line breaks are kept."""

    text: str


@dataclass(frozen=True)
class Links:
    """Links to files. entries: the text, and the path of the file in the result folder, with forward slashes."""

    entries: Sequence[tuple[str, str]]


@dataclass(frozen=True)
class Table:
    """A table whose rows may be grouped under titles.

    name: the name of its files, of letters, digits and dashes; no other table may have it.
    title: what the table shows, for screen readers and at the top of its files.
    groups: pairs of a title ("" for none) and rows; each row is as long as the header. If a cell has several lines, the
    lines after the first are smaller.
    numbers: indices of right-aligned columns. marked: the first column names algorithms and shows their colours.
    note: how to read the table and how it was computed. muted: indices of rows shown in grey, counted from 0 over all
    groups; use it for rows without a result, and give the reason in a cell.
    bold: places of cells in bold, as pairs of row (counted as for muted) and column.
    marks: by place, the letters behind a cell's first line. legend: what each letter means.
    bold_note: what bold means, as a sentence. units: of each column, for the header of CSV and Markdown; "" for none.
    runs: the number of runs behind each cell that names no other, such as "5/5"; "" if the table does not say it so.

    In LaTeX an interval that begins a cell's second line becomes a subscript, and so does the column "95 % interval",
    of the column before it. `n = 5/5` on a further line, and a column "n" or "runs" that says the same in each row, go
    to the caption, as `runs` does. Other lines, and the column "note", become marks with a legend.
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

    name: the name of its files, of letters, digits and dashes; no other figure may have it.
    draw: returns the matplotlib figure, without a title. It is called under the report's theme and should draw text in
    `matplotlib.rcParams["text.color"]`.
    description: what the figure shows, for screen readers. caption: what the reader should see in it.
    method: how it was computed. wide: the figure takes the full width of the page.
    legend: the algorithms shown, if the figure needs a legend, which appears below it on the page and in the files.
    runs: the page's name for the parts that are shown on demand, drawn with the gid "runs"; "" if there are none.
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
    """Names in order, best first, with lines under those that are not told apart.

    title: what they are ranked on. entries: name and value of each, best first. lines: groups of the names, each in the
    order of the entries; a line joins each group. apart: name and value of entries outside the order, shown in grey.
    note: how sure the order is, in a few words.
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
