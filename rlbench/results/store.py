"""The result folder of a suite: its layout, its single writer, and the states of runs, which follow from its files.

suite.json  LOCK  queue/  runs/<run>/{spec.json, result.json, *.parquet, policy.safetensors}
attempts/<group>-0001-<host>-<pid>-<rand>/{group.json, *.jsonl, *.log, heartbeat, exit.json, checkpoints/}
"""

from __future__ import annotations

import json
import os
import shutil
import socket
import time
from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from functools import cache
from pathlib import Path
from types import MappingProxyType
from typing import Any

from rlbench.api import LockedError, Run, RunGroup, RunStatus, StoreError, group_as_dict, slug
from rlbench.results.attempt_files import SUFFIX, member_of
from rlbench.results.checksums import CHECKSUM, with_checksum
from rlbench.results.file_io import (
    make_folder,
    parse_json,
    publish_file,
    read_json,
    refuse_outside,
    temporary_path,
    unreadable,
    unwritable,
    why_unreadable,
    write_json,
)
from rlbench.results.folder_lock import Lock
from rlbench.results.job_queue import JobQueue
from rlbench.results.json_shapes import ShapeError, check_attempt, check_suite
from rlbench.results.newest_results import make_newest
from rlbench.results.requested_runs import IMPORTED, DamagedRun, as_named, read_run, read_runs, spec_of, with_budgets
from rlbench.results.run_states import SCHEMA_VERSION, Parts, RunState, attempted_state, published_state

MOST_SUITE = 256 << 20  # largest suite.json, in bytes
NOTHING: Mapping[str, Any] = MappingProxyType({})


