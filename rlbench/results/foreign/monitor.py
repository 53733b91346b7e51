"""Monitor files (`*.monitor.csv`): a line of JSON after a #, then return, length and seconds of each episode (r, l, t).

A folder of several is one run in several environments: their episodes in the order in which they ended. Source: the Monitor
wrapper of Stable-Baselines3 and of OpenAI's baselines before it.
"""

from __future__ import annotations

import csv
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from rlbench.results.foreign.told import ForeignError, Row, Told

PATTERN = "*monitor.csv"


def is_monitor(path: Path) -> bool:
    with open(path, encoding="utf-8", errors="replace") as lines:
        return lines.readline().startswith("#{")


def read_monitor(paths: list[Path]) -> Told:
    """One run from its Monitor files. Raises: ForeignError with the line."""
    heads = [_head(path) for path in paths]
    names = {str(head.get("env_id") or "") for head in heads} - {"", "None"}
    if len(names) > 1:
        raise ForeignError(
            f"{paths[0].parent}: files of {' and '.join(sorted(names))} in one folder; give them one by one"
        )
    first = min(float(head.get("t_start") or 0.0) for head in heads)
    episodes = [
        (seconds + float(head.get("t_start") or 0.0) - first, return_, length)
        for path, head in zip(paths, heads)
        for return_, length, seconds in _episodes(path)
    ]
    rows, step = [], 0
    for _, return_, length in sorted(episodes, key=lambda episode: episode[0]):
        step += length
        rows.append(Row(step, return_, length))
    if not rows:
        raise ForeignError(f"{paths[0]}: no episode in it")
    source = str(paths[0] if len(paths) == 1 else paths[0].parent)
    return Told(source, rows, environment=next(iter(names), ""), seconds=max(seconds for seconds, _, _ in episodes))


def _head(path: Path) -> dict[str, Any]:
    with open(path, encoding="utf-8") as lines:
        try:
            head = json.loads(lines.readline().removeprefix("#"))
        except ValueError:
            raise ForeignError(f"{path}:1: no line of JSON after a #, as Monitor writes it") from None
    return head if isinstance(head, dict) else {}


def _episodes(path: Path) -> Iterator[tuple[float, int, float]]:
    with open(path, newline="", encoding="utf-8") as lines:
        lines.readline()
        table = csv.DictReader(lines)
        for entry in table:
            try:
                yield float(entry["r"]), int(float(entry["l"])), float(entry["t"])
            except (KeyError, TypeError, ValueError):
                raise ForeignError(f"{path}:{table.line_num + 1}: not the r, l and t of an episode: {entry}") from None
