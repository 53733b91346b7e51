"""A report's table in LaTeX, for the package booktabs: floats that fit the column of a two-column article."""

from __future__ import annotations

import textwrap
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import groupby

from rlbench.api.sections import Table
from rlbench.reports.latex_cells import Grid, grid
from rlbench.reports.latex_layout import LEADING, LINE, Part, Placed, parts_of, rows_of
from rlbench.reports.latex_text import SIZE, breakable, latex, set_in_lines, width
from rlbench.reports.style import clean, letter

_TALLEST = 460.0  # points, of a float: a page of a two-column article is about 590 tall
_RULES = 14.0  # points, all rules of a tabular together
_INTERVALS = "Subscripts: 95 % intervals."


@dataclass(frozen=True)
class _Piece:
    """Rows of one part of a table's columns, which form one tabular."""

    part: Part
    rows: tuple[int, ...]


def as_latex(table: Table) -> str:
    """Return a table as floats for the package booktabs, as many as its rows need.

    The caption contains the title and, if it is the same in every row, the number of runs. The page's note on how the
    numbers were computed becomes a comment.
    """
    contents, parts = parts_of(grid(table))
    floats = list(_floats(contents, parts, table.bold_note))
    comment = [r"% needs \usepackage{booktabs}", *textwrap.wrap(clean(table.note), 110, initial_indent="% ")]
    comment = [line if line.startswith("%") else f"% {line}" for line in comment]
    written = [_float(table, contents, pieces, place, len(floats)) for place, pieces in enumerate(floats)]
    return "\n".join([*comment, *written, ""])


def _floats(contents: Grid, parts: Sequence[Part], legend: str) -> Iterator[list[_Piece]]:
    """Yield, for each float, the tabulars that fit on one page."""
    together: list[_Piece] = []
    for part in parts:
        rows: list[int] = []
        for row in rows_of(part):
            if (rows or together) and _height(contents, [*together, _Piece(part, (*rows, row))], legend) > _TALLEST:
                yield [*together, *_pieces(part, rows)]
                together, rows = [], []
            rows.append(row)
        together += _pieces(part, rows)
    if together:
        yield together


def _pieces(part: Part, rows: Sequence[int]) -> list[_Piece]:
    return [_Piece(part, tuple(rows))] if rows else []


def _height(contents: Grid, pieces: Sequence[_Piece], legend: str) -> float:
    """Estimate the height of a float without its caption, in points."""
    height = 0.0
    for piece in pieces:
        height += _RULES + LEADING * max((len(placed.header) for placed in piece.part), default=1)
        for title, rows in groupby(piece.rows, lambda row: contents.groups[row]):
            height += 1.5 * LEADING * len(set_in_lines(title, LINE)) if title else 0.0
            height += LEADING * sum(_lines(piece.part, row) for row in rows)
    below = _below(contents, pieces, legend)
    return height + LEADING * sum(len(set_in_lines(f"{sign} {text}", LINE)) for sign, text in below)


def _lines(part: Part, row: int) -> int:
    return max(
        (len(set_in_lines(p.column.entries[row].value, p.width)) for p in part if p.wraps),
        default=1,
    )


def _below(contents: Grid, pieces: Sequence[_Piece], legend: str) -> list[tuple[str, str]]:
    """Return the lines below a float: each mark with its note, once."""
    used = {note for piece in pieces for p in piece.part for row in piece.rows for note in p.column.entries[row].notes}
    general = " ".join(filter(None, [_INTERVALS if contents.has_intervals else "", legend]))
    return [("", general)] * bool(general) + [
        (letter(i), note) for i, note in enumerate(contents.notes) if note in used
    ]


def _float(table: Table, contents: Grid, pieces: Sequence[_Piece], place: int, number: int) -> str:
    label = f"tab:{table.name}" + (f"-{place + 1}" if place else "")
    legend = [
        (rf"$^{{\mathrm{{{sign}}}}}$\," if sign else "") + breakable(text, LINE - SIZE) + r"\par"
        for sign, text in _below(contents, pieces, table.bold_note)
    ]
    body = "\n\\par\\smallskip\n".join(_tabular(contents, piece) for piece in pieces)
    return "\n".join(
        [
            r"\begin{table}",
            r"\centering",
            rf"\caption{{{_caption(table, contents, place, number)}}}",
            rf"\label{{{label}}}",
            rf"\fontsize{{{SIZE:g}}}{{{LEADING:g}}}\selectfont",
            r"\setlength{\tabcolsep}{3pt}",
            body,
            *(
                [r"\par\smallskip", rf"\begin{{minipage}}{{{LINE:g}pt}}", r"\footnotesize\raggedright"]
                if legend
                else []
            ),
            *([rf"\fontsize{{{SIZE:g}}}{{{LEADING:g}}}\selectfont", *legend, r"\end{minipage}"] if legend else []),
            r"\end{table}",
        ]
    )


def _caption(table: Table, contents: Grid, place: int, number: int) -> str:
    count = f" n = {contents.count}." if contents.count else ""
    part = f" Part {place + 1} of {number}." if number > 1 else ""
    return breakable(f"{clean(table.title)}.{count}{part}", LINE - 40)


def _tabular(contents: Grid, piece: _Piece) -> str:
    columns = "".join(f"p{{{p.width:.1f}pt}}" if p.wraps else "r" if p.column.number else "l" for p in piece.part)
    lines = [
        rf"\begin{{tabular}}{{@{{}}{columns}@{{}}}}",
        r"\toprule",
        " & ".join(map(_header, piece.part)) + r" \tabularnewline",
        r"\midrule",
    ]
    for place, (title, rows) in enumerate(groupby(piece.rows, lambda row: contents.groups[row])):
        lines += [r"\addlinespace[3pt]"] if place and title else []
        lines += [_heading(title, len(piece.part))] if title else []
        lines += [" & ".join(_cell(p, row, contents.notes) for p in piece.part) + r" \tabularnewline" for row in rows]
    return "\n".join([*lines, r"\bottomrule", r"\end{tabular}"])


def _heading(title: str, columns: int) -> str:
    fits = width(title) <= LINE - SIZE
    text = latex(title) if fits else rf"\raggedright {breakable(title, LINE - SIZE)}"
    kind = "l" if fits else f"p{{{LINE - SIZE:g}pt}}"
    return rf"\multicolumn{{{columns}}}{{@{{}}{kind}@{{}}}}{{\textit{{{text}}}}} \tabularnewline"


def _header(placed: Placed) -> str:
    lines = [latex(line) for line in placed.header]
    if len(lines) == 1:
        return lines[0]
    stacked = r"\\".join(lines)
    return rf"\shortstack[{'r' if placed.column.number else 'l'}]{{{stacked}}}"


def _cell(placed: Placed, row: int, notes: Sequence[str]) -> str:
    entry = placed.column.entries[row]
    if not placed.wraps or len(set_in_lines(entry.value, placed.width)) == 1:
        return entry.latex(notes)
    return rf"\raggedright {entry.latex(notes, breakable(entry.value, placed.width))}"
