"""Checkup of runs: whether spec.json, result.json and every hashed file are undamaged, and what can be restored."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping, Sequence
from functools import cached_property, partial
from pathlib import Path
from typing import Any

from rlbench.api import Run, RunStatus, StoreError
from rlbench.maintenance.attempt_checkup import attempted_runs
from rlbench.maintenance.findings import Finding, to_do
from rlbench.maintenance.known_runs import known_runs
from rlbench.maintenance.quarantine import move_aside, moved
from rlbench.results import RunState, Store
from rlbench.results.file_io import file_hash
from rlbench.results.record_checks import check_counts
from rlbench.results.requested_runs import DamagedRun
from rlbench.results.results_index import read_facts
from rlbench.results.run_facts import RunFacts, read_arrow
from rlbench.results.table_repair import restorable_tables, restore_tables
from rlbench.text import join_names

KIND, UNFINISHED = "damaged runs", "unfinished runs"  # kinds of findings
# The columns that `check_counts` needs.
_COUNTED = {
    "evaluations": ["kind", "nominal_step", "step"],
    "episodes": ["rank", "episode", "length", "step"],
    "metrics": ["step"],
}


class RunCheckup:
    """The runs of a folder, read once from their own files.

    document: the contents of suite.json; None if it cannot be used. Runs that it does not list are found by their
    folders.
    """

    def __init__(self, store: Store, document: Mapping[str, Any] | None) -> None:
        self._store, self._known = store, known_runs(store, document)
        self.requested = self._known.requested
        entries = document["runs"] if document is not None else ()
        self.imported = {entry["folder"] for entry in entries if entry.get("imported")}
        runs = self._known.runs
        self.states = store.states(runs)
        self.facts: Mapping[str, RunFacts] = read_facts(store, runs, self.states, trusts_cache=False)
        self.damaged: dict[str, bool] = {}  # by key: whether a damaged run that was found can be restored

    @cached_property
    def _attempted(self) -> Mapping[str, Run]:
        return attempted_runs(self._store)

    def findings(self) -> Iterator[Finding]:
        """Yield what is wrong with the runs. That a run is not finished is no problem here."""
        for run in self._known.runs:
            folder = self._store.folder(run)
            if isinstance(run, DamagedRun):
                if not folder.is_symlink():  # the listing of the folder reports links
                    yield self._without_spec(run.name, _reason(run.damage, folder).removeprefix(f"{folder}: "))
            elif self.states[run.key].status == RunStatus.CORRUPT:
                yield self._damaged(run, _reason(self.states[run.key].message, folder))
            elif run.key in self.facts and (problem := self._problem(run)):
                yield self._damaged(run, problem)
        for folder, reason in self._known.unreadable:
            yield self._without_spec(folder.name, reason)

    def _problem(self, run: Run) -> str:
        """Return what is wrong with the files of a published run; "" if nothing."""
        state, folder = self.states[run.key], self._store.folder(run)
        changed = [text for name, entry in state.result["files"].items() if (text := _changed(folder / name, entry))]
        if changed:
            return join_names(changed)
        if self.facts[run.key].damaged:
            return self.facts[run.key].damaged.replace(f"{folder}{os.sep}", "")
        try:
            rows = {table: read_arrow(folder, table, state, columns).to_pylist() for table, columns in _COUNTED.items()}
            check_counts(run, rows, metered=state.result.get("metering") != "self-reported")
        except StoreError as error:
            return _reason(str(error), folder)
        return ""

    def _damaged(self, run: Run, problem: str) -> Finding:
        is_imported, names = run.name in self.imported, _restorable(self._store, run, self.states[run.key])
        self.damaged[run.key] = bool(names)
        if names:
            advice = f"--fix restores {join_names(names)} from its attempt, exactly as published"
        elif is_imported:
            advice = "--fix moves it to superseded/; then import it again"
        elif any(run is one for one in self.requested):
            advice = "--fix moves it to superseded/, and the next `rlbench run` trains it again"
        else:
            advice = "--fix moves it to superseded/"
        is_trained = not is_imported and any(run is one for one in self.requested)
        mend = partial(_restore_or_move, self._store, run, is_trained)
        return to_do(f"runs/{run.name}", problem, advice, KIND, mend)

    def _without_spec(self, name: str, reason: str) -> Finding:
        """Return the finding of a run whose spec.json cannot be used."""
        store, where = self._store, f"runs/{name}"
        is_requested = any(run.name == name for run in self.requested)
        if name in self.imported:
            return to_do(where, reason, "import it again", KIND)
        if not (store.root / where).exists():
            return to_do(where, reason, "the next `rlbench run` trains it again", UNFINISHED)
        run = self._attempted.get(name)
        if run is not None:
            advice = "--fix writes spec.json again, from an attempt to train the run"
            return to_do(where, reason, advice, KIND, partial(_restore_spec, store, run))
        if is_requested:
            return to_do(where, reason, "the next `rlbench run` writes it again, and keeps the result", KIND)
        mend = partial(moved, store.root, store.root / where, "no-spec")
        return to_do(where, reason, "--fix moves it to superseded/", KIND, mend)


def _reason(message: str, folder: Path) -> str:
    """Return a message without its advice, with its paths relative to the run's folder."""
    return (message.rpartition("; ")[0] or message).replace(f"{folder}{os.sep}", "")


def _changed(path: Path, entry: Mapping[str, Any]) -> str:
    """Return in words what happened to a published file; "" if it still has its hash."""
    try:
        digest = file_hash(path)
    except FileNotFoundError:
        return f"{path.name} is missing"
    except OSError as error:
        return f"{path.name} cannot be read ({error.strerror})"
    return "" if digest == entry["sha256"] else f"{path.name} was changed after it was published"


def _restorable(store: Store, run: Run, state: RunState) -> Sequence[str]:
    """Return a run's damaged tables if all its damaged files can be restored from the attempt's lines, else []."""
    if not state.result:
        return []
    names = restorable_tables(store, run, state)
    changed = {name for name, entry in state.result["files"].items() if _changed(store.folder(run) / name, entry)}
    return names if changed <= set(names) else []


def _restore_or_move(store: Store, run: Run, is_trained: bool) -> str:
    """Restore a damaged run from its attempt's lines if they give the published hashes; otherwise move it aside.

    is_trained: whether the suite requests and trains the run; if so, a moved run gets a new folder with its spec.json.
    """
    state, folder = store.states([run])[run.key], store.folder(run)
    if names := _restorable(store, run, state):
        for name in names:
            if os.path.lexists(folder / name):
                move_aside(store.root, folder / name, "damaged")
        return f"{join_names(restore_tables(store, run, state))} restored from its attempt, exactly as published"
    text = moved(store.root, folder, "damaged")
    if is_trained:
        store.describe_run(run)
    return text


def _restore_spec(store: Store, run: Run) -> str:
    path = store.folder(run) / "spec.json"
    if os.path.lexists(path):
        move_aside(store.root, path, "damaged")
    store.describe_run(run)
    return "spec.json written again, from an attempt to train the run"
