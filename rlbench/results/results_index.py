"""What reading a folder needs of each published run, kept in one file so that thousands are not opened again.

index.parquet is a cache: deleted, stale or damaged, it is made again from the runs' own files, which a run's stamp (sizes and
times of its files) ties it to. The sha256 of its bytes stands in index.sha256. Small folders have none.
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
import pyarrow.parquet as pq
from numpy.typing import NDArray

from rlbench.api import LARGEST_RETURN, Run, RunStatus, StoreError
from rlbench.results.file_io import file_hash, read_bytes, replace_file
from rlbench.results.parquet_reader import UNREADABLE, read_sound
from rlbench.results.publication import schema
from rlbench.results.store import RunState, Store

TRAINING_EPISODES = 100
SCORED = (RunStatus.DONE, RunStatus.DIVERGED)
_NAME, _DIGEST, _VERSION = "index.parquet", "index.sha256", "2"
_WORTH_KEEPING = 200  # so many runs read anew take about as long as the cache takes to write
_READERS = 4
_LONGEST = 1e12  # seconds of a run
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


class Facts(NamedTuple):
    """What a published run's tables say in short.

    damaged: why they cannot be used, or "". score: mean return of the last evaluation, the final policy's where there is
    one, NaN without any; training_return: mean of the last 100 whole training episodes. steps, returns, wall_seconds [T]:
    nominal step, mean return and training clock of each evaluation on the grid whose return is finite.
    """

    damaged: str
    score: float
    training_return: float
    steps: NDArray[np.int64]
    returns: NDArray[np.float64]
    wall_seconds: NDArray[np.float64]


def read_facts(store: Store, runs: Iterable[Run], states: Mapping[str, RunState]) -> dict[str, Facts]:
    """The facts of every published run, by key; the cache is used, and renewed where that is worth it."""
    published = [run for run in runs if states[run.key].status in SCORED]
    kept = _read(store) if len(published) >= _WORTH_KEEPING else {}
    stamps = {str(run.key): _stamp(store.folder(run)) for run in published}
    stale = [run for run in published if kept.get(str(run.key), ("",))[0] != stamps[str(run.key)]]
    with ThreadPoolExecutor(_READERS) as readers:  # reading, hashing and decoding leave the interpreter to others
        anew = readers.map(lambda run: _facts(store.folder(run), run, states[run.key]), stale)
        fresh = {str(run.key): facts for run, facts in zip(stale, anew)}
    found = {key: fresh[key] if key in fresh else kept[key][1] for key in stamps}
    if len(stale) >= _WORTH_KEEPING:
        _write(store.root / _NAME, found, stamps)
    return found


def verified(folder: Path, table: str, state: RunState) -> pa.BufferReader:
    """A published table's bytes. Raises: StoreError if they are not those that were published."""
    path = folder / f"{table}.parquet"
    expected = state.result["files"].get(path.name, {}).get("sha256")
    try:
        content = read_bytes(path)
    except OSError:
        content = b""
    if hashlib.sha256(content).hexdigest() != expected:
        raise StoreError(f"{path} is absent or not what was published")
    return pa.BufferReader(content)


def read_arrow(folder: Path, table: str, state: RunState, columns: Sequence[str] | None = None) -> pa.Table:
    """One table of a published run. Raises: StoreError if the file is not the one that was published, or no such table."""
    content, wanted = verified(folder, table, state), schema(table)
    names = wanted.names if columns is None else list(columns)
    rows = state.result["files"][f"{table}.parquet"]["rows"]
    try:
        return read_sound(content, pa.schema([wanted.field(name) for name in names]), range(rows, rows + 1))
    except UNREADABLE as error:
        raise StoreError(f"{folder / table}.parquet is no table that can be read: {error}") from error


