"""One suite's result folder: its layout, its single writer, and the state of each run, derived from the files alone.

suite.json  LOCK  queue/  runs/<run>/{spec.json, result.json, *.parquet, policy.safetensors}
attempts/<group>-0001-<host>-<pid>-<rand>/{group.json, *.jsonl, *.log, heartbeat, exit.json, checkpoints/}
"""

from __future__ import annotations

import dataclasses
import json
import os
import shutil
import socket
import time
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from rlbench.api import LockedError, Run, RunGroup, RunStatus, StoreError, group_as_dict, slug
from rlbench.messages import shortened
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
from rlbench.results.json_shapes import (
    ShapeError,
    check_attempt,
    check_exit,
    check_result,
    check_suite,
)
from rlbench.results.newest_results import make_newest
from rlbench.results.requested_runs import IMPORTED, DamagedRun, as_named, read_run, read_runs, spec_of, with_budgets

SCHEMA_VERSION = 1
MOST_SUITE = 256 << 20  # largest suite.json, in bytes


@dataclass(frozen=True)
class RunState:
    """The state of a run: its status, why it failed, and the contents of result.json once it is published."""

    status: RunStatus
    message: str = ""
    result: Mapping[str, Any] = dataclasses.field(default_factory=dict)
    attempt: str = ""


