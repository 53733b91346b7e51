"""Merging of result folders, such as those of several machines, into one folder. The merged folders are only read.

If the process is killed, some runs count as not finished in the new folder. The next merge copies them.
"""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from itertools import chain
from pathlib import Path
from typing import Any, NamedTuple

from rlbench.analysis.sequential_log import NAME as DECISIONS
from rlbench.analysis.sequential_log import Decisions, write_decisions
from rlbench.api import Run, RunStatus, StoreError
from rlbench.maintenance.known_runs import KnownRuns, known_runs
from rlbench.maintenance.leftovers import is_draft
from rlbench.maintenance.merged_suite import common_decisions, refuse_mixtures, union_of_suites
from rlbench.maintenance.run_copies import Uncopied, copy_attempt, copy_run
from rlbench.process_control import failpoint
from rlbench.results import RunState, Store
from rlbench.results.attempt_files import archived_attempts
from rlbench.results.file_io import unwritable, write_json
from rlbench.results.jsonl_records import TABLES
from rlbench.results.newest_results import make_newest
from rlbench.results.record_frames import record_frame
from rlbench.results.requested_runs import DamagedRun
from rlbench.results.results_index import read_facts

_OWN = {"LOCK", DECISIONS}  # the files of a merge that was killed at its beginning
_APART = ["algorithm", "environment", "wall_seconds"]  # columns that may differ: labels and times
_IN_TRAINING = "its group is being trained; merge again when that has ended"


@dataclass
class MergeOutcome:
    """The result of a merge. Runs are named by their folders.

    copied: published runs that were copied. present: published runs that the target had already, with equal records.
    failed, unfinished: runs that are published in no folder. conflicts: a sentence for each run that two folders
    published with different records; the records of the first folder are kept. left_out: a sentence for each run or
    attempt that was not copied.
    """

    copied: list[str] = field(default_factory=list)
    present: set[str] = field(default_factory=set)
    failed: list[str] = field(default_factory=list)
    unfinished: list[str] = field(default_factory=list)
    conflicts: list[str] = field(default_factory=list)
    left_out: list[str] = field(default_factory=list)


class _Folder(NamedTuple):
    """The contents of a result folder, read once.

    document: the contents of suite.json. states: by the runs' keys. problems: what is wrong with damaged runs, by the
    runs' names. attempts: folders and archives, by the keys of their runs.
    """

    store: Store
    document: Mapping[str, Any]
    known: KnownRuns
    states: Mapping[str, RunState]
    problems: Mapping[str, str]
    attempts: Mapping[str, Sequence[Path]]
    in_use: bool

    def has(self, run: Run) -> bool:
        """Return whether the run is published in this folder with undamaged files."""
        return run.name not in self.problems and self.states[run.key].status.has_score


def merge_folders(sources: Sequence[Store], target: Store, version: str) -> MergeOutcome:
    """Copy the runs of `sources` into `target`, which may be a new folder or may have runs already.

    version: the version of rlbench to write into suite.json. Raises: SuiteError if the folders do not fit together;
    StoreError if a folder cannot be read or written, or if `target` is inside a source.
    """
    _refuse_place(sources, target)
    folders = [_read(store) for store in sources]
    if not (target.root / "LOCK").exists():
        _union(folders, target, version)  # check first, so that a refused merge leaves no new folder
    target.lock()
    try:
        _describe(folders, target, version)
        return _copy_runs(folders, _read(target))
    except OSError as error:
        raise unwritable(target.root, error) from error
    finally:
        target.unlock()


def _refuse_place(sources: Sequence[Store], target: Store) -> None:
    """Check that the target is a folder of results, or may become one. Raises: StoreError."""
    place = target.root.resolve()
    for store in sources:
        if place.is_relative_to(store.root.resolve()):
            raise StoreError(f"{target.root} is in {store.root}, which is only read; choose another folder with -o")
    is_ours = any((place / name).exists() for name in ("suite.json", "runs", "attempts"))
    if place.is_dir() and not is_ours and any(n not in _OWN and not is_draft(n) for n in os.listdir(place)):
        raise StoreError(f"{target.root} has other files and no results; choose another folder with -o")


def _read(store: Store) -> _Folder:
    """Read a folder. Raises: StoreError."""
    in_use, document = store.is_in_use(), store.suite()
    known = known_runs(store, document)
    states = store.states(known.runs)
    facts = read_facts(store, known.runs, states)
    problems = {run.name: states[run.key].message for run in known.runs if states[run.key].status == RunStatus.CORRUPT}
    problems |= {run.name: facts[run.key].damaged for run in known.runs if run.key in facts and facts[run.key].damaged}
    attempts: dict[str, list[Path]] = {}
    for path, description in chain(store.attempts(), archived_attempts(store.root)):
        for key in description["keys"].values():
            attempts.setdefault(key, []).append(path)
    return _Folder(store, document, known, states, problems, attempts, in_use)


