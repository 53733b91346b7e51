"""One attempt at a group, in any process: train the group, publish its runs, record how it ended."""

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

from safetensors import SafetensorError

from rlbench.api import Algorithm, RlbenchError, RunGroup, RunStatus, Stopped, StoreError, group_from_dict
from rlbench.envs.metered_batch import ReplayMismatch
from rlbench.plugins import Plugin, Plugins, load_plugins
from rlbench.plugins.config_model import configure
from rlbench.process_control import failpoint
from rlbench.profiling import Measurement, unavailable
from rlbench.results import JsonlSink, Store, code_identity, commit, energy, hardware, independence, numerics, publish
from rlbench.results.code_dependencies import Dependencies, imported_code
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
from rlbench.results.jsonl_records import exit_if_forked
from rlbench.results.provenance import changed_sources, versions
from rlbench.results.publication import read_records
from rlbench.results.stack_independence import forget_kernels, independence_warning, uses_torch
from rlbench.runtime import checkpoint
from rlbench.runtime.checkpoint import SeedState
from rlbench.runtime.live_group import GroupOutcome, LiveGroup

ReportEvent = Callable[[dict[str, Any]], None]


class Attempt:
    """One attempt at a group. `stop` may be called from a signal handler while `run` runs."""

    def __init__(self, folder: Path, report: ReportEvent, plugin_files: Sequence[str] = ()) -> None:
        folder = folder.absolute()  # an algorithm may change the working folder
        try:
            description = check_attempt(parse_json(folder / "group.json"))
        except (OSError, ValueError) as error:
            raise StoreError(f"{folder}/group.json cannot be read: {why_unreadable(error)}") from error
        self.folder, self._report, self._plugin_files = folder, report, plugin_files
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
        self._record_imports: Callable[[], object] = dict  # records nothing until there is an environment

    def stop(self, status: RunStatus = RunStatus.INTERRUPTED, reason: str = "") -> None:
        """Stop the group at its next safe point and report `status`."""
        self._stopping = (status, reason)
        if self._live is not None:
            self._live.interaction.request_stop()

    def progress(self) -> dict[str, int]:
        """Return the step reached and a pulse, which changes with every step of training or evaluation. Thread-safe."""
        return self._live.progress() if self._live is not None else {"step": 0, "pulse": 0}

    def run(self) -> RunStatus:
        """Train and publish. Errors are reported, logged to stderr and written to exit.json, and never raised."""
        status, message, full = RunStatus.DONE, "", {}
        try:
            message = self._run()
            self._sink.close()
        except Stopped as stopped:
            status, reason = self._stopping or (RunStatus.INTERRUPTED, "")
            message = (f"{reason}; {stopped}" if reason else str(stopped)) + self._unsaved
        except KeyboardInterrupt:
            status, message = RunStatus.INTERRUPTED, "interrupted before a safe point"
        except (Exception, SystemExit) as error:  # noqa: BLE001 - a plugin may raise anything
            traceback.print_exc()
            status, message = RunStatus.FAILED, _brief(error)
            if isinstance(error, OSError) and error.errno in DISK_FULL:
                status, message, full = RunStatus.INTERRUPTED, disk_full(self.folder), {"disk_full": True}
        exit_if_forked(self._process)  # a fork made by the algorithm must not publish anything
        if self._measurement is not None:
            self._measurement.abandon()
        with suppress(OSError):  # the disk is full; without exit.json the runs count as interrupted
            self._sink.close()
            write_json(self.folder / "exit.json", {"schema_version": 1, "status": status, "message": message})
        self._report({"event": "finished", "status": status, "message": message, **full})
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
        forget_kernels()
        code = code_identity(plugin, group)
        settings = numerics(group.device, group.compile, len(group.seeds))
        write_json(self.folder / "made-by.json", {"code": code, "numerics": settings})
        backend = plugins.backend(group.task.backend)
        approximate = group.resume == "approximate"
        backend_resumes = backend.can_resume(group.resume)
        resumable = spec.resumable and backend_resumes
        if not resumable:
            culprit = spec.name if backend_resumes else backend.name
            self._unsaved = f"; {culprit} does not support resuming, so the next attempt starts again"
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
                observe=self._report_evaluation,
                approximate=approximate,
                self_reported=spec.metering != "boundary",
            )

        self._start_profile()
        try:
            states, changed = self._load_checkpoint({"code": code, "numerics": settings}, plugin)
            live = start(states)
            live.approximated |= changed
        except (ReplayMismatch, StoreError) as problem:
            self._report({"event": "notice", "message": f"starts again at step 0: {problem}"})
            live = start([])
        self._live = live
        record_imports = self._import_recorder(plugin, plugins, {"code": code, "numerics": settings})
        record_imports()  # the environment and its wrappers are imported by now
        self._record_imports = record_imports
        if (save := live.interaction.save) is not None:

            def save_with_imports(algorithm: Algorithm) -> None:
                record_imports()  # a checkpoint depends on everything imported so far
                save(algorithm)

            live.interaction.save = save_with_imports
        if self._stopping is not None:
            live.interaction.request_stop()
        startup = time.perf_counter() - began
        gc.freeze()  # libraries and environments stay alive, so the collector can skip them
        gc.enable()  # a worker has it off until here
        outcome = live.run()
        profile = self._finish_profile(outcome)
        self._sink.close()
        facts = {
            "code": code,
            "dependencies": record_imports(),
            "numerics": settings,
            "versions": versions(),
            "environment_backend": backend.version(),
            "hardware": hardware(),
            "metering": spec.metering,
            **({"score_from": reported.score_from} if (reported := live.interaction.self_reported) is not None else {}),
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
        # Last, since the test takes memory and time itself.
        facts["numerics"] = settings | self._independence(settings, uses_torch(plugin, had_torch), spec.stackable)
        message = self._publish(outcome, facts)
        size = sum(p.stat().st_size for run in group.runs for p in self.store.folder(run).iterdir())
        remember_cost(group, startup, outcome.elapsed_seconds, size + _size(self.folder))
        return message

    def _independence(self, settings: dict[str, Any], with_torch: bool, stackable: bool) -> dict[str, Any]:
        """Return the results of the stack independence test. A notice reports unexpected ones."""
        results = independence(settings, with_torch, stackable)
        message = independence_warning(results, settings)
        if message:
            self._report({"event": "notice", "message": message, "once": True})
        return results

    def _import_recorder(self, plugin: Plugin, plugins: Plugins, made_by: dict[str, Any]) -> Callable[[], Dependencies]:
        """Return a function that writes the modules imported so far to made-by.json. Call it soon after imports, since
        files may be edited meanwhile.
        """
        others = [other for other in plugins.files if other is not plugin]
        recorded: Dependencies = {}
        at: float | None = None

        def record() -> Dependencies:
            nonlocal recorded, at
            now = imported_code(plugin, recorded, others, at)
            at = time.time()
            if now != recorded:
                recorded = now
                write_json(self.folder / "made-by.json", {**made_by, "dependencies": recorded})
            return recorded

        return record

    def _start_profile(self) -> None:
        """Start the profile if one is requested. Earlier work, mostly imports, is in no group's CPU seconds."""
        problem = unavailable() if self._profile else ""
        if problem:
            self._report({"event": "notice", "message": f"not profiled: {problem}"})
        elif self._profile:
            self._measurement = Measurement(self.folder / "profile")

    def _finish_profile(self, outcome: GroupOutcome) -> dict[str, Any]:
        """Return the profile for result.json: CPU seconds of the whole process by part, and the step they start at."""
        if self._measurement is None:
            return {}
        seconds = {part: round(spent, 4) for part, spent in self._measurement.finish().items()}
        return {"group_profile": {"from_step": outcome.resumed_from, "seconds": seconds}}

    def _load_checkpoint(self, made_by: dict[str, Any], plugin: Plugin) -> tuple[list[SeedState], bool]:
        """Return the checkpoint to resume from, and whether code or numerics have changed since it was written. A
        changed checkpoint is only used if the suite allows approximate resuming.
        """
        states, changed = [], False
        for seed in self.group.seeds:
            if seed not in self._restore:
                return [], False
            path = self.store.root / self._restore[seed]
            before = read_json(path.parent.parent / "made-by.json") or {}
            differences = [
                f"{name} were {before.get(name)}, are {made_by[name]}"
                for name in made_by
                if before.get(name) != made_by[name]
            ] + changed_sources(before.get("dependencies"), plugin)
            if differences and self.group.resume != "approximate":
                self._report({"event": "notice", "message": f"starts again at step 0: {differences[0]}"})
                return [], False
            changed = changed or bool(differences)
            try:
                states.append(checkpoint.load(path, seed))
            except (OSError, ValueError, KeyError, TypeError, RecursionError, SafetensorError) as error:
                raise StoreError(f"{path} cannot be read: {error}") from error
        if changed:
            message = "resuming although code or numerical settings differ from the checkpoint's"
            self._report({"event": "notice", "message": message})
        return states, changed

    def _history(self, restore: list[SeedState]) -> dict[int, tuple[Path, Any]]:
        """Return for each seed the attempt folder it resumes from, and the positions up to which its records count."""
        folders = {seed: (self.store.root / path).parent.parent for seed, path in self._restore.items()}
        return {state.seed: (folders[state.seed], state.numbers["positions"]) for state in restore}

    def _report_evaluation(self, kind: str, step: int, returns: list[float]) -> None:
        self._record_imports()
        self._report({"event": "evaluated", "kind": kind, "step": step, "returns": returns})
        failpoint("evaluated")

    def _publish(self, outcome: GroupOutcome, facts: dict[str, Any]) -> str:
        exit_if_forked(self._process)
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
        shutil.rmtree(self.folder / "checkpoints", ignore_errors=True)  # published runs are never resumed
        return "; ".join(diverged)


def _brief(error: BaseException) -> str:
    """Return the error in one line: its message, and the innermost line of code outside installed packages."""
    if isinstance(error, RlbenchError):
        return str(error)
    message = traceback.format_exception_only(error)[-1].strip()[:2000]
    own = [frame for frame in traceback.extract_tb(error.__traceback__) if "site-packages" not in frame.filename]
    return f"{message} ({Path(own[-1].filename).name}:{own[-1].lineno})" if own else message


def _size(folder: Path) -> int:
    return sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())


def _peak_memory() -> int:
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak if sys.platform == "darwin" else peak * 1024