class Store:
    """A result folder. Reading needs no lock.

    caches: whether reading may leave index.parquet in the folder; without it, reading writes nothing at all.
    """

    def __init__(self, root: Path, caches: bool = True) -> None:
        root = root.absolute()  # an algorithm in this process may change the current folder
        self.root, self.caches = root, caches
        self._runs = root / "runs"  # built once: for ten thousand runs, building paths is a tenth of the reading time
        self._lock = Lock(root)
        self._depth = 0  # how often this object has taken the lock
        self._order, self._numbered = 0, set[str]()  # of the newest attempt; the attempts whose numbers were read

    # -- writing -------------------------------------------------------------------------------------------------
    def lock(self, with_queue: bool = False) -> None:
        """Make the folder and become its only writer until `unlock` or the end of this process, however it ends.

        The lock is reentrant: it is released after as many calls of `unlock`. with_queue: whether the caller
        continues the groups in the queue. Raises: LockedError naming the holder, or what is in the queue;
        StoreError if nothing can be written.
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
            self._lock.give_back()

    def is_in_use(self) -> bool:
        """Return whether another process writes to the folder, as `rlbench run` and the tasks of a cluster do."""
        return self._lock.is_held_elsewhere() or bool(JobQueue(self.root).entries())

    def set_aside(self, run: Run, again: bool = False) -> None:
        """Move a published run to superseded/; nothing is deleted.

        again: it will be trained again. Its folder is replaced by one with its spec.json, so that no reader misses it.
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

        skipped: algorithm, environment, reason and status of skipped pairs. adaptive: whether interim analyses decided
        the number of runs.
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
        """Return previous entries to keep: imported runs, and finished runs whose plugin has broken since."""
        new = {entry["folder"] for entry in entries}
        failed = {(pair["algorithm"], pair["environment"]) for pair in skipped if pair["status"] == RunStatus.FAILED}
        return [
            entry
            for entry in previous
            if entry["folder"] not in new and (entry.get("imported") or self._has_failed_since(entry, failed))
        ]

    def _has_failed_since(self, entry: Mapping[str, Any], failed: Collection[tuple[str, str]]) -> bool:
        if not (self._runs / entry["folder"] / "result.json").exists():
            return False
        try:
            run = as_named(read_run(self._runs / entry["folder"], entry["label"]), entry, {})
        except ShapeError:
            return False
        return (run.label, run.task.name) in failed

    def _previous_suite(self) -> Mapping[str, Any]:
        """Return the contents of suite.json; if it is missing or damaged, entries for the imported runs instead.

        Imported runs have to be looked up because no suite requests them.
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
        for folder in sorted(self._runs.glob("*")):
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
        """Add imported runs to suite.json, where they remain when the suite is run.

        suite: for a folder that has none yet. replaced: imported runs to move to superseded/ once suite.json no longer
        lists them; if there are any, budgets in suite.json are taken from `suite`.
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

        restore: for each seed the checkpoint to resume from, relative to the store; empty: start from the beginning.
        profile: whether to measure the group's CPU time by part.
        """
        parent = make_folder(self.root / "attempts")
        names = {path.name for path in parent.glob("[!.]*")}
        order = self._next_order(names)
        number = sum(1 for name in names if name.startswith(group.name + "-")) + 1
        name = f"{group.name}-{number:04d}-{slug(socket.gethostname(), 20)}-{os.getpid()}-{os.urandom(3).hex()}"
        folder = make_folder(parent / name)
        keys = {str(run.seed): run.key for run in group.runs}
        write_json(
            folder / "group.json",
            {
                "schema_version": SCHEMA_VERSION,
                "order": order,
                "keys": keys,
                "group": group_as_dict(group),
                "plugin": plugin,
                "restore": dict(restore),
                "profile": profile,
            },
        )
        return folder

    def _next_order(self, names: set[str]) -> int:
        """Return a number above that of every attempt, even if the clock was set back. names: those of all attempts.

        Only attempts made since the last call are read, by this process or, on a cluster, by others.
        """
        for path in (self.root / "attempts" / name for name in names - self._numbered):
            with suppress(OSError, ValueError):
                self._order = max(self._order, check_attempt(parse_json(path / "group.json"))["order"])
        self._numbered = names
        self._order = max(time.time_ns(), self._order + 1)
        return self._order

    # -- reading -------------------------------------------------------------------------------------------------
    def folder(self, run: Run) -> Path:
        return self._runs / run.name

    def suite(self) -> Mapping[str, Any]:
        """Return the contents of suite.json.

        Raises: StoreError if this is not a result folder, cannot be read or was written by a newer version; if
        suite.json is damaged, the message names it and says what to do.
        """
        path = self.root / "suite.json"
        try:
            document = parse_json(path, MOST_SUITE)
            self._refuse_newer(document)
            suite = check_suite(document)
            for folder in (self._runs, self.root / "attempts"):
                if folder.exists():
                    os.scandir(folder).close()  # raises for an unreadable folder, which would otherwise seem empty
        except FileNotFoundError as error:
            raise StoreError(f"{self.root}: no results here (there is no suite.json)") from error
        except PermissionError as error:
            raise unreadable(Path(str(error.filename)), error) from error
        except (OSError, ValueError) as error:
            raise StoreError(
                f"{path} does not have the form that rlbench writes ({why_unreadable(error)}); `rlbench run SUITE -o"
                f" {self.root}` rewrites it and keeps every run"
            ) from error
        return suite

    def damage(self) -> str:
        """Return what is wrong with a suite.json that cannot be used; "" if it is usable or missing."""
        try:
            self.suite() if (self.root / "suite.json").exists() else None
        except StoreError as error:
            return str(error)
        return ""

    def _refuse_newer(self, suite: Any) -> None:
        version = suite.get("schema_version", 0) if isinstance(suite, dict) else 0
        if isinstance(version, (int, float)) and version > SCHEMA_VERSION:
            raise StoreError(f"{self.root}: written by a newer rlbench ({suite.get('rlbench')}); update to use it")

    def runs(self, document: Mapping[str, Any] | None = None) -> list[Run]:
        """Return the runs of the suite as last planned, in its order; a run that cannot be read is a DamagedRun.

        document: the contents of suite.json, if already read.
        """
        return read_runs(self._runs, self.suite() if document is None else document)

    def imported(self) -> frozenset[str]:
        """Return the folder names of the imported runs."""
        return frozenset(entry["folder"] for entry in self.suite()["runs"] if entry.get("imported"))

    def attempts(self) -> list[tuple[Path, Mapping[str, Any]]]:
        """Return attempts with their group.json, newest first, skipping folders without a readable one.

        Left out: archives, because their runs are published, and folders that are being deleted, named with a dot.
        """
        attempts = []
        for path in (self.root / "attempts").glob("[!.]*"):
            with suppress(OSError, ValueError):
                attempts.append((path, check_attempt(parse_json(path / "group.json"))))
        return sorted(attempts, key=lambda pair: -pair[1]["order"])

    def states(self, runs: Sequence[Run]) -> dict[str, RunState]:
        """Return the state of each run, by its key."""
        newest: dict[str, Path] = {}
        for path, description in self.attempts():
            for key in description["keys"].values():
                newest.setdefault(key, path)
        is_locked = cache(self._lock.is_held_elsewhere)  # checked at most once, and only if needed
        queued = cache(lambda: {entry.attempt.name for entry in JobQueue(self.root).entries()})

        def is_open(attempt: Path) -> bool:
            return attempt.name in queued() or is_locked()

        return {run.key: self._state(run, newest.get(run.key), is_open) for run in runs}

    def _state(self, run: Run, attempt: Path | None, is_open: Callable[[Path], bool]) -> RunState:
        if isinstance(run, DamagedRun):
            return RunState(RunStatus.CORRUPT, run.damage)
        path = self.folder(run) / "result.json"
        try:
            result = check_result(parse_json(path), run)
            if result["schema_version"] != SCHEMA_VERSION:
                raise ShapeError(f"its schema version is {result['schema_version']}, not {SCHEMA_VERSION}")
            message = shortened(result.get("message", ""))
            return RunState(RunStatus(result["status"]), message, result, result["attempt"])
        except FileNotFoundError:
            pass
        except (OSError, ValueError) as error:
            message = f"{path} is not a result of this run ({why_unreadable(error)}); remove it to train again"
            return RunState(RunStatus.CORRUPT, message)
        if attempt is None:
            return RunState(RunStatus.PENDING)
        try:
            exit_report = check_exit(parse_json(attempt / "exit.json"))
        except FileNotFoundError:
            has_started = (attempt / "made-by.json").exists()
            if is_open(attempt):
                return RunState(RunStatus.RUNNING if has_started else RunStatus.PENDING, attempt=attempt.name)
            ending = "its process exited without reporting a result"
            message = ending if has_started else "stopped before training started"
            return RunState(RunStatus.INTERRUPTED, message, attempt=attempt.name)
        except (OSError, ValueError) as error:
            message = f"its process left an exit.json that cannot be read ({why_unreadable(error)})"
            return RunState(RunStatus.INTERRUPTED, message, attempt=attempt.name)
        failed = exit_report.get("failed", {}).get(str(run.seed))
        if failed is not None:
            return RunState(RunStatus.FAILED, shortened(failed), attempt=attempt.name)
        status = RunStatus(exit_report["status"])
        if status in (RunStatus.DONE, RunStatus.DIVERGED):  # these states need a result.json, and it was removed
            return RunState(RunStatus.INTERRUPTED, "its result has been removed", attempt=attempt.name)
        return RunState(status, shortened(exit_report.get("message", "")), attempt=attempt.name)

    def checkpoints(self, run: Run) -> Iterator[Path]:
        """Yield the folders that may contain checkpoints of a run, newest attempt first."""
        for path, description in self.attempts():
            if run.key in description["keys"].values():
                yield path / "checkpoints"


def _spec_text(run: Run) -> str:
    return json.dumps({"schema_version": SCHEMA_VERSION, **spec_of(run)}, indent=1) + "\n"
