"""What an executor is given: groups that still have to be run, each with the checkpoint it can go on from."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from rlbench.api import Run, RunGroup, RunStatus, group_as_dict
from rlbench.plugins import Plugins
from rlbench.results import Store, code_identity
from rlbench.results.files import read_json
from rlbench.runtime import checkpoint

Event = Mapping[str, Any]


@dataclass(frozen=True)
class Job:
    """A group and the folder of the attempt that will run it. resumed_from: the step it goes on from, 0: the start."""

    group: RunGroup
    attempt: Path
    resumed_from: int


# Told what happens: {"event": "started" | "evaluated" | "notice" | "finished", …}.
Listen = Callable[[Job, Event], None]


def prepare(store: Store, plugins: Plugins, groups: Sequence[RunGroup], again: Sequence[RunStatus]) -> list[Job]:
    """Attempts for the runs that are not finished; seeds of a group that are at different steps become groups of their own.

    again: statuses of published or failed runs that are to be run once more (corrupt results never are by themselves).
    """
    wanted = {RunStatus.PENDING, RunStatus.INTERRUPTED, *again}
    states = store.states([run for group in groups for run in group.runs])
    jobs = []
    for group in groups:
        open_runs = [run for run in group.runs if states[run.key].status in wanted]
        for step, found in _by_checkpoint(store, plugins, group, open_runs).items():
            part = dataclasses.replace(group, seeds=tuple(run.seed for run, _ in found))
            restore = {run.seed: str(path.relative_to(store.root)) for run, path in found if path is not None}
            attempt = store.new_attempt(part, restore, plugins.find(group.algorithm).distribution)
            jobs.append(Job(part, attempt, step))
    return jobs


def _by_checkpoint(
    store: Store, plugins: Plugins, group: RunGroup, runs: Sequence[Run]
) -> dict[int, list[tuple[Run, Path | None]]]:
    """The runs by the step of their newest complete checkpoint; step 0 and None where there is none to go on from."""
    found: dict[int, list[tuple[Run, Path | None]]] = {}
    code = code_identity(plugins.find(group.algorithm))
    for run in runs:
        path = _newest(store, run, group, code)
        found.setdefault(int(path.name) if path is not None else 0, []).append((run, path))
    return found


def _newest(store: Store, run: Run, group: RunGroup, code: Mapping[str, str]) -> Path | None:
    for folder in store.checkpoints(run):
        made_by = read_json(folder.parent / "made-by.json")
        if made_by is None or made_by.get("code") != code:
            continue  # other code would continue with other numbers: such a run starts again
        before = (read_json(folder.parent / "group.json") or {}).get("group", {})
        same = {k: group_as_dict(group)[k] for k in ("device", "compile")}
        if any(before.get(k) != v for k, v in same.items()):
            continue
        if group.compile and sorted(before.get("seeds", [])) != sorted(group.seeds):
            continue  # compiled graphs are restacked only in their old grouping
        for path in checkpoint.complete(folder):
            if (path / f"seed-{run.seed}.json").exists():
                return path
    return None
