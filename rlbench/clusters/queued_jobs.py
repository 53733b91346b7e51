"""Jobs in the queue of a result folder: reading them, and continuing interrupted attempts."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from pathlib import Path

from rlbench.api import Job, RunGroup, StoreError, group_from_dict
from rlbench.executors.events import failed_members
from rlbench.process_control import module_command
from rlbench.results import Store
from rlbench.results.attempt_progress import step_of_checkpoints
from rlbench.results.file_io import parse_json, why_unreadable
from rlbench.results.job_queue import JobQueue, QueueEntry
from rlbench.results.json_shapes import check_attempt
from rlbench.runtime import checkpoint


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

    Runs whose environments have failed are left out. If the other runs are published, or another attempt at them is
    already in the queue, only remove the entry.
    """
    job = read_job(entry)
    group, members = _unfailed(job)
    store = Store(entry.attempt.parent.parent)
    if all((store.folder(run) / "result.json").exists() for run in group.runs) or successor(queue, job):
        queue.remove(entry)
        return
    description = check_attempt(parse_json(entry.attempt / "group.json"))
    paths: Mapping[int, str] = {int(member): path for member, path in description["restore"].items()}
    for folder in checkpoint.complete(entry.attempt / "checkpoints"):
        if all((folder / f"seed-{member}.json").exists() for member in members):
            paths = dict.fromkeys(members, str(folder.relative_to(store.root)))
            break
    # A compiled group computes with other bits if it has fewer seeds.
    is_other_program = group.compile and len(members) < len(job.group.members) and group.resume != "approximate"
    if group.resume == "never" or is_other_program:
        paths = {}
    restore = {new: paths[member] for new, member in zip(group.members, members, strict=True) if member in paths}
    new = store.new_attempt(group, restore, description["plugin"], description.get("profile", False))
    queue.continue_as(entry, new, worker_command(new, job.plugin_files), job.plugin_files)


def _unfailed(job: Job) -> tuple[RunGroup, list[int]]:
    """Return a job's group without the runs whose environments have failed, and the others' numbers in the job."""
    failed, whole = failed_members(job.attempt), job.group
    places = [place for place, member in enumerate(whole.members) if member not in failed]
    seeds = tuple(whole.seeds[place] for place in places)
    variants = tuple(whole.variants[place] for place in places) if whole.variants else ()
    rest = dataclasses.replace(whole, seeds=seeds, variants=variants)
    settings = [group for group, _ in rest.of_each_setting()]
    return settings[0] if len(settings) == 1 else rest, [whole.members[place] for place in places]


def has_progressed(entry: QueueEntry) -> bool:
    """Return whether an attempt has saved a checkpoint after the step from which it started."""
    saved = checkpoint.complete(entry.attempt / "checkpoints")
    return bool(saved) and int(saved[0].name) > read_job(entry).resumed_from


def worker_command(attempt: Path, plugin_files: Sequence[str]) -> list[str]:
    """Return the command of the process that trains an attempt's group."""
    return module_command("rlbench.executors.worker_main", str(attempt), *plugin_files)


def successor(queue: JobQueue, job: Job) -> QueueEntry | None:
    """Return the queue's entry of another attempt at a job's group, or at its runs that have not failed; None if none.

    Such an attempt continues the job's.
    """
    names = tuple(f"{group.name}-" for group in (job.group, _unfailed(job)[0]))
    others = (entry for entry in queue.entries() if entry.attempt.name != job.attempt.name)
    return next((entry for entry in others if entry.attempt.name.startswith(names)), None)
