"""Anchors of a task: fixed scores for no learning (lower, 0 when normalised) and for a solved task (upper, 1).

lower: the mean return over 10 000 episodes of the random policy, or of the best constant action if that is higher, as
on MountainCarContinuous-v0. upper: a published threshold for solving the task; for Pendulum-v1, which has none, about
the best published return. anchors.json contains the anchors of the tasks in the shipped suites; a suite or a file may
supply others.
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from rlbench.api import AnchorsError, Task
from rlbench.results.file_io import parse_json, why_unreadable

SCHEMA_VERSION = 1


@dataclass(frozen=True)
class Anchors:
    """The anchors of a task. lower, upper: mean returns, lower < upper. source: where both come from, in words."""

    lower: float
    upper: float
    source: str = ""


@cache
def shipped_anchors() -> Mapping[str, Anchors]:
    """Return the shipped anchors by environment id. They are for tasks without keyword arguments or wrappers."""
    return _parse(json.loads(Path(__file__).with_name("anchors.json").read_text("utf-8")), "anchors.json")


def read_anchors(path: Path) -> Mapping[str, Anchors]:
    """Return the anchors by task in a file that `rlbench anchors -o FILE` wrote.

    Raises: AnchorsError if the file has another form, or an upper anchor is missing or not above the lower one.
    """
    return _parse(read_document(path), str(path))


def supplied_anchors(anchors: str | Path | Mapping[str, Any] | None) -> Mapping[str, Anchors]:
    """Return anchors by task, read from a file or from a mapping; no anchors for None. Raises: AnchorsError."""
    if anchors is None:
        return {}
    if isinstance(anchors, (str, Path)):
        return read_anchors(Path(anchors))
    return {
        name: entry if isinstance(entry, Anchors) else as_anchors(entry, f"anchors of {name}")
        for name, entry in anchors.items()
    }


def read_document(path: Path) -> dict[str, Any]:
    """Return the contents of an anchor file, {"anchors": {TASK: {…}}}. Raises: AnchorsError if it has another form."""
    try:
        document = parse_json(path)
    except (OSError, ValueError) as error:
        raise AnchorsError(f"{path}: the anchors cannot be read: {why_unreadable(error)}") from error
    entries = document.get("anchors") if isinstance(document, dict) else None
    if not isinstance(entries, dict) or not all(isinstance(entry, dict) for entry in entries.values()):
        raise AnchorsError(
            f'{path}: not an anchors file; such a file has {{"anchors": {{TASK: {{"lower": …, "upper": …}}}}}}'
        )
    version = document.get("schema_version", SCHEMA_VERSION)
    if not isinstance(version, int) or version > SCHEMA_VERSION:
        raise AnchorsError(f"{path}: written by a newer rlbench; update to use it")
    return dict(document)


def _parse(document: Mapping[str, Any], where: str) -> Mapping[str, Anchors]:
    return {task: as_anchors(entry, f"{where}: {task}") for task, entry in document["anchors"].items()}


def as_anchors(entry: Any, where: str) -> Anchors:
    """Return the anchors in an entry {"lower": …, "upper": …}. Raises: AnchorsError that begins with `where`."""
    values = entry if isinstance(entry, Mapping) else {}
    low: Any = values.get("lower")
    high: Any = values.get("upper")
    for name, value in (("lower", low), ("upper", high)):
        if not isinstance(value, (int, float)) or isinstance(value, bool) or not math.isfinite(value):
            raise AnchorsError(f"{where}: the {name} anchor is {json.dumps(value)}; give a score")
    if not high > low:
        raise AnchorsError(f"{where}: the upper anchor {high:g} is not above the lower anchor {low:g}")
    sources = [f"{name}: {values[f'{name}_source']}" for name in ("lower", "upper") if values.get(f"{name}_source")]
    return Anchors(float(low), float(high), "; ".join(sources))


def anchors_of(
    suite: Mapping[str, Any], tasks: Mapping[str, Task], supplied: Mapping[str, Anchors] | None = None
) -> dict[str, Anchors]:
    """Return the anchors of each task that has anchors: the supplied ones, else the suite's, else the shipped ones.

    suite: the suite in suite.json. tasks: the tasks by name (the environment's label or id). Shipped anchors were
    measured on tasks as Gymnasium makes them. Keyword arguments, reset options or wrappers make another task, so
    shipped anchors are not used with them.
    """
    anchors = {}
    own = {name_of(e): e.get("anchors") for e in suite.get("environments", ()) if isinstance(e, Mapping)}
    for name, task in tasks.items():
        if supplied and name in supplied:
            anchors[name] = supplied[name]
        elif own.get(name):
            anchors[name] = as_anchors(own[name], f"anchors of {name} in the suite")
        elif task.env_id in shipped_anchors() and not (task.kwargs or task.reset_options or task.wrappers):
            anchors[name] = shipped_anchors()[task.env_id]
    return anchors


def name_of(environment: Mapping[str, Any]) -> str:
    """Return the name of a task in tables: its label, else its id. environment: the task's entry in suite.json."""
    return str(environment.get("label") or environment.get("id"))
