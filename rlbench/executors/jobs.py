"""What an executor is given: groups that still have to be run, each with the checkpoint it can go on from."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from rlbench.api import Run, RunGroup
from rlbench.executors.intents import Again, Intent, intents, never
from rlbench.plugins import Plugins
from rlbench.results import Store, changes

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


# Told what happens: {"event": "started" | "progress" | "evaluated" | "notice" | "finished", …}. A notice that is the
# same for many groups has "once".
Listen = Callable[[Job, Event], None]
# Asked when a group's process was killed from outside: jobs that go on with its runs, none if it has had its chances.
Retry = Callable[[Job], Sequence[Job]]


@dataclass(frozen=True)
class Context:
    """What an executor works under. stop_after: seconds after which it stops as by Ctrl-C; say: a line for the user."""

    workers: int
    listen: Listen
    retry: Retry
    stop_after: float | None = None
    say: Callable[[str], None] = print


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
    from rlbench.results.tables import run_table  # pandas, which a worker needs for nothing

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
