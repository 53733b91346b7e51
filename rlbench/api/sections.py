"""What a section of the report is made of: text, tables and figures as values, all of them plain text to a reader.

Nothing here is markup. The page escapes every string, so a section can show any name or message as it is; the same tables
are written as CSV, Markdown and LaTeX, and the same figures as SVG and PDF.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeAlias

if TYPE_CHECKING:
    import matplotlib.figure


@dataclass(frozen=True)
class Heading:
    """A heading within a section. anchor: what a link of the page may name, letters, digits and dashes; "" for none."""

    text: str
    anchor: str = ""


@dataclass(frozen=True)
class Paragraph:
    """A paragraph; quiet: a note, set smaller."""

    text: str
    quiet: bool = False


@dataclass(frozen=True)
class Points:
    """A list. lines: pairs of the words it begins with, set bold, and the rest; either may be empty."""

    lines: Sequence[tuple[str, str]]


@dataclass(frozen=True)
class Code:
    """Text in a monospaced font, with its line breaks."""

    text: str


@dataclass(frozen=True)
class Links:
    """Links to files. entries: the text, and the file's path relative to the page, with forward slashes."""

    entries: Sequence[tuple[str, str]]


@dataclass(frozen=True)
class Table:
    """Rows under titles.

    name: of its files, letters, digits and dashes, unlike those of other tables. title: what it is, for those who do not
    see it and above its files. groups: a title ("" for none) and its rows, each as long as the header. numbers: columns set
    to the right. marked: the first column names algorithms, which get their colour. note: how to read it and how it
    was computed. muted: rows set grey, counted from 0 over all groups, since they answer nothing; a cell says why. A cell
    with a line break shows its further lines smaller.
    """

    name: str
    title: str
    header: tuple[str, ...]
    groups: Sequence[tuple[str, Sequence[tuple[str, ...]]]]
    numbers: tuple[int, ...] = ()
    marked: bool = False
    note: str = ""
    muted: tuple[int, ...] = ()


@dataclass(frozen=True)
class Figure:
    """A figure that is drawn when it is needed.

    name: of its files, letters, digits and dashes, unlike those of other figures. draw: makes the matplotlib figure; it is called under the
    report's theme, draws text in `matplotlib.rcParams["text.color"]`, and takes no title. description: what it shows, for
    those who do not see it. caption: what the reader should see in it. method: how it was computed. legend: the algorithms
    it shows, where it needs one: the page and the files then have it below the figure. runs: what the page calls the parts
    that are shown on demand, those drawn with the gid "runs"; "" if there are none.
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
class Folded:
    """Parts that are shown when asked for; printed they are open."""

    summary: str
    parts: Sequence[Part]


Part: TypeAlias = "Heading | Paragraph | Points | Code | Links | Table | Figure | Folded"


@dataclass(frozen=True)
class Section:
    """The contents of a section, from top to bottom; figures that follow each other stand side by side."""

    parts: Sequence[Part]
