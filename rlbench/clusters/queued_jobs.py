"""Jobs in the queue of a result folder: reading them, and continuing interrupted attempts."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from pathlib import Path

from rlbench.api import Job, StoreError, group_from_dict
from rlbench.process_control import module_command
from rlbench.results import Store
from rlbench.results.attempt_progress import step_of_checkpoints
from rlbench.results.file_io import parse_json, why_unreadable
from rlbench.results.job_queue import JobQueue, QueueEntry
from rlbench.results.json_shapes import check_attempt
from rlbench.runtime import checkpoint

_GROUP = re.compile(r"(.+)-\d{4,}-.+-\d+-[0-9a-f]{6}")  # the form of names that `Store.new_attempt` gives


def read_job(entry: QueueEntry) -> Job:
    """Return the job of an entry. Raises: StoreError if one of its files cannot be read."""
    try:
        command, plugin_files = entry.command()
        description = check_attempt(parse_json(entry.attempt / "group.json"))
    except (OSError, ValueError) as error:
        raise StoreError(f"{entry.path} or its group.json cannot be read: {why_unreadable(error)}") from error
    step = step_of_checkpoints(description["restore"].values())
    return Job(group_from_dict(description["group"]), entry.attempt, command, step, "", plugin_files)


def continue_interrupted(queue: JobQueue, entry: QueueEntry) -> None:
    """Replace the entry of an interrupted attempt by a new attempt that resumes from its newest checkpoint.

    If the runs are published, or another attempt at the group is already in the queue, only remove the entry.
    """
    job = read_job(entry)
    store = Store(entry.attempt.parent.parent)
    if all((store.folder(run) / "result.json").exists() for run in job.group.runs) or successor(queue, entry.attempt):
        queue.remove(entry)
        return
    description = check_attempt(parse_json(entry.attempt / "group.json"))
    restore: Mapping[int, str] = {int(member): path for member, path in description["restore"].items()}
    if job.group.resume == "never":
        restore = {}
    for folder in checkpoint.complete(entry.attempt / "checkpoints") if job.group.resume != "never" else ():
        path = str(folder.relative_to(store.root))
        if all((folder / f"seed-{member}.json").exists() for member in job.group.members):
            restore = dict.fromkeys(job.group.members, path)
            break
    new = store.new_attempt(job.group, restore, description["plugin"], description.get("profile", False))
    queue.continue_as(entry, new, worker_command(new, job.plugin_files), job.plugin_files)


def has_progressed(entry: QueueEntry) -> bool:
    """Return whether an attempt has saved a checkpoint after the step from which it started."""
    saved = checkpoint.complete(entry.attempt / "checkpoints")
    return bool(saved) and int(saved[0].name) > read_job(entry).resumed_from


def worker_command(attempt: Path, plugin_files: Sequence[str]) -> list[str]:
    """Return the command of the process that trains an attempt's group."""
    return module_command("rlbench.executors.worker_main", str(attempt), *plugin_files)


def successor(queue: JobQueue, attempt: Path) -> QueueEntry | None:
    """Return the queue's entry of another attempt at the same group, which continues this attempt; None if none."""
    group = _GROUP.fullmatch(attempt.name)
    others = [entry for entry in queue.entries() if entry.attempt.name != attempt.name]
    same = [entry for entry in others if group and entry.attempt.name.startswith(group[1] + "-")]
    return same[0] if same else None
