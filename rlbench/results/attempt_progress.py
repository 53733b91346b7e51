"""How far an attempt has come, by the files that its process writes while it trains."""

from __future__ import annotations

from pathlib import Path

from rlbench.api import StoreError
from rlbench.results.file_io import read_json
from rlbench.results.jsonl_records import read_lines

_LARGEST = 1 << 62  # dividing a larger integer may overflow


def heartbeat(attempt: Path) -> tuple[int, int]:
    """Return the count and the step of an attempt's heartbeat: the count rises every few seconds. 0, 0: none yet."""
    values = read_json(attempt / "heartbeat") or {}
    count, step = (values.get(name) if isinstance(values.get(name), int) else 0 for name in ("count", "step"))
    return count or 0, step or 0


def step_reached(attempt: Path, seed: int) -> int:
    """Return the step that an attempt reached for a seed, by its last heartbeat or evaluation; 0 without either."""
    last = heartbeat(attempt)[1]
    try:
        for row in read_lines(attempt / "evaluations.jsonl"):
            if row["seed"] == seed and isinstance(row.get("step"), int):
                last = max(last, min(row["step"], _LARGEST))
    except (StoreError, OSError):
        pass
    return last
