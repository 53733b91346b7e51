"""Stacks of several settings: groups that differ only in hyperparameters in `Algorithm.per_seed` train in one process.

Each seed of a stack may have its own value of these hyperparameters. A search over twenty learning rates then needs one
process with twenty rows in a batch, not twenty processes. A run gets the same bits as in a group of its own.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, TypeVar

from rlbench.api import RunGroup, Variant, canonical

if TYPE_CHECKING:
    from rlbench.suites import Plan

MOST_MEMBERS = 64  # most runs in a stack; measured in docs/performance.md
Item = TypeVar("Item")


@dataclass(frozen=True)
class StackLimits:
    """The limits of a stack's size.

    workers: groups that run at a time. memory: bytes that a group may store. stored: bytes that one seed stores, by
    label and task.
    """

    workers: int = 1
    memory: float = float("inf")
    stored: Mapping[tuple[str, str], int] = field(default_factory=dict)

    @classmethod
    def of_plan(cls, planned: Plan, workers: int) -> StackLimits:
        """Return the limits for a plan whose groups run on `workers` workers."""
        return cls(workers, planned.memory / workers, planned.stored)

    def members(self, group: RunGroup) -> int:
        """Return the most runs like those of `group` that a stack may have."""
        size = self.stored.get((group.label, group.task.name), 0)
        return MOST_MEMBERS if size <= 0 else max(1, min(MOST_MEMBERS, int(self.memory / size) - 1))


def shared_part(group: RunGroup) -> str:
    """Return as text what must be equal in all groups of a stack: everything but label, seeds and `per_seed` values."""
    config = {name: value for name, value in group.config.items() if name not in group.per_seed}
    return canonical(dataclasses.replace(group, config=config, label="", seeds=()))


def stacks_of(groups: Sequence[tuple[RunGroup, Item]], limits: StackLimits) -> list[list[tuple[RunGroup, Item]]]:
    """Return the stacks: lists of groups that train together, each group with its item.

    A group without `per_seed` stays alone. If there are enough groups, there are at least as many stacks as workers.
    """
    alike: dict[str, list[tuple[RunGroup, Item]]] = {}
    for number, (group, item) in enumerate(groups):
        alike.setdefault(shared_part(group) if group.per_seed else str(number), []).append((group, item))
    fewest = -(-limits.workers // max(1, len(alike)))  # fewest stacks of each kind without an idle worker
    stacks: list[list[tuple[RunGroup, Item]]] = []
    for same in alike.values():
        total = sum(len(group.seeds) for group, _ in same)
        count = min(len(same), max(fewest, -(-total // limits.members(same[0][0]))))
        stacks += _parts(same, total / count)
    return stacks


def _parts(same: Sequence[tuple[RunGroup, Item]], size: float) -> list[list[tuple[RunGroup, Item]]]:
    """Split the groups, in order, into parts of about `size` runs."""
    parts: dict[int, list[tuple[RunGroup, Item]]] = {}
    before = 0
    for group, item in same:
        parts.setdefault(int(before / size), []).append((group, item))
        before += len(group.seeds)
    return list(parts.values())


def joined(groups: Sequence[RunGroup]) -> RunGroup:
    """Return one group with the runs of all groups, in order. groups: one or more, with the same `shared_part`."""
    first = groups[0]
    if len(groups) == 1:
        return first
    seeds = tuple(seed for group in groups for seed in group.seeds)
    # Compare as run keys do: 1 and 1.0 are two settings, and so are null and a parameter that is left out.
    own = [{n: canonical(g.config[n]) for n in g.per_seed if n in g.config} for g in groups]
    names = [n for n in first.per_seed if any(values.get(n) != own[0].get(n) for values in own)]
    if not names and all(group.label == first.label for group in groups):
        return dataclasses.replace(first, seeds=seeds)  # one setting whose seeds had been split
    shared = {name: value for name, value in first.config.items() if name not in names}
    variants = [Variant(g.label, {n: g.config[n] for n in names if n in g.config}) for g in groups for _ in g.seeds]
    more = len({group.label for group in groups}) - 1
    label = f"{first.label} and {more} more"
    return dataclasses.replace(first, config=shared, seeds=seeds, label=label, variants=tuple(variants))
