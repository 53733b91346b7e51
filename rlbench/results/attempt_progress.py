"""Progress of an attempt, read from the files that its process writes while it trains."""

from __future__ import annotations

import re
from collections.abc import Iterable
from pathlib import Path

from rlbench.api import StoreError
from rlbench.results.attempt_files import member_of
from rlbench.results.file_io import parse_json, read_json
from rlbench.results.json_shapes import check_attempt
from rlbench.results.jsonl_records import read_lines

_CHECKPOINT = re.compile(r"\d{12,18}", re.ASCII)  # a checkpoint's folder is named after its step
_LARGEST = 1 << 62  # dividing a larger integer may overflow


def heartbeat(attempt: Path) -> tuple[int, int]:
    """Return an attempt's last heartbeat: a count that rises every few seconds, and the step; (0, 0) if none yet."""
    values = read_json(attempt / "heartbeat") or {}
    count, step = (values.get(name) if isinstance(values.get(name), int) else 0 for name in ("count", "step"))
    return count or 0, step or 0


def step_of_checkpoints(paths: Iterable[str]) -> int:
    """Return the step of the checkpoints that a group.json names; 0 if there are none."""
    names = (Path(path).name for path in paths)
    return max((int(name) for name in names if _CHECKPOINT.fullmatch(name)), default=0)


def step_reached(attempt: Path, key: str) -> int:
    """Return the step that an attempt has reached for the run with this key, from its last heartbeat or evaluation.

    Before the attempt's first step, return the step of the checkpoint that it resumes from, or 0 without a checkpoint.
    """
    last = heartbeat(attempt)[1]
    try:
        member = member_of(check_attempt(parse_json(attempt / "group.json")), key)
        for row in read_lines(attempt / "evaluations.jsonl"):
            if row["seed"] == member and isinstance(row.get("step"), int):
                last = max(last, min(row["step"], _LARGEST))
    except (StoreError, OSError, ValueError):
        pass
    return last or _step_to_resume_from(attempt)


def _step_to_resume_from(attempt: Path) -> int:
    try:
        return step_of_checkpoints(check_attempt(parse_json(attempt / "group.json"))["restore"].values())
    except (OSError, ValueError):
        return 0
