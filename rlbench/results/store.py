"""One suite's folder: where things lie, who may write, and what has become of each run, derived from the files alone.

suite.json  LOCK  runs/<run>/{spec.json, result.json, *.parquet, policy.safetensors}
attempts/<group>-0001-<host>-<pid>-<rand>/{group.json, *.jsonl, *.log, heartbeat, exit.json, checkpoints/}
"""

from __future__ import annotations

import dataclasses
import json
import os
import secrets
import socket
import time
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from rlbench.api import (
    Run,
    RunGroup,
    RunStatus,
    StoreError,
    canonical,
    group_as_dict,
    slug,
)
from rlbench.results.file_io import (
    make_folder,
    parse_json,
    publish_file,
    read_json,
    refuse_outside,
    unreadable,
    unwritable,
    why_unreadable,
    write_json,
)
from rlbench.results.folder_lock import Lock
from rlbench.results.json_shapes import (
    Misshapen,
    check_attempt,
    check_end,
    check_result,
    check_suite,
)
from rlbench.results.jsonl_records import read_lines
from rlbench.results.requested_runs import IMPORTED, DamagedRun, read_run, read_runs

SCHEMA_VERSION = 1
MOST_SUITE = 256 << 20  # bytes of suite.json


@dataclass(frozen=True)
class RunState:
    """What has become of a run: its status, why it failed, and the contents of result.json when it is published."""

    status: RunStatus
    message: str = ""
    result: Mapping[str, Any] = dataclasses.field(default_factory=dict)
    attempt: str = ""


