"""The header of a CSV file: the separator, and the meaning of each column."""

from __future__ import annotations

import csv
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from rlbench.importers.imported_records import ForeignError

# The columns that are read, each with its names in other programs, the most likely name first.
NAMES: Mapping[str, tuple[str, ...]] = {
    "step": ("step", "global_step", "timestep", "timesteps", "total_timesteps", "steps"),
    "return": ("return", "episodic_return", "episode_return", "return_mean", "mean_return", "reward", "score"),
    "length": ("length", "episodic_length", "episode_length"),
    "kind": ("kind",),
    "algorithm": ("algorithm", "algo", "agent"),
    "environment": ("environment", "env", "env_id", "task"),
    "seed": ("seed",),
}
NEEDED = ("step", "return")
SEPARATORS = ",;\t| "
_EXCEL = re.compile(r'^"?sep=(.)"?$')  # a first line that defines the separator for Excel


@dataclass(frozen=True)
class Header:
    """The header of a file.

    line: its number. names: the column names in the file. place: column indices, by the keys of NAMES. notes: sentences
    on guessed columns.
    """

    line: int
    separator: str
    names: Sequence[str]
    place: Mapping[str, int]
    notes: tuple[str, ...] = ()


def find_header(path: Path, lines: Sequence[str], columns: Mapping[str, str]) -> Header:
    """Return the header: the first line that is neither empty nor a comment.

    The header may be a comment, as NumPy writes it. columns: the file's column names, by the keys of NAMES. Raises:
    ForeignError with a list of the file's columns if a column is missing or ambiguous.
    """
    separators = SEPARATORS
    for number, line in enumerate(lines, 1):
        text = line.strip(" \r\n").lstrip("\ufeff")
        if (excel := _EXCEL.match(text)) is not None:
            separators = excel[1]
            continue
        if not text.strip():
            continue
        if text.startswith(("{", "[")):
            raise ForeignError(f"{path}: JSON, not a table; write its steps and returns as CSV")
        cells = {separator: split(text.lstrip("# "), separator) for separator in separators}
        known = [separator for separator in separators if is_header(cells[separator], columns)]
        if text.startswith("#") and not known:
            continue
        # If no separator gives known columns, prefer one other than space: column names may contain spaces.
        splitting = [separator for separator in separators if separator != " " and len(cells[separator]) > 1]
        separator = known[0] if known else max(splitting or separators, key=lambda each: len(cells[each]))
        place, notes = _places(path, cells[separator], columns)
        return Header(number, separator, cells[separator], place, notes)
    raise ForeignError(f"{path}: no rows in it")


def split(line: str, separator: str) -> list[str]:
    return next(csv.reader([line], delimiter=separator, skipinitialspace=separator == " "), [])


def is_header(cells: Sequence[str], columns: Mapping[str, str]) -> bool:
    """Return whether the cells contain a name for the step and a name for the return."""
    return all(any(_columns_named(cells, alias) for alias in _aliases(name, columns)) for name in NEEDED)


def _aliases(name: str, columns: Mapping[str, str]) -> tuple[str, ...]:
    return (columns[name],) if name in columns else NAMES[name]


def _columns_named(cells: Sequence[str], alias: str) -> list[int]:
    """Return the indices of the columns with exactly this name; if there are none, ignore case."""
    exact = [i for i, cell in enumerate(cells) if cell.strip() == alias]
    return exact or [i for i, cell in enumerate(cells) if cell.strip().lower() == alias.lower()]


def _find_columns(cells: Sequence[str], alias: str) -> list[int]:
    """Return the indices of the columns with this name. If there are none, "#2" means the second column."""
    indices = _columns_named(cells, alias)
    if not indices and re.fullmatch(r"#\d+", alias) and 1 <= int(alias[1:]) <= len(cells):
        return [int(alias[1:]) - 1]
    return indices


def _places(path: Path, cells: Sequence[str], columns: Mapping[str, str]) -> tuple[dict[str, int], tuple[str, ...]]:
    """Return the column indices by the keys of NAMES, and sentences on guessed columns."""
    place: dict[str, int] = {}
    notes = []
    for name in NAMES:
        matches = {alias: indices for alias in _aliases(name, columns) if (indices := _find_columns(cells, alias))}
        if not matches:
            if name in columns or name in NEEDED:
                problem = f"no column {columns[name]!r}" if name in columns else f"no column for the {name}"
                available = ", ".join(cell.strip() for cell in cells) or "none"
                raise ForeignError(f"{path}: {problem}; it has {available}; choose one with --column {name}=COLUMN")
            continue
        alias, indices = next(iter(matches.items()))
        if len(indices) > 1:
            choices = " or ".join(f"--column '{name}=#{i + 1}'" for i in indices)
            raise ForeignError(
                f"{path}: {_number_word(len(indices))} columns are called {alias}; choose one with {choices}"
            )
        place[name] = indices[0]
        others = [cells[i].strip() for other in list(matches)[1:] for i in matches[other]]
        if others:
            chosen = cells[indices[0]].strip()
            notes.append(f"the {name} is read from {chosen}, not from {', '.join(others)} (--column {name}=COLUMN)")
    return place, tuple(notes)


def _number_word(count: int) -> str:
    return {2: "two", 3: "three"}.get(count, str(count))
