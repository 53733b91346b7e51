"""Differences between a published run and the same run trained again: in its records, its outcome and its weights."""

from __future__ import annotations

import struct
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np

from rlbench.api import COLUMNS, Array, Run, RunStatus
from rlbench.reevaluation.policy_files import POLICY, stored_arrays
from rlbench.results import RunState, Store
from rlbench.results.arrow_tables import table as as_table
from rlbench.results.file_io import read_json
from rlbench.results.publication import read_records, schema
from rlbench.results.run_facts import read_arrow
from rlbench.verification.retraining import Retraining

RESULT = "result.json"
_OUTCOME = ("status", "steps", "diverged_at")
Row = Mapping[str, Any]


class Difference(NamedTuple):
    """The first difference in one file. step: its step, None for files without steps. field: column or array.

    recorded, now: the two values; None if a side lacks the row, the array or the result. differing, total: how many
    rows differ, and how many there are; for the policy, how many numbers.
    """

    file: str
    seed: int
    step: int | None
    field: str
    recorded: Any
    now: Any
    differing: int = 1
    total: int = 1


class Compared(NamedTuple):
    """Outcome of a comparison. differences: the first of each file, ordered by step. rows: number of rows compared."""

    differences: tuple[Difference, ...]
    rows: int


def compare(store: Store, run: Run, state: RunState, again: Retraining, last_step: int | None) -> Compared:
    """Compare a published run with the same run trained again, bit for bit. Times are not compared.

    last_step: compare only records up to this step, and neither outcome nor weights; None: everything.
    Raises: StoreError if a published file was changed.
    """
    was_stopped = last_step is not None and again.status == RunStatus.INTERRUPTED
    records, differences, rows = read_records(again.attempt), list[Difference](), 0
    for table in ("metrics", "episodes", "evaluations"):  # at equal steps, the cause comes before its consequence
        recorded = read_arrow(store.folder(run), table, state).to_pylist()
        new = records[table].get(run.seed, ())
        given = {c.name for c in COLUMNS[table] if c.optional and any(c.name in row for row in new)}
        present = as_table(new, schema(table, given)).to_pylist()
        if last_step is not None:
            recorded, present = ([row for row in part if row["step"] <= last_step] for part in (recorded, present))
        rows += len(recorded)
        differences += _in_table(run.seed, table, recorded, present)
    if last_step is None or not was_stopped:
        differences += _in_outcome(store, run, state, again, last_step)
    return Compared(tuple(sorted(differences, key=_place)), rows)


def _place(difference: Difference) -> tuple[bool, int]:
    return difference.step is None, difference.step or 0


def _in_table(seed: int, table: str, recorded: Sequence[Row], now: Sequence[Row]) -> list[Difference]:
    """Return the first difference of two tables, with the number of rows that differ; [] if the tables are equal."""
    names = [column.name for column in COLUMNS[table] if not column.timing]
    pairs = list(zip(recorded, now))
    differing = [i for i, (old, new) in enumerate(pairs) if _row_bits(old, names) != _row_bits(new, names)]
    total = max(len(recorded), len(now))
    count = len(differing) + abs(len(recorded) - len(now))
    if not count:
        return []
    file = f"{table}.parquet"
    if not differing:
        missing = (recorded if len(recorded) > len(now) else now)[len(pairs)]
        row, field = _brief(missing, names), f"row {len(pairs)}"
        gone = len(recorded) > len(now)
        return [
            Difference(file, seed, missing["step"], field, row if gone else None, None if gone else row, count, total)
        ]
    old, new = pairs[differing[0]]
    name = next(name for name in names if _bits(old.get(name)) != _bits(new.get(name)))
    field = f"value of {old['name']}" if table == "metrics" and name == "value" else name
    was, is_ = old.get(name), new.get(name)
    if isinstance(was, list) and isinstance(is_, list) and len(was) == len(is_):
        i = next(i for i, parts in enumerate(zip(was, is_)) if _bits(parts[0]) != _bits(parts[1]))
        field, was, is_ = f"{name}[{i}]", was[i], is_[i]
    return [Difference(file, seed, min(old["step"], new["step"]), field, was, is_, count, total)]


def _row_bits(row: Row, names: Sequence[str]) -> list[Any]:
    return [_bits(row.get(name)) for name in names]


def _brief(row: Row, names: Sequence[str]) -> str:
    return ", ".join(f"{name} {row[name]}" for name in names if name in row and not isinstance(row[name], list))


def _bits(value: Any) -> Any:
    """Convert a value so that == compares floats by their bits: NaN equals NaN, and 0.0 does not equal -0.0."""
    if isinstance(value, float):
        return struct.pack("<d", value)
    return [_bits(part) for part in value] if isinstance(value, (list, tuple)) else value


def _in_outcome(store: Store, run: Run, state: RunState, again: Retraining, last_step: int | None) -> list[Difference]:
    """Compare how the run ended and, if the retraining ended too, the final weights."""
    new = read_json(again.store.folder(run) / RESULT)
    if new is None:
        text = f"{again.status}: {again.message}" if again.message else str(again.status)
        return [Difference(RESULT, run.seed, None, "status", str(state.status), text)]
    if last_step is not None and last_step < run.task.steps:
        return []  # it diverged before it could be stopped; the records say the same
    names = [name for name in _OUTCOME if state.result.get(name) != new.get(name)]
    differences = [
        Difference(RESULT, run.seed, None, name, state.result.get(name), new.get(name)) for name in names[:1]
    ]
    old_weights, new_weights = (
        stored_arrays(where.folder(run) / POLICY, files.get(POLICY, {}).get("sha256"))
        for where, files in ((store, state.result["files"]), (again.store, new["files"]))
    )
    return differences + _in_weights(run.seed, old_weights, new_weights)


def _in_weights(seed: int, recorded: Mapping[str, Array], now: Mapping[str, Array]) -> list[Difference]:
    first: Difference | None = None
    differing = 0
    for name in dict.fromkeys([*recorded, *now]):
        old, new = recorded.get(name), now.get(name)
        if old is None or new is None or (old.dtype, old.shape) != (new.dtype, new.shape):
            first = first or Difference(POLICY, seed, None, name, _form(old), _form(new))
            differing += max(0 if each is None else each.size for each in (old, new))
            continue
        unequal = np.flatnonzero(_as_bytes(old) != _as_bytes(new))
        entries = np.unique(unequal // old.itemsize)
        differing += len(entries)
        if len(entries) and first is None:
            place = np.unravel_index(int(entries[0]), old.shape)
            field = f"{name}[{', '.join(str(int(i)) for i in place)}]" if place else name
            first = Difference(POLICY, seed, None, field, old[place].item(), new[place].item())
    total = sum(array.size for array in (recorded or now).values())
    return [] if first is None else [first._replace(differing=differing, total=total)]


def _as_bytes(array: Array) -> Array:
    return np.frombuffer(np.ascontiguousarray(array).tobytes(), np.uint8)


def _form(array: Array | None) -> str | None:
    return None if array is None else f"{array.dtype} {list(array.shape)}"
