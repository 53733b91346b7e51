"""A cache of the main numbers of every published run in one file, so that thousands of files are not opened again.

index.parquet is only a cache: if it is deleted, stale or damaged, it is rebuilt from the runs' own files. A stamp for
each run (sizes and times of its files) shows whether its entry is current. index.sha256 contains the sha256 of
index.parquet. Small folders have no index.
"""

from __future__ import annotations

import hashlib
import math
import os
from collections.abc import Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from rlbench.api import LARGEST_RETURN, DiskFull, Run, StoreError
from rlbench.results.file_io import file_hash, read_bytes, replace_file
from rlbench.results.parquet_reader import UNREADABLE, equals, numbers, read_columns
from rlbench.results.parquet_writer import write_parquet
from rlbench.results.publication import optional_columns, schema
from rlbench.results.store import RunState, Store

TRAINING_EPISODES = 100
_NAME, _DIGEST, _VERSION = "index.parquet", "index.sha256", "2"
_WORTH_KEEPING = 200  # reading this many runs takes about as long as writing the cache
_READERS = 4
_LAST_STEP = 10**12  # largest budget
_LONGEST = 1e12  # longest run in seconds
_FILES = ("result.json", "evaluations.parquet", "episodes.parquet", "metrics.parquet", "policy.safetensors")
_GRID = ("steps", "returns", "wall_seconds")
_SCHEMA = pa.schema(
    [
        ("key", pa.string()),
        ("stamp", pa.string()),
        ("damaged", pa.string()),
        ("score", pa.float64()),
        ("training_return", pa.float64()),
        ("steps", pa.list_(pa.int64())),
        ("returns", pa.list_(pa.float64())),
        ("wall_seconds", pa.list_(pa.float64())),
    ],
    metadata={"rlbench.index_version": _VERSION},
)


class RunFacts(NamedTuple):
    """A summary of a published run's tables.

    damaged: why the tables cannot be used, or "".
    score: mean return of the final policy's evaluation or, without one, of the last evaluation; NaN without any.
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


def read_facts(
    store: Store, runs: Iterable[Run], states: Mapping[str, RunState], trusts_cache: bool = True
) -> dict[str, RunFacts]:
    """Return the facts of every published run, by key. Use the cache, and rewrite it if many runs had to be read.

    A store without `caches` is left as it is. trusts_cache: if false, every file is read, and the cache is left as it
    is too.
    """
    published = [run for run in runs if states[run.key].status.has_score]
    cached = _read_cache(store) if trusts_cache and len(published) >= _WORTH_KEEPING else {}
    stamps = {str(run.key): _stamp(store.folder(run)) for run in published}
    stale = [run for run in published if cached.get(str(run.key), ("",))[0] != stamps[str(run.key)]]
    with ThreadPoolExecutor(_READERS) as readers:  # reading, hashing and decoding release the interpreter lock
        reread = readers.map(lambda run: _read_run(store.folder(run), run, states[run.key]), stale)
        fresh = {str(run.key): facts for run, facts in zip(stale, reread)}
    facts_by_key = {key: fresh[key] if key in fresh else cached[key][1] for key in stamps}
    if len(stale) >= _WORTH_KEEPING and store.caches and trusts_cache:
        _write_cache(store.root / _NAME, facts_by_key, stamps)
    return facts_by_key


def read_verified(folder: Path, table: str, state: RunState) -> pa.BufferReader:
    """Return a published table's bytes. Raises: StoreError if they differ from what was published."""
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

    Raises: StoreError if the file is not the one that was published, or is not such a table.
    """
    content, full_schema = read_verified(folder, table, state), schema(table, optional_columns(table, state.result))
    names = full_schema.names if columns is None else list(columns)
    rows = state.result["files"][f"{table}.parquet"]["rows"]
    try:
        return read_columns(content, pa.schema([full_schema.field(name) for name in names]), range(rows, rows + 1))
    except UNREADABLE as error:
        raise StoreError(f"{folder / table}.parquet is not a readable table: {error}") from error


def _read_run(folder: Path, run: Run, state: RunState) -> RunFacts:
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
    """Check that evaluations have only numbers that rlbench can write and plot. Raises: StoreError."""
    columns = {name: numbers(evaluations[name]) for name in ("return_mean", "nominal_step", "wall_seconds")}
    limits = {"return_mean": (-LARGEST_RETURN, LARGEST_RETURN), "nominal_step": (0, run.task.steps)}
    limits["wall_seconds"] = (0, _LONGEST)
    for name, values in columns.items():
        low, high = limits[name]
        checked = values[~np.isnan(values)] if name == "wall_seconds" else values  # imported runs may have no clock
        if not ((checked >= low) & (checked <= high)).all():
            raise StoreError(f"{folder / 'evaluations.parquet'} has a {name} that is not from {low:,} to {high:,}")


def _verify_others(folder: Path, state: RunState) -> None:
    """Check that the files on which no score depends are unchanged, too. Raises: StoreError."""
    for name, entry in state.result["files"].items():
        if name in ("evaluations.parquet", "episodes.parquet"):
            continue
        try:
            digest = file_hash(folder / name)
        except OSError:
            digest = ""
        if digest != entry["sha256"]:
            raise _altered(folder / name)


def _stamp(folder: Path) -> str:
    stamps, prefix = [], str(folder)
    for name in _FILES:
        try:
            info = os.stat(f"{prefix}/{name}")  # building a Path would take longer than the stat
        except OSError:
            stamps.append("absent")
        else:
            stamps.append(f"{info.st_size} {info.st_mtime_ns} {info.st_ctime_ns}")
    return ", ".join(stamps)


def _read_cache(store: Store) -> dict[str, tuple[str, RunFacts]]:
    """Return stamp and facts by key; empty without a usable cache."""
    path = store.root / _NAME
    try:
        content, digest = read_bytes(path), read_bytes(path.with_name(_DIGEST), 1000)
        if hashlib.sha256(content).hexdigest().encode() != digest.strip():
            return {}
        table = read_columns(pa.BufferReader(content), _SCHEMA, range(len(os.listdir(store.root / "runs")) + 1))
        lengths = [pc.list_value_length(table[name]) for name in _GRID]
    except UNREADABLE:
        return {}
    if (
        (table.schema.metadata or {}).get(b"rlbench.index_version") != _VERSION.encode()
        or lengths[0] != lengths[1]
        or lengths[0] != lengths[2]
    ):
        return {}
    table = table.combine_chunks()
    plain = [table[name].to_pylist() for name in ("key", "stamp", "damaged", "score", "training_return")]
    lists = [_parts(table[name].chunk(0)) if table.num_rows else [] for name in _GRID]
    cached = {
        key: (stamp, RunFacts(damaged, score, training, *grid))
        for key, stamp, damaged, score, training, *grid in zip(*plain, *lists)
    }
    return cached if all(_is_possible(facts) for _, facts in cached.values()) else {}


def _is_possible(facts: RunFacts) -> bool:
    """Return whether the numbers are in the ranges that are required of a run's own files."""
    returns = np.array([facts.score, facts.training_return, *facts.returns])
    seconds, steps = facts.wall_seconds, facts.steps
    return bool(
        ((np.abs(returns) <= LARGEST_RETURN) | np.isnan(returns)).all()
        and (((seconds >= 0) & (seconds <= _LONGEST)) | np.isnan(seconds)).all()
        and ((steps >= 0) & (steps <= _LAST_STEP)).all()
    )


