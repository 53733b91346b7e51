"""An attempt at training a group, in any process: train it, publish its runs, record how the attempt ended."""

from __future__ import annotations

import gc
import os
import time
import traceback
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import Any

from rlbench.api import (
    DiskFull,
    EndEvent,
    EvaluationEvent,
    Event,
    NoticeEvent,
    ProgressEvent,
    RunGroup,
    RunStatus,
    Stopped,
    StoreError,
    group_from_dict,
)
from rlbench.disk_errors import NO_ROOM, FileTooLarge, disk_error
from rlbench.envs.metered_batch import ReplayMismatch
from rlbench.executors.checkpoint_choice import CheckpointChoice
from rlbench.executors.events import write_exit
from rlbench.executors.failure_messages import failure_message
from rlbench.executors.file_size_limit import lowered_limit
from rlbench.executors.group_facts import check_independence, collect_facts, run_outcome
from rlbench.executors.import_recorder import ImportRecorder
from rlbench.executors.prepared_group import PreparedGroup, prepare_group
from rlbench.executors.spent_checkpoints import delete_spent
from rlbench.messages import error_text
from rlbench.plugins import Plugins
from rlbench.process_control import failpoint
from rlbench.profiling import Measurement, unavailable
from rlbench.results import JsonlSink, Store, energy, publish
from rlbench.results.cost_estimates import remember_cost
from rlbench.results.file_io import parse_json, refuse_outside, why_unreadable
from rlbench.results.json_shapes import check_attempt
from rlbench.results.jsonl_records import exit_if_forked
from rlbench.results.publication import read_records
from rlbench.results.result_record import GroupFacts, as_entries
from rlbench.runtime.checkpoint import SeedState
from rlbench.runtime.live_group import GroupOutcome, LiveGroup

ReportEvent = Callable[[Event], None]


