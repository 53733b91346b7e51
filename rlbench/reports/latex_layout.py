"""How a table fits the column of a two-column article: which columns stand side by side, and how wide each is.

A table that is too wide is changed only as far as needed, in this order: its rows are put under headings; its headers
and texts are broken into lines; its columns are divided over several parts, each of which begins with the first column.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from rlbench.reports.latex_cells import Column, Grid
from rlbench.reports.latex_text import set_in_lines, widest_piece, width

LINE = 216.0  # points; the column of a two-column article on A4 is 221 wide, on letter paper 229
GAP = 6.0  # points between two columns: twice \tabcolsep
LEADING = 9.5  # points from line to line
_LEAST = 24.0  # points: no text is broken into lines narrower than this
_MOST_KEY = 0.45  # share of the line, for the first column of each part
_LONGEST_PIECE = 62.0  # points: longer words are broken anywhere if the table does not fit otherwise


@dataclass(frozen=True)
class Placed:
    """A column with its width in points. wraps: whether its text is broken into lines. header: the header's lines."""

    column: Column
    width: float
    wraps: bool
    header: tuple[str, ...]


Part = tuple[Placed, ...]


def headed(grid: Grid) -> Grid:
    """Return the grid with its rows under headings, if that saves a column.

    There is a heading for each task, or for the first algorithm of each pair.
    """
    names = [column.name for column in grid.columns]
    if names[1:2] == ["against"]:
        groups = [
            ": ".join(filter(None, (g, f"{e.value} against"))) for g, e in zip(grid.groups, grid.columns[0].entries)
        ]
        return replace(grid, columns=grid.columns[1:], groups=tuple(groups))
    if names[1:2] == ["task"] and not any(grid.groups) and len(grid.columns) > 2:
        tasks = [entry.value for entry in grid.columns[1].entries]
        order = sorted(range(len(tasks)), key=lambda row: list(dict.fromkeys(tasks)).index(tasks[row]))
        kept = [column for place, column in enumerate(grid.columns) if place != 1]
        columns = [replace(column, entries=tuple(column.entries[row] for row in order)) for column in kept]
        return replace(grid, columns=tuple(columns), groups=tuple(tasks[row] for row in order))
    return grid


def natural(grid: Grid) -> Part:
    """Return the columns in their natural width, each header on one line."""
    return tuple(
        Placed(column, max(width(column.name), _cells(column, grid.notes)), False, (column.name,))
        for column in grid.columns
    )


def total(widths: Sequence[float]) -> float:
    return sum(widths) + GAP * max(0, len(widths) - 1)


def parts_of(grid: Grid) -> tuple[Grid, list[Part]]:
    """Return the grid, with headings if it needs them, and its columns in one or more parts that fit the line."""
    for candidate in (grid, headed(grid)):
        if total([placed.width for placed in natural(candidate)]) <= LINE:
            return candidate, [natural(candidate)]
    candidate = headed(grid)
    if part := _fitted(candidate.columns, candidate.notes):
        return candidate, [part]
    return candidate, _divided(candidate)


def rows_of(part: Part) -> list[int]:
    """Return the rows of a part that have a value in some column after the first."""
    rows = range(len(part[0].column.entries)) if part else range(0)
    return [row for row in rows if len(part) == 1 or any(p.column.entries[row].value for p in part[1:])]


def _cells(column: Column, notes: Sequence[str]) -> float:
    return max((entry.width(notes) for entry in column.entries), default=0.0)


def _bounds(column: Column, notes: Sequence[str]) -> tuple[float, float]:
    """Return the least and the natural width of a column."""
    cells = _cells(column, notes)
    header = min(widest_piece([column.name]), _LONGEST_PIECE)
    if column.number:
        return max(cells, header), max(cells, header)
    word = min(_LONGEST_PIECE, widest_piece([entry.value for entry in column.entries]))
    marked = max((e.width(notes) - width(e.value) for e in column.entries if e.notes or e.bounds), default=0.0)
    return max(_LEAST, word + marked, header), max(cells, width(column.name), _LEAST)


def _fitted(columns: Sequence[Column], notes: Sequence[str], line: float = LINE) -> Part:
    """Return the columns with their texts broken to fit the line; an empty part if they cannot fit."""
    bounds = [_bounds(column, notes) for column in columns]
    if total([least for least, _ in bounds]) > line:
        return ()
    low, high = 0.0, line
    for _ in range(40):  # find the greatest width of the wide columns
        level = (low + high) / 2
        fits = total([min(most, max(least, level)) for least, most in bounds]) <= line
        low, high = (level, high) if fits else (low, level)
    widths = [min(most, max(least, low)) for least, most in bounds]
    return tuple(
        Placed(
            column,
            w,
            not column.number and _cells(column, notes) > w + 0.5,
            tuple(set_in_lines(column.name, max(w, _LEAST))),
        )
        for column, w in zip(columns, widths)
    )


def _divided(grid: Grid) -> list[Part]:
    """Return the columns in as few parts as they need, each beginning with the first column."""
    key, *others = grid.columns
    widest = LINE * _MOST_KEY
    first = _fitted([key], grid.notes, min(max(_bounds(key, grid.notes)[0], widest), _bounds(key, grid.notes)[1]))
    key_width = first[0].width if first else widest
    parts: list[list[Column]] = [[]]
    for column in others:
        together = [*parts[-1], column]
        least = [_bounds(c, grid.notes)[0] for c in together]
        if parts[-1] and total([key_width, *least]) > LINE:
            parts.append([column])
        else:
            parts[-1] = together
    placed = []
    for columns in parts:
        rest = _fitted(columns, grid.notes, LINE - key_width - GAP)
        narrow = rest or tuple(_squeezed(column, LINE - key_width - GAP) for column in columns)
        placed.append((*(first or (_squeezed(key, key_width),)), *narrow))
    return placed


def _squeezed(column: Column, w: float) -> Placed:
    """Return a column with its text broken anywhere, because it cannot be broken between words. w: in points."""
    return Placed(column, w, True, tuple(set_in_lines(column.name, w)))
