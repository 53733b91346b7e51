"""Estimates of a suite's time and disk use, from the time and disk use of earlier groups on this machine."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from rlbench.api import RunGroup, canonical
from rlbench.results.provenance import hardware
from rlbench.user_cache import cache_folder, recall, remember

GROWING = {".jsonl", ".parquet", ".log"}  # the files that grow with a run's steps


@dataclass(frozen=True)
class Cost:
    """The estimated cost of groups.

    seconds: wall clock with the given number of workers. bytes: disk use. unknown: the groups without an earlier group
    to estimate from; seconds and bytes do not include them.
    """

    seconds: float
    bytes: float
    unknown: tuple[str, ...]


def _hash(value: Any) -> str:
    return hashlib.sha256(canonical(value).encode()).hexdigest()[:16]


def _names(group: RunGroup) -> tuple[str, str]:
    """Return hashes of a group's kind (algorithm, environment, device, machine) and of its settings except steps."""
    machine = hardware()
    kind = _hash([machine["cpu"], machine["cores"], group.algorithm, group.task.env_id, group.device])
    protocol = vars(group.task.evaluation)
    settings = [group.config, group.task.kwargs, group.task.backend, protocol, len(group.seeds), group.compile]
    stages = [] if group.task.curriculum is None else [group.task.curriculum]
    return kind, _hash(settings + stages)


def remember_cost(group: RunGroup, startup: float, seconds: float, files: Sequence[Path]) -> None:
    """Record the cost of a group in the user's cache.

    startup, seconds: wall-clock seconds until it trained, and of training with evaluations. files: the files it wrote.
    Tables and logs grow with the number of steps; policies and descriptions have the same size in short and long runs.
    """
    kind, exact = _names(group)
    steps = group.task.steps * len(group.seeds)
    sizes: dict[bool, int] = {True: 0, False: 0}
    for path in files:
        sizes[path.suffix in GROWING] += path.stat().st_size
    entry = {"startup_seconds": startup, "seconds_per_step": seconds / steps, "bytes_per_step": sizes[True] / steps}
    entry["bytes_per_run"] = sizes[False] / len(group.seeds)
    remember(cache_folder("speeds") / f"{kind}-{exact}.json", entry)


def _recall_nearest(group: RunGroup) -> Mapping[str, Any] | None:
    """Return the entry of a group with these settings, or else the newest entry of its kind (see `_names`)."""
    kind, exact = _names(group)
    folder = cache_folder("speeds")
    entry = _recall_entry(folder / f"{kind}-{exact}.json")
    if entry is not None:
        return entry
    similar = sorted(folder.glob(f"{kind}-*.json"), key=os.path.getmtime)
    return _recall_entry(similar[-1]) if similar else None


def _recall_entry(path: Path) -> Mapping[str, Any] | None:
    """Return the entry in a cache file, or None if numbers are missing in it."""
    entry = recall(path) or {}
    numbers = [entry.get("startup_seconds", 0), entry.get("seconds_per_step"), entry.get("bytes_per_step")]
    return entry if all(isinstance(number, (int, float)) for number in numbers) else None


def estimate_seconds(group: RunGroup, steps: int | None = None) -> float | None:
    """Return the expected wall-clock seconds of a group or of its last `steps`; None if no similar group ran here."""
    entry = _recall_nearest(group)
    if entry is None:
        return None
    return _seconds(entry, group, group.task.steps if steps is None else steps)


def _seconds(entry: Mapping[str, Any], group: RunGroup, steps: int) -> float:
    return float(entry.get("startup_seconds", 0)) + float(entry["seconds_per_step"]) * len(group.seeds) * steps


def estimate_cost(groups: Sequence[tuple[RunGroup, int]], workers: int) -> Cost:
    """Return the cost of groups, each with its remaining steps, if `workers` workers train the longest ones first."""
    times, disk, unknown = [], 0.0, []
    for group, steps in groups:
        entry = _recall_nearest(group)
        if entry is None:
            unknown.append(f"{group.label or group.algorithm} on {group.task.name}")
            continue
        times.append(_seconds(entry, group, steps))
        each = float(entry.get("bytes_per_run", 0)) + float(entry["bytes_per_step"]) * group.task.steps
        disk += each * len(group.seeds)
    ends = [0.0] * max(1, min(workers, len(times)))  # a suite may ask for any number of workers
    for seconds in sorted(times, reverse=True):
        ends[ends.index(min(ends))] += seconds
    return Cost(max(ends), disk, tuple(dict.fromkeys(unknown)))
