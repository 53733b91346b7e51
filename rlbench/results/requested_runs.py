"""The runs that a folder was asked for, those among them that cannot be read back: nothing is missing unseen."""

from __future__ import annotations

import dataclasses
import errno
import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from rlbench.api import Run, RunKey, Task, slug
from rlbench.results.file_io import lies_within, parse_json, why_unreadable
from rlbench.results.json_shapes import Misshapen, run_of

IMPORTED = "imported/"  # what the algorithm of a run that was made elsewhere begins with


@dataclass(frozen=True)
class DamagedRun(Run):
    """A run whose spec.json is gone or damaged: what is known of it by its folder's name, the suite and its siblings.

    folder: its name in suite.json; damage: what is wrong, and what to do.
    """

    folder: str = ""
    damage: str = ""

    @cached_property
    def key(self) -> RunKey:
        """Its own is not known for certain; this one is no other run's."""
        return RunKey(hashlib.sha256(f"damaged {self.folder}".encode()).hexdigest())

    @cached_property
    def name(self) -> str:
        return self.folder


def read_run(folder: Path, label: str) -> Run:
    """The run that a folder's spec.json asks for. Raises: Misshapen, saying what is wrong, where it is not this folder's."""
    for place in (folder, folder.parent):  # what a folder's links lead to is not part of it
        if place.is_symlink() and not lies_within(folder.parent.parent, place):
            raise Misshapen(f"{place.name} is a link that leads out of the folder; put what it leads to in its place")
    try:
        run = run_of(parse_json(folder / "spec.json"), label)
    except Misshapen as error:
        raise Misshapen(f"spec.json is not what rlbench writes: {error}") from error
    except (OSError, ValueError) as error:
        if isinstance(error, OSError) and error.errno == errno.ENOENT:
            raise Misshapen("spec.json is gone" if folder.exists() else "it is gone") from error
        raise Misshapen(f"spec.json cannot be read: {why_unreadable(error)}") from error
    if run.name != folder.name:
        raise Misshapen("spec.json is that of another run")
    return run


def read_runs(folder: Path, document: Mapping[str, Any]) -> list[Run]:
    """Every run that suite.json lists, in its order, from `folder` (ROOT/runs); a DamagedRun for each that cannot be read."""
    found: list[Run | tuple[Mapping[str, Any], str]] = []
    for entry in document["runs"]:
        try:
            found.append(read_run(folder / entry["folder"], entry["label"]))
        except Misshapen as why:
            found.append((entry, str(why)))
    whole = [run for run in found if isinstance(run, Run)]
    return [run if isinstance(run, Run) else _guessed(folder, *run, whole, document["suite"]) for run in found]


def _guessed(
    folder: Path, entry: Mapping[str, Any], why: str, whole: Sequence[Run], suite: Mapping[str, Any]
) -> DamagedRun:
    """What is left of a run: its folder's name says algorithm, environment and seed; another seed's run says the rest."""
    name, label = entry["folder"], entry["label"]
    parts = (name.split("--") + [""] * 3)[:3]
    advice = "import it again" if entry.get("imported") else "running the suite again restores it"
    own = {"label": label, "folder": name, "damage": f"{folder / name}: {why}; {advice}", "seed": _seed(parts[2])}
    sibling = next((r for r in whole if r.label == label and r.name.split("--")[:2] == parts[:2]), None)
    if sibling is not None:
        fields = {f.name: getattr(sibling, f.name) for f in dataclasses.fields(Run)}
        return DamagedRun(**{**fields, **own})
    algorithms = [a["id"] for a in suite.get("algorithms", ()) if slug(a["id"], 24) == parts[0]]
    return DamagedRun(algorithms[0] if algorithms else label, {}, _task(parts[1], whole, suite), **own)


def _seed(text: str) -> int:
    return int(text[1:]) if text[1:].isdecimal() and len(text) < 19 else 0


def _task(environment: str, whole: Sequence[Run], suite: Mapping[str, Any]) -> Task:
    """The task of other algorithms' runs on the environment, or what the suite says of it."""
    for run in whole:
        if run.name.split("--")[1] == environment:
            return run.task
    for entry in suite.get("environments", ()):
        if slug(entry["id"], 28) == environment:
            return Task(entry["id"], max(1, entry.get("steps", 1)))
    return Task(environment, 1)
