"""How many seeds train together, and whether their updates are compiled: decided from the suite and the machine alone,
never from a timing, so that the same suite means the same on the same machine. docs/performance.md has the measurements.
"""

from __future__ import annotations

import dataclasses
import os
import shutil
from collections.abc import Sequence
from functools import cache

from rlbench.api import RunGroup
from rlbench.plugins import Resolved

# Updates of a run from which a compiled graph has won its compiler's time (10 to 30 s a group) back.
COMPILE_FROM_UPDATES = 20_000
# Layers of so many units keep a core busy with one seed: more of them together are hardly faster each.
WIDE = 256
FEWEST_TO_SPLIT = 4


def compiles(asked: str, found: Resolved, steps: int) -> bool:
    """Whether groups of this algorithm compile their updates; asked: auto, on or off."""
    if asked != "auto":
        return asked == "on"
    return found.updates_per_step * steps >= COMPILE_FROM_UPDATES and has_compiler()


@cache
def has_compiler() -> bool:
    """Whether there is a C++ compiler, without which torch compiles nothing, not even with a warm cache."""
    named = os.environ.get("CXX", "").split()
    return any(shutil.which(name) for name in (*named[:1], "g++", "clang++"))


def stack_size(found: Resolved, seeds: int, workers: int) -> int:
    """Seeds of a group: all of them, or an equal part for each worker where networks are wide."""
    if not found.stackable:
        return 1
    hidden = found.config.get("hidden", ())
    wide = isinstance(hidden, (list, tuple)) and max(hidden, default=0) >= WIDE
    return min(-(-seeds // workers) if wide else seeds, found.max_stack or seeds)


def spread(groups: Sequence[RunGroup], workers: int) -> list[RunGroup]:
    """The same runs in at least as many groups as there are workers, as far as halving the largest stacks gets there."""
    found = list(groups)
    while found and len(found) < workers:
        largest = max(
            found, key=lambda group: (len(group.seeds) >= FEWEST_TO_SPLIT, len(group.seeds) * group.task.steps)
        )
        seeds = largest.seeds
        if len(seeds) < FEWEST_TO_SPLIT:
            break
        half, at = -(-len(seeds) // 2), found.index(largest)
        found[at : at + 1] = [dataclasses.replace(largest, seeds=part) for part in (seeds[:half], seeds[half:])]
    return found
