"""Scores that the project DreamerV3 publishes: `scores/BENCHMARK-METHOD.json.gz`, a list with one object for each run.

An object has the keys task, method, seed, xs (steps) and ys (returns). xs counts frames, with any action repeat. The
score of a run in the project is the mean of the ys in the last fortieth of its xs.
"""

from __future__ import annotations

import json
import math
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from rlbench.importers.benchmark_task_names import atari_id, control_id
from rlbench.importers.decoding import SUFFIXES, read_text
from rlbench.importers.imported_records import (
    LARGEST_STEP,
    ForeignError,
    ImportedRecords,
    Publication,
    Row,
    SkippedSource,
    refuse_many,
)
from rlbench.text import counted

PROJECT = "DreamerV3"
PATTERNS = tuple(f"*.json{suffix}" for suffix in SUFFIXES)
KEYS = ("task", "method", "seed", "xs", "ys")
# Benchmarks whose task names are also used by another benchmark. Labels of their runs get these suffixes.
_SUFFIX = {"dmc_vision": "-vision", "atari100k": "-100k"}
_REPEAT = {
    "atari": 4,
    "dmc": 2,
    "dmlab": 4,
    "minecraft": 1,
    "procgen": 1,
}  # the action repeat, by the task's first word
_OWN = ("dreamerv3", "ppo_fixhp")  # methods that the project ran itself; it collected the curves of other methods
_METHOD = "dreamerv3"
_LAYOUT = f"a scores file of DreamerV3 is a JSON list of objects with {', '.join(KEYS)}"


def read_dreamerv3(path: Path) -> list[ImportedRecords | SkippedSource]:
    """Read the runs in a file. Raises: ForeignError with the line or entry if something in it is invalid."""
    try:
        entries = json.loads(read_text(path))
    except json.JSONDecodeError as error:
        raise ForeignError(f"{path}:{error.lineno}: not JSON: {error.msg} at column {error.colno}; {_LAYOUT}") from None
    if not isinstance(entries, list) or not entries:
        raise ForeignError(f"{path}: {_LAYOUT}; this one is {'empty' if entries == [] else 'no list'}")
    runs = [_run(path, f"{path}: entry {number}", entry) for number, entry in enumerate(entries, 1)]
    refuse_many(path, sum(len(run.rows) for run in runs))
    return list(runs)


def _run(path: Path, where: str, entry: Any) -> ImportedRecords:
    if not isinstance(entry, dict):
        raise ForeignError(f"{where} is not an object; {_LAYOUT}")
    if missing := [key for key in KEYS if key not in entry]:
        raise ForeignError(f"{where} has no {' and no '.join(missing)}; {_LAYOUT}")
    task, method, seed, steps, returns = (entry[key] for key in KEYS)
    if not (isinstance(task, str) and isinstance(method, str) and task and method):
        raise ForeignError(f"{where}: task and method should be names, got {task!r} and {method!r}")
    if not isinstance(seed, int) or isinstance(seed, bool):
        raise ForeignError(f"{where}: seed {seed!r} is not a whole number")
    if not (isinstance(steps, list) and isinstance(returns, list) and len(steps) == len(returns)):
        lengths = " and ".join(str(len(part)) if isinstance(part, list) else "no list" for part in (steps, returns))
        raise ForeignError(f"{where}: xs and ys should be lists of one length, got {lengths}")
    benchmark, _, named = path.name.partition(".")[0].partition("-")
    name = f"{method}{_SUFFIX.get(benchmark, '') if named else ''}"
    family, _, rest = task.partition("_")
    frames = _REPEAT["atari"] if family == "atari" else 1  # frames per step of the environment with this id
    environment = {"atari": atari_id(rest), "dmc": control_id(rest)}.get(family) or task
    rows = _rows(where, steps, returns, frames)
    dropped = len(steps) - len(rows)
    return ImportedRecords(
        str(path),
        rows,
        name if method == _METHOD else f"{name} ({_METHOD})",
        environment,
        seed,
        notes=(f"skipped: {counted(dropped, 'point')} without a return",) if dropped else (),
        publication=Publication(PROJECT, method, task, _steps(family, frames), _scores(method)),
    )


def _steps(family: str, frames: int) -> str:
    repeat = _REPEAT.get(family)
    if frames > 1:
        return f"steps are decisions of the agent (the project counts frames, {frames} for each)"
    if repeat is None:
        return "steps are frames"
    return f"steps are frames ({'no action repeat' if repeat == 1 else f'action repeat {repeat}'})"


def _scores(method: str) -> str:
    kind = "returns of training episodes" if method in _OWN else "returns that the project collected"
    return f"scores are {kind}, averaged over the last fortieth of the steps"


def _rows(where: str, steps: Sequence[Any], returns: Sequence[Any], frames: int) -> list[Row]:
    """Return the points that have a return. Raises: ForeignError if a point is not a number or out of order."""
    rows: list[Row] = []
    for i, (step, value) in enumerate(zip(steps, returns)):
        if not _is_number(step) or step != int(step) or not 0 <= step <= LARGEST_STEP:
            raise ForeignError(f"{where}: xs[{i}] is {step!r}, not a whole number from 0 to {LARGEST_STEP:,}")
        if value is None:
            continue
        if not _is_number(value):
            raise ForeignError(f"{where}: ys[{i}] is {value!r}, not a number")
        row = Row(int(step) // frames, float(value))
        if rows and row.step < rows[-1].step:
            raise ForeignError(f"{where}: xs[{i}] is {step:,}, less than the value before it")
        rows.append(row)
    if not rows:
        raise ForeignError(f"{where}: no returns in it")
    return rows


def _is_number(value: Any) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool) and math.isfinite(value)
