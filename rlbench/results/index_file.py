"""The cache of a result folder: index.parquet, with one row of facts for each run, and its sha256 in index.sha256.

The cache may come from anybody, so its values are checked for the same shapes and ranges as the files of runs.
"""

from __future__ import annotations

import hashlib
import json
import math
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from rlbench.api import LARGEST_RETURN, DiskFull, Run, RunKey, canonical
from rlbench.results.file_io import file_hash, read_bytes, replace_file
from rlbench.results.json_shapes import COMMON, OWN, check_common_parts, check_group_parts, check_own_parts, parse_run
from rlbench.results.parquet_reader import UNREADABLE, numbers, read_columns
from rlbench.results.parquet_writer import write_parquet
from rlbench.results.run_facts import LONGEST, RunFacts
from rlbench.results.run_states import SCHEMA_VERSION, RunState, state_of_result

NAME, DIGEST, _VERSION = "index.parquet", "index.sha256", "3"
_OWN, _APART = {*OWN}, {*OWN, *COMMON}
_LAST_STEP = 10**12  # largest budget
_GRID = ("steps", "returns", "wall_seconds")
_REPEATED = pa.dictionary(pa.int32(), pa.string())
# request: spec.json without seed and key. own, group, common: three parts of result.json, which `json_shapes` defines;
# the entry `order` of common contains the names of all entries in their order. own is "" if the run is not published.
_SCHEMA = pa.schema(
    [
        ("name", pa.string()),
        ("stamp", pa.string()),
        ("key", pa.string()),
        ("seed", pa.int64()),
        ("request", _REPEATED),
        ("own", pa.string()),
        ("group", _REPEATED),
        ("common", _REPEATED),
        ("damaged", pa.string()),
        ("score", pa.float64()),
        ("training_return", pa.float64()),
        ("steps", pa.list_(pa.int64())),
        ("returns", pa.list_(pa.float64())),
        ("wall_seconds", pa.list_(pa.float64())),
    ],
    metadata={"rlbench.index_version": _VERSION},
)


class IndexRow(NamedTuple):
    """A run's row in the cache.

    stamp: the sizes and times of the run's files when they were read. state, facts: None if it is not published.
    """

    stamp: str
    run: Run
    state: RunState | None = None
    facts: RunFacts | None = None


def read_index_file(folder: Path, most: int) -> dict[str, IndexRow] | None:
    """Return the rows of a result folder's cache by the runs' names; None if there is no usable cache.

    most: the most rows that the cache may have.
    """
    try:
        content, digest = read_bytes(folder / NAME), read_bytes(folder / DIGEST, 1000)
        if hashlib.sha256(content).hexdigest().encode() != digest.strip():
            return None
        table = read_columns(pa.BufferReader(content), _SCHEMA, range(1, most + 1))
        if (table.schema.metadata or {}).get(b"rlbench.index_version") != _VERSION.encode():
            return None
        return _rows(table.combine_chunks())
    except (*UNREADABLE, TypeError, AttributeError, RecursionError):
        return None


def _rows(table: pa.Table) -> dict[str, IndexRow]:
    """Return the rows of a cache by the runs' names. Raises: ValueError or KeyError if it cannot be used."""
    names, stamps, keys, seeds, own = (table[name].to_pylist() for name in ("name", "stamp", "key", "seed", "own"))
    runs = _runs(names, keys, seeds, _decoded(table["request"], dict))
    group, common = _decoded(table["group"], _checked_group), _decoded(table["common"], _checked_common)
    rows: dict[str, IndexRow] = {}
    for i, facts in enumerate(_facts(table)):
        state = _state(json.loads(own[i]), group[i], common[i], runs[i]) if own[i] else None
        rows[names[i]] = IndexRow(stamps[i], runs[i], state, None if state is None else facts)
    if len(rows) < table.num_rows or len(set(keys)) < table.num_rows:
        raise ValueError("it has a run twice")
    return rows


def _decoded(column: pa.ChunkedArray, check: Callable[[Any], Any]) -> list[Any]:
    """Return the JSON value of each row, checked by `check`. Rows with equal text share one object."""
    values = [check(json.loads(text)) for text in column.chunk(0).dictionary.to_pylist()]
    return [values[code] for code in numbers(column.chunk(0).indices).tolist()]


def _runs(names: Sequence[str], keys: Sequence[str], seeds: Sequence[int], requests: Sequence[Any]) -> list[Run]:
    """Return the run of each row. For each distinct request, check the first run as a spec.json is checked."""
    patterns: dict[int, tuple[Run, str]] = {}
    runs = []
    for name, key, seed, request in zip(names, keys, seeds, requests):
        if id(request) not in patterns:
            first = parse_run({**request, "seed": seed, "key": key}, "")
            patterns[id(request)] = first, first.name.rsplit("--", 2)[0]
        first, prefix = patterns[id(request)]
        run = Run(first.algorithm, first.config, first.task, seed, "", first.seed_space, first.precision)
        run.__dict__["key"] = RunKey(key)  # computed from spec.json, which has not changed since
        run.__dict__["name"] = name
        if name != f"{prefix}--s{seed:02d}--{run.key.short}":
            raise ValueError("it has a run with the name of another one")
        runs.append(run)
    return runs


