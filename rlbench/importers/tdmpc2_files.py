"""Results that the project TD-MPC2 publishes: `results/METHOD/TASK.csv` with the columns step, reward or success, seed.

The project counts environment steps after action repeat: the agent repeats each action twice, except in MyoSuite. Each
row is a mean over ten evaluation episodes: of returns, or in some domains of successes.
"""

from __future__ import annotations

import csv
import math
from collections.abc import Sequence
from io import StringIO
from pathlib import Path

from rlbench.importers.benchmark_task_names import control_id
from rlbench.importers.cell_values import seed_number, whole_number
from rlbench.importers.decoding import SUFFIXES, read_text
from rlbench.importers.imported_records import (
    ForeignError,
    ImportedRecords,
    Publication,
    Row,
    SkippedRun,
    SkippedSource,
    refuse_many,
)

PROJECT = "TD-MPC2"
PATTERNS = tuple(f"*.csv{suffix}" for suffix in SUFFIXES)
QUANTITIES = {"reward": "return", "success": "success rate"}  # by the name of the column
_METHOD = "tdmpc2"  # the method of files outside a folder named after a method
_LAYOUT = "a results file of TD-MPC2 has the columns step, reward or success, and seed"


def read_tdmpc2(path: Path) -> list[ImportedRecords | SkippedSource]:
    """Read the runs in a file, one for each seed. Raises: ForeignError with the line if a row is invalid.

    A run whose steps decrease is skipped: the file does not show which rows belong to the finished run.
    """
    text = read_text(path)
    refuse_many(path, text.count("\n"))
    table = csv.reader(StringIO(text, newline=""))
    header = [cell.strip() for cell in next(table, [])]
    scores = [name for name in QUANTITIES if name in header]
    if len(scores) != 1 or not {"step", "seed"} <= set(header):
        raise ForeignError(f"{path}:1: {_LAYOUT}; this one has {', '.join(header) or 'nothing'}")
    rows: dict[int, list[Row]] = {}
    falls: dict[int, str] = {}
    for cells in table:
        where = f"{path}:{table.line_num}"
        if not any(cell.strip() for cell in cells):
            continue
        if len(cells) != len(header):
            raise ForeignError(f"{where}: {len(cells)} values, but {len(header)} columns in the header")
        values = {name: cell.strip() for name, cell in zip(header, cells)}
        seed = seed_number(where, values["seed"])
        row = Row(whole_number(where, "step", values["step"]), _score(where, scores[0], values[scores[0]]), 0, True)
        own = rows.setdefault(seed, [])
        if own and row.step < own[-1].step:
            falls.setdefault(seed, f"{where}: the steps of seed {seed} go back to {row.step:,} from {own[-1].step:,}")
        own.append(row)
    if not rows:
        raise ForeignError(f"{path}: no rows in it")
    quantity = QUANTITIES[scores[0]]
    return [_run(path, seed, own, quantity, falls.get(seed)) for seed, own in rows.items()]


def _run(
    path: Path, seed: int, rows: Sequence[Row], quantity: str, fall: str | None
) -> ImportedRecords | SkippedSource:
    """Return the run of a seed. fall: where its steps decrease; None if they do not."""
    task, folder = path.name.partition(".csv")[0], path.resolve().parent.name
    method = _METHOD if folder in ("", "results") else folder
    repeat = 1 if task.startswith("myo-") else 2
    repeated = (
        "no action repeat" if repeat == 1 else f"action repeat {repeat}, so each decision of the agent is {repeat}"
    )
    kind = "mean returns" if quantity == "return" else "success rates"
    publication = Publication(
        PROJECT,
        method,
        task,
        f"steps are environment steps ({repeated})",
        f"scores are {kind} of evaluations, 10 episodes each",
        quantity,
    )
    label = method if method.startswith(_METHOD) else f"{method} ({_METHOD})"
    environment = (control_id(task) if quantity == "return" else None) or task
    if fall is not None:
        why = f"{fall}; it is unknown which rows belong to one run"
        return SkippedRun(str(path), why, label, environment, task)
    return ImportedRecords(str(path), rows, label, environment, seed, publication=publication)


def _score(where: str, name: str, text: str) -> float:
    try:
        value = float(text)
    except ValueError:
        value = math.nan
    if not math.isfinite(value):
        raise ForeignError(f"{where}: {name} {text!r} is not a number")
    return value
