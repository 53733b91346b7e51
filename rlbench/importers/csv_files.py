"""A CSV file with a row for each episode or evaluation of any number of runs, whatever its columns are called."""

from __future__ import annotations

import csv
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from io import StringIO
from itertools import islice
from pathlib import Path

from rlbench.importers.csv_header import NAMES, Header, find_header, is_header
from rlbench.importers.decoding import read_text
from rlbench.importers.imported_records import LARGEST_STEP, ForeignError, Row, Skipped, Told, counted, is_training_mean
from rlbench.importers.tensorboard_files import TAGS

__all__ = ["NAMES", "read_csv"]

KINDS = {"episode": False, "": False, "train": False, "training": False, "evaluation": True, "eval": True}
NOTHING = ("", "na", "n/a", "null", "none")  # how tables write that there is no number
_AVERAGED = re.compile(r"(?<![a-z])(mean|avg|average)(?![a-z])", re.IGNORECASE)
Place = tuple[str, str, int | None]


@dataclass
class _Lines:
    """The rows of one run as they come. last: of each kind, step and line; falls: where its steps go back."""

    rows: list[Row] = field(default_factory=list)
    empty: int = 0
    last: dict[bool, tuple[int, int]] = field(default_factory=dict)
    falls: list[str] = field(default_factory=list)

    def add(self, line: int, row: Row) -> None:
        step, before = self.last.get(row.evaluation, (0, 0))
        if row.step < step:
            self.falls.append(f"in line {line} its steps go back to {row.step:,}, from {step:,} in line {before}")
        self.last[row.evaluation] = row.step, line
        self.rows.append(row)


def read_csv(path: Path, columns: Mapping[str, str]) -> list[Told | Skipped]:
    """The runs in a file. columns: what its columns are called, by our names; others are guessed.

    A run whose steps go back is skipped: it may be several without their seeds, or one that was restarted, or out of order.
    Raises: ForeignError with the line.
    """
    text = read_text(path)
    lines = StringIO(text, newline="").readlines()
    header = find_header(path, lines, columns)
    taken = header.names[header.place["return"]].strip()
    otherwise = "evaluation" if TAGS.get(taken) else ""  # its kind, where no column says it
    means = is_training_mean(taken)
    notes = list(header.notes)
    if "kind" not in header.place and not means and not otherwise and _AVERAGED.search(taken):
        notes.append(f"each {taken} is taken as the return of a single episode")
    runs: dict[Place, _Lines] = {}
    for line, cells in _rows(path, lines, header, columns, notes):
        where = f"{path}:{line}"
        told = {name: cells[i].strip() if i < len(cells) else "" for name, i in header.place.items()}
        seed = _seed(where, told["seed"]) if told.get("seed") else None
        run = runs.setdefault((told.get("algorithm", ""), told.get("environment", ""), seed), _Lines())
        if told["return"].lower() in NOTHING:
            run.empty += 1
            continue
        run.add(line, _row(where, {"kind": otherwise, **told}, header.separator))
    if not runs:
        raise ForeignError(f"{path}: no rows in it")
    said = {place[:2] for place in runs if place[2] is not None}
    return [
        _run(path, place, run, notes, means)
        if place[2] is not None or place[:2] not in said
        else Skipped(str(path), f"{path}: {counted(len(run.rows), 'row')} without a seed, beside others that have one")
        for place, run in runs.items()
    ]


def _rows(
    path: Path, lines: Sequence[str], header: Header, columns: Mapping[str, str], notes: list[str]
) -> Iterator[tuple[int, list[str]]]:
    """Line and values of every row below a header, without headers that stand again."""
    separator = header.separator
    table = csv.reader(islice(lines, header.line, None), delimiter=separator, skipinitialspace=separator == " ")
    width = len(header.names)
    for cells in table:
        line = header.line + table.line_num
        if not any(cell.strip() for cell in cells) or (cells[0].startswith("#") and len(cells) != width):
            continue
        if len(cells) < width and line == len(lines) and not lines[-1].endswith(("\n", "\r")):
            notes.append(f"its last line is unfinished, so it is left out: {separator.join(cells)!r}")
            continue
        if _stands_again(f"{path}:{line}", cells, header, columns):
            notes.append(f"the header stands again in line {line}")
            continue
        if any(cell.strip() for cell in cells[width:]):
            commas = "; were commas written in numbers?" if separator == "," else ""
            raise ForeignError(f"{path}:{line}: {len(cells)} values where the header has {width}{commas}")
        yield line, cells


def _stands_again(where: str, cells: Sequence[str], header: Header, columns: Mapping[str, str]) -> bool:
    """Whether a row is the header once more. Raises: ForeignError for another header."""
    step = header.place["step"]
    if step < len(cells) and cells[step][:1].isdigit():  # the quick answer, for nearly all rows
        return False
    if [cell.strip() for cell in cells] == [name.strip() for name in header.names]:
        return True
    if is_header(cells, columns):
        raise ForeignError(f"{where}: another header; put rows of other columns into a file of their own")
    return False


def _run(path: Path, place: Place, run: _Lines, notes: Sequence[str], means: bool) -> Told | Skipped:
    algorithm, environment, seed = place
    name = " ".join(filter(None, [algorithm, f"on {environment}" if environment else "", _seed_name(seed)]))
    where = f"{path}: {name}" if name else str(path)
    if not run.rows:
        return Skipped(str(path), f"{where}: no return in it")
    if run.falls:
        more = f" ({len(run.falls) - 1} times more)" if run.falls[1:] else ""
        return Skipped(
            str(path),
            f"{where}: {run.falls[0]}{more}; say the seeds of several runs in a column, take out what a restart told "
            "again, or sort the rows of one run by step",
        )
    said = [f"left out: {counted(run.empty, 'row')} without a return"] if run.empty else []
    rows = sorted(run.rows, key=lambda row: row.step)
    return Told(str(path), rows, algorithm, environment, seed, notes=(*notes, *said), means=means)


def _seed_name(seed: int | None) -> str:
    return "" if seed is None else f"seed {seed}"


def _row(where: str, text: Mapping[str, str], separator: str) -> Row:
    kind = text.get("kind", "").lower()
    if kind not in KINDS:
        raise ForeignError(f"{where}: kind {kind!r}; it is episode or evaluation")
    length = _whole(where, "length", text["length"]) if text.get("length") else 0
    number = text["return"]
    if separator != "," and re.fullmatch(r"[+-]?\d*,\d+(e[+-]?\d+)?", number, re.IGNORECASE):
        number = number.replace(",", ".")  # as much of Europe writes it, with ; between the values
    try:
        return_ = float(number)
    except ValueError:
        raise ForeignError(f"{where}: return {text['return']!r} is no number") from None
    return Row(_whole(where, "step", text["step"]), return_, length, KINDS[kind])


def _whole(where: str, name: str, text: str) -> int:
    try:
        value = float(text)
        if value != int(value) or value < 0:
            raise ValueError
    except (ValueError, OverflowError):
        raise ForeignError(f"{where}: {name} {text!r} is no whole number") from None
    if value > LARGEST_STEP:
        raise ForeignError(f"{where}: {name} {text} is above {LARGEST_STEP:,}")
    return int(value)


def _seed(where: str, text: str) -> int:
    """A seed is a name: any whole number, all of its digits."""
    try:
        return int(text) if re.fullmatch(r"[+-]?\d+", text) else int(_exact(text))
    except (ValueError, OverflowError):
        raise ForeignError(f"{where}: seed {text!r} is no whole number") from None


def _exact(text: str) -> float:
    value = float(text)
    if value != int(value):
        raise ValueError
    return value