class Store:
    """A result folder. Reading needs no lock.

    caches: whether reading may write the cache index.parquet into the folder; if false, reading writes nothing.
    """

    def __init__(self, root: Path, caches: bool = True) -> None:
        root = root.absolute()  # an algorithm in this process may change the current folder
        self.root, self.caches = root, caches
        self.runs_folder = root / "runs"  # built once: for ten thousand runs, building paths takes long
        self._lock = Lock(root)
        self._depth = 0  # how often this object has taken the lock
        self._numbered = set[str]()  # names of the attempts that are counted in the next line
        self._counts, self._order = Counter[str](), 0  # attempts by name of group; order of the latest

    # -- writing -------------------------------------------------------------------------------------------------
    def lock(self, with_queue: bool = False) -> None:
        """Make the folder and become its only writer until `unlock` or the end of this process.

        The lock is reentrant: after n calls of `lock`, the nth call of `unlock` releases it. with_queue: whether the
        caller continues the groups in the queue. Raises: LockedError if another process holds the lock, or if
        groups are queued and with_queue is false; StoreError if nothing can be written.
        """
        if self._depth == 0:
            make_folder(self.root)
            self._lock.take()
            try:
                if not with_queue:
                    JobQueue(self.root).refuse_entries()
                self._refuse_newer(read_json(self.root / "suite.json"))
                for name in ("runs", "attempts", "superseded"):
                    refuse_outside(self.root, self.root / name)
            except (StoreError, LockedError):
                self._lock.give_back()
                raise
        self._depth += 1

    def unlock(self) -> None:
        self._depth = max(0, self._depth - 1)
        if self._depth == 0:
            self._numbered, self._counts = set(), Counter()
            self._lock.give_back()

    def is_in_use(self) -> bool:
        """Return whether another process writes to the folder, as `rlbench run` and the tasks of a cluster do."""
        return self._lock.is_held_elsewhere() or bool(JobQueue(self.root).entries())

    def set_aside(self, run: Run, again: bool = False) -> None:
        """Move a published run to superseded/; nothing is deleted.

        again: the run will be trained again, so a folder with its spec.json takes its place: no reader misses the run.
        """
        if not (self.folder(run) / "result.json").exists():
            return
        place = make_folder(self.root / "superseded") / f"{run.name}--{time.time_ns()}"
        draft = temporary_path(place)
        if again:
            try:
                publish_file(make_folder(draft) / "spec.json", _spec_text(run))
            except BaseException:
                shutil.rmtree(draft, ignore_errors=True)
                raise
        os.rename(self.folder(run), place)
        if again:
            os.rename(draft, self.folder(run))

    def describe_suite(
        self,
        suite: Mapping[str, Any],
        runs: Sequence[Run],
        version: str,
        skipped: Sequence[Mapping[str, str]] = (),
        adaptive: bool = False,
    ) -> None:
        """Write suite.json, and a spec.json for each run that has none.

        skipped: for each skipped pair its algorithm, environment, reason and status. adaptive: whether interim
        analyses decide the number of runs.
        """
        previous = self._previous_suite()
        try:
            entries: list[Mapping[str, Any]] = [self.describe_run(run) for run in runs]
            entries += self._entries_to_keep(previous.get("runs", ()), entries, skipped)
            document = {"schema_version": SCHEMA_VERSION, "rlbench": version, "suite": suite, "runs": entries}
            document |= {"skipped": list(skipped), **({"adaptive": True} if adaptive else {})}
            document = with_checksum(document)
            if document[CHECKSUM] != previous.get(CHECKSUM):
                write_json(self.root / "suite.json", document)
            make_newest(self.root)
        except OSError as error:
            raise unwritable(self.root, error) from error

    def _entries_to_keep(
        self,
        previous: Sequence[Mapping[str, Any]],
        entries: Sequence[Mapping[str, Any]],
        skipped: Sequence[Mapping[str, str]],
    ) -> list[Mapping[str, Any]]:
        """Return the previous entries to keep: imported runs, and finished runs whose plugin fails now."""
        new = {entry["folder"] for entry in entries}
        failed = {(pair["algorithm"], pair["environment"]) for pair in skipped if pair["status"] == RunStatus.FAILED}
        return [
            entry
            for entry in previous
            if entry["folder"] not in new and (entry.get("imported") or self._has_failed_since(entry, failed))
        ]

    def _has_failed_since(self, entry: Mapping[str, Any], failed: Collection[tuple[str, str]]) -> bool:
        if not (self.runs_folder / entry["folder"] / "result.json").exists():
            return False
        try:
            run = as_named(read_run(self.runs_folder / entry["folder"], entry["label"]), entry, {})
        except ShapeError:
            return False
        return (run.label, run.task.name) in failed

    def _previous_suite(self) -> Mapping[str, Any]:
        """Return the contents of suite.json. If it is missing or damaged, return entries for the imported runs.

        Imported runs are looked up in their folders, because no suite requests them.
        """
        path = self.root / "suite.json"
        try:
            return self.suite()
        except StoreError as error:
            if isinstance(error.__cause__, PermissionError):
                raise
            if path.exists():
                os.rename(path, make_folder(self.root / "superseded") / f"suite.json--{time.time_ns()}")
        entries = []
        for folder in sorted(self.runs_folder.glob("*")):
            with suppress(ShapeError):
                run = read_run(folder, "")
                if run.algorithm.startswith(IMPORTED):
                    label = run.algorithm.removeprefix(IMPORTED)
                    entries.append({"folder": run.name, "label": label, "imported": True})
        return {"runs": entries}

    def describe_run(self, run: Run) -> dict[str, Any]:
        """Write a run's spec.json if it is missing or wrong. Returns: the run's entry in suite.json."""
        folder = self.folder(run)
        refuse_outside(self.root, folder)
        make_folder(folder)
        text = _spec_text(run)
        if not (folder / "spec.json").exists():
            publish_file(folder / "spec.json", text)
        try:
            read_run(folder, run.label)
        except ShapeError:
            write_json(folder / "spec.json", json.loads(text))
        return {"folder": run.name, "label": run.label, **({"environment": run.task.label} if run.task.label else {})}

    def add_imported(
        self, runs: Sequence[Run], suite: Mapping[str, Any], version: str, replaced: Sequence[Run] = ()
    ) -> None:
        """Add imported runs to suite.json. They remain there when the suite is run.

        suite: what to write if the folder has no suite.json yet. replaced: imported runs to remove from suite.json and
        to move to superseded/. If there are any, suite.json also takes the budgets of `suite`.
        """
        document: Mapping[str, Any]
        if (self.root / "suite.json").exists():
            document = self.suite()
        else:
            document = {"schema_version": SCHEMA_VERSION, "rlbench": version, "suite": suite, "runs": [], "skipped": []}
        removed = {run.name for run in replaced}
        entries = [entry for entry in document["runs"] if entry["folder"] not in removed]
        listed = {entry["folder"] for entry in entries}
        try:
            added = [self.describe_run(run) | {"imported": True} for run in runs if run.name not in listed]
            if replaced:
                document = {**document, "suite": with_budgets(document["suite"], suite)}
            write_json(self.root / "suite.json", with_checksum({**document, "runs": [*entries, *added]}))
            make_newest(self.root)
            for run in replaced:
                self.set_aside(run)
        except OSError as error:
            raise unwritable(self.root, error) from error

    def new_attempt(self, group: RunGroup, restore: Mapping[int, str], plugin: str, profile: bool = False) -> Path:
        """Make a folder with a group.json for one process that trains `group`, and return it.

        restore: for each member of the group the checkpoint to resume from, relative to the result folder; if empty,
        start at step 0. profile: whether to measure the group's CPU time by part.
        """
        parent = make_folder(self.root / "attempts")
        if not self._depth or not self._numbered or JobQueue(self.root).folder.exists():  # others may make attempts
            self._number_attempts()
        self._counts[group.name] += 1
        number = self._counts[group.name]
        name = f"{group.name}-{number:04d}-{slug(socket.gethostname(), 20)}-{os.getpid()}-{os.urandom(3).hex()}"
        folder = make_folder(parent / name)
        keys = {str(member): run.key for member, run in zip(group.members, group.runs)}
        self._order = max(time.time_ns(), self._order + 1)  # rises even if the clock was set back
        write_json(
            folder / "group.json",
            {
                "schema_version": SCHEMA_VERSION,
                "order": self._order,
                "keys": keys,
                "group": group_as_dict(group),
                "plugin": plugin,
                "restore": dict(restore),
                "profile": profile,
            },
        )
        self._numbered.add(name)
        return folder

    def _number_attempts(self) -> None:
        """Count the attempts of each group, including archives. Skip those that an earlier call counted."""
        names = {path.name.removesuffix(SUFFIX) for path in (self.root / "attempts").glob("[!.]*")}
        for name in names - self._numbered:
            group, _, rest = name.rpartition("--")
            self._counts[f"{group}--{rest.partition('-')[0]}"] += 1
            with suppress(OSError, ValueError):
                path = self.root / "attempts" / name / "group.json"
                self._order = max(self._order, check_attempt(parse_json(path))["order"])
        self._numbered = names

    # -- reading -------------------------------------------------------------------------------------------------
    def folder(self, run: Run) -> Path:
        return self.runs_folder / run.name

    def suite(self) -> Mapping[str, Any]:
        """Return the contents of suite.json.

        Raises: StoreError if this is not a result folder, if it cannot be read or was written by a newer version, or if
        suite.json is damaged.
        """
        path = self.root / "suite.json"
        try:
            document = parse_json(path, MOST_SUITE)
            self._refuse_newer(document)
            suite = check_suite(document)
            for folder in (self.runs_folder, self.root / "attempts"):
                if folder.exists():
                    os.scandir(folder).close()  # raises for an unreadable folder, which would otherwise seem empty
        except FileNotFoundError as error:
            parts = [self.root / name for name in ("tuning", "final") if (self.root / name / "suite.json").exists()]
            hint = f"; `rlbench tune` has put them into {' and '.join(map(str, parts))}" if parts else ""
            raise StoreError(f"{self.root}: no results here (there is no suite.json){hint}") from error
        except PermissionError as error:
            raise unreadable(Path(str(error.filename)), error) from error
        except (OSError, ValueError) as error:
            raise StoreError(
                f"{path} does not have the form that rlbench writes ({why_unreadable(error)}); `rlbench run SUITE -o"
                f" {self.root}` rewrites it and keeps every run"
            ) from error
        return suite

    def damage(self) -> str:
        """Return what is wrong with suite.json; "" if it can be used or is missing."""
        try:
            self.suite() if (self.root / "suite.json").exists() else None
        except StoreError as error:
            return str(error)
        return ""

    def _refuse_newer(self, suite: Any) -> None:
        version = suite.get("schema_version", 0) if isinstance(suite, dict) else 0
        if isinstance(version, (int, float)) and version > SCHEMA_VERSION:
            raise StoreError(f"{self.root}: written by a newer rlbench ({suite.get('rlbench')}); update to use it")

    def runs(self, document: Mapping[str, Any] | None = None, known: Mapping[str, Run] = NOTHING) -> list[Run]:
        """Return the runs that suite.json lists, in its order. A run that cannot be read is a DamagedRun.

        document: the contents of suite.json, if already read. known: runs that are already read, by their names.
        """
        return read_runs(self.runs_folder, self.suite() if document is None else document, known)

    def imported(self) -> frozenset[str]:
        """Return the folder names of the imported runs."""
        return frozenset(entry["folder"] for entry in self.suite()["runs"] if entry.get("imported"))

    def attempts(self, runs: Iterable[Run] | None = None) -> list[tuple[Path, Mapping[str, Any]]]:
        """Return the folders of attempts, each with its group.json, newest first; skip folders without a readable one.

        runs: if given, return only attempts with the algorithm and environment of one of these runs. Archives are left
        out, because their runs are published. So are folders that are being deleted: their names begin with a dot.
        """
        attempts = []
        paths: Iterable[Path] = (self.root / "attempts").glob("[!.]*")
        if runs is not None:
            wanted = {_place(run.name) for run in runs}
            paths = (path for path in paths if _place(path.name) in wanted)
        for path in paths:
            with suppress(OSError, ValueError):
                attempts.append((path, check_attempt(parse_json(path / "group.json"))))
        return sorted(attempts, key=lambda pair: -pair[1]["order"])

    def states(self, runs: Sequence[Run], known: Mapping[str, RunState] = NOTHING) -> dict[str, RunState]:
        """Return the state of each run, by its key. known: the states of some published runs, by their names."""
        common: Parts = {}
        states: dict[str, RunState] = {}
        for run in runs:
            state = RunState(RunStatus.CORRUPT, run.damage) if isinstance(run, DamagedRun) else known.get(run.name)
            if state := state or published_state(self.folder(run) / "result.json", run, common):
                states[run.key] = state
        if all(run.key in states for run in runs):
            return states
        newest: dict[str, tuple[Path, Mapping[str, Any]]] = {}
        for path, description in self.attempts(run for run in runs if run.key not in states):
            for key in description["keys"].values():
                newest.setdefault(key, (path, description))
        is_locked = cache(self._lock.is_held_elsewhere)  # tried at most once, and only if needed
        queued = cache(lambda: {entry.attempt.name for entry in JobQueue(self.root).entries()})

        def is_open(attempt: Path) -> bool:
            return attempt.name in queued() or is_locked()

        for run in runs:
            if run.key not in states:  # read again: it may have been published in the meantime
                state = published_state(self.folder(run) / "result.json", run, common)
                states[run.key] = state or attempted_state(run, newest.get(run.key), is_open)
        return {run.key: states[run.key] for run in runs}

    def checkpoints(self, run: Run) -> Iterator[tuple[Path, int]]:
        """Yield each folder that may contain checkpoints of a run, and the run's number there; newest attempt first."""
        for path, description in self.attempts([run]):
            if (member := member_of(description, run.key)) is not None:
                yield path / "checkpoints", member


def _place(name: str) -> tuple[str, ...]:
    """Return the algorithm and environment in the name of a run's folder or of an attempt's folder."""
    return tuple(name.split("--", 2)[:2])


def _spec_text(run: Run) -> str:
    return json.dumps({"schema_version": SCHEMA_VERSION, **spec_of(run)}, indent=1) + "\n"
