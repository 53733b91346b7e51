"""Energy as far as the machine tells it: the processor packages' own counters (Linux, Intel and AMD RAPL).

A counter is the whole package's, so what other processes drew meanwhile is in it; results say so.
"""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path

_ROOT = Path("/sys/class/powercap")


def read(root: Path = _ROOT) -> dict[str, tuple[int, int]]:
    """Microjoules counted so far and the value at which the counter starts again, by package; empty where none tells."""
    found = {}
    for folder in sorted(root.glob("intel-rapl:*")):
        if folder.name.count(":") != 1:
            continue  # a part of a package that is counted already
        with suppress(OSError, ValueError):
            counted = int((folder / "energy_uj").read_text())
            found[folder.name] = (counted, int((folder / "max_energy_range_uj").read_text()))
    return found


def joules(before: Mapping[str, tuple[int, int]], after: Mapping[str, tuple[int, int]]) -> float | None:
    """Energy between two readings; a counter that has started again is allowed for once. None where nothing tells."""
    common = [name for name in before if name in after]
    if not common:
        return None
    return sum((after[name][0] - before[name][0]) % (after[name][1] + 1) for name in common) / 1e6
