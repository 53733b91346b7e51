"""File of measured anchors: the lower and the upper anchor of each task, their sources, and how they were measured."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import gymnasium

import rlbench
from rlbench.analysis.anchor_measurement import AnchorMeasurement
from rlbench.api import AnchorsError, Task
from rlbench.results.file_io import unwritable, write_json
from rlbench.results.provenance import commit, versions
from rlbench.results.score_anchors import SCHEMA_VERSION, as_anchors, read_document

GIVEN = "given"


def entry_of(
    task: Task, measured: Sequence[AnchorMeasurement], upper: float | None, origin: Mapping[str, Any]
) -> dict[str, Any]:
    """Return a task's entry in an anchor file: both anchors with their sources, every measurement, and `origin`.

    The lower anchor is the best measured mean. upper: the upper anchor; if None, Gymnasium's reward threshold is used,
    provided that the task has no arguments, reset options or wrappers and the threshold is above the lower anchor.
    Otherwise the entry has no upper anchor. Raises: AnchorsError if the given upper anchor is not above the lower one.
    """
    best = max(measured, key=lambda measurement: measurement.mean)
    source = GIVEN if upper is not None else ""
    if upper is None and not (task.kwargs or task.reset_options or task.wrappers):
        spec = gymnasium.registry.get(task.env_id.rpartition(":")[2])  # the task's module has already been imported
        threshold = spec.reward_threshold if spec else None
        upper = threshold if threshold is not None and threshold > best.mean else None
        source = "Gymnasium's reward threshold"
    if upper is not None:
        as_anchors({"lower": best.mean, "upper": upper}, f"{task.name} has been measured")
    policy = "random policy" if best.policy == "random" else f"best constant action ({best.policy.partition(' ')[2]})"
    return {
        "lower": best.mean,
        "upper": None if upper is None else float(upper),
        "lower_source": f"{policy}, mean of {best.episodes} episodes",
        "upper_source": "" if upper is None else source,
        **({"id": task.env_id} if task.label else {}),
        "kwargs": dict(task.kwargs),
        **({"reset_options": dict(task.reset_options)} if task.reset_options else {}),
        "wrappers": [{"name": w.name, "kwargs": dict(w.kwargs)} for w in task.wrappers],
        "measured": [asdict(measurement) for measurement in measured],
        **origin,
    }


def provenance(command: str) -> dict[str, Any]:
    """Return the command, the commit of the source code and the package versions that produced the numbers."""
    return {"command": command, "commit": commit(Path(rlbench.__file__)), "versions": versions()}


def merge(path: Path, name: str, entry: Mapping[str, Any]) -> dict[str, Any]:
    """Write an entry into an anchor file, creating the file if needed. Returns: the entry as written.

    Entries of other tasks are kept. If the task already has an entry and the user gave no new upper anchor, its old
    upper anchor is kept.
    Raises: AnchorsError if the file is not an anchor file, or if the upper anchor that it keeps is not above the new
    lower one; StoreError if the file cannot be written.
    """
    document: dict[str, Any] = {"schema_version": SCHEMA_VERSION, "anchors": {}}
    if path.exists():
        try:
            document = read_document(path)
        except AnchorsError as error:
            raise AnchorsError(f"{error}; nothing was written, give the name of a new file") from error
    written = dict(entry)
    existing = document["anchors"].get(name) or {}
    if existing.get("upper") is not None and written["upper_source"] != GIVEN:
        written |= {"upper": existing["upper"], "upper_source": existing.get("upper_source", "")}
        as_anchors(written, f"{path}: {name} as measured now")
    document["anchors"][name] = written
    try:
        write_json(path, document)
    except OSError as error:
        raise unwritable(path, error) from error
    return written