def _checked_group(parts: Any) -> Any:
    if check_group_parts(parts).keys() & _APART:
        raise ValueError("some fields are in the wrong column")
    return parts


def _checked_common(parts: Any) -> Any:
    if check_common_parts(parts).keys() - {*COMMON, "order"}:
        raise ValueError("some fields are in the wrong column")
    return parts


def _state(own: Any, group: Mapping[str, Any], common: Mapping[str, Any], run: Run) -> RunState:
    if check_own_parts(own, run)["schema_version"] != SCHEMA_VERSION or own.keys() - _OWN:
        raise ValueError("a result has another format version, or fields in the wrong column")
    parts = {**group, **common, **own}
    result = {name: parts[name] for name in parts.pop("order")}
    if len(result) < len(parts):
        raise ValueError("a result lacks some fields")
    return state_of_result(result)


def _facts(table: pa.Table) -> list[RunFacts]:
    """Return the facts in each row. Raises: ValueError for numbers that no run can have."""
    lists = [table[name].chunk(0) for name in _GRID]
    offsets = [numbers(each.offsets) for each in lists]
    if not all(np.array_equal(offsets[0], other) for other in offsets[1:]):
        raise ValueError("it has curves of unequal lengths")
    plain = [numbers(table[name]) for name in ("score", "training_return")]
    steps, returns, seconds = (numbers(each.values) for each in lists)
    if not (
        all(((np.abs(values) <= LARGEST_RETURN) | np.isnan(values)).all() for values in (*plain, returns))
        and (((seconds >= 0) & (seconds <= LONGEST)) | np.isnan(seconds)).all()
        and ((steps >= 0) & (steps <= _LAST_STEP)).all()
    ):
        raise ValueError("it has numbers that no run has")
    ends = offsets[0].tolist()
    return [
        RunFacts(damaged, score, training, steps[begin:end], returns[begin:end], seconds[begin:end])
        for damaged, score, training, begin, end in zip(
            table["damaged"].to_pylist(), plain[0].tolist(), plain[1].tolist(), ends[:-1], ends[1:]
        )
    ]


NOTHING = RunFacts("", math.nan, math.nan, *(np.empty(0, np.int64), np.empty(0), np.empty(0)))


def write_index_file(folder: Path, rows: Sequence[IndexRow]) -> None:
    """Write the cache. If the folder cannot be written, do nothing: it works without a cache."""
    results = [row.state.result if row.state is not None and row.facts is not None else {} for row in rows]
    summaries = [NOTHING if row.facts is None else row.facts for row in rows]
    columns: list[list[Any]] = [
        [row.run.name for row in rows],
        [row.stamp for row in rows],
        [str(row.run.key) for row in rows],
        [row.run.seed for row in rows],
        [request_of(row.run) for row in rows],
        [json.dumps(_parts(result, OWN)) if result else "" for result in results],
        [json.dumps({name: value for name, value in result.items() if name not in _APART}) for result in results],
        [json.dumps({**_parts(result, COMMON), "order": list(result)}) for result in results],
        *map(list, zip(*(summary[:3] for summary in summaries))),
    ]
    arrays = [pa.array(column, field.type) for column, field in zip(columns, _SCHEMA)]
    for name in _GRID:
        parts: list[NDArray[Any]] = [getattr(summary, name) for summary in summaries]
        offsets = np.concatenate([[0], np.cumsum([len(part) for part in parts])]).astype(np.int32)
        kind = _SCHEMA.field(name).type
        values = pa.array(np.concatenate(parts), kind.value_type, from_pandas=False)
        arrays.append(pa.ListArray.from_arrays(pa.array(offsets), values))
    table = pa.Table.from_arrays(arrays, schema=_SCHEMA)
    try:
        digests: list[str] = []

        def write(draft: Path) -> None:
            write_parquet(draft, table)
            digests.append(file_hash(draft))

        replace_file(folder / NAME, write)
        replace_file(folder / DIGEST, lambda draft: _write_text(draft, digests[0] + "\n"))
    except (OSError, DiskFull):
        return


def _parts(result: Mapping[str, Any], names: Sequence[str]) -> dict[str, Any]:
    return {name: result[name] for name in names if name in result}


def request_of(run: Run) -> str:
    """Return a run's spec.json without its seed and key, as JSON."""
    request = {"algorithm": run.algorithm, "config": run.config, "task": run.task.requested}
    return canonical({**request, "seed_space": run.seed_space, "precision": run.precision})


def _write_text(path: Path, text: str) -> None:
    path.write_text(text, "utf-8")