class Store:
    """A result folder. Reading needs no lock."""

    def __init__(self, root: Path) -> None:
        root = root.absolute()  # what is trained in this process may change its folder
        self.root = root
        self._runs = root / "runs"  # put together once: of ten thousand runs, paths are a tenth of what reading takes
        self._lock = Lock(root)
        self._depth = 0  # how often it has been taken here

    # -- writing -------------------------------------------------------------------------------------------------
    def lock(self) -> None:
        """Make the folder and become its only writer, until this process ends, however it ends.

        Locked again by its holder, it stays so until unlocked as often. Raises: LockedError naming the holder; StoreError
        where nothing can be written.
        """
        if self._depth == 0:
            make_folder(self.root)
            self._lock.take()
            try:
                self._refuse_newer(read_json(self.root / "suite.json"))
                for name in ("runs", "attempts", "superseded"):
                    refuse_outside(self.root, self.root / name)
            except StoreError:
                self._lock.give_back()
                raise
        self._depth += 1

    def unlock(self) -> None:
        self._depth = max(0, self._depth - 1)
        if self._depth == 0:
            self._lock.give_back()

    def set_aside(self, run: Run) -> None:
        """Move a run, if it is published, out of the way, to be trained again; nothing is deleted."""
        if not (self.folder(run) / "result.json").exists():
            return
        aside = make_folder(self.root / "superseded")
        os.rename(self.folder(run), aside / f"{run.name}--{time.time_ns()}")

    def describe_suite(
        self,
        suite: Mapping[str, Any],
        runs: Sequence[Run],
        version: str,
        skipped: Sequence[Mapping[str, str]] = (),
        adaptive: bool = False,
    ) -> None:
        """Write suite.json, and a spec.json once for each run. skipped: algorithm, environment, reason and status of pairs;
        adaptive: whether there are as many runs as it took to decide.
        """
        before = self._before()
        try:
            names: list[Mapping[str, Any]] = [self.describe_run(run) for run in runs]
            names += self._kept(before.get("runs", ()), names, skipped)
            write_json(
                self.root / "suite.json",
                {
                    "schema_version": SCHEMA_VERSION,
                    "rlbench": version,
                    "suite": suite,
                    "runs": names,
                    "skipped": list(skipped),
                    **({"adaptive": True} if adaptive else {}),
                },
            )
        except OSError as error:
            raise unwritable(self.root, error) from error

    def _kept(
        self,
        before: Sequence[Mapping[str, Any]],
        names: Sequence[Mapping[str, Any]],
        skipped: Sequence[Mapping[str, str]],
    ) -> list[Mapping[str, Any]]:
        """Entries that stay beside those of a suite: imported runs, and finished ones whose plugin is broken by now."""
        new = {entry["folder"] for entry in names}
        failed = {(pair["algorithm"], pair["environment"]) for pair in skipped if pair["status"] == RunStatus.FAILED}
        return [
            entry
            for entry in before
            if entry["folder"] not in new and (entry.get("imported") or self._has_failed_since(entry, failed))
        ]

    def _has_failed_since(self, entry: Mapping[str, Any], failed: Collection[tuple[str, str]]) -> bool:
        if not (self._runs / entry["folder"] / "result.json").exists():
            return False
        try:
            run = read_run(self._runs / entry["folder"], entry["label"])
        except Misshapen:
            return False
        return (run.label, run.task.env_id) in failed

    def _before(self) -> Mapping[str, Any]:
        """What suite.json says; where it is gone or damaged what it would say of runs that no suite asks for: those that
        were imported.
        """
        path = self.root / "suite.json"
        try:
            return self.suite()
        except StoreError as error:
            if isinstance(error.__cause__, PermissionError):
                raise
            if path.exists():
                os.rename(path, make_folder(self.root / "superseded") / f"suite.json--{time.time_ns()}")
        kept = []
        for folder in sorted(self._runs.glob("*")):
            with suppress(Misshapen):
                run = read_run(folder, "")
                if run.algorithm.startswith(IMPORTED):
                    label = run.algorithm.removeprefix(IMPORTED)
                    kept.append({"folder": run.name, "label": label, "imported": True})
        return {"runs": kept}

    def describe_run(self, run: Run) -> dict[str, Any]:
        """Write a run's spec.json: once, or anew where what is there is not it. Returns: its entry in suite.json."""
        folder = self.folder(run)
        refuse_outside(self.root, folder)
        make_folder(folder)
        text = json.dumps({"schema_version": SCHEMA_VERSION, **_spec(run)}, indent=1) + "\n"
        if not (folder / "spec.json").exists():
            publish_file(folder / "spec.json", text)
        try:
            read_run(folder, run.label)
        except Misshapen:
            write_json(folder / "spec.json", json.loads(text))
        return {"folder": run.name, "label": run.label}

    def add_imported(
        self, runs: Sequence[Run], suite: Mapping[str, Any], version: str, replaced: Sequence[Run] = ()
    ) -> None:
        """Enter runs that were made elsewhere; they stay when the suite is run. suite: of a folder that has none yet.

        replaced: imported runs that are moved aside, once nothing names them any more; with them goes their budget, where
        no other run of the folder has it.
        """
        found: Mapping[str, Any]
        if (self.root / "suite.json").exists():
            found = self.suite()
        else:
            found = {"schema_version": SCHEMA_VERSION, "rlbench": version, "suite": suite, "runs": [], "skipped": []}
        gone = {run.name for run in replaced}
        entries = [entry for entry in found["runs"] if entry["folder"] not in gone]
        there = {entry["folder"] for entry in entries}
        try:
            added = [self.describe_run(run) | {"imported": True} for run in runs if run.name not in there]
            if replaced:
                found = {**found, "suite": _with_budgets(found["suite"], suite)}
            write_json(self.root / "suite.json", {**found, "runs": [*entries, *added]})
            for run in replaced:
                self.set_aside(run)
        except OSError as error:
            raise unwritable(self.root, error) from error

    def new_attempt(self, group: RunGroup, restore: Mapping[int, str], plugin: str, profile: bool = False) -> Path:
        """A fresh folder for one process that trains `group`, with group.json in it.

        restore: for each seed the checkpoint to go on from, relative to the store; empty: from the start. profile: whether
        it is to be measured where its time goes.
        """
        parent = make_folder(self.root / "attempts")
        number = sum(1 for path in parent.iterdir() if path.name.startswith(group.name + "-")) + 1
        name = f"{group.name}-{number:04d}-{slug(socket.gethostname(), 20)}-{os.getpid()}-{secrets.token_hex(3)}"
        folder = make_folder(parent / name)
        keys = {str(run.seed): run.key for run in group.runs}
        # After all that are there, whatever the clock says now and said then.
        order = max([time.time_ns(), *(1 + before["order"] for _, before in self.attempts())])
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

    # -- reading -------------------------------------------------------------------------------------------------
    def folder(self, run: Run) -> Path:
        return self._runs / run.name

    def suite(self) -> Mapping[str, Any]:
        """The contents of suite.json. Raises: StoreError if this is no result folder, one that may not be read, or a newer
        version's; naming the file and what to do where it is damaged.
        """
        path = self.root / "suite.json"
        try:
            found = parse_json(path, MOST_SUITE)
            self._refuse_newer(found)
            suite = check_suite(found)
            for folder in (self._runs, self.root / "attempts"):
                if folder.exists():
                    os.scandir(folder).close()  # what may not be read is not empty
        except FileNotFoundError as error:
            raise StoreError(f"{self.root}: no results here (there is no suite.json)") from error
        except PermissionError as error:
            raise unreadable(Path(str(error.filename)), error) from error
        except (OSError, ValueError) as error:
            raise StoreError(
                f"{path}: is not what rlbench writes ({why_unreadable(error)}); `rlbench run SUITE -o {self.root}` writes it"
                " anew and keeps every run"
            ) from error
        return suite

    def damage(self) -> str:
        """What is wrong with suite.json, where there is one that cannot be used; else ""."""
        try:
            self.suite() if (self.root / "suite.json").exists() else None
        except StoreError as error:
            return str(error)
        return ""

    def _refuse_newer(self, suite: Any) -> None:
        version = suite.get("schema_version", 0) if isinstance(suite, dict) else 0
        if isinstance(version, (int, float)) and version > SCHEMA_VERSION:
            raise StoreError(f"{self.root}: written by a newer rlbench ({suite.get('rlbench')}); update to use it")

    def runs(self) -> list[Run]:
        """The runs of the suite as it was last planned, in its order; a DamagedRun for each that cannot be read back."""
        return read_runs(self._runs, self.suite())

    def imported(self) -> frozenset[str]:
        """Folders of the runs that were made elsewhere."""
        return frozenset(entry["folder"] for entry in self.suite()["runs"] if entry.get("imported"))

    def failed_pairs(self) -> list[str]:
        """A sentence for each algorithm on an environment that has no runs because its plugin is broken."""
        left_out = [pair for pair in self.suite().get("skipped", ()) if pair.get("status") == RunStatus.FAILED]
        return [
            f"{pair['status']}: {pair['algorithm']} on {pair['environment']}: {pair['reason']}" for pair in left_out
        ]

    def attempts(self) -> list[tuple[Path, Mapping[str, Any]]]:
        """Attempts with their group.json, newest first; folders without a readable one are passed over."""
        found = []
        for path in (self.root / "attempts").glob("*"):
            with suppress(OSError, ValueError):
                found.append((path, check_attempt(parse_json(path / "group.json"))))
        return sorted(found, key=lambda pair: -pair[1]["order"])

    def states(self, runs: Sequence[Run]) -> dict[str, RunState]:
        """What has become of each run, by its key."""
        newest: dict[str, Path] = {}
        for path, description in self.attempts():
            for key in description["keys"].values():
                newest.setdefault(key, path)
        written = cache(self._lock.is_held_elsewhere)  # asked once, and only where it matters
        return {run.key: self._state(run, newest.get(run.key), written) for run in runs}

    def _state(self, run: Run, attempt: Path | None, written: Callable[[], bool]) -> RunState:
        if isinstance(run, DamagedRun):
            return RunState(RunStatus.CORRUPT, run.damage)
        path = self.folder(run) / "result.json"
        try:
            result = check_result(parse_json(path), run)
            if result["schema_version"] != SCHEMA_VERSION:
                raise Misshapen(f"its schema version is {result['schema_version']}")
            return RunState(RunStatus(result["status"]), result.get("message", ""), result, result["attempt"])
        except FileNotFoundError:
            pass
        except (OSError, ValueError) as error:
            why = why_unreadable(error)
            return RunState(RunStatus.CORRUPT, f"{path} is not a result of this run ({why}); remove it to train again")
        if attempt is None:
            return RunState(RunStatus.PENDING)
        try:
            ended = check_end(parse_json(attempt / "exit.json"))
        except FileNotFoundError:
            if written():
                begun = (attempt / "made-by.json").exists()
                return RunState(RunStatus.RUNNING if begun else RunStatus.PENDING, attempt=attempt.name)
            return RunState(RunStatus.INTERRUPTED, "its process ended without a word", attempt=attempt.name)
        except (OSError, ValueError) as error:
            why = f"its process left a last word that cannot be read ({why_unreadable(error)})"
            return RunState(RunStatus.INTERRUPTED, why, attempt=attempt.name)
        status = RunStatus(ended["status"])
        if status in (RunStatus.DONE, RunStatus.DIVERGED):  # only result.json makes a run so, and it has been removed
            return RunState(RunStatus.INTERRUPTED, "its result has been removed", attempt=attempt.name)
        return RunState(status, ended.get("message", ""), attempt=attempt.name)

    def step_reached(self, attempt: str, seed: int) -> int:
        """The step an attempt has reached for a seed: its last sign of life or evaluation, 0 if there is neither."""
        beat = (read_json(self.root / "attempts" / attempt / "heartbeat") if attempt else None) or {}
        last = beat["step"] if isinstance(beat.get("step"), int) else 0
        try:
            for row in read_lines(self.root / "attempts" / attempt / "evaluations.jsonl") if attempt else ():
                if row["seed"] == seed and isinstance(row.get("step"), int):
                    last = max(last, min(row["step"], 1 << 62))  # of so many digits no share could be made
        except (StoreError, OSError):
            pass
        return last

    def checkpoints(self, run: Run) -> Iterator[Path]:
        """Folders that may hold checkpoints of a run, newest attempt first."""
        for path, description in self.attempts():
            if run.key in description["keys"].values():
                yield path / "checkpoints"


def _with_budgets(suite: Mapping[str, Any], other: Mapping[str, Any]) -> dict[str, Any]:
    """A suite with the budgets and grids that another has for the same environments."""
    new = {entry["id"]: entry for entry in other.get("environments", ())}
    environments = [
        entry | {key: each[key] for key in ("steps", "evaluation")} if each["steps"] != entry["steps"] else entry
        for entry in suite["environments"]
        for each in (new.get(entry["id"], entry),)
    ]
    return {**suite, "environments": environments}


def _spec(run: Run) -> dict[str, Any]:
    """What was asked for. A label is the suite's, not the run's: it may change, and stands in suite.json."""
    fields = [f.name for f in dataclasses.fields(run) if f.name != "label"]
    return {"key": run.key, **{name: json.loads(canonical(getattr(run, name))) for name in fields}}
