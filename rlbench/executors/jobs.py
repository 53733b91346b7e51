"""What an executor is given: groups that still have to be run, each with the checkpoint it can go on from."""

from __future__ import annotations

import dataclasses
import functools
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from rlbench.api import Run, RunGroup, RunStatus, group_as_dict
from rlbench.plugins import Plugins
from rlbench.results import Store, code_identity
from rlbench.results.files import read_json
from rlbench.results.tables import run_table
from rlbench.runtime import checkpoint

Event = Mapping[str, Any]


@dataclass(frozen=True)
class Job:
    """A group and the folder of the attempt that will run it. resumed_from: the step it goes on from, 0: the start.

    notice: something to say of how it starts.
    """

    group: RunGroup
    attempt: Path
    resumed_from: int
    plugin_files: tuple[str, ...] = ()
    notice: str = ""


# Told what happens: {"event": "started" | "evaluated" | "notice" | "finished", …}.
Listen = Callable[[Job, Event], None]
# Asked when a group's process was killed from outside: jobs that go on with its runs, none if it has had its chances.
Retry = Callable[[Job], Sequence[Job]]
Complete = Callable[[Path], list[Path]]


def set_changed_aside(store: Store, plugins: Plugins, groups: Sequence[RunGroup], act: bool) -> list[str]:
    """Labels of algorithms with published runs that other code made than is installed now.

    act: move those runs aside, so that they are trained again.
    """
    changed: list[str] = []
    states = store.states([run for group in groups for run in group.runs])
    for group in groups:
        code = code_identity(plugins.find(group.algorithm))
        for run in group.runs:
            made_by = states[run.key].result.get("code")
            if made_by is None or made_by == code:
                continue
            changed.append(group.label or group.algorithm)
            if act:
                store.set_aside(run)
    return list(dict.fromkeys(changed))


def set_corrupt_aside(store: Store, runs: Sequence[Run]) -> None:
    """Move damaged runs of the suite aside, so that they are trained again."""
    known = {path.name for path in (store.root / "runs").glob("*")}
    if (store.root / "suite.json").exists() and known:
        corrupt = run_table(store).query("status == 'corrupt'")["key"]
        for run in runs:
            if run.key in set(corrupt):
                store.set_aside(run)


def prepare(store: Store, plugins: Plugins, groups: Sequence[RunGroup], again: Sequence[str]) -> list[Job]:
    """Attempts for the runs that are not finished; seeds of a group that are at different steps become groups of their own.

    again: statuses of runs without a result that are to be run once more. A corrupt result is never replaced by itself.
    """
    wanted = {RunStatus.PENDING, RunStatus.INTERRUPTED, *again}
    states = store.states([run for group in groups for run in group.runs])
    files = tuple(str(plugin.file) for plugin in plugins.plugins if plugin.file is not None)
    complete = functools.cache(checkpoint.complete)  # it reads and hashes every file
    jobs = []
    for group in groups:
        open_runs = [run for run in group.runs if states[run.key].status in wanted]
        stale = any(complete(folder) for run in open_runs for folder in store.checkpoints(run))
        for step, found in _by_checkpoint(store, plugins, group, open_runs, complete).items():
            part = dataclasses.replace(group, seeds=tuple(run.seed for run, _ in found))
            restore = {run.seed: str(path.relative_to(store.root)) for run, path in found if path is not None}
            attempt = store.new_attempt(part, restore, plugins.find(group.algorithm).distribution)
            notice = (
                "starts again at step 0: its checkpoints were made by other code or in another way"
                if step == 0 and stale
                else ""
            )
            jobs.append(Job(part, attempt, step, files, notice))
    return jobs


def _by_checkpoint(
    store: Store, plugins: Plugins, group: RunGroup, runs: Sequence[Run], complete: Complete
) -> dict[int, list[tuple[Run, Path | None]]]:
    """The runs by the step of their newest complete checkpoint; step 0 and None where there is none to go on from."""
    found: dict[int, list[tuple[Run, Path | None]]] = {}
    code = code_identity(plugins.find(group.algorithm))
    for run in runs:
        path = _newest(store, run, group, code, [r.seed for r in runs], complete)
        found.setdefault(int(path.name) if path is not None else 0, []).append((run, path))
    return found


def _newest(
    store: Store, run: Run, group: RunGroup, code: Mapping[str, str], open_seeds: Sequence[int], complete: Complete
) -> Path | None:
    for folder in store.checkpoints(run):
        made_by = read_json(folder.parent / "made-by.json")
        if made_by is None or made_by.get("code") != code:
            continue  # other code would continue with other numbers: such a run starts again
        before = (read_json(folder.parent / "group.json") or {}).get("group", {})
        same = {k: group_as_dict(group)[k] for k in ("device", "compile")}
        if any(before.get(k) != v for k, v in same.items()):
            continue
        if group.compile and sorted(before.get("seeds", [])) != sorted(open_seeds):
            continue  # compiled graphs are restacked only in their old grouping
        for path in complete(folder):
            if (path / f"seed-{run.seed}.json").exists():
                return path
    return None
