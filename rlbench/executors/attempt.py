"""What is done for one attempt, in whichever process: train the group, publish its runs, leave a word at the end."""

from __future__ import annotations

import gc
import os
import resource
import shutil
import sys
import time
import traceback
from collections.abc import Callable, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

from rlbench.api import Algorithm, RlbenchError, RunGroup, RunStatus, Stopped, StoreError, group_from_dict
from rlbench.envs.metered_batch import ReplayDiffers
from rlbench.plugins import Plugin, Plugins, load_plugins
from rlbench.plugins.config_model import configure
from rlbench.process_control import failpoint
from rlbench.profiling import Measurement, unavailable
from rlbench.results import JsonlSink, Store, code_identity, commit, energy, hardware, independence, numerics, publish
from rlbench.results.code_dependencies import Recorded, imported
from rlbench.results.cost_estimates import remember_cost
from rlbench.results.file_io import (
    DISK_FULL,
    disk_full,
    parse_json,
    read_json,
    refuse_outside,
    why_unreadable,
    write_json,
)
from rlbench.results.json_shapes import check_attempt
from rlbench.results.jsonl_records import end_copies
from rlbench.results.provenance import changed_sources, versions
from rlbench.results.publication import read_records
from rlbench.results.stack_independence import forget, told, uses_torch
from rlbench.runtime import checkpoint
from rlbench.runtime.checkpoint import SeedState
from rlbench.runtime.live_group import GroupOutcome, LiveGroup

Tell = Callable[[dict[str, Any]], None]


