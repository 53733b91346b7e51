"""Groups that fit into the machine's memory: what algorithms store decides how many seeds train together.

Only the suite and the machine decide, so that a suite always gives the same groups on a machine.
"""

from __future__ import annotations

import contextlib
import dataclasses
import heapq
import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import psutil

from rlbench.api import RunGroup
from rlbench.text import data_size, plural

SHARE = 0.6  # share of the machine's memory; the rest is for networks, environments and other programs
NOTED = 100e6  # a group that stores at least this many bytes gets a note
Pair = tuple[str, str]  # an algorithm and a task, by their labels

_CONTAINER_LIMIT = Path("/sys/fs/cgroup/memory.max")


def memory_limit() -> float:
    """Return the bytes that replays and rollouts may take: a share of the machine's or the container's memory."""
    total = psutil.virtual_memory().total
    with contextlib.suppress(OSError, ValueError):  # no container, or one without a limit
        total = min(total, int(_CONTAINER_LIMIT.read_text("utf-8")))
    return SHARE * float(total)


def needed(group: RunGroup, stored: Mapping[Pair, int]) -> int:
    """Return the bytes that a group stores: the data of its seeds, and a copy of one seed's data for a checkpoint.

    stored: the bytes that one seed stores, by algorithm and task.
    """
    return (len(group.seeds) + 1) * stored.get((group.label, group.task.name), 0)


def needed_at_once(groups: Sequence[RunGroup], stored: Mapping[Pair, int], workers: int) -> int:
    """Return the most bytes that any `workers` of the groups need together."""
    return sum(heapq.nlargest(workers, (needed(group, stored) for group in groups)))


def parted(groups: Sequence[RunGroup], stored: Mapping[Pair, int], workers: int, limit: float) -> list[RunGroup]:
    """Split groups until any `workers` of them fit into the limit together, or until each has one seed.

    The group that needs most is split first, into more and more groups of equal size. A group that needs more than its
    own limit is split in the same way. Groups that fit stay as they are. Returns: groups of the same runs.
    """
    parts = [[group] for group in groups]
    while True:
        flat = [group for part in parts for group in part]
        over = needed_at_once(flat, stored, workers) > limit
        sizes = [needed(part[0], stored) if over or _exceeds_its_own(part[0], stored, limit) else 0 for part in parts]
        sizes = [size if len(part[0].seeds) > 1 else 0 for size, part in zip(sizes, parts)]
        if not any(sizes):
            return flat
        at = sizes.index(max(sizes))
        parts[at] = _equal_parts(groups[at], len(parts[at]) + 1)


def _exceeds_its_own(group: RunGroup, stored: Mapping[Pair, int], limit: float) -> bool:
    """Return whether a group needs more than its own limit; False if `limit` is infinite, as on other devices."""
    return group.memory is not None and math.isfinite(limit) and needed(group, stored) > group.memory


def within_memory(
    groups: Sequence[RunGroup], stored: Mapping[Pair, int], workers: int, limit: float, fixed: bool
) -> tuple[list[RunGroup], int, str]:
    """Return the same runs in groups that fit into the limit, how many groups run at a time, and why they do not fit.

    The reason is "" if they fit. fixed: whether the suite or the user has chosen the number of workers; otherwise it is
    lowered if groups of single seeds do not fit.
    """
    for count in range(workers, 0, -1):
        fitting = parted(groups, stored, count, limit)
        size = needed_at_once(fitting, stored, count)
        if size <= limit:
            return fitting, count, ""
        if fixed:
            break
    text = (
        f"replay of {plural(workers, 'job')} at a time takes {data_size(size)} even with one seed in each, but a suite "
        f"may take {data_size(limit)} of this machine's memory; lower jobs or buffer_size"
    )
    return list(groups), workers, text


def memory_problem(size: int, limit: float, config: Mapping[str, Any], own: int | None = None) -> str:
    """Return why not even one seed fits into the limit, or "".

    size: the bytes that one seed stores. config: the algorithm's hyperparameters. own: the limit of a group, if any.
    """
    may_take = f"a suite may take {data_size(limit)} of this machine's memory"
    if own is not None and own < limit < math.inf:
        limit, may_take = own, f"`memory` allows {data_size(own)}"
    if 2 * size <= limit:
        return ""
    advice = "buffer_size" if "buffer_size" in config else "n_steps or n_envs"
    return (
        f"{_kind(config)} of one seed takes {data_size(size)}, and as much again while a checkpoint is written, "
        f"but {may_take}; lower {advice}"
    )


def _equal_parts(group: RunGroup, number: int) -> list[RunGroup]:
    """Split a group into `number` parts; if they cannot be equal, the first parts have one more seed."""
    size, more = divmod(len(group.seeds), number)
    ends = [size * (i + 1) + min(i + 1, more) for i in range(number)]
    return [dataclasses.replace(group, seeds=group.seeds[begin:end]) for begin, end in zip([0, *ends], ends)]


def memory_notes(groups: Sequence[RunGroup], stored: Mapping[Pair, int]) -> list[str]:
    """Return one line for each pair whose largest group stores at least NOTED bytes."""
    largest: dict[Pair, RunGroup] = {}
    for group in groups:
        pair = group.label, group.task.name
        largest[pair] = max(largest.get(pair, group), group, key=lambda one: len(one.seeds))
    return [
        f"{label} on {task}: {_kind(group.config)} of {plural(len(group.seeds), 'seed')} takes {data_size(size)}"
        for (label, task), group in largest.items()
        if (size := len(group.seeds) * stored.get((label, task), 0)) >= NOTED
    ]


def _kind(config: Mapping[str, Any]) -> str:
    return "replay" if "buffer_size" in config else "the rollout"
