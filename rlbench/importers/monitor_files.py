"""Monitor files (`*.monitor.csv`): a line of JSON after a #, then return, length and time of each episode (r, l, t).

Several files in a folder are read as one run in several environments, with the episodes in the order in which they
ended. The lines of one file keep their order. t is the seconds from the start of the run to the end of the episode. If
t decreases or the JSON line is repeated, the run was restarted and appended to the file. Source: the Monitor wrapper of
Stable-Baselines3, and before it of OpenAI's baselines.
"""

from __future__ import annotations

import csv
import json
import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any, NamedTuple

from rlbench.importers.decoding import SUFFIXES, read_text
from rlbench.importers.imported_records import LARGEST_STEP, ForeignError, ImportedRecords, Row, refuse_many

PATTERNS = tuple(f"*monitor.csv{suffix}" for suffix in SUFFIXES)
ODD_LINES = 100  # invalid lines are skipped if there are this many episodes for each; else the file is refused
COLUMNS = ("r", "l", "t")
NAMED = 4  # most files that a note names
SHOWN = 60  # most characters of an invalid line that are shown


class Episode(NamedTuple):
    seconds: float
    return_: float
    length: int


@dataclass
class Session:
    """The episodes that one process wrote to a file. head: the contents of the line of JSON."""

    head: dict[str, Any] = field(default_factory=dict)
    episodes: list[Episode] = field(default_factory=list)

    @property
    def start(self) -> float:
        try:
            return float(self.head.get("t_start") or 0.0)
        except (TypeError, ValueError, OverflowError):
            return 0.0


def is_monitor(path: Path, text: str) -> bool:
    """Return whether a file is a Monitor file, from its first line and, if this has only numbers, its name."""
    first = next((line.strip() for line in _lines(text) if line.strip()), "")
    if first.startswith("#{") or _positions(next(csv.reader([first]), [])) is not None:
        return True
    has_name = any(fnmatchcase(path.name.lower(), pattern) for pattern in PATTERNS)
    return has_name and (not first or _episode(first.split(","), range(3)) is not None)


def _lines(text: str) -> list[str]:
    return text.replace("\r\n", "\n").replace("\r", "\n").split("\n")


def read_monitor(paths: Sequence[Path]) -> ImportedRecords:
    """Read one run from its Monitor files. Raises: ForeignError with the line."""
    files, notes = [], []
    for path in paths:
        sessions, file_notes = _sessions(path, read_text(path))
        if not any(session.episodes for session in sessions):
            file_notes.append("no episode in it")
        files.append(sessions)
        notes += file_notes if len(paths) == 1 else [f"{path.name}: {note}" for note in file_notes]
    environments = {str(session.head.get("env_id") or "") for sessions in files for session in sessions} - {"", "None"}
    if len(environments) > 1:
        raise ForeignError(
            f"{paths[0].parent}: files of {' and '.join(sorted(environments))} in one folder; pass them one by one"
        )
    episodes, seconds = _merge(files)
    if not episodes:
        raise ForeignError(f"{paths[0]}: no episode in it")
    rows, step = [], 0
    for episode in episodes:
        step += episode.length
        rows.append(Row(step, episode.return_, episode.length))
    if step > LARGEST_STEP:
        raise ForeignError(f"{paths[0]}: its episodes take {step:,} steps; at most {LARGEST_STEP:,} are supported")
    if len(paths) > 1:
        names = ", ".join(path.name for path in paths[:NAMED]) + (", …" if paths[NAMED:] else "")
        notes.append(f"read as one run in {len(paths)} environments: {names}; pass files of several runs one by one")
    source = str(paths[0] if len(paths) == 1 else paths[0].parent)
    return ImportedRecords(source, rows, environment=next(iter(environments), ""), seconds=seconds, notes=tuple(notes))


def _merge(files: Sequence[Sequence[Session]]) -> tuple[list[Episode], float]:
    """Return the episodes of several environments, by session and by the time of their end, and the total seconds."""
    episodes: list[Episode] = []
    total = 0.0
    for number in range(max(map(len, files), default=0)):
        same = [sessions[number] for sessions in files if number < len(sessions)]
        first = min(session.start for session in same)
        timed = [(session.start - first + episode.seconds, episode) for session in same for episode in session.episodes]
        timed.sort(key=lambda pair: pair[0])  # times within a file increase already, so its order is kept
        episodes += [episode for _, episode in timed]
        total += max((seconds for seconds, _ in timed), default=0.0)
    return episodes, total


def _sessions(path: Path, text: str) -> tuple[list[Session], list[str]]:
    """Return the sessions in a file, and notes on invalid lines. Raises: ForeignError with the line."""
    refuse_many(path, text.count("\n"))
    *lines, rest = _lines(text)
    notes = [f"the last line is incomplete and was skipped: {_shorten(rest)}"] if rest else []
    sessions, odd = [Session()], list[tuple[int, str]]()
    columns: Sequence[int] = range(3)
    width = 0  # values per line: the number in the header, or else in the first episode
    for number, line in enumerate(lines, 1):
        before, head, after = line.partition("#{")
        if head:  # a killed process may have left half a line before the JSON
            sessions.append(Session(_head(path, number, head[1:] + after)))
        cells = next(csv.reader([before.strip()]), [])
        if not any(cells):
            continue
        if (positions := _positions(cells)) is not None:
            columns, width = positions, len(cells)
            continue
        episode = _episode(cells, columns)
        width = width or len(cells)
        if episode is None or head or len(cells) != width:  # a line longer than the header consists of two lines
            odd.append((number, before))
            continue
        if sessions[-1].episodes and episode.seconds < sessions[-1].episodes[-1].seconds:
            sessions.append(Session(sessions[-1].head))
        sessions[-1].episodes.append(episode)
    sessions = [session for session in sessions if session.episodes] or sessions[-1:]
    count = sum(len(session.episodes) for session in sessions)
    if len(odd) * ODD_LINES > count:
        raise ForeignError(f"{path}:{odd[0][0]}: not the r, l and t of an episode: {_shorten(odd[0][1])}")
    notes += [f"line {number} is not an episode and was skipped: {_shorten(line)}" for number, line in odd]
    if len(sessions) > 1:
        notes.append(f"{len(sessions)} sessions, one after another")
    return sessions, notes


def _head(path: Path, number: int, text: str) -> dict[str, Any]:
    try:
        head = json.loads(text)
    except (ValueError, RecursionError):
        raise ForeignError(f"{path}:{number}: invalid JSON after the #; Monitor writes one line of JSON") from None
    return head if isinstance(head, dict) else {}


def _positions(cells: Sequence[str]) -> list[int] | None:
    """Return the column indices of r, l and t in a header; None if the cells are not a header."""
    names = [cell.strip() for cell in cells]
    return [names.index(name) for name in COLUMNS] if set(COLUMNS) <= set(names) else None


def _episode(cells: Sequence[str], columns: Sequence[int]) -> Episode | None:
    """Return the episode in the cells of a line; None if they are not an episode."""
    try:
        return_, length, seconds = (float(cells[column]) for column in columns)
    except (IndexError, ValueError):
        return None
    is_length = math.isfinite(length) and length == int(length) and 0 <= length <= LARGEST_STEP
    return Episode(seconds, return_, int(length)) if is_length and math.isfinite(seconds) else None


def _shorten(line: str) -> str:
    return repr(line if len(line) <= SHOWN else line[:SHOWN] + "…")
