"""The cells of a report's table, read for LaTeX: values, intervals, notes and numbers of runs.

A table's cells are text, with the conventions of `rlbench.api.sections.Table`. A cell's second line may begin with an
interval; `n = …` is a number of runs; further lines are notes. The columns "95 % interval" and "±" belong to the column
before them, the column "note" belongs to the row, and the columns "n" and "runs" count runs. In LaTeX, intervals become
subscripts, notes become marks, and a count that all rows share is written once.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace

from rlbench.api.sections import Table
from rlbench.reports.latex_text import SMALL, formula, is_number, latex, width
from rlbench.reports.style import clean, letter

_INTERVAL = re.compile(r"\[([^,\]]+(?:,\d{3})*[^,\]]*), ([^\]]+)\]")
_COUNT = re.compile(r"n = (\S+)")
_COUNTS = ("n", "runs", "runs per task")
_TEXT_FROM = 20  # characters: a column of numbers with longer cells is set as text


@dataclass(frozen=True)
class Entry:
    """One cell. bounds: the ends of its interval, as text. spread: the text after ±.

    notes: the notes that its marks refer to.
    """

    value: str
    bounds: tuple[str, str] | None = None
    spread: str = ""
    notes: tuple[str, ...] = ()
    bold: bool = False

    def width(self, marks: Sequence[str]) -> float:
        """Return the width, in points. marks: all notes of the table, in the order of their letters."""
        spread = width(f" ± {self.spread}") if self.spread else 0.0
        above = width(",".join(_marks_of(self.notes, marks)), SMALL) if self.notes else 0.0
        below = width(f"[{self.bounds[0]}, {self.bounds[1]}]", SMALL) if self.bounds else 0.0
        return width(self.value, bold=self.bold) + spread + max(above, below)

    def latex(self, marks: Sequence[str], text: str | None = None) -> str:
        """Return the cell in LaTeX. marks: all notes of the table, in the order of their letters.

        text: the cell's value as LaTeX, if the caller has it.
        """
        number = text is None and is_number(self.value)
        value = formula(self.value) if number else text if text is not None else latex(self.value)
        if self.bold:
            value = rf"\mathbf{{{value}}}" if number else rf"\textbf{{{value}}}"
        above = rf"^{{\mathrm{{{','.join(_marks_of(self.notes, marks))}}}}}" if self.notes else ""
        below = rf"_{{[{formula(self.bounds[0])},\,{formula(self.bounds[1])}]}}" if self.bounds else ""
        spread = rf" \pm {formula(self.spread)}" if self.spread else ""
        if number:
            return f"${value}{spread}{below}{above}$"
        return f"{value}${spread}{below}{above}$" if spread or below or above else value


@dataclass(frozen=True)
class Column:
    """A column. entries: one for each row of the table, over all groups."""

    name: str
    number: bool
    entries: tuple[Entry, ...]


@dataclass(frozen=True)
class Grid:
    """The table, column by column. groups: for each row, the title above it. notes: in the order of their marks.

    count: the number of runs that the caption gives for all rows; "" if there is none.
    """

    columns: tuple[Column, ...]
    groups: tuple[str, ...]
    notes: tuple[str, ...] = ()
    count: str = ""

    @property
    def has_intervals(self) -> bool:
        return any(entry.bounds for column in self.columns for entry in column.entries)


def _marks_of(notes: Sequence[str], all_notes: Sequence[str]) -> list[str]:
    return [letter(all_notes.index(note)) for note in notes]


def grid(table: Table) -> Grid:
    """Read a table's cells."""
    rows = [(title, row) for title, group in table.groups for row in group]
    columns = []
    meanings = dict(table.legend)
    for place, name in enumerate(table.header):
        entries = []
        for i, (_, row) in enumerate(rows):
            marked = [clean(meanings[sign]) for sign in table.marks.get((i, place), ())]
            entries.append(_entry(row[place], marked, (i, place) in table.bold))
        number = place in table.numbers and all(len(entry.value) <= _TEXT_FROM for entry in entries)
        columns.append(Column(clean(name), number, tuple(entries)))
    groups = [clean(title) for title, _ in rows]
    merged, groups, count = _without_counts(_merged(columns, table), groups)
    common = ""
    if not table.runs:
        merged, common = _most_common_count(merged)
    notes = dict.fromkeys(note for column in merged for entry in column.entries for note in entry.notes)
    return Grid(tuple(merged), tuple(groups), tuple(notes), _short(table.runs) or count or common)


