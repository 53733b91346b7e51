"""How long groups took here before, and how much disk, so that what a suite will cost can be said before it runs."""

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


@dataclass(frozen=True)
class Cost:
    """What groups are expected to take: seconds with `workers` at a time, bytes on disk; and the groups of which
    nothing is known, which are not in either figure.
    """

    seconds: float
    bytes: float
    unknown: tuple[str, ...]


def _hash(value: Any) -> str:
    return hashlib.sha256(canonical(value).encode()).hexdigest()[:16]


def _names(group: RunGroup) -> tuple[str, str]:
    """A group's kind here (algorithm × environment on this machine) and its exact self, the number of steps aside."""
    machine = hardware()
    kind = _hash([machine["cpu"], machine["cores"], group.algorithm, group.task.env_id, group.device])
    protocol = vars(group.task.evaluation)
    exact = _hash([group.config, group.task.kwargs, group.task.backend, protocol, len(group.seeds), group.compile])
    return kind, exact


def remember_cost(group: RunGroup, startup: float, seconds: float, disk_bytes: int) -> None:
    """Keep what a group took: seconds of wall clock to start up and to run, evaluation and all; the bytes it left."""
    kind, exact = _names(group)
    steps = group.task.steps * len(group.seeds)
    entry = {"startup_seconds": startup, "seconds_per_step": seconds / steps, "bytes_per_step": disk_bytes / steps}
    remember(cache_folder("speeds") / f"{kind}-{exact}.json", entry)


def _known(group: RunGroup) -> Mapping[str, Any] | None:
    """What is remembered of this group, else of the newest of its kind."""
    kind, exact = _names(group)
    folder = cache_folder("speeds")
    found = _recalled(folder / f"{kind}-{exact}.json")
    if found is not None:
        return found
    alike = sorted(folder.glob(f"{kind}-*.json"), key=os.path.getmtime)
    return _recalled(alike[-1]) if alike else None


def _recalled(path: Path) -> Mapping[str, Any] | None:
    """An entry, or None where it has not the numbers of one."""
    found = recall(path) or {}
    names = ("startup_seconds", "seconds_per_step", "bytes_per_step")
    return (
        found
        if all(isinstance(found.get(name, 0 if name == names[0] else None), (int, float)) for name in names)
        else None
    )


def seconds_of(group: RunGroup, steps: int | None = None) -> float | None:
    """Expected wall-clock seconds for a group, or for the last `steps` of it; None if nothing like it ran here."""
    known = _known(group)
    if known is None:
        return None
    return _seconds(known, group, group.task.steps if steps is None else steps)


def _seconds(known: Mapping[str, Any], group: RunGroup, steps: int) -> float:
    return float(known.get("startup_seconds", 0)) + float(known["seconds_per_step"]) * len(group.seeds) * steps


def expected(groups: Sequence[tuple[RunGroup, int]], workers: int) -> Cost:
    """The cost of groups of which so many steps are still to do, longest first on `workers` workers."""
    times, disk, unknown = [], 0.0, []
    for group, steps in groups:
        known = _known(group)
        if known is None:
            unknown.append(f"{group.label or group.algorithm} on {group.task.env_id}")
            continue
        times.append(_seconds(known, group, steps))
        disk += float(known["bytes_per_step"]) * len(group.seeds) * group.task.steps
    ends = [0.0] * max(1, workers)
    for seconds in sorted(times, reverse=True):
        ends[ends.index(min(ends))] += seconds
    return Cost(max(ends), disk, tuple(dict.fromkeys(unknown)))
