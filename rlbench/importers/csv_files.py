"""CSV files with a row for each episode or evaluation. They may have several runs and any column names."""

from __future__ import annotations

import csv
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from io import StringIO
from itertools import islice
from pathlib import Path

from rlbench.importers.cell_values import seed_number, whole_number
from rlbench.importers.csv_header import NAMES, Header, find_header, is_header
from rlbench.importers.decoding import read_text
from rlbench.importers.imported_records import (
    ForeignError,
    ImportedRecords,
    Row,
    SkippedSource,
    is_training_mean,
    refuse_many,
)
from rlbench.importers.tensorboard_files import TAGS
from rlbench.text import counted

__all__ = ["NAMES", "read_csv"]

KINDS = {"episode": False, "": False, "train": False, "training": False, "evaluation": True, "eval": True}
NOTHING = ("", "na", "n/a", "null", "none")  # texts for a missing number
_AVERAGED = re.compile(r"(?<![a-z])(mean|avg|average)(?![a-z])", re.IGNORECASE)
Place = tuple[str, str, int | None]


@dataclass
class _CsvRun:
    """The rows of a run.

    empty: the number of rows without a return. last: step and line of the last row, by whether it is an evaluation.
    falls: a sentence for each place where steps decrease.
    """

    rows: list[Row] = field(default_factory=list)
    empty: int = 0
    last: dict[bool, tuple[int, int]] = field(default_factory=dict)
    falls: list[str] = field(default_factory=list)

    def add(self, line: int, row: Row) -> None:
        step, before = self.last.get(row.evaluation, (0, 0))
        if row.step < step:
            self.falls.append(f"in line {line} the steps go back to {row.step:,}, from {step:,} in line {before}")
        self.last[row.evaluation] = row.step, line
        self.rows.append(row)


def read_csv(path: Path, columns: Mapping[str, str]) -> list[ImportedRecords | SkippedSource]:
    """Read the runs in a file. columns: the file's column names by the keys of NAMES; other columns are guessed.

    A run whose steps decrease is skipped: it may be several runs without seeds, a restarted run, or out of order.
    Raises: ForeignError with the line.
    """
    text = read_text(path)
    refuse_many(path, text.count("\n"))
    lines = StringIO(text, newline="").readlines()
    header = find_header(path, lines, columns)
    return_column = header.names[header.place["return"]].strip()
    default_kind = "evaluation" if TAGS.get(return_column) else ""
    means = is_training_mean(return_column)
    notes = list(header.notes)
    if "kind" not in header.place and not means and not default_kind and _AVERAGED.search(return_column):
        notes.append(f"each {return_column} is read as the return of a single episode")
    runs: dict[Place, _CsvRun] = {}
    for line, cells in _rows(path, lines, header, columns, notes):
        where = f"{path}:{line}"
        values = {name: cells[i].strip() if i < len(cells) else "" for name, i in header.place.items()}
        seed = seed_number(where, values["seed"]) if values.get("seed") else None
        run = runs.setdefault((values.get("algorithm", ""), values.get("environment", ""), seed), _CsvRun())
        if values["return"].lower() in NOTHING:
            run.empty += 1
            continue
        run.add(line, _row(where, {"kind": default_kind, **values}, header.separator))
    if not runs:
        raise ForeignError(f"{path}: no rows in it")
    seeded = {place[:2] for place in runs if place[2] is not None}
    return [
        _run(path, place, run, notes, means)
        if place[2] is not None or place[:2] not in seeded
        else SkippedSource(
            str(path), f"{path}: {counted(len(run.rows), 'row')} without a seed, although other rows have one"
        )
        for place, run in runs.items()
    ]


def _rows(
    path: Path, lines: Sequence[str], header: Header, columns: Mapping[str, str], notes: list[str]
) -> Iterator[tuple[int, list[str]]]:
    """Yield the line number and the values of every row below the header. Skip repeated headers."""
    separator = header.separator
    table = csv.reader(islice(lines, header.line, None), delimiter=separator, skipinitialspace=separator == " ")
    width = len(header.names)
    for cells in table:
        line = header.line + table.line_num
        if not any(cell.strip() for cell in cells) or (cells[0].startswith("#") and len(cells) != width):
            continue
        if len(cells) < width and line == len(lines) and not lines[-1].endswith(("\n", "\r")):
            notes.append(f"the last line is incomplete and was skipped: {separator.join(cells)!r}")
            continue
        if _repeats_header(f"{path}:{line}", cells, header, columns):
            notes.append(f"the header is repeated in line {line}")
            continue
        if any(cell.strip() for cell in cells[width:]):
            commas = "; do numbers contain commas?" if separator == "," else ""
            raise ForeignError(f"{path}:{line}: {len(cells)} values, but {width} columns in the header{commas}")
        yield line, cells


def _repeats_header(where: str, cells: Sequence[str], header: Header, columns: Mapping[str, str]) -> bool:
    """Return whether a row repeats the header. Raises: ForeignError for a different header."""
    step = header.place["step"]
    if step < len(cells) and cells[step][:1].isdigit():  # a fast check that suffices for nearly all rows
        return False
    if [cell.strip() for cell in cells] == [name.strip() for name in header.names]:
        return True
    if is_header(cells, columns):
        raise ForeignError(f"{where}: a second, different header; put rows with other columns into a separate file")
    return False


def _run(path: Path, place: Place, run: _CsvRun, notes: Sequence[str], means: bool) -> ImportedRecords | SkippedSource:
    algorithm, environment, seed = place
    name = " ".join(filter(None, [algorithm, f"on {environment}" if environment else "", _seed_name(seed)]))
    where = f"{path}: {name}" if name else str(path)
    if not run.rows:
        return SkippedSource(str(path), f"{where}: no return in it")
    if run.falls:
        more = f" (and {len(run.falls) - 1} more times)" if run.falls[1:] else ""
        return SkippedSource(
            str(path),
            f"{where}: {run.falls[0]}{more}; add a seed column if these are several runs, remove the rows that a "
            "restart repeated, or sort the rows of each run by step",
        )
    skipped = [f"skipped: {counted(run.empty, 'row')} without a return"] if run.empty else []
    rows = sorted(run.rows, key=lambda row: row.step)
    return ImportedRecords(str(path), rows, algorithm, environment, seed, notes=(*notes, *skipped), means=means)


def _seed_name(seed: int | None) -> str:
    return "" if seed is None else f"seed {seed}"


def _row(where: str, text: Mapping[str, str], separator: str) -> Row:
    kind = text.get("kind", "").lower()
    if kind not in KINDS:
        raise ForeignError(f"{where}: kind {kind!r}; it must be episode or evaluation")
    length = whole_number(where, "length", text["length"]) if text.get("length") else 0
    number = text["return"]
    if separator != "," and re.fullmatch(r"[+-]?\d*,\d+(e[+-]?\d+)?", number, re.IGNORECASE):
        number = number.replace(",", ".")  # a decimal comma, as in much of Europe, with ; between the values
    try:
        return_ = float(number)
    except ValueError:
        raise ForeignError(f"{where}: return {text['return']!r} is not a number") from None
    return Row(whole_number(where, "step", text["step"]), return_, length, KINDS[kind])