def cache_problem(store: Store, facts: Mapping[str, RunFacts]) -> str:
    """Return why the cache cannot be used or misleads; "" if it does not, or there is none.

    facts: of the published runs, by key, read from the runs' own files. Entries of runs that have changed since count
    as current no more, and are no problem.
    """
    path = store.root / _NAME
    if not (os.path.lexists(path) or os.path.lexists(path.with_name(_DIGEST))):
        return ""
    try:
        content, digest = read_bytes(path), read_bytes(path.with_name(_DIGEST), 1000)
    except OSError as error:
        return f"it cannot be read ({error.strerror})"
    if hashlib.sha256(content).hexdigest().encode() != digest.strip():
        return f"its hash is not the one in {_DIGEST}"
    cached = _read_cache(store)
    for run in store.runs():
        key = str(run.key)
        is_current = key in cached and key in facts and cached[key][0] == _stamp(store.folder(run))
        if is_current and not _are_equal(cached[key][1], facts[key]):
            return f"its numbers of {run.name} are not those of the run"
    return ""


def _are_equal(one: RunFacts, other: RunFacts) -> bool:
    pairs: Any = zip(one[1:], other[1:])
    return one.damaged == other.damaged and all(np.array_equal(a, b, equal_nan=True) for a, b in pairs)


def _parts(lists: pa.ListArray) -> list[NDArray[Any]]:
    ends, values = numbers(lists.offsets), numbers(lists.values)
    return [values[begin:end] for begin, end in zip(ends[:-1].tolist(), ends[1:].tolist())]


def _write_cache(path: Path, facts: Mapping[str, RunFacts], stamps: Mapping[str, str]) -> None:
    """Write the cache if possible; a read-only folder works without one."""
    columns: list[Any] = [
        list(facts),
        [stamps[key] for key in facts],
        *map(list, zip(*(f[:3] for f in facts.values()))),
    ]
    arrays = [pa.array(column, field.type) for column, field in zip(columns, _SCHEMA)]
    for name in _GRID:
        parts: list[NDArray[Any]] = [getattr(fact, name) for fact in facts.values()]
        offsets = np.concatenate([[0], np.cumsum([len(part) for part in parts])]).astype(np.int32)
        values = pa.array(np.concatenate(parts), _SCHEMA.field(name).type.value_type, from_pandas=False)
        arrays.append(pa.ListArray.from_arrays(pa.array(offsets), values))
    table = pa.Table.from_arrays(arrays, schema=_SCHEMA)
    try:
        digests: list[str] = []

        def write(draft: Path) -> None:
            write_parquet(draft, table)
            digests.append(file_hash(draft))

        replace_file(path, write)
        replace_file(path.with_name(_DIGEST), lambda draft: _write_text(draft, digests[0] + "\n"))
    except (OSError, DiskFull):
        return


def _write_text(path: Path, text: str) -> None:
    path.write_text(text, "utf-8")
