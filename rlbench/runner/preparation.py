"""Prepare the jobs of a suite: one attempt for each group of runs that still have to be trained."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence

from rlbench.api import Run, RunGroup
from rlbench.executors.jobs import Job
from rlbench.plugins import Plugins
from rlbench.results import Store, changes
from rlbench.runner.schedule import Again, Intent, intents, never


def changed_runs(store: Store, plugins: Plugins, groups: Sequence[RunGroup]) -> list[tuple[Run, list[str]]]:
    """Published runs that other code made, or other numerics than would be used now, and what differs."""
    states = store.states([run for group in groups for run in group.runs])
    found = []
    for group in groups:
        plugin = plugins.find(group.algorithm)
        for run in group.runs:
            differs = changes(states[run.key].result, plugin, group)
            if differs:
                found.append((run, differs))
    return found


def corrupt_runs(store: Store, runs: Sequence[Run]) -> list[Run]:
    """Runs of the suite whose published files are damaged."""
    if not (store.root / "suite.json").exists() or not any((store.root / "runs").glob("*")):
        return []
    from rlbench.results.run_table import run_table  # pandas, which a worker needs for nothing

    corrupt = set(run_table(store).query("status == 'corrupt'")["key"])
    return [run for run in runs if run.key in corrupt]


def prepare(
    store: Store, plugins: Plugins, groups: Sequence[RunGroup], again: Again = never, profile: bool = False
) -> list[Job]:
    """Attempts for the runs that are not finished; seeds of a group that are at different steps become groups of their own.

    again: whether a run that has failed is to be run once more. profile: measure where their time goes. A corrupt result is never replaced by itself.
    """
    parts: dict[tuple[str, int], list[Intent]] = {}
    for intent in intents(store, plugins, groups, again):
        if intent.wanted:
            parts.setdefault((intent.group.name, intent.step), []).append(intent)
    jobs = []
    for (_, step), found in parts.items():
        group = dataclasses.replace(found[0].group, seeds=tuple(intent.run.seed for intent in found))
        restore = {
            intent.run.seed: str(intent.checkpoint.relative_to(store.root))
            for intent in found
            if intent.checkpoint is not None
        }
        files = tuple(str(plugin.file) for plugin in plugins.files if plugin.error is None)
        attempt = store.new_attempt(group, restore, plugins.find(group.algorithm).distribution, profile)
        notice = next((intent.why for intent in found if ": " in intent.why), "")
        jobs.append(Job(group, attempt, step, files, notice))
    return jobs
