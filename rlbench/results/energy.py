"""Energy readings from the processor packages' own counters, where the machine has them (Linux, Intel and AMD RAPL).

A counter covers the whole package, so it includes the energy of other processes in the same time; results state this.
"""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path

_ROOT = Path("/sys/class/powercap")


def read(root: Path = _ROOT) -> dict[str, tuple[int, int]]:
    """Return, for each processor package, its counter in microjoules and the number at which the counter wraps around.

    The dictionary is empty if there are no readable counters.
    """
    readings = {}
    for folder in sorted(root.glob("intel-rapl:*")):
        if folder.name.count(":") != 1:
            continue  # part of a package that is already counted
        with suppress(OSError, ValueError):
            counted = int((folder / "energy_uj").read_text("utf-8"))
            readings[folder.name] = (counted, int((folder / "max_energy_range_uj").read_text("utf-8")))
    return readings


def joules(before: Mapping[str, tuple[int, int]], after: Mapping[str, tuple[int, int]]) -> float | None:
    """Return the energy between two readings in joules; None without a common counter. Allow for one wrap-around."""
    common = [name for name in before if name in after]
    if not common:
        return None
    return sum((after[name][0] - before[name][0]) % (after[name][1] + 1) for name in common) / 1e6
