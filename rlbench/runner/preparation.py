"""The jobs of a suite: one attempt for each group of runs that still have to be trained."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence

from rlbench.api import Job, Run, RunGroup, RunStatus
from rlbench.plugins import Plugins
from rlbench.process_control import module_command
from rlbench.results import RunState, Store, changes_since
from rlbench.runner.schedule import RunDecision, ShouldRetry, decide_runs, retry_nothing


def changed_runs(
    plugins: Plugins, groups: Sequence[RunGroup], states: Mapping[str, RunState]
) -> list[tuple[Run, list[str]]]:
    """Return the published runs whose code or numerics differ from the current ones, and what differs."""
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
) -> list[Job]:
    """Create attempts for the runs that are not finished. A corrupt result is never replaced automatically.

    Seeds of a group that are at different steps are split into separate groups. states: by key. should_retry: whether
    to train a failed run again. profile: measure where the training time goes.
    """
    parts: dict[tuple[str, int], list[RunDecision]] = {}
    for decision in decide_runs(store, plugins, groups, states, should_retry):
        if decision.train:
            parts.setdefault((decision.group.name, decision.step), []).append(decision)
    jobs = []
    for (_, step), decisions in parts.items():
        group = dataclasses.replace(decisions[0].group, seeds=tuple(decision.run.seed for decision in decisions))
        restore = {
            decision.run.seed: str(decision.checkpoint.relative_to(store.root))
            for decision in decisions
            if decision.checkpoint is not None
        }
        files = tuple(str(plugin.file) for plugin in plugins.files if plugin.error is None)
        attempt = store.new_attempt(group, restore, plugins.find(group.algorithm).distribution, profile)
        notice = next((decision.reason for decision in decisions if ": " in decision.reason), "")
        command = module_command("rlbench.executors.worker_main", str(attempt), *files)
        jobs.append(Job(group, attempt, tuple(command), step, notice, files))
    return jobs