def _facts(folder: Path, run: Run, state: RunState) -> Facts:
    nothing: Any = np.empty(0, np.int64)
    try:
        columns = ["kind", "nominal_step", "return_mean", "wall_seconds"]
        evaluations = read_arrow(folder, "evaluations", state, columns)
        episodes = read_arrow(folder, "episodes", state, ["return", "end"])
        _refuse_impossible(folder, run, evaluations)
        _verify_others(folder, state)
    except StoreError as error:
        return Facts(str(error), math.nan, math.nan, nothing, nothing, nothing)
    returns = evaluations["return_mean"].to_numpy()
    final = pc.equal(evaluations["kind"], "final").to_numpy()
    grid = pc.equal(evaluations["kind"], "grid").to_numpy() & np.isfinite(returns)
    chosen = returns[final] if final.any() else returns
    whole = episodes["return"].to_numpy()[pc.not_equal(episodes["end"], "abandoned").to_numpy()]
    whole = whole[np.abs(whole) <= LARGEST_RETURN]
    return Facts(
        "",
        float(chosen[-1]) if len(chosen) else math.nan,
        float(whole[-TRAINING_EPISODES:].mean()) if len(whole) else math.nan,
        evaluations["nominal_step"].to_numpy()[grid],
        returns[grid],
        evaluations["wall_seconds"].to_numpy()[grid],
    )


def _refuse_impossible(folder: Path, run: Run, evaluations: pa.Table) -> None:
    """Raises: StoreError for evaluations with numbers that no run of rlbench has, and that no plot has room for."""
    columns = {name: evaluations[name].to_numpy() for name in ("return_mean", "nominal_step", "wall_seconds")}
    limits = {"return_mean": (-LARGEST_RETURN, LARGEST_RETURN), "nominal_step": (0, run.task.steps)}
    limits["wall_seconds"] = (0, _LONGEST)
    for name, values in columns.items():
        low, high = limits[name]
        known = values[~np.isnan(values)] if name == "wall_seconds" else values  # imported runs may have no clock
        if not ((known >= low) & (known <= high)).all():
            raise StoreError(f"{folder / 'evaluations.parquet'} has a {name} that is not from {low:,} to {high:,}")


def _verify_others(folder: Path, state: RunState) -> None:
    """Raises: StoreError where a file that no score is made of is not the one that was published."""
    for name, facts in state.result["files"].items():
        if name in ("evaluations.parquet", "episodes.parquet"):
            continue
        try:
            found = file_hash(folder / name)
        except OSError:
            found = ""
        if found != facts["sha256"]:
            raise StoreError(f"{folder / name} is absent or not what was published")


def _stamp(folder: Path) -> str:
    said, within = [], str(folder)
    for name in _FILES:
        try:
            found = os.stat(f"{within}/{name}")  # as a Path each would take longer to name than to look up
        except OSError:
            said.append("absent")
        else:
            said.append(f"{found.st_size} {found.st_mtime_ns} {found.st_ctime_ns}")
    return ", ".join(said)


def _read(store: Store) -> dict[str, tuple[str, Facts]]:
    """Stamp and facts by key; empty where there is no cache, or one that cannot be used."""
    path = store.root / _NAME
    try:
        content, digest = read_bytes(path), read_bytes(path.with_name(_DIGEST), 1000)
        if hashlib.sha256(content).hexdigest().encode() != digest.strip():
            return {}
        table = read_sound(pa.BufferReader(content), _SCHEMA, range(len(os.listdir(store.root / "runs")) + 1))
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
    return {
        key: (stamp, Facts(damaged, score, training, *grid))
        for key, stamp, damaged, score, training, *grid in zip(*plain, *lists)
    }


def _parts(lists: pa.ListArray) -> list[NDArray[Any]]:
    ends, values = lists.offsets.to_numpy(), lists.values.to_numpy()
    return [values[begin:end] for begin, end in zip(ends[:-1].tolist(), ends[1:].tolist())]


def _write(path: Path, facts: Mapping[str, Facts], stamps: Mapping[str, str]) -> None:
    """Write the cache, or not: a folder that can only be read is as good without."""
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
            pq.write_table(table, draft, compression="zstd")
            digests.append(file_hash(draft))

        replace_file(path, write)
        replace_file(path.with_name(_DIGEST), lambda draft: _write_text(draft, digests[0] + "\n"))
    except OSError:
        return


def _write_text(path: Path, text: str) -> None:
    path.write_text(text)