class Attempt:
    """An attempt at training a group. A signal handler may call `stop` while `run` runs.

    plugins: the plugins of `plugin_files` if they are already loaded, so that no file is executed twice. last_step:
    stop as interrupted beyond this step; None: train to the end of the budget.
    """

    def __init__(
        self,
        folder: Path,
        report: ReportEvent,
        plugin_files: Sequence[str] = (),
        plugins: Plugins | None = None,
        last_step: int | None = None,
    ) -> None:
        folder = folder.absolute()  # an algorithm may change the working folder
        try:
            description = check_attempt(parse_json(folder / "group.json"))
        except (OSError, ValueError) as error:
            raise StoreError(f"{folder}/group.json cannot be read: {why_unreadable(error)}") from error
        self.folder, self._report, self._plugin_files = folder, report, plugin_files
        self._plugins, self._last_step = plugins, last_step
        self.store = Store(folder.parent.parent)
        self.group: RunGroup = group_from_dict(description["group"])
        paths = {int(member): self.store.root / path for member, path in description["restore"].items()}
        self._checkpoints = CheckpointChoice(paths)
        self._profile: bool = description.get("profile", False)
        self._measurement: Measurement | None = None
        self._live: LiveGroup | None = None
        self._sink: JsonlSink | None = None
        self._stopping: tuple[RunStatus, str] | None = None
        self._process = os.getpid()
        self._unsaved = ""  # why no checkpoint is written; "" if checkpoints are
        self._record_imports: Callable[[], object] = dict  # a placeholder until there is an environment

    def stop(self, status: RunStatus = RunStatus.INTERRUPTED, reason: str = "") -> None:
        """Stop the group at its next safe point and report `status`."""
        self._stopping = (status, reason)
        if self._live is not None:
            self._live.interaction.request_stop()

    def progress(self) -> ProgressEvent:
        """Return the step, and a pulse: a number that changes with every training or evaluation step. Thread-safe."""
        return ProgressEvent(**self._live.progress()) if self._live is not None else ProgressEvent(0, 0)

    def run(self) -> RunStatus:
        """Train and publish. Report errors, print them to stderr and write them to exit.json; never raise them."""
        status, message, full = RunStatus.DONE, "", False
        try:
            message = self._run()
        except Stopped as stopped:
            status, reason = self._stopping or (RunStatus.INTERRUPTED, "")
            message = (f"{reason}; {stopped}" if reason else str(stopped)) + self._unsaved
        except KeyboardInterrupt:
            status, message = RunStatus.INTERRUPTED, "interrupted before a safe point"
        except BaseException as error:  # noqa: BLE001 - a plugin may raise anything
            status, message, full = self._judge(error)
            if not full:
                traceback.print_exc()
                if self._stopping is not None:  # the signal that stops a cluster task also kills its compilers
                    status, reason = self._stopping
                    message = "; ".join(filter(None, (reason, f"asked to stop, and then {message}")))
        exit_if_forked(self._process)  # a fork made by the algorithm must not publish anything
        if self._measurement is not None:
            self._measurement.abandon()
        try:
            self._close_records()
        except DiskFull as error:  # the algorithm may have caught or wrapped the first error
            status, message, full = self._judge(error)
        except OSError:  # the algorithm may have closed the files
            pass
        with suppress(OSError, DiskFull):  # without exit.json the runs count as interrupted
            write_exit(self.folder, EndEvent(status, message, full), self._failed())
        self._report(EndEvent(status, message, full))
        return status

    def _judge(self, error: BaseException) -> tuple[RunStatus, str, bool]:
        """Return the status and message for an exception that ended the attempt, and whether the disk is to blame.

        A full disk is to blame even if the algorithm was writing its own file. So is the limit on the size of files,
        but not if the group itself has lowered it.
        """
        if isinstance(error, FileTooLarge) and (limit := lowered_limit()) is not None:
            text = f"its code lowered the limit on the size of files (RLIMIT_FSIZE) to {limit:,} bytes"
            return RunStatus.FAILED, f"{text}, too little for its records, checkpoints or results", False
        if isinstance(error, OSError) and error.errno in NO_ROOM:
            error = disk_error(Path(error.filename or self.folder), error) or error
        if isinstance(error, DiskFull):
            return RunStatus.INTERRUPTED, str(error), True
        return RunStatus.FAILED, failure_message(error), False

    def _close_records(self) -> None:
        """Close the records. Raises: DiskFull or OSError if a record was lost."""
        if self._sink is not None:
            self._sink.close()

    def _run(self) -> str:
        if all((self.store.folder(run) / "result.json").exists() for run in self.group.runs):
            self._notice("not trained: another process has published its runs")
            return ""
        began = time.perf_counter()
        prepared = prepare_group(self.group, self._plugin_files, self._plugins)
        imports = ImportRecorder(self.folder, prepared)
        self._unsaved = prepared.why_unsaved
        energy_before = energy.read()
        self._start_profile()
        live = self._restore_or_start(prepared)
        self._watch_imports(live, imports)
        startup = time.perf_counter() - began
        outcome = self._train(live)
        profile = self._finish_profile(outcome)
        self._close_records()
        facts = collect_facts(prepared, live, outcome, imports.record(), energy_before, profile)
        tested, warning = check_independence(prepared)  # last: the memory and time of the trials must not count
        if warning:
            self._report(NoticeEvent(warning, once=True))
        facts = replace(facts, numerics={**facts.numerics, **tested})
        message = self._publish(outcome, facts)
        folders = [self.folder, *(self.store.folder(run) for run in self.group.runs)]
        files = [path for folder in folders for path in folder.rglob("*") if path.is_file()]
        remember_cost(self.group, startup, outcome.elapsed_seconds, files)
        return message

    def _restore_or_start(self, prepared: PreparedGroup) -> LiveGroup:
        """Return the group at the step of its checkpoint, or at step 0 if the checkpoint cannot be restored."""
        try:
            states, changed = self._checkpoints.load(prepared, self._notice)
            live = self._open(prepared, states)
            live.approximated |= changed
        except DiskFull:
            raise
        except (ReplayMismatch, StoreError) as problem:
            self._notice(f"starts again at step 0: {problem}")
            live = self._open(prepared, [])
        except Exception as error:  # noqa: BLE001 - what the checkpoint says may be anything
            traceback.print_exc()
            self._notice(f"starts again at step 0: its checkpoint cannot be restored: {error_text(error)}")
            live = self._open(prepared, [])
        self._live = live
        if self._last_step is not None:
            live.interaction.stop_beyond(self._last_step)
        if self._stopping is not None:
            live.interaction.request_stop()
        return live

    def _open(self, prepared: PreparedGroup, restore: list[SeedState]) -> LiveGroup:
        self._close_records()
        self._sink = JsonlSink(self.folder, self._checkpoints.history(self.group, restore))
        return LiveGroup(
            self.group,
            prepared.algorithm,
            prepared.config,
            prepared.backend,
            self._sink,
            resumable=prepared.resumable,
            checkpoints=self.folder / "checkpoints",
            restore=restore,
            observe=self._report_evaluation,
            approximate=prepared.approximate,
            self_reported=prepared.spec.metering != "boundary",
            make_sampler=prepared.make_sampler,
        )

    def _watch_imports(self, live: LiveGroup, imports: ImportRecorder) -> None:
        """Record the modules imported so far (the environment and its wrappers), and again before each checkpoint."""
        imports.record()
        self._record_imports = imports.record
        if (save := live.interaction.save) is not None:

            def save_with_imports() -> None:
                imports.record()  # a checkpoint depends on everything imported so far
                save()

            live.interaction.save = save_with_imports

    def _train(self, live: LiveGroup) -> GroupOutcome:
        gc.freeze()  # libraries and environments stay alive, so the collector can skip them
        gc.enable()  # a worker has switched it off until here
        return live.run()

    def _start_profile(self) -> None:
        """Start the profile if it was requested. Its CPU seconds do not include the imports before this call."""
        problem = unavailable() if self._profile else ""
        if problem:
            self._notice(f"not profiled: {problem}")
        elif self._profile:
            self._measurement = Measurement(self.folder / "profile")

    def _finish_profile(self, outcome: GroupOutcome) -> dict[str, Any] | None:
        """Return the profile for result.json: CPU seconds of the process by part, and the step at which they begin."""
        if self._measurement is None:
            return None
        seconds = {part: round(spent, 4) for part, spent in self._measurement.finish().items()}
        return {"from_step": outcome.resumed_from, "seconds": seconds}

    def _failed(self) -> dict[int, str]:
        """Return the failed members of the group, with what failed in their environments, in words."""
        return self._live.failed if self._live is not None else {}

    def _notice(self, message: str) -> None:
        self._report(NoticeEvent(message))

    def _report_evaluation(self, kind: str, step: int, returns: list[float]) -> None:
        self._record_imports()
        self._report(EvaluationEvent(kind, step, tuple(returns)))
        failpoint("evaluated")

    def _publish(self, outcome: GroupOutcome, facts: GroupFacts) -> str:
        exit_if_forked(self._process)
        messages, records, of_group = list(outcome.failed.values()), read_records(self.folder), as_entries(facts)
        for member, run in zip(self.group.members, self.group.runs):
            if member in outcome.failed:
                continue
            own = run_outcome(outcome, member)
            refuse_outside(self.store.root, self.store.folder(run))
            entries = as_entries(own) | of_group
            name = f"{run.label}, seed {run.seed}" if self.group.variants else f"seed {run.seed}"
            final = outcome.final[member]
            if not publish(self.store.folder(run), run, self.folder, final, entries, records, member):
                self._notice(f"{name} was already published by another process, whose result is kept")
            if own.message:
                messages.append(f"{name} {own.message}")
        delete_spent(self.store, self.folder)
        return "; ".join(messages)