def _entry(cell: str, marked: Sequence[str], bold: bool) -> Entry:
    """Read a cell. marked: the notes that its marks stand for."""
    value, *more = [clean(line) for line in cell.split("\n")]
    bounds: tuple[str, str] | None = None
    notes: list[str] = []
    for line in more:
        if match := _INTERVAL.match(line):
            bounds = match[1], match[2]
            line = line[match.end() :].removeprefix(" · ")
        notes += [line] if line else []
    return Entry(value, bounds, "", (*notes, *marked), bold)


def _merged(columns: Sequence[Column], table: Table) -> list[Column]:
    """Merge intervals and spreads into the columns of their values, and the column "note" into each row's notes."""
    merged: list[Column] = []
    notes: list[str] = []
    for column, name in zip(columns, table.header):
        if name == "95 % interval" and merged:
            bounds = [_INTERVAL.fullmatch(entry.value) for entry in column.entries]
            pairs = [(match[1], match[2]) if match else None for match in bounds]
            entries = [replace(e, bounds=b) for e, b in zip(merged[-1].entries, pairs)]
            merged[-1] = replace(merged[-1], entries=tuple(entries))
        elif name == "±" and merged:
            spreads = ["" if entry.value == "–" else entry.value for entry in column.entries]
            entries = [replace(e, spread=s) for e, s in zip(merged[-1].entries, spreads)]
            merged[-1] = replace(merged[-1], entries=tuple(entries))
        elif name == "note":
            notes = [entry.value for entry in column.entries]
        else:
            merged.append(column)
    return _with_notes(merged, [[part for part in text.split("; ") if part] for text in notes]) if notes else merged


def _without_counts(columns: list[Column], groups: list[str]) -> tuple[list[Column], list[str], str]:
    """Return the columns without the one that counts runs, the groups' titles, and the count of all rows.

    If the counts differ, the last value is "". A count that differs between groups is then added to their titles; a
    count that differs within a group becomes a note of its row.
    """
    place = next((i for i, column in enumerate(columns) if i and column.name in _COUNTS), 0)
    counts = [entry.value for entry in columns[place].entries]
    if not place or len(counts) < 2:
        return columns, groups, ""
    usual = {
        title: Counter(count for count, at in zip(counts, groups) if at == title).most_common(1)[0][0]
        for title in groups
    }
    rest = columns[:place] + columns[place + 1 :]
    unusual = [() if count == usual[title] else (f"n = {_short(count)}",) for count, title in zip(counts, groups)]
    rest = _with_notes(rest, unusual)
    if len(set(usual.values())) == 1:
        return rest, groups, _short(counts[0])
    return rest, [", ".join(filter(None, (title, f"n = {_short(usual[title])}"))) for title in groups], ""


def _short(count: str) -> str:
    """Return "5" for "5/5", and "5 each" for "5, 5"."""
    done, _, planned = count.partition("/")
    ours, _, theirs = count.partition(", ")
    return done if done == planned else f"{ours} each" if ours == theirs else count


def _with_notes(columns: list[Column], notes: Sequence[Sequence[str]]) -> list[Column]:
    """Return the columns with each row's notes on its first number."""
    place = next((i for i, column in enumerate(columns) if column.number), 0)
    entries = [replace(e, notes=(*e.notes, *more)) for e, more in zip(columns[place].entries, notes)]
    return [*columns[:place], replace(columns[place], entries=tuple(entries)), *columns[place + 1 :]]


def _most_common_count(columns: Sequence[Column]) -> tuple[list[Column], str]:
    """Remove the number of runs that most cells have in their notes.

    Returns: the columns, and the number; "" if no cell has one.
    """
    named = [note for column in columns for entry in column.entries for note in entry.notes if _COUNT.fullmatch(note)]
    if not named:
        return list(columns), ""
    common = Counter(named).most_common(1)[0][0]

    def without(entry: Entry) -> Entry:
        return replace(entry, notes=tuple(note for note in entry.notes if note != common))

    return [replace(c, entries=tuple(map(without, c.entries))) for c in columns], _short(common.removeprefix("n = "))
