"""One suite's folder: where things lie, who may write, and what has become of each run, derived from the files alone.

suite.json  LOCK  runs/<run>/{spec.json, result.json, *.parquet, policy.safetensors}
attempts/<group>-0001-<host>-<pid>-<rand>/{group.json, *.jsonl, *.log, heartbeat, exit.json, checkpoints/}
"""

from __future__ import annotations

import dataclasses
import fcntl
import json
import os
import secrets
import socket
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

from rlbench.api import (
    LockedError,
    Run,
    RunGroup,
    RunStatus,
    StoreError,
    canonical,
    group_as_dict,
    slug,
    task_from_dict,
)
from rlbench.results.files import make_folder, publish_file, read_json, unwritable, write_json
from rlbench.results.jsonl import read_lines

SCHEMA_VERSION = 1


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
        self.root = root
        self._runs = root / "runs"  # put together once: of ten thousand runs, paths are a tenth of what reading takes
        self._lock: IO[str] | None = None
        self._depth = 0

    # -- writing -------------------------------------------------------------------------------------------------
    def lock(self) -> None:
        """Make the folder and become its only writer, until this process ends, however it ends.

        Locked again by its holder, it stays so until unlocked as often. Raises: LockedError naming the holder; StoreError
        where nothing can be written.
        """
        if self._lock is not None:
            self._depth += 1
            return
        make_folder(self.root)
        try:
            file = open(self.root / "LOCK", "a+")  # noqa: SIM115 - held as long as the lock
        except OSError as error:
            raise unwritable(self.root, error) from error
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            file.seek(0)
            holder = file.read().strip() or "a process that did not say who it is"
            file.close()
            raise LockedError(
                f"{self.root} is in use by {holder}; wait for it, or choose another folder with -o"
            ) from None
        file.truncate(0)
        file.write(f"host {socket.gethostname()}, process {os.getpid()}, since {time.strftime('%Y-%m-%d %H:%M:%S')}\n")
        file.flush()
        self._lock = file
        try:
            self._refuse_newer(read_json(self.root / "suite.json"))
        except StoreError:
            self.unlock()
            raise

    def unlock(self) -> None:
        if self._depth:
            self._depth -= 1
        elif self._lock is not None:
            self._lock.close()
            self._lock = None

    def _written_elsewhere(self) -> bool:
        """Whether a harness other than the one that asks holds the lock."""
        if self._lock is not None:
            return False
        try:
            with open(self.root / "LOCK") as file:
                fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
        except BlockingIOError:
            return True
        except OSError:
            return False
        return False

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
        before = read_json(self.root / "suite.json") or {}
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
        kept = []
        for entry in before:
            spec = read_json(self._runs / entry["folder"] / "spec.json") if entry["folder"] not in new else None
            if spec is not None and (
                entry.get("imported")
                or (
                    (entry["label"], spec["task"]["env_id"]) in failed
                    and (self._runs / entry["folder"] / "result.json").exists()
                )
            ):
                kept.append(entry)
        return kept

    def describe_run(self, run: Run) -> dict[str, Any]:
        """Write a run's spec.json, once. Returns: its entry in suite.json."""
        folder = make_folder(self.folder(run))
        if not (folder / "spec.json").exists():
            text = json.dumps({"schema_version": SCHEMA_VERSION, **_spec(run)}, indent=1)
            publish_file(folder / "spec.json", text + "\n")
        return {"folder": run.name, "label": run.label}

    def add_imported(
        self, runs: Sequence[Run], suite: Mapping[str, Any], version: str, replaced: Sequence[Run] = ()
    ) -> None:
        """Enter runs that were made elsewhere; they stay when the suite is run. suite: of a folder that has none yet.

        replaced: imported runs that are moved aside, once nothing names them any more; with them goes their budget, where
        no other run of the folder has it.
        """
        found = read_json(self.root / "suite.json")
        if found is None:
            found = {"schema_version": SCHEMA_VERSION, "rlbench": version, "suite": suite, "runs": [], "skipped": []}
        gone = {run.name for run in replaced}
        entries = [entry for entry in found["runs"] if entry["folder"] not in gone]
        there = {entry["folder"] for entry in entries}
        try:
            added = [self.describe_run(run) | {"imported": True} for run in runs if run.name not in there]
            if replaced:
                found = found | {"suite": _with_budgets(found["suite"], suite)}
            write_json(self.root / "suite.json", found | {"runs": [*entries, *added]})
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
        order = time.time_ns()
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

    def suite(self) -> dict[str, Any]:
        """The contents of suite.json. Raises: StoreError if this is no result folder, or a newer version's."""
        found = read_json(self.root / "suite.json")
        if found is None:
            raise StoreError(f"{self.root}: no results here (suite.json is absent or unreadable)")
        self._refuse_newer(found)
        return found

    def _refuse_newer(self, suite: Mapping[str, Any] | None) -> None:
        if suite is not None and suite.get("schema_version", 0) > SCHEMA_VERSION:
            raise StoreError(f"{self.root}: written by a newer rlbench ({suite.get('rlbench')}); update to use it")

    def runs(self) -> list[Run]:
        """The runs of the suite as it was last planned, in its order; without those of `lost`."""
        found = []
        fields = [f.name for f in dataclasses.fields(Run) if f.name != "label"]
        for entry in self.suite()["runs"]:
            spec = read_json(self._runs / entry["folder"] / "spec.json")
            if spec is None:
                continue
            values = {name: spec[name] for name in fields}
            found.append(Run(**{**values, "task": task_from_dict(spec["task"]), "label": entry["label"]}))
        return found

    def lost(self) -> list[str]:
        """Folders of runs whose spec.json is absent or unreadable; running the suite again restores it."""
        names = [entry["folder"] for entry in self.suite()["runs"]]
        return [name for name in names if read_json(self._runs / name / "spec.json") is None]

    def imported(self) -> frozenset[str]:
        """Folders of the runs that were made elsewhere."""
        return frozenset(entry["folder"] for entry in self.suite()["runs"] if entry.get("imported"))

    def failed_pairs(self) -> list[str]:
        """A sentence for each algorithm on an environment that has no runs because its plugin is broken."""
        left_out = [pair for pair in self.suite().get("skipped", ()) if pair.get("status") == RunStatus.FAILED]
        return [
            f"{pair['status']}: {pair['algorithm']} on {pair['environment']}: {pair['reason']}" for pair in left_out
        ]

    def attempts(self) -> list[tuple[Path, dict[str, Any]]]:
        """Attempts with their group.json, newest first; folders without a readable one are passed over."""
        found = [(path, read_json(path / "group.json")) for path in (self.root / "attempts").glob("*")]
        return sorted(((p, g) for p, g in found if g is not None), key=lambda pair: -pair[1]["order"])

    def states(self, runs: Sequence[Run]) -> dict[str, RunState]:
        """What has become of each run, by its key."""
        newest: dict[str, Path] = {}
        for path, description in self.attempts():
            for key in description["keys"].values():
                newest.setdefault(key, path)
        return {run.key: self._state(run, newest.get(run.key)) for run in runs}

    def _state(self, run: Run, attempt: Path | None) -> RunState:
        path = self.folder(run) / "result.json"
        result = read_json(path)
        if result is not None and result.get("key") == run.key and result.get("schema_version") == SCHEMA_VERSION:
            return RunState(RunStatus(result["status"]), result.get("message", ""), result, result["attempt"])
        if path.exists():
            return RunState(RunStatus.CORRUPT, f"{path} is not a result of this run; remove it to train again")
        if attempt is None:
            return RunState(RunStatus.PENDING)
        ended = read_json(attempt / "exit.json")
        if ended is None and self._written_elsewhere():
            begun = (attempt / "made-by.json").exists()
            return RunState(RunStatus.RUNNING if begun else RunStatus.PENDING, attempt=attempt.name)
        if ended is None:
            return RunState(RunStatus.INTERRUPTED, "its process ended without a word", attempt=attempt.name)
        status = RunStatus(ended["status"])
        if status in (RunStatus.DONE, RunStatus.DIVERGED):  # only result.json makes a run so, and it has been removed
            return RunState(RunStatus.INTERRUPTED, "its result has been removed", attempt=attempt.name)
        return RunState(status, ended.get("message", ""), attempt=attempt.name)

    def step_reached(self, attempt: str, seed: int) -> int:
        """The step an attempt has reached for a seed: its last sign of life or evaluation, 0 if there is neither."""
        beat = read_json(self.root / "attempts" / attempt / "heartbeat") if attempt else None
        last = int((beat or {}).get("step", 0))
        try:
            for row in read_lines(self.root / "attempts" / attempt / "evaluations.jsonl") if attempt else ():
                if row["seed"] == seed:
                    last = max(last, int(row["step"]))
        except StoreError:
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