def _union(folders: Sequence[_Folder], target: Store, version: str) -> tuple[Decisions | None, dict[str, Any]]:
    """Return the decisions and the suite of all folders and the target together. Raises: SuiteError or StoreError."""
    documents, runs = {}, {}
    if (target.root / "suite.json").exists():
        documents[target.root] = target.suite()
        runs[target.root] = target.runs(documents[target.root])
    documents |= {folder.store.root: folder.document for folder in folders}
    runs |= {folder.store.root: list(folder.known.requested) for folder in folders}
    refuse_mixtures(documents, runs)
    is_new = not (target.root in documents or (target.root / DECISIONS).exists())
    decisions = common_decisions([*([] if is_new else [target]), *(folder.store for folder in folders)])
    return decisions, union_of_suites(documents, runs, target.root.name, version)


def _describe(folders: Sequence[_Folder], target: Store, version: str) -> None:
    """Write the suite of all folders and a spec.json for each run, so that runs not yet copied count as planned."""
    decisions, suite = _union(folders, target, version)
    if decisions is not None:  # first: a folder with adaptive seeds must never look like one with fixed seeds
        write_decisions(target, decisions)
    write_json(target.root / "suite.json", suite)
    make_newest(target.root)
    failpoint("merge-described")
    known = {run.name: run for folder in folders for run in folder.known.runs if not isinstance(run, DamagedRun)}
    for run in known.values():
        target.describe_run(run)


def _copy_runs(folders: Sequence[_Folder], here: _Folder) -> MergeOutcome:
    """Copy the published runs that the target lacks, then the attempts from which unpublished runs can resume."""
    outcome = MergeOutcome()
    published = {run.name: here for run in here.known.runs if here.has(run)}
    for folder in folders:
        for run in folder.known.runs:
            try:
                _copy_or_compare(folder, run, here, published, outcome)
            except Uncopied as reason:
                outcome.left_out.append(f"{run.name} in {folder.store.root}: {reason}")
    for folder in folders:
        for run in folder.known.runs:
            if run.name not in published and run.name not in folder.problems and not folder.has(run):
                _copy_attempts(folder, run, here.store, outcome)
    missing = [run for run in here.known.requested if run.name not in published]
    states = here.store.states(missing)
    for run in missing:
        (outcome.failed if states[run.key].status.is_failure else outcome.unfinished).append(run.name)
    return outcome


def _copy_or_compare(
    folder: _Folder, run: Run, here: _Folder, published: dict[str, _Folder], outcome: MergeOutcome
) -> None:
    """Copy a published run, or compare it with the same run of an earlier folder. Raises: Uncopied."""
    if run.name in folder.problems:
        raise Uncopied(f"it is damaged: {folder.problems[run.name]}")
    if not folder.has(run):
        return
    if run.name in published:
        first = published[run.name]
        if not _have_equal_records(first, folder, run):
            others, ours = folder.store.root, first.store.root
            outcome.conflicts.append(f"{run.name} has other records in {others} than in {ours}; the latter are kept")
        elif first is here:
            outcome.present.add(run.name)
        return
    target = here.store
    if run.name in here.problems:
        raise Uncopied(f"the run in {target.root} is damaged; mend it with `rlbench doctor --fix`, and merge again")
    attempt = folder.states[run.key].attempt
    if folder.in_use and not _has_ended(folder.store.root / "attempts" / attempt):
        raise Uncopied(_IN_TRAINING)
    _copy_attempts(folder, run, target, outcome)
    copy_run(folder.store, run, folder.states[run.key], target)
    published[run.name] = folder
    outcome.copied.append(run.name)


def _has_ended(attempt: Path) -> bool:
    return not attempt.is_dir() or (attempt / "exit.json").exists()


def _have_equal_records(first: _Folder, other: _Folder, run: Run) -> bool:
    """Return whether a run has the same records and policy in two folders, apart from the time that it took."""
    results = [folder.states[run.key].result for folder in (first, other)]
    if results[0]["files"] == results[1]["files"]:
        return True
    for table in TABLES:
        one, two = (record_frame(folder.store, [run], folder.states, table) for folder in (first, other))
        if not one.drop(columns=_APART, errors="ignore").equals(two.drop(columns=_APART, errors="ignore")):
            return False
    one, two = ((r["status"], r["steps"], r["files"].get("policy.safetensors")) for r in results)
    return one == two


def _copy_attempts(folder: _Folder, run: Run, target: Store, outcome: MergeOutcome) -> None:
    """Copy the attempts of a run with their checkpoints. If the run is being trained, leave them out."""
    paths, status = folder.attempts.get(run.key, ()), folder.states[run.key].status
    if paths and folder.in_use and status in (RunStatus.RUNNING, RunStatus.PENDING):
        _add(outcome.left_out, f"{run.name} in {folder.store.root}: {_IN_TRAINING}")
        return
    for path in paths:
        try:
            copy_attempt(folder.store, path, target)
        except Uncopied as reason:
            _add(outcome.left_out, f"attempts/{path.name} in {folder.store.root}: {reason}")


def _add(sentences: list[str], sentence: str) -> None:
    if sentence not in sentences:  # the runs of a group share an attempt
        sentences.append(sentence)
