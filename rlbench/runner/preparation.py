"""The jobs of a suite: one attempt for each group of runs that still have to be trained."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator, Mapping, Sequence
from functools import cache, partial
from pathlib import Path

from rlbench.api import Job, Run, RunGroup, RunStatus
from rlbench.plugins import Plugins
from rlbench.process_control import module_command
from rlbench.results import RunState, Store, changes_since
from rlbench.results.attempt_files import describe_attempt
from rlbench.results.run_states import failed_together
from rlbench.runner.schedule import RunDecision, ShouldRetry, decide_runs, retry_nothing
from rlbench.runner.setting_stacks import StackLimits, joined, stacks_of

# A compiled seed alone has other last bits than in a stack.
_ALONE = "starts again at step 0: its checkpoint is from a compiled stack, and it is trained alone now"


Stack = tuple[RunGroup, int, list[RunDecision]]
"""A group to train, the step where it starts, and the decision for each of its runs, in order."""


def changed_runs(
    plugins: Plugins, groups: Sequence[RunGroup], states: Mapping[str, RunState]
) -> list[tuple[Run, list[str]]]:
    """Return the published runs that had other code or numerical settings than now, each with the differences."""
    changed = []
    for group in groups:
        plugin = plugins.find(group.algorithm)
        for run in group.runs:
            differences = changes_since(states[run.key].result, plugin, group)
            if differences:
                changed.append((run, differences))
    return changed


def corrupt_runs(store: Store, runs: Sequence[Run]) -> list[Run]:
    """Return the runs of the suite whose published files are damaged."""
    if not (store.root / "suite.json").exists() or not any((store.root / "runs").glob("*")):
        return []
    from rlbench.analysis.suite_results import Results

    corrupt = {row.key for row in Results(store).rows if row.status == RunStatus.CORRUPT}
    return [run for run in runs if run.key in corrupt]


def prepare(
    store: Store,
    plugins: Plugins,
    groups: Sequence[RunGroup],
    states: Mapping[str, RunState],
    should_retry: ShouldRetry = retry_nothing,
    profile: bool = False,
    limits: StackLimits | None = None,
) -> list[Job]:
    """Create an attempt for each group with unfinished runs. A run with a damaged result is not trained again.

    If seeds of a group start at different steps, they are split into several groups. states: by key. should_retry:
    returns whether to train a failed run again. profile: whether to measure CPU time by part. limits: limits of stacks
    of several settings; None: train each setting alone.
    """
    decisions = decide_runs(store, plugins, groups, states, should_retry)
    jobs = []
    for group, step, own in stacks_to_train(store, decisions, limits):
        restore = {
            member: str(decision.checkpoint.relative_to(store.root))
            for member, decision in zip(group.members, own)
            if decision.checkpoint is not None
        }
        files = tuple(str(plugin.file) for plugin in plugins.files if plugin.error is None)
        attempt = store.new_attempt(group, restore, plugins.find(group.algorithm).distribution, profile)
        notice = next((decision.reason for decision in own if ": " in decision.reason), "")
        command = module_command("rlbench.executors.worker_main", str(attempt), *files)
        jobs.append(Job(group, attempt, tuple(command), step, notice, files))
    return jobs


def stacks_to_train(store: Store, decisions: Sequence[RunDecision], limits: StackLimits | None) -> Iterator[Stack]:
    """Yield each stack of runs to train, with the step where it starts and the decisions for its runs, in order.

    limits: limits of stacks of several settings; None: train each setting alone.
    """
    parts: dict[tuple[str, int], list[RunDecision]] = {}
    for decision in decisions:
        if decision.train:
            parts.setdefault((decision.group.name, decision.step), []).append(decision)
    had_failed = cache(partial(failed_together, store.root / "attempts"))
    by_step: dict[int, list[tuple[RunGroup, Sequence[RunDecision]]]] = {}
    for (_, step), same in parts.items():
        group = dataclasses.replace(same[0].group, seeds=tuple(decision.run.seed for decision in same))
        if limits is None or any(had_failed(one.state.attempt) for one in same) or _was_compiled_alone(group, same):
            group = dataclasses.replace(group, per_seed=())
        by_step.setdefault(step, []).append((group, same))
    for step, groups in by_step.items():
        for stack in stacks_of(groups, limits or StackLimits()):
            group, own = joined([group for group, _ in stack]), [one for _, each in stack for one in each]
            if group.compile and len(own) == 1 and own[0].checkpoint is not None and _was_stacked(own[0].checkpoint):
                yield group, 0, [dataclasses.replace(own[0], checkpoint=None, step=0, reason=_ALONE)]
            else:
                yield group, step, own


def _was_compiled_alone(group: RunGroup, decisions: Sequence[RunDecision]) -> bool:
    """Return whether a run resumes from a checkpoint of a compiled single seed: a stack would change its bits."""
    checkpoint = decisions[0].checkpoint
    return group.compile and len(decisions) == 1 and checkpoint is not None and not _was_stacked(checkpoint)


def _was_stacked(checkpoint: Path) -> bool:
    return len(describe_attempt(checkpoint.parent.parent)["keys"]) > 1
