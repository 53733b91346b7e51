"""Phrases shared by the progress reporters."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from rlbench.cli.text_table import LONGEST_MESSAGE
from rlbench.cli.user_paths import short_path
from rlbench.text import plural

if TYPE_CHECKING:
    from rlbench.api import EndEvent, Job, RunGroup
    from rlbench.results import Store
    from rlbench.suites import Plan


def mean(values: Sequence[float]) -> float:
    return sum(values) / len(values)


def group_name(group: RunGroup) -> str:
    seeds = f", seed {group.seeds[0]}" if len(group.seeds) == 1 else ""
    return f"{group.label or group.algorithm} on {group.task.name}{seeds}"


def opening_line(planned: Plan, todo: Sequence[Job], store: Store) -> str:
    """Return the first line: how many runs the suite has, how many of them will be trained, and where results go."""
    runs = sum(len(job.group.seeds) for job in todo)
    has_settings = any(job.group.variants for job in todo)
    groups = f" in {plural(len(todo), 'group')} of {'runs' if has_settings else 'seeds'}" if todo else ""
    folder = short_path(store.root)
    return f"{planned.suite.name}: {plural(planned.runs, 'run')}, {runs} to do{groups}, results in {folder}"


def ending_line(job: Job, event: EndEvent, details: str = "") -> str:
    """Return how a group ended: its status, `details`, the reason, and its log if it failed or was killed."""
    log = job.attempt / "stderr.log"
    is_explained = event.status.is_failure or "killed" in event.message
    text = event.status.describe(event.message, details, LONGEST_MESSAGE)
    return text + (f"; log: {short_path(log)}" if is_explained and log.exists() else "")
