"""Training speeds of two folders, compared only if both ran on the same kind of machine, unshared, with equal settings.

Each process is one measurement. Seeds that trained together share a clock, so a group of ten seeds counts once.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from rlbench.analysis.final_scores import FEWEST_FOR_VERDICT
from rlbench.api import RunStatus, canonical
from rlbench.results import RunState

# A load of more than half a process beyond the group's own threads shows that other work ran on the machine.
OTHERS_LOAD = 0.5


@dataclass(frozen=True)
class Speeds:
    """Environment steps per second of each group's training, new [n] and base [m].

    reason: why the speeds cannot be compared, or "". ratio: median(new) / median(base), not used for the verdict; None
    if a side has no speeds.
    """

    new: NDArray[np.float64]
    base: NDArray[np.float64]
    reason: str

    @property
    def ratio(self) -> float | None:
        if not len(self.new) or not len(self.base):
            return None
        return float(np.median(self.new) / np.median(self.base))


def loss_of(margin: float) -> float:
    """Return the margin on the scale of log speeds. A `margin` of 0.1 means a speed that is a tenth lower."""
    return -math.log(1 - margin)


def compare_speeds(new: Iterable[RunState], base: Iterable[RunState]) -> Speeds:
    """Return the speeds of one algorithm's runs on one task. If they cannot be compared, `reason` says why."""
    groups = [_groups(side) for side in (new, base)]
    speeds = [np.array([float(r["steps_per_second"]) for r in group.values()]) for group in groups]
    return Speeds(speeds[0], speeds[1], _reason([list(group.values()) for group in groups]))


def _groups(states: Iterable[RunState]) -> dict[str, Mapping[str, Any]]:
    """Return, by attempt, one result for each process that trained from step 0 to the end without interruption."""
    results = {}
    for state in states:
        whole = state.status == RunStatus.DONE and state.result.get("resumed_from") == 0
        if whole and state.result.get("steps_per_second"):
            results[state.attempt] = state.result
    return results


def _reason(groups: list[list[Mapping[str, Any]]]) -> str:
    results = [result for group in groups for result in group]
    if not all(groups):
        return "one side has no process that trained without interruption"
    machines = {canonical(_fingerprint(result)) for result in results}
    if len(machines) > 1:
        return f"the speeds are from {len(machines)} different machines or devices"
    if len({result.get("stack_size") for result in results}) > 1:
        return "the number of seeds that trained together differs"
    loads = [_excess(result) for result in results]
    if any(load is None for load in loads):
        return "the load of the machine is not recorded"
    worst = max(load for load in loads if load is not None)
    if worst > OTHERS_LOAD:
        return f"the machine was shared (load {worst:.1f} beyond the process itself); run alone, with -j 1"
    fewest = min(map(len, groups))
    if fewest < FEWEST_FOR_VERDICT:
        return f"{len(groups[0])} against {len(groups[1])} processes; a test needs {FEWEST_FOR_VERDICT} on each side"
    return ""


def _fingerprint(result: Mapping[str, Any]) -> dict[str, Any]:
    hardware, numerics = result.get("hardware", {}), result.get("numerics", {})
    return {
        **{name: hardware.get(name) for name in ("cpu", "cores", "system")},
        "memory_gib": round(hardware.get("memory_bytes", 0) / 2**30),
        "device": str(numerics.get("device", "")).partition(":")[0],
        "threads": numerics.get("threads"),
    }


def _excess(result: Mapping[str, Any]) -> float | None:
    load = result.get("load_average")
    return None if load is None else float(load) - float(result.get("numerics", {}).get("threads") or 1)
