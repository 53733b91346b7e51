"""What a suite's folder still needs: for each run whether it will be trained, from which checkpoint, and why."""

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from rlbench.api import Run, RunGroup, RunStatus, group_as_dict
from rlbench.plugins import Plugin, Plugins
from rlbench.results import RunState, Store, code_identity
from rlbench.results.file_io import read_json
from rlbench.results.provenance import changed_sources
from rlbench.runtime import checkpoint

FAILURES = (RunStatus.FAILED, RunStatus.TIMEOUT, RunStatus.STALLED)
_KEPT = {
    RunStatus.DONE: "finished: kept",
    RunStatus.DIVERGED: "diverged, which is an outcome: kept",
    RunStatus.RUNNING: "another process is at it",
    RunStatus.CORRUPT: "damaged: stays so until --rerun corrupt",
}
_Complete = Callable[[Path], list[Path]]
Again = Callable[[Run], bool]


def never(run: Run) -> bool:
    return False


@dataclass(frozen=True)
class Intent:
    """What will be done for one run. checkpoint: what it goes on from; step: the step of that, 0 for the start."""

    group: RunGroup
    run: Run
    state: RunState
    wanted: bool
    why: str
    checkpoint: Path | None = None
    step: int = 0


def intents(store: Store, plugins: Plugins, groups: Sequence[RunGroup], again: Again = never) -> list[Intent]:
    """One for each run of `groups`, in their order. again: whether a run that has failed is to be run once more."""
    states = store.states([run for group in groups for run in group.runs])
    complete = functools.cache(checkpoint.complete)  # it reads and hashes every file
    found = []
    for group in groups:
        plugin = plugins.find(group.algorithm)
        code = code_identity(plugin, group)
        made_alike = functools.cache(functools.partial(_made_alike, plugin=plugin, code=tuple(code.items())))
        backend = plugins.backend(group.task.backend)
        lost = "" if backend.can_resume(group.resume) else f"{backend.name} cannot bring its environments back"
        wanted = [run for run in group.runs if _is_wanted(run, states[run.key], again)]
        open_seeds = [run.seed for run in wanted]
        for run in group.runs:
            state = states[run.key]
            if run not in wanted:
                why = _KEPT.get(state.status) or f"{state.status}: stays so until --rerun failed"
                found.append(Intent(group, run, state, False, why))
                continue
            found.append(_next(store, group, run, state, made_alike, open_seeds, complete, lost))
    return found


def _is_wanted(run: Run, state: RunState, again: Again) -> bool:
    if state.status in FAILURES:
        return again(run)
    return state.status in (RunStatus.PENDING, RunStatus.INTERRUPTED)


def _next(
    store: Store,
    group: RunGroup,
    run: Run,
    state: RunState,
    made_alike: Callable[[Path], bool],
    open_seeds: Sequence[int],
    complete: _Complete,
    lost: str,
) -> Intent:
    """A run that is to be trained: from its newest checkpoint that fits, or from the start. lost: why from none."""
    folders = list(store.checkpoints(run)) if group.resume != "never" and not lost else []
    for folder in folders:
        if _fits(folder, group, made_alike, open_seeds):
            for path in complete(folder):
                if (path / f"seed-{run.seed}.json").exists():
                    step = int(path.name)
                    return Intent(group, run, state, True, f"goes on from step {step}", path, step)
    stale = any(complete(folder) for folder in folders)
    why = "its checkpoints were made by other code or in another way" if stale else ""
    start = "starts" if state.status == RunStatus.PENDING else "starts again"
    why = lost if start == "starts again" and group.resume != "never" and lost else why
    return Intent(group, run, state, True, f"{start} at step 0" + (f": {why}" if why else ""))


def _made_alike(attempt: Path, plugin: Plugin, code: tuple[tuple[str, str], ...]) -> bool:
    """Whether an attempt was made by the code there is now; other code would continue with other numbers."""
    made_by = read_json(attempt / "made-by.json") or {}
    return made_by.get("code") == dict(code) and not changed_sources(made_by.get("dependencies"), plugin)


def _fits(folder: Path, group: RunGroup, made_alike: Callable[[Path], bool], open_seeds: Sequence[int]) -> bool:
    """Whether resuming from checkpoints in `folder` gives the numbers of an uninterrupted run, or need not."""
    if group.resume == "approximate":
        return True
    if not made_alike(folder.parent):
        return False
    before = (read_json(folder.parent / "group.json") or {}).get("group")
    if not isinstance(before, dict):
        return False
    if any(before.get(k) != group_as_dict(group)[k] for k in ("device", "compile")):
        return False
    # compiled graphs are restacked only in their old grouping
    seeds = before.get("seeds")
    return not group.compile or (isinstance(seeds, list) and sorted(map(str, seeds)) == sorted(map(str, open_seeds)))
