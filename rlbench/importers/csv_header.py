"""What the columns of a CSV file mean: its header, what separates its values, and what is called by which name."""

from __future__ import annotations

import csv
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from rlbench.importers.imported_records import ForeignError

# The columns that mean something here, and what others call them, the likelier first.
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
_EXCEL = re.compile(r'^"?sep=(.)"?$')  # a first line by which Excel is told the separator


@dataclass(frozen=True)
class Header:
    """line: where it stands. names: as they are written. place: which column each of ours is. notes: what was guessed."""

    line: int
    separator: str
    names: Sequence[str]
    place: Mapping[str, int]
    notes: tuple[str, ...] = ()


def find_header(path: Path, lines: Sequence[str], columns: Mapping[str, str]) -> Header:
    """The first line that is neither empty nor a comment; a header that is commented out, as NumPy writes it, is one.

    columns: what columns are called, by our names. Raises: ForeignError naming the columns there are.
    """
    separators = SEPARATORS
    for number, line in enumerate(lines, 1):
        text = line.strip(" \r\n").lstrip("\ufeff")
        if (told := _EXCEL.match(text)) is not None:
            separators = told[1]
            continue
        if not text.strip():
            continue
        if text.startswith(("{", "[")):
            raise ForeignError(f"{path}: JSON, no table; write its steps and returns as CSV")
        cells = {separator: split(text.lstrip("# "), separator) for separator in separators}
        known = [separator for separator in separators if is_header(cells[separator], columns)]
        if text.startswith("#") and not known:
            continue
        # Where none gives the columns, blanks are likelier to be in names than between them.
        parting = [separator for separator in separators if separator != " " and len(cells[separator]) > 1]
        separator = known[0] if known else max(parting or separators, key=lambda each: len(cells[each]))
        place, notes = _places(path, cells[separator], columns)
        return Header(number, separator, cells[separator], place, notes)
    raise ForeignError(f"{path}: no rows in it")


def split(line: str, separator: str) -> list[str]:
    return next(csv.reader([line], delimiter=separator, skipinitialspace=separator == " "), [])


def is_header(cells: Sequence[str], columns: Mapping[str, str]) -> bool:
    """Whether names of steps and of returns are among these."""
    return all(any(_named(cells, alias) for alias in _aliases(name, columns)) for name in NEEDED)


def _aliases(name: str, columns: Mapping[str, str]) -> tuple[str, ...]:
    return (columns[name],) if name in columns else NAMES[name]


def _named(cells: Sequence[str], alias: str) -> list[int]:
    """Columns of that name, as it is written if there is one, else whatever its capitals."""
    exact = [i for i, cell in enumerate(cells) if cell.strip() == alias]
    return exact or [i for i, cell in enumerate(cells) if cell.strip().lower() == alias.lower()]


def _called(cells: Sequence[str], alias: str) -> list[int]:
    """Columns of that name; #2 is the second, where none is called so."""
    found = _named(cells, alias)
    if not found and re.fullmatch(r"#\d+", alias) and 1 <= int(alias[1:]) <= len(cells):
        return [int(alias[1:]) - 1]
    return found


def _places(path: Path, cells: Sequence[str], columns: Mapping[str, str]) -> tuple[dict[str, int], tuple[str, ...]]:
    """Which of the columns each of ours is."""
    place: dict[str, int] = {}
    notes = []
    for name in NAMES:
        found = {alias: there for alias in _aliases(name, columns) if (there := _called(cells, alias))}
        if not found:
            if name in columns or name in NEEDED:
                said = f"no column {columns[name]!r}" if name in columns else f"no column for the {name}"
                shown = ", ".join(cell.strip() for cell in cells) or "none"
                raise ForeignError(f"{path}: {said}; it has {shown}; say --column {name}=COLUMN")
            continue
        alias, there = next(iter(found.items()))
        if len(there) > 1:
            ways = " or ".join(f"--column '{name}=#{i + 1}'" for i in there)
            raise ForeignError(f"{path}: {_counted(len(there))} columns are called {alias}; say {ways}")
        place[name] = there[0]
        others = [cells[i].strip() for other in list(found)[1:] for i in found[other]]
        if others:
            taken = cells[there[0]].strip()
            notes.append(f"the {name} is read from {taken}, not from {', '.join(others)} (--column {name}=COLUMN)")
    return place, tuple(notes)


def _counted(count: int) -> str:
    return {2: "two", 3: "three"}.get(count, str(count))
