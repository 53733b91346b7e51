"""Measured anchors as a file that can be read again: which policy is the lower one, what is the upper one, who made it how."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import gymnasium

import rlbench
from rlbench.analysis.anchor_measurement import Measured
from rlbench.api import AnchorsError, Task
from rlbench.results.file_io import unwritable, write_json
from rlbench.results.provenance import commit, versions
from rlbench.results.score_anchors import SCHEMA_VERSION, as_anchors

GIVEN = "given"


def entry_of(task: Task, measured: Sequence[Measured], upper: float | None, made: Mapping[str, Any]) -> dict[str, Any]:
    """What a file of anchors says of one task: both anchors with their sources, what was measured, and how.

    The lower anchor is the best of what was measured. upper: as given, else Gymnasium's reward threshold of the task as it
    comes, else None. Raises: AnchorsError if the one given is not above the lower.
    """
    best = max(measured, key=lambda found: found.mean)
    source = GIVEN if upper is not None else ""
    if upper is None and not task.kwargs and not task.wrappers:
        spec = gymnasium.registry.get(task.env_id.rpartition(":")[2])  # its module has been imported by now
        threshold = spec.reward_threshold if spec else None
        upper = threshold if threshold is not None and threshold > best.mean else None
        source = "Gymnasium's reward threshold"
    if upper is not None:
        as_anchors({"lower": best.mean, "upper": upper}, f"{task.env_id} has been measured")
    what = "random policy" if best.policy == "random" else f"best constant action ({best.policy.partition(' ')[2]})"
    return {
        "lower": best.mean,
        "upper": None if upper is None else float(upper),
        "lower_source": f"{what}, mean of {best.episodes} episodes",
        "upper_source": "" if upper is None else source,
        "kwargs": dict(task.kwargs),
        "wrappers": [{"name": w.name, "kwargs": dict(w.kwargs)} for w in task.wrappers],
        "measured": [asdict(found) for found in measured],
        **made,
    }


def provenance(command: str) -> dict[str, Any]:
    """The command, the commit of these sources and the versions that the numbers come from."""
    return {"command": command, "commit": commit(Path(rlbench.__file__)), "versions": versions()}


def merge(path: Path, env_id: str, entry: Mapping[str, Any]) -> dict[str, Any]:
    """Write an entry into a file of anchors, which is made if need be; other tasks' entries stay. Returns: the entry.

    A task that is in it already keeps its upper anchor, unless another one was given. Raises: AnchorsError if the file
    is something else, or has an upper anchor that is not above this lower one, StoreError if it cannot be written.
    """
    document: Any = {"schema_version": SCHEMA_VERSION, "anchors": {}}
    if path.exists():
        try:
            document = json.loads(path.read_text())
        except (OSError, ValueError) as error:
            raise AnchorsError(f"{path}: no anchors can be read: {error}") from error
        if not isinstance(document, dict) or not isinstance(document.get("anchors"), dict):
            raise AnchorsError(f"{path}: is no file of anchors; give another name")
    written = dict(entry)
    known = document["anchors"].get(env_id) or {}
    if known.get("upper") is not None and written["upper_source"] != GIVEN:
        written |= {"upper": known["upper"], "upper_source": known.get("upper_source", "")}
        as_anchors(written, f"{path}: {env_id} as measured now")
    document["anchors"][env_id] = written
    try:
        write_json(path, document)
    except OSError as error:
        raise unwritable(path, error) from error
    return written
