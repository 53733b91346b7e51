"""Monitor files (`*.monitor.csv`): a line of JSON after a #, then return, length and seconds of each episode (r, l, t).

A folder of several is one run in several environments: their episodes in the order in which they ended. A file keeps the
order of its lines: where its seconds fall, or a head stands again, the run was started anew and went on writing. Source: the
Monitor wrapper of Stable-Baselines3 and of OpenAI's baselines before it.
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
from rlbench.importers.imported_records import LARGEST_STEP, ForeignError, Row, Told

PATTERNS = tuple(f"*monitor.csv{suffix}" for suffix in SUFFIXES)
ODD_LINES = 100  # so many episodes for each line that is none; with fewer the file is no Monitor file, or a ruin
COLUMNS = ("r", "l", "t")
NAMED = 4  # of the files that are put together
SHOWN = 60  # characters of an odd line


class Episode(NamedTuple):
    seconds: float
    return_: float
    length: int


@dataclass
class Session:
    """What one process wrote into a file. head: its line of JSON."""

    head: dict[str, Any] = field(default_factory=dict)
    episodes: list[Episode] = field(default_factory=list)

    @property
    def start(self) -> float:
        try:
            return float(self.head.get("t_start") or 0.0)
        except (TypeError, ValueError):
            return 0.0


def is_monitor(path: Path, text: str) -> bool:
    """Whether a file is one by what stands in its first line; where that has numbers alone, by its name."""
    first = next((line.strip() for line in _lines(text) if line.strip()), "")
    if first.startswith("#{") or _positions(next(csv.reader([first]), [])) is not None:
        return True
    named = any(fnmatchcase(path.name.lower(), pattern) for pattern in PATTERNS)
    return named and (not first or _episode(first.split(","), range(3)) is not None)


def _lines(text: str) -> list[str]:
    return text.replace("\r\n", "\n").replace("\r", "\n").split("\n")


def read_monitor(paths: Sequence[Path]) -> Told:
    """One run from its Monitor files. Raises: ForeignError with the line."""
    files, notes = [], []
    for path in paths:
        sessions, said = _sessions(path, read_text(path))
        if not any(session.episodes for session in sessions):
            said.append("no episode in it")
        files.append(sessions)
        notes += said if len(paths) == 1 else [f"{path.name}: {note}" for note in said]
    environments = {str(session.head.get("env_id") or "") for sessions in files for session in sessions} - {"", "None"}
    if len(environments) > 1:
        raise ForeignError(
            f"{paths[0].parent}: files of {' and '.join(sorted(environments))} in one folder; give them one by one"
        )
    episodes, seconds = _merged(files)
    if not episodes:
        raise ForeignError(f"{paths[0]}: no episode in it")
    rows, step = [], 0
    for episode in episodes:
        step += episode.length
        rows.append(Row(step, episode.return_, episode.length))
    if step > LARGEST_STEP:
        raise ForeignError(f"{paths[0]}: its episodes take {step:,} steps")
    if len(paths) > 1:
        names = ", ".join(path.name for path in paths[:NAMED]) + (", …" if paths[NAMED:] else "")
        notes.append(f"one run in {len(paths)} environments: {names}; files of several runs are given one by one")
    source = str(paths[0] if len(paths) == 1 else paths[0].parent)
    return Told(source, rows, environment=next(iter(environments), ""), seconds=seconds, notes=tuple(notes))


def _merged(files: Sequence[Sequence[Session]]) -> tuple[list[Episode], float]:
    """Episodes of several environments by the time of their end, session after session; and how long all took."""
    found: list[Episode] = []
    total = 0.0
    for number in range(max(map(len, files), default=0)):
        same = [sessions[number] for sessions in files if number < len(sessions)]
        first = min(session.start for session in same)
        timed = [(session.start - first + episode.seconds, episode) for session in same for episode in session.episodes]
        timed.sort(key=lambda pair: pair[0])  # of one file these rise already: its own order is kept
        found += [episode for _, episode in timed]
        total += max((seconds for seconds, _ in timed), default=0.0)
    return found, total


def _sessions(path: Path, text: str) -> tuple[list[Session], list[str]]:
    """What a file tells, process by process, and what was odd. Raises: ForeignError with the line."""
    *lines, rest = _lines(text)
    notes = [f"its last line is unfinished, so it is left out: {_shown(rest)}"] if rest else []
    sessions, odd = [Session()], list[tuple[int, str]]()
    columns: Sequence[int] = range(3)
    width = 0  # values of a line, as the header has it, or the first episode where there is none
    for number, line in enumerate(lines, 1):
        before, head, after = line.partition("#{")
        if head:  # a killed process may have left half a line before it
            sessions.append(Session(_head(path, number, head[1:] + after)))
        cells = next(csv.reader([before.strip()]), [])
        if not any(cells):
            continue
        if (positions := _positions(cells)) is not None:
            columns, width = positions, len(cells)
            continue
        episode = _episode(cells, columns)
        width = width or len(cells)
        if episode is None or head or len(cells) != width:  # more than the header has: two lines in one
            odd.append((number, before))
            continue
        if sessions[-1].episodes and episode.seconds < sessions[-1].episodes[-1].seconds:
            sessions.append(Session(sessions[-1].head))
        sessions[-1].episodes.append(episode)
    sessions = [session for session in sessions if session.episodes] or sessions[-1:]
    whole = sum(len(session.episodes) for session in sessions)
    if len(odd) * ODD_LINES > whole:
        raise ForeignError(f"{path}:{odd[0][0]}: not the r, l and t of an episode: {_shown(odd[0][1])}")
    notes += [f"line {number} is no episode, so it is left out: {_shown(line)}" for number, line in odd]
    if len(sessions) > 1:
        notes.append(f"{len(sessions)} sessions, one after the other")
    return sessions, notes


def _head(path: Path, number: int, text: str) -> dict[str, Any]:
    try:
        head = json.loads(text)
    except ValueError:
        raise ForeignError(f"{path}:{number}: no line of JSON after a #, as Monitor writes it") from None
    return head if isinstance(head, dict) else {}


def _positions(cells: Sequence[str]) -> list[int] | None:
    """Where r, l and t stand in a header; None for what is none."""
    names = [cell.strip() for cell in cells]
    return [names.index(name) for name in COLUMNS] if set(COLUMNS) <= set(names) else None


def _episode(cells: Sequence[str], columns: Sequence[int]) -> Episode | None:
    """The episode of a line, or None."""
    try:
        return_, length, seconds = (float(cells[column]) for column in columns)
    except (IndexError, ValueError):
        return None
    whole = math.isfinite(length) and length == int(length) and 0 <= length <= LARGEST_STEP
    return Episode(seconds, return_, int(length)) if whole and math.isfinite(seconds) else None


def _shown(line: str) -> str:
    return repr(line if len(line) <= SHOWN else line[:SHOWN] + "…")
