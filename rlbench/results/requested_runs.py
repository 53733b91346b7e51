"""The runs that a folder's suite.json lists, including those whose spec.json cannot be read: no run goes missing."""

from __future__ import annotations

import dataclasses
import errno
import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from rlbench.api import Run, RunKey, Task, canonical, slug
from rlbench.results.file_io import is_within, parse_json, why_unreadable
from rlbench.results.json_shapes import ShapeError, parse_run
from rlbench.results.score_anchors import name_of

IMPORTED = "imported/"  # prefix of the algorithm name of an imported run


@dataclass(frozen=True)
class DamagedRun(Run):
    """A run whose spec.json is missing or damaged, reconstructed from its folder's name, the suite and other runs.

    folder: the folder's name in suite.json. damage: what is wrong, and what to do.
    """

    folder: str = ""
    damage: str = ""

    @cached_property
    def key(self) -> RunKey:
        """Return a unique stand-in key, because the run's real key is uncertain."""
        return RunKey(hashlib.sha256(f"damaged {self.folder}".encode()).hexdigest())

    @cached_property
    def name(self) -> str:
        return self.folder


def read_run(folder: Path, label: str) -> Run:
    """Return the run that a folder's spec.json describes.

    Raises: ShapeError with the reason if spec.json cannot be used or belongs to another folder.
    """
    for path in (folder, folder.parent):  # the target of an outward link is not part of the folder
        if path.is_symlink() and not is_within(folder.parent.parent, path):
            raise ShapeError(f"{path.name} is a link that leads out of the folder; replace it with its target")
    try:
        run = parse_run(parse_json(folder / "spec.json"), label)
    except ShapeError as error:
        raise ShapeError(f"spec.json does not have the form that rlbench writes: {error}") from error
    except (OSError, ValueError) as error:
        if isinstance(error, OSError) and error.errno == errno.ENOENT:
            raise ShapeError("spec.json is missing" if folder.exists() else "the folder is missing") from error
        raise ShapeError(f"spec.json cannot be read: {why_unreadable(error)}") from error
    if run.name != folder.name:
        raise ShapeError("spec.json belongs to another run")
    return run


def as_named(run: Run, entry: Mapping[str, Any], suite: Mapping[str, Any]) -> Run:
    """Return a run with two things from suite.json: its environment's label, and the functions that register it.

    entry: the run's entry in suite.json. spec.json contains neither, because both may change while the run stays the
    same.
    """
    label, register = entry.get("environment", ""), tuple(suite.get("register", ()))
    if not (label or register):
        return run
    return _with_same_key(run, task=dataclasses.replace(run.task, label=label, register=register))


def _with_same_key(run: Run, **changes: Any) -> Run:
    """Return a run with changes that do not affect its key. Copy its key and name, which take long to compute."""
    changed: Run = object.__new__(type(run))
    changed.__dict__.update(run.__dict__, **changes)
    return changed


def read_runs(folder: Path, document: Mapping[str, Any], known: Mapping[str, Run]) -> list[Run]:
    """Return every run that suite.json lists, in the same order, read from `folder` (ROOT/runs).

    document: suite.json. A run that cannot be read is returned as a DamagedRun. known: runs that are already read, by
    the names of their folders.
    """
    runs: list[Run | tuple[Mapping[str, Any], str]] = []
    for entry in document["runs"]:
        try:
            found, label = known.get(entry["folder"]), entry["label"]
            run = read_run(folder / entry["folder"], label) if found is None else _with_same_key(found, label=label)
            runs.append(as_named(run, entry, document["suite"]))
        except ShapeError as error:
            runs.append((entry, str(error)))
    readable = [run for run in runs if isinstance(run, Run)]
    return [run if isinstance(run, Run) else _damaged_run(folder, *run, readable, document["suite"]) for run in runs]


def _damaged_run(
    folder: Path, entry: Mapping[str, Any], reason: str, readable: Sequence[Run], suite: Mapping[str, Any]
) -> DamagedRun:
    """Reconstruct a run: algorithm, environment and seed from its folder's name, the rest from another seed's run."""
    name, label = entry["folder"], entry["label"]
    parts = (name.split("--") + [""] * 3)[:3]
    advice = "import it again" if entry.get("imported") else "run the suite again to restore it"
    known_fields = {
        "label": label,
        "folder": name,
        "damage": f"{folder / name}: {reason}; {advice}",
        "seed": _seed(parts[2]),
    }
    task_label = entry.get("environment", "")
    same_task = [r for r in readable if r.name.split("--")[1] == parts[1] and r.task.label == task_label]
    sibling = next((r for r in same_task if r.label == label and r.name.split("--")[0] == parts[0]), None)
    if sibling is not None:
        fields = {f.name: getattr(sibling, f.name) for f in dataclasses.fields(Run)}
        return DamagedRun(**{**fields, **known_fields})
    algorithms = [a["id"] for a in suite.get("algorithms", ()) if slug(a["id"], 24) == parts[0]]
    task = same_task[0].task if same_task else _task(parts[1], task_label, suite)
    return DamagedRun(algorithms[0] if algorithms else label, {}, task, **known_fields)


def _seed(text: str) -> int:
    return int(text[1:]) if text[1:].isdecimal() and len(text) < 19 else 0


def _task(environment: str, label: str, suite: Mapping[str, Any]) -> Task:
    """Return a task built from the suite's entry of an environment, or a bare task if the suite has none.

    environment: the environment's id as it is written in a folder's name.
    """
    for entry in suite.get("environments", ()):
        if slug(entry["id"], 28) == environment and entry.get("label", "") == label:
            return Task(entry["id"], max(1, entry.get("steps", 1)), label=label)
    return Task(environment, 1, label=label)


def with_budgets(suite: Mapping[str, Any], other: Mapping[str, Any]) -> dict[str, Any]:
    """Return `suite` with budget and evaluation grid of `other` for each environment whose budget differs."""
    new = {name_of(entry): entry for entry in other.get("environments", ())}
    environments = [
        entry | {key: each[key] for key in ("steps", "evaluation") if key in each}
        if each.get("steps") != entry.get("steps")
        else entry
        for entry in suite["environments"]
        for each in (new.get(name_of(entry), entry),)
    ]
    return {**suite, "environments": environments}


def spec_of(run: Run) -> dict[str, Any]:
    """Return the contents of spec.json. Labels are left out because they belong to the suite and may change."""
    fields = {f.name: getattr(run, f.name) for f in dataclasses.fields(run) if f.name != "label"}
    fields["task"] = run.task.requested
    return {"key": run.key, **{name: json.loads(canonical(value)) for name, value in fields.items()}}