class Attempt:
    """One attempt at a group. `stop` may be called from a signal handler while `run` runs."""

    def __init__(self, folder: Path, tell: Tell, plugin_files: Sequence[str] = ()) -> None:
        folder = folder.absolute()  # an algorithm may change the folder that this process works in
        try:
            description = check_attempt(parse_json(folder / "group.json"))
        except (OSError, ValueError) as error:
            raise StoreError(f"{folder}/group.json cannot be read: {why_unreadable(error)}") from error
        self.folder, self._tell, self._plugin_files = folder, tell, plugin_files
        self.store = Store(folder.parent.parent)
        self.group: RunGroup = group_from_dict(description["group"])
        self._restore: dict[int, str] = {int(seed): path for seed, path in description["restore"].items()}
        self._profile: bool = description.get("profile", False)
        self._measurement: Measurement | None = None
        self._live: LiveGroup | None = None
        self._sink = JsonlSink(folder)
        self._stopping: tuple[RunStatus, str] | None = None
        self._process = os.getpid()
        self._unsaved = ""  # why no checkpoint is written
        self._note_imports: Callable[[], object] = dict  # nothing is to be noted until an environment is there

    def stop(self, status: RunStatus = RunStatus.INTERRUPTED, why: str = "") -> None:
        """Have the group stop at its next safe point, to be reported with `status`."""
        self._stopping = (status, why)
        if self._live is not None:
            self._live.interaction.request_stop()

    def progress(self) -> dict[str, int]:
        """The step reached, and a pulse that moves with every step of training and evaluation; from any thread."""
        return self._live.progress() if self._live is not None else {"step": 0, "pulse": 0}

    def run(self) -> RunStatus:
        """Train and publish. What goes wrong is told, logged to stderr and written to exit.json, never raised."""
        status, message, full = RunStatus.DONE, "", {}
        try:
            message = self._run()
            self._sink.close()
        except Stopped as stopped:
            status, why = self._stopping or (RunStatus.INTERRUPTED, "")
            message = (f"{why}; {stopped}" if why else str(stopped)) + self._unsaved
        except KeyboardInterrupt:
            status, message = RunStatus.INTERRUPTED, "interrupted before a safe point"
        except (Exception, SystemExit) as error:  # noqa: BLE001 - a plugin may raise anything
            traceback.print_exc()
            status, message = RunStatus.FAILED, _brief(error)
            if isinstance(error, OSError) and error.errno in DISK_FULL:
                status, message, full = RunStatus.INTERRUPTED, disk_full(self.folder), {"disk_full": True}
        end_copies(self._process)  # a copy that the algorithm made of this process is not the run
        if self._measurement is not None:
            self._measurement.abandon()
        with suppress(OSError):  # of a full disk; the runs are then interrupted without a word
            self._sink.close()
            write_json(self.folder / "exit.json", {"schema_version": 1, "status": status, "message": message})
        self._tell({"event": "finished", "status": status, "message": message, **full})
        return status

    def _run(self) -> str:
        group, began, had_torch = self.group, time.perf_counter(), "torch" in sys.modules
        plugins = load_plugins(self._plugin_files)
        plugin = plugins.find(group.algorithm)
        spec = plugins.algorithm(group.algorithm)
        algorithm = spec.load()
        if "torch" in sys.modules:
            sys.modules["torch"].set_num_threads(int(os.environ.get("OMP_NUM_THREADS", "1")))
        config = configure(algorithm.Config, group.config, spec.name)
        forget()
        code = code_identity(plugin, group)
        how = numerics(group.device, group.compile, len(group.seeds))
        write_json(self.folder / "made-by.json", {"code": code, "numerics": how})
        backend = plugins.backend(group.task.backend)
        approximate = group.resume == "approximate"
        lasting = backend.can_resume(group.resume)
        resumable = spec.resumable and lasting
        if not resumable:
            self._unsaved = f"; {spec.name if lasting else backend.name} cannot be resumed, so it starts again"
        energy_before = energy.read()

        def start(restore: list[SeedState]) -> LiveGroup:
            self._sink.close()
            self._sink = JsonlSink(self.folder, self._history(restore))
            return LiveGroup(
                group,
                algorithm,
                config,
                backend,
                self._sink,
                resumable=resumable,
                checkpoints=self.folder / "checkpoints",
                restore=restore,
                observe=self._evaluated,
                approximate=approximate,
                self_reported=spec.metering != "boundary",
            )

        self._measure()
        try:
            states, otherwise = self._states({"code": code, "numerics": how}, plugin)
            live = start(states)
            live.approximated |= otherwise
        except (ReplayDiffers, StoreError) as problem:
            self._tell({"event": "notice", "message": f"starts again at step 0: {problem}"})
            live = start([])
        self._live = live
        note_imports = self._notes(plugin, plugins, {"code": code, "numerics": how})
        note_imports()  # environment and wrappers are there by now
        self._note_imports = note_imports
        if (save := live.interaction.save) is not None:

            def noted(algorithm: Algorithm) -> None:
                note_imports()  # a checkpoint rests on what was imported until then
                save(algorithm)

            live.interaction.save = noted
        if self._stopping is not None:
            live.interaction.request_stop()
        startup = time.perf_counter() - began
        gc.freeze()  # libraries and environments stay: the collector need not look at them again and again
        gc.enable()  # a worker has it off until here
        outcome = live.run()
        profile = self._measured(outcome)
        self._sink.close()
        facts = {
            "code": code,
            "dependencies": note_imports(),
            "numerics": how,
            "versions": versions(),
            "environment_backend": backend.version(),
            "hardware": hardware(),
            "metering": spec.metering,
            **({"score_from": account.score_from} if (account := live.interaction.account) is not None else {}),
            "reproducible": spec.reproducible,
            "stack_size": len(group.seeds),
            "group_wall_seconds": outcome.elapsed_seconds,
            "steps_per_second": outcome.steps * len(group.seeds) / max(outcome.wall_seconds, 1e-9),
            "cpu_seconds": outcome.cpu_seconds / len(group.seeds),
            "group_peak_memory_bytes": _peak_memory(),
            "package_energy_joules": None if outcome.resumed_from else energy.joules(energy_before, energy.read()),
            "load_average": os.getloadavg()[0],
            "git_commit": commit(plugin.sources()[0]) if plugin.sources() else None,
            "resume": "approximate" if live.approximated else "exact",
            **profile,
            "resumable": resumable,
        }
        # Last, since it takes memory and time of its own.
        facts["numerics"] = how | self._independence(how, uses_torch(plugin, had_torch), spec.stackable)
        message = self._publish(outcome, facts)
        size = sum(p.stat().st_size for run in group.runs for p in self.store.folder(run).iterdir())
        remember_cost(group, startup, outcome.elapsed_seconds, size + _size(self.folder))
        return message

    def _independence(self, how: dict[str, Any], with_torch: bool, stackable: bool) -> dict[str, Any]:
        """What may be said of it; whoever looks on is told once if that is less than was to be expected."""
        found = independence(how, with_torch, stackable)
        message = told(found, how)
        if message:
            self._tell({"event": "notice", "message": message, "once": True})
        return found

    def _notes(self, plugin: Plugin, plugins: Plugins, made_by: dict[str, Any]) -> Callable[[], Recorded]:
        """Return what keeps made-by.json at what was imported so far: soon after, since a file may be edited meanwhile."""
        others = [other for other in plugins.files if other is not plugin]
        found: Recorded = {}
        at: float | None = None

        def note() -> Recorded:
            nonlocal found, at
            now = imported(plugin, found, others, at)
            at = time.time()
            if now != found:
                found = now
                write_json(self.folder / "made-by.json", {**made_by, "dependencies": found})
            return found

        return note

    def _measure(self) -> None:
        """Begin the profile, where one is wanted: what comes before, imports above all, is in no group's CPU seconds."""
        problem = unavailable() if self._profile else ""
        if problem:
            self._tell({"event": "notice", "message": f"not profiled: {problem}"})
        elif self._profile:
            self._measurement = Measurement(self.folder / "profile")

    def _measured(self, outcome: GroupOutcome) -> dict[str, Any]:
        """The profile as a fact of the result: the whole process's CPU seconds by part, and the step from which on."""
        if self._measurement is None:
            return {}
        seconds = {part: round(spent, 4) for part, spent in self._measurement.finish().items()}
        return {"group_profile": {"from_step": outcome.resumed_from, "seconds": seconds}}

    def _states(self, made_by: dict[str, Any], plugin: Plugin) -> tuple[list[SeedState], bool]:
        """The checkpoint to go on from, none if numbers would be computed otherwise than before and the suite does not
        want that; and whether they will be.
        """
        states, otherwise = [], False
        for seed in self.group.seeds:
            if seed not in self._restore:
                return [], False
            path = self.store.root / self._restore[seed]
            before = read_json(path.parent.parent / "made-by.json") or {}
            differs = [
                f"{name} were {before.get(name)}, are {made_by[name]}"
                for name in made_by
                if before.get(name) != made_by[name]
            ] + changed_sources(before.get("dependencies"), plugin)
            if differs and self.group.resume != "approximate":
                told = differs[0]
                self._tell({"event": "notice", "message": f"starts again at step 0: {told}"})
                return [], False
            otherwise = otherwise or bool(differs)
            states.append(checkpoint.load(path, seed))
        if otherwise:
            self._tell({"event": "notice", "message": "goes on although its numbers will be computed otherwise"})
        return states, otherwise

    def _history(self, restore: list[SeedState]) -> dict[int, tuple[Path, Any]]:
        folders = {seed: (self.store.root / path).parent.parent for seed, path in self._restore.items()}
        return {state.seed: (folders[state.seed], state.numbers["positions"]) for state in restore}

    def _evaluated(self, kind: str, step: int, returns: list[float]) -> None:
        self._note_imports()
        self._tell({"event": "evaluated", "kind": kind, "step": step, "returns": returns})
        failpoint("evaluated")

    def _publish(self, outcome: GroupOutcome, facts: dict[str, Any]) -> str:
        end_copies(self._process)
        diverged, records = [], read_records(self.folder)
        for run in self.group.runs:
            at = outcome.diverged_at.get(run.seed)
            own = {
                "status": RunStatus.DONE if at is None else RunStatus.DIVERGED,
                "message": "" if at is None else f"diverged at step {at}",
                "steps": outcome.steps if at is None else at,
                "diverged_at": at,
                "wall_seconds": outcome.wall_seconds,
                "resumed_from": outcome.resumed_from,
            }
            refuse_outside(self.store.root, self.store.folder(run))
            publish(self.store.folder(run), run, self.folder, outcome.final[run.seed], {**own, **facts}, records)
            if at is not None:
                diverged.append(f"seed {run.seed} diverged at step {at}")
        shutil.rmtree(self.folder / "checkpoints", ignore_errors=True)  # published: nothing is left to go on from
        return "; ".join(diverged)


def _brief(error: BaseException) -> str:
    """The error in a line: what it says, and the innermost place outside installed packages."""
    if isinstance(error, RlbenchError):
        return str(error)
    said = traceback.format_exception_only(error)[-1].strip()[:2000]
    own = [frame for frame in traceback.extract_tb(error.__traceback__) if "site-packages" not in frame.filename]
    return f"{said} ({Path(own[-1].filename).name}:{own[-1].lineno})" if own else said


def _size(folder: Path) -> int:
    return sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())


def _peak_memory() -> int:
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak if sys.platform == "darwin" else peak * 1024
