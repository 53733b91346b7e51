"""Fixed anchors of a task's score: what costs nothing (lower, 0 on the normalised scale) and what counts as solved (upper, 1).

lower: the better of the random policy and the best constant action, over 10 000 episodes; on MountainCarContinuous-v0 doing
nothing beats random play. upper: a published or solved threshold. Those of the tasks of the shipped suites are data
(anchors.json); a suite or a file may say others.
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

SCHEMA_VERSION = 1


@dataclass(frozen=True)
class Anchors:
    """lower and upper, in the task's returns, lower < upper; source: where each comes from, in words."""

    lower: float
    upper: float
    source: str = ""


@cache
def shipped_anchors() -> Mapping[str, Anchors]:
    """By environment id, of tasks without keyword arguments or wrappers."""
    return _parse(json.loads(Path(__file__).with_name("anchors.json").read_text()), "anchors.json")


def read_anchors(path: Path) -> Mapping[str, Anchors]:
    """The anchors in a file as `rlbench anchors -o FILE` writes it, by environment id.

    Raises: AnchorsError if it is none, or an entry has no upper anchor or one that is not above the lower.
    """
    try:
        document = json.loads(path.read_text())
    except (OSError, ValueError) as error:
        raise AnchorsError(f"{path}: no anchors can be read: {error}") from error
    return _parse(document, str(path))


def _parse(document: Any, where: str) -> Mapping[str, Anchors]:
    if not isinstance(document, dict) or not isinstance(document.get("anchors"), dict):
        raise AnchorsError(
            f'{where}: is no file of anchors: it has {{"anchors": {{TASK: {{"lower": …, "upper": …}}}}}}'
        )
    if document.get("schema_version", SCHEMA_VERSION) > SCHEMA_VERSION:
        raise AnchorsError(f"{where}: written by a newer rlbench; update to use it")
    return {task: as_anchors(entry, f"{where}: {task}") for task, entry in document["anchors"].items()}


def as_anchors(entry: Any, where: str) -> Anchors:
    """One entry {"lower": …, "upper": …}. Raises: AnchorsError, beginning with `where`."""
    given = entry if isinstance(entry, Mapping) else {}
    low: Any = given.get("lower")
    high: Any = given.get("upper")
    for name, value in (("lower", low), ("upper", high)):
        if not isinstance(value, (int, float)) or isinstance(value, bool) or not math.isfinite(value):
            raise AnchorsError(f"{where}: the {name} anchor is {json.dumps(value)}; give a score")
    if not high > low:
        raise AnchorsError(f"{where}: the upper anchor {high:g} is not above the lower anchor {low:g}")
    sources = [f"{name}: {given[f'{name}_source']}" for name in ("lower", "upper") if given.get(f"{name}_source")]
    return Anchors(float(low), float(high), "; ".join(sources))


def anchors_of(
    suite: Mapping[str, Any], tasks: Mapping[str, Task], supplied: Mapping[str, Anchors] | None = None
) -> dict[str, Anchors]:
    """The anchors of those tasks that have some; `supplied` ones first, then the suite's own, then the shipped ones.

    Args: suite: as suite.json has it; tasks: by environment id. The shipped ones were measured on the task as Gymnasium
        makes it: keyword arguments or wrappers make another task of it, for which they are not taken.
    """
    found = {}
    own = {str(e.get("id")): e.get("anchors") for e in suite.get("environments", ()) if isinstance(e, Mapping)}
    for name, task in tasks.items():
        if supplied and name in supplied:
            found[name] = supplied[name]
        elif own.get(name):
            found[name] = as_anchors(own[name], f"anchors of {name} in the suite")
        elif name in shipped_anchors() and not task.kwargs and not task.wrappers:
            found[name] = shipped_anchors()[name]
    return found
