"""The tables of one published run: reading them, checking their hashes, and a summary of their numbers."""

from __future__ import annotations

import hashlib
import math
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from rlbench.api import LARGEST_RETURN, Run, StoreError
from rlbench.results.file_io import file_hash, read_bytes
from rlbench.results.parquet_reader import UNREADABLE, equals, numbers, read_columns
from rlbench.results.publication import optional_columns, schema
from rlbench.results.run_states import RunState

TRAINING_EPISODES = 100
LONGEST = 1e12  # longest run in seconds


class RunFacts(NamedTuple):
    """A summary of a published run's tables.

    damaged: why the tables cannot be used; "" if they can.
    score: mean return of the final policy's evaluation; of the last evaluation if there is no final one; NaN if none.
    training_return: mean return of the last 100 complete training episodes.
    steps, returns, wall_seconds [T]: nominal step, mean return and training clock of grid evaluations (finite means
    only).
    """

    damaged: str
    score: float
    training_return: float
    steps: NDArray[np.int64]
    returns: NDArray[np.float64]
    wall_seconds: NDArray[np.float64]


def read_verified(folder: Path, table: str, state: RunState) -> pa.BufferReader:
    """Return a published table's bytes. Raises: StoreError if they do not have the hash in result.json."""
    path = folder / f"{table}.parquet"
    expected = state.result["files"].get(path.name, {}).get("sha256")
    try:
        content = read_bytes(path)
    except OSError:
        content = b""
    if hashlib.sha256(content).hexdigest() != expected:
        raise _altered(path)
    return pa.BufferReader(content)


def _altered(path: Path) -> StoreError:
    return StoreError(f"{path} is missing or was changed after the run was published; --rerun corrupt trains it again")


def read_arrow(folder: Path, table: str, state: RunState, columns: Sequence[str] | None = None) -> pa.Table:
    """Read one table of a published run.

    Raises: StoreError if the file does not have the hash in result.json, or is not a table with these columns.
    """
    content, full_schema = read_verified(folder, table, state), schema(table, optional_columns(table, state.result))
    names = full_schema.names if columns is None else list(columns)
    rows = state.result["files"][f"{table}.parquet"]["rows"]
    try:
        return read_columns(content, pa.schema([full_schema.field(name) for name in names]), range(rows, rows + 1))
    except UNREADABLE as error:
        raise StoreError(f"{folder / table}.parquet is not a readable table: {error}") from error


def read_run_facts(folder: Path, run: Run, state: RunState) -> RunFacts:
    """Return the facts of a published run. Compare all of its files with their hashes first."""
    nothing: Any = np.empty(0, np.int64)
    try:
        columns = ["kind", "nominal_step", "return_mean", "wall_seconds"]
        evaluations = read_arrow(folder, "evaluations", state, columns)
        episodes = read_arrow(folder, "episodes", state, ["return", "end"])
        _check_ranges(folder, run, evaluations)
        _verify_others(folder, state)
    except StoreError as error:
        return RunFacts(str(error), math.nan, math.nan, nothing, nothing, nothing)
    returns = numbers(evaluations["return_mean"])
    final = equals(evaluations["kind"], "final")
    grid = equals(evaluations["kind"], "grid") & np.isfinite(returns)
    scores = returns[final] if final.any() else returns
    complete = numbers(episodes["return"])[~equals(episodes["end"], "abandoned")]
    complete = complete[np.abs(complete) <= LARGEST_RETURN]
    return RunFacts(
        "",
        float(scores[-1]) if len(scores) else math.nan,
        float(complete[-TRAINING_EPISODES:].mean()) if len(complete) else math.nan,
        numbers(evaluations["nominal_step"])[grid],
        returns[grid],
        numbers(evaluations["wall_seconds"])[grid],
    )


def _check_ranges(folder: Path, run: Run, evaluations: pa.Table) -> None:
    """Check that the numbers of evaluations are in the ranges that rlbench writes and can plot. Raises: StoreError."""
    columns = {name: numbers(evaluations[name]) for name in ("return_mean", "nominal_step", "wall_seconds")}
    limits = {"return_mean": (-LARGEST_RETURN, LARGEST_RETURN), "nominal_step": (0, run.task.steps)}
    limits["wall_seconds"] = (0, LONGEST)
    for name, values in columns.items():
        low, high = limits[name]
        checked = values[~np.isnan(values)] if name == "wall_seconds" else values  # imported runs may have no clock
        if not ((checked >= low) & (checked <= high)).all():
            raise StoreError(f"{folder / 'evaluations.parquet'} has a {name} that is not from {low:,} to {high:,}")


def _verify_others(folder: Path, state: RunState) -> None:
    """Check the hashes of the run's other files, on which no score depends. Raises: StoreError."""
    for name, entry in state.result["files"].items():
        if name in ("evaluations.parquet", "episodes.parquet"):
            continue
        try:
            digest = file_hash(folder / name)
        except OSError:
            digest = ""
        if digest != entry["sha256"]:
            raise _altered(folder / name)
