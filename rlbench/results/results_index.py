"""A cache in one file of what commands read of every run, so that hundreds of thousands of files are not opened again.

index.parquet is only a cache: if it is deleted, stale or damaged, it is rebuilt from the runs' own files. Each row has
a stamp: the sizes and times of the run's files before they were read and checked. If the files still have this stamp,
the row is current. index.sha256 contains the sha256 of index.parquet. Folders with fewer than 200 runs have no index.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any, NamedTuple

import numpy as np

from rlbench.api import Run
from rlbench.results.index_file import DIGEST, NAME, NOTHING, IndexRow, read_index_file, request_of, write_index_file
from rlbench.results.jsonl_records import TABLES
from rlbench.results.requested_runs import DamagedRun
from rlbench.results.run_facts import RunFacts, read_run_facts
from rlbench.results.run_states import RunState
from rlbench.results.store import Store

_WORTH_KEEPING = 200  # reading this many runs takes about as long as writing the cache
_READERS = 4
# The files of a run whose contents its row summarises.
_FILES = ("spec.json", "result.json", *(f"{table}.parquet" for table in TABLES), "policy.safetensors")


class Index(NamedTuple):
    """The current rows of the cache: of runs whose files have not changed. Each mapping is by the run's name.

    stamps: the stamps of all runs that were asked for, also without a current row. runs: the runs, without labels.
    states, facts: the states and facts of published runs.
    """

    stamps: Mapping[str, str] = {}
    runs: Mapping[str, Run] = {}
    states: Mapping[str, RunState] = {}
    facts: Mapping[str, RunFacts] = {}


def read_index(store: Store, names: Sequence[str]) -> Index:
    """Return the current rows and the stamps of the runs with these names. Return an empty Index for a small folder."""
    if len(names) < _WORTH_KEEPING or store.runs_folder.is_symlink():
        return Index()
    rows = _read_rows(store) or {}
    stamps = {name: _stamp(f"{store.runs_folder}/{name}") for name in names}
    current = {name: rows[name] for name, stamp in stamps.items() if name in rows and rows[name].stamp == stamp}
    return Index(
        stamps,
        {name: row.run for name, row in current.items()},
        {name: row.state for name, row in current.items() if row.state is not None},
        {name: row.facts for name, row in current.items() if row.facts is not None},
    )


def _read_rows(store: Store) -> dict[str, IndexRow] | None:
    try:
        return read_index_file(store.root, most=len(os.listdir(store.runs_folder)))
    except OSError:
        return None


def read_facts(
    store: Store,
    runs: Iterable[Run],
    states: Mapping[str, RunState],
    index: Index | None = None,
    trusts_cache: bool = True,
) -> dict[str, RunFacts]:
    """Return the facts of every published run, by key, from the cache where its rows are current.

    index: the answer of `read_index` before the runs and states were read. If many runs are missing in it, the cache is
    written again (if `store.caches`). trusts_cache: if false and there is no index, every file is read.
    """
    runs = [run for run in runs if not isinstance(run, DamagedRun)]
    if index is None:
        known: Index = read_index(store, [run.name for run in runs]) if trusts_cache else Index()
    else:
        known = index
    published = [run for run in runs if states[run.key].status.has_score]
    stale = [run for run in published if run.name not in known.facts]
    with ThreadPoolExecutor(_READERS) as readers:  # reading, hashing and decoding release the interpreter lock
        reread = readers.map(lambda run: read_run_facts(store.folder(run), run, states[run.key]), stale)
        fresh = {str(run.key): facts for run, facts in zip(stale, reread)}
    facts = {str(run.key): fresh.get(str(run.key)) or known.facts[run.name] for run in published}
    if index is not None and store.caches and sum(run.name not in index.runs for run in runs) >= _WORTH_KEEPING:
        named = [(run, index.stamps.get(run.name)) for run in runs]
        rows = [IndexRow(stamp, run, states[run.key], facts.get(run.key)) for run, stamp in named if stamp]
        write_index_file(store.root, rows)
    return facts


def _stamp(folder: str) -> str:
    """Return the sizes and times of a run's files as text; "" if the path is a link or no folder."""
    try:
        if not stat.S_ISDIR(os.lstat(folder).st_mode):
            return ""
    except OSError:
        return ""
    stamps = []
    for name in _FILES:
        try:
            info = os.stat(f"{folder}/{name}")  # building a Path would take longer than the stat
        except OSError:
            stamps.append("absent")
        else:
            stamps.append(f"{info.st_size} {info.st_mtime_ns} {info.st_ctime_ns}")
    return ", ".join(stamps)


def cache_problem(
    store: Store, runs: Sequence[Run], states: Mapping[str, RunState], facts: Mapping[str, RunFacts]
) -> str:
    """Return what is wrong with the cache; "" if it is right, or if there is no cache.

    runs, states, facts: read from the runs' own files; states and facts are by key. Rows of runs whose files have
    changed since are stale; they are not used, so they are no problem.
    """
    if not any(os.path.lexists(store.root / name) for name in (NAME, DIGEST)):
        return ""
    rows = _read_rows(store)
    if rows is None:
        return f"it cannot be read, or its hash is not the one in {DIGEST}"
    for run in runs:
        row = rows.get(run.name)
        if row is None or row.stamp != _stamp(str(store.folder(run))):
            continue
        same = row.run.key == run.key and request_of(row.run) == request_of(run)
        if row.state is not None and row.facts is not None:
            same = same and row.state.result == states[run.key].result
            same = same and _are_equal(row.facts, facts.get(run.key, NOTHING))
        if not same:
            return f"its row of {run.name} differs from the files of the run"
    return ""


def _are_equal(one: RunFacts, other: RunFacts) -> bool:
    pairs: Any = zip(one[1:], other[1:])
    return one.damaged == other.damaged and all(np.array_equal(a, b, equal_nan=True) for a, b in pairs)
