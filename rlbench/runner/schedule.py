"""The decision for each run of a suite: whether to train it, from which checkpoint, and why."""

from __future__ import annotations

import functools
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from rlbench.api import Run, RunGroup, RunStatus, group_from_dict
from rlbench.plugins import Plugin, Plugins
from rlbench.results import RunState, Store, code_identity
from rlbench.results.attempt_files import describe_attempt
from rlbench.results.file_io import read_json
from rlbench.results.provenance import changed_sources
from rlbench.runtime import checkpoint

_KEPT = {
    RunStatus.DONE: "finished: kept",
    RunStatus.DIVERGED: "diverged, which is an outcome: kept",
    RunStatus.RUNNING: "running in another process",
    RunStatus.CORRUPT: "damaged: kept unless --rerun corrupt is given",
}
_FindComplete = Callable[[Path], list[Path]]
ShouldRetry = Callable[[Run], bool]


def retry_nothing(run: Run) -> bool:
    """Return False: no failed run is trained again."""
    return False


@dataclass(frozen=True)
class RunDecision:
    """What will be done with a run. checkpoint: where it resumes. step: the checkpoint's step; 0 for a fresh start."""

    group: RunGroup
    run: Run
    state: RunState
    train: bool
    reason: str
    checkpoint: Path | None = None
    step: int = 0


def decide_runs(
    store: Store,
    plugins: Plugins,
    groups: Sequence[RunGroup],
    states: Mapping[str, RunState],
    should_retry: ShouldRetry = retry_nothing,
) -> list[RunDecision]:
    """Return one decision for each run of `groups`, in order.

    states: the runs' states, by key. should_retry: returns whether to train a failed run again.
    """
    find_complete = functools.cache(checkpoint.complete)  # reads and hashes every file
    decisions = []
    for group in groups:
        plugin = plugins.find(group.algorithm)
        code = code_identity(plugin, group)
        code_change = functools.cache(functools.partial(_code_change, plugin=plugin, code=tuple(code.items())))
        backend = plugins.backend(group.task.backend)
        obstacle = "" if backend.can_resume(group.resume) else f"{backend.name} cannot restore its environments"
        to_train = [run for run in group.runs if _has_to_train(run, states[run.key], should_retry)]
        open_seeds = [run.seed for run in to_train]
        for run in group.runs:
            state = states[run.key]
            if run not in to_train:
                reason = _KEPT.get(state.status) or f"{state.status}: kept unless --rerun failed is given"
                decisions.append(RunDecision(group, run, state, False, reason))
                continue
            decisions.append(
                _where_to_start(store, group, run, state, code_change, open_seeds, find_complete, obstacle)
            )
    return decisions


def _has_to_train(run: Run, state: RunState, should_retry: ShouldRetry) -> bool:
    if state.status.is_failure:
        return should_retry(run)
    return state.status in (RunStatus.PENDING, RunStatus.INTERRUPTED)


def _where_to_start(
    store: Store,
    group: RunGroup,
    run: Run,
    state: RunState,
    code_change: Callable[[Path], str],
    open_seeds: Sequence[int],
    find_complete: _FindComplete,
    obstacle: str,
) -> RunDecision:
    """Decide to train a run from its newest usable checkpoint, or from step 0.

    obstacle: why no checkpoint can be used; "" if nothing prevents it.
    """
    folders = list(store.checkpoints(run)) if group.resume != "never" and not obstacle else []
    for folder, member in folders:
        if _is_usable(folder, group, code_change, open_seeds):
            for path in find_complete(folder):
                if (path / f"seed-{member}.json").exists():
                    step = int(path.name)
                    return RunDecision(group, run, state, True, f"resumes from step {step}", path, step)
    stale = next((folder for folder, _ in folders if find_complete(folder)), None)
    reason = ""
    if stale is not None:
        change = code_change(stale.parent)
        reason = "its checkpoints come from different code or settings" + (f" ({change})" if change else "")
    if stale is None and any(any(folder.glob("*")) for folder, _ in folders):
        reason = "its checkpoints are incomplete or damaged"
    start = "starts" if state.status == RunStatus.PENDING else "starts again"
    reason = obstacle if start == "starts again" and group.resume != "never" and obstacle else reason
    return RunDecision(group, run, state, True, f"{start} at step 0" + (f": {reason}" if reason else ""))


def _code_change(attempt: Path, plugin: Plugin, code: tuple[tuple[str, str], ...]) -> str:
    """Return how the present code differs from the code of an attempt; "" if it does not.

    With other code, the attempt's checkpoints would be continued with other numbers.
    """
    made_by = read_json(attempt / "made-by.json") or {}
    if made_by.get("code") != dict(code):
        return f"{plugin.name} has changed"
    return next(iter(changed_sources(made_by.get("dependencies"), plugin)), "")


def _is_usable(folder: Path, group: RunGroup, code_change: Callable[[Path], str], open_seeds: Sequence[int]) -> bool:
    """Return whether runs may resume from `folder`: exactly, or approximately if the suite allows it."""
    if group.resume == "approximate":
        return True
    if code_change(folder.parent):
        return False
    try:
        before = describe_attempt(folder.parent)
        trained = group_from_dict(before["group"])
    except (OSError, ValueError, KeyError, TypeError):
        return False
    if (trained.device, trained.compile) != (group.device, group.compile):
        return False
    # A compiled group resumes only if the same seeds train together as before. Other settings in the stack may differ.
    keys = {run.key for run in group.runs}
    return not group.compile or sorted(run.seed for run in trained.runs if run.key in keys) == sorted(open_seeds)
