"""Choice of how many seeds train together, and whether to compile their updates.

Only the suite and the machine decide, never a timing, so that a suite always gives the same groups on a machine.
docs/performance.md has the measurements.
"""

from __future__ import annotations

import dataclasses
import os
import shutil
from collections.abc import Sequence
from functools import cache

from rlbench.api import RunGroup
from rlbench.plugins import Resolved
from rlbench.suites.suite_models import EnvironmentEntry, Suite

# Number of updates in a run from which a compiled graph saves more time than compiling takes (10 to 30 s per group).
COMPILE_FROM_UPDATES = 20_000
# Layers with this many units keep a core busy with one seed, so stacking seeds hardly makes each seed faster.
WIDE_LAYER = 256
FEWEST_TO_SPLIT = 4


def should_compile(setting: str, algorithm: Resolved, steps: int) -> bool:
    """Return whether groups of this algorithm compile their updates. setting: auto, on or off."""
    if setting != "auto":
        return setting == "on"
    return algorithm.updates_per_step * steps >= COMPILE_FROM_UPDATES and has_compiler()


@cache
def has_compiler() -> bool:
    """Return whether there is a C++ compiler, which torch needs to compile, even with a warm cache."""
    command = os.environ.get("CXX", "").split()
    return any(shutil.which(name) for name in (*command[:1], "g++", "clang++"))


def stack_size(algorithm: Resolved, seeds: int, workers: int) -> int:
    """Return the number of seeds in a group: all of them, or an equal part per worker if networks are wide.

    It is 1 if seeds of the algorithm cannot be stacked, and never above its `max_stack`.
    """
    if not algorithm.stackable:
        return 1
    return min(-(-seeds // workers) if _is_wide(algorithm) else seeds, algorithm.max_stack or seeds)


def _is_wide(algorithm: Resolved) -> bool:
    layers = algorithm.config.get("net_arch", algorithm.config.get("hidden", ()))
    return isinstance(layers, (list, tuple)) and max(layers, default=0) >= WIDE_LAYER


def stackable_settings(suite: Suite, environment: EnvironmentEntry, algorithm: Resolved) -> tuple[str, ...]:
    """Return the hyperparameters in which settings of the algorithm may differ within one stack.

    Return () if stacking saves little time, or if a limit of time or memory applies: it is meant for a group of one
    setting.
    """
    limited = environment.timeout or suite.timeout or suite.memory or algorithm.max_stack
    is_off = suite.stack == "seeds" or limited or not algorithm.stackable or _is_wide(algorithm)
    return () if is_off else algorithm.per_seed


def spread(groups: Sequence[RunGroup], workers: int) -> list[RunGroup]:
    """Halve the largest groups until there is one for each worker, or until no group can be halved.

    Returns: the resulting groups, with the same runs.
    """
    result = list(groups)
    while result and len(result) < workers:
        largest = max(
            result, key=lambda group: (len(group.seeds) >= FEWEST_TO_SPLIT, len(group.seeds) * group.task.steps)
        )
        seeds = largest.seeds
        if len(seeds) < FEWEST_TO_SPLIT:
            break
        half, at = -(-len(seeds) // 2), result.index(largest)
        result[at : at + 1] = [dataclasses.replace(largest, seeds=part) for part in (seeds[:half], seeds[half:])]
    return result
