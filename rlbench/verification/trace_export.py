"""Export of traces: a finished run's stored policy plays the final evaluation again, and its actions are written."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from rlbench.analysis import Results
from rlbench.api import DiskFull, Diverged, NothingToCompare, PluginError, Run, StoreError
from rlbench.exporters.run_history import Progress, scored_runs
from rlbench.reevaluation.action_trace import ActionForm
from rlbench.reevaluation.reevaluate import reevaluate
from rlbench.results.requested_runs import IMPORTED
from rlbench.verification.trace_files import write_header


@dataclass
class TraceWriter:
    """Writes the traces of a result folder (see rlbench.exporters.export_results.Writer).

    allowed: the modules that a run may import (rlbench.reevaluation.trust), or None for all. written: the runs with a
    trace. unequal: the runs without a trace whose final evaluation was not repeated exactly.
    """

    plugin_files: Sequence[str]
    allowed: Callable[[Run], Sequence[str] | None]
    written: list[Run] = field(default_factory=list)
    unequal: list[Run] = field(default_factory=list)

    def __call__(self, results: Results, folder: Path, progress: Progress) -> Sequence[str]:
        """Write `<run>.parquet` and `<run>.json` for each run. Returns: for each run without a trace, the reason.

        Raises: NothingToCompare if no run has a trace; DiskFull.
        """
        notes = []
        for run in progress(scored_runs(results)):
            if problem := self._write(results, run, folder / f"{run.name}.parquet"):
                notes.append(f"no trace of {run.name}: {problem}")
        if not self.written:
            raise NothingToCompare("\n".join(notes))
        return notes

    def _write(self, results: Results, run: Run, path: Path) -> str:
        """Write the trace of a run. Returns: why it cannot be written, or ""."""
        state, protocol = results.published[run.key], run.task.evaluation
        if run.algorithm.startswith(IMPORTED) or state.result.get("metering") == "self-reported":
            return "rlbench did not measure this run, and has no policy of it"
        if not protocol.final_episodes:
            return "it has no final evaluation"
        trusted = self.allowed(run)
        count, mode, files = protocol.final_episodes, protocol.policy, self.plugin_files
        try:
            played = reevaluate(results.store, run, state, count, mode, files, allowed=trusted, trace=path)
        except DiskFull:
            raise  # the disk has no room for the other traces either
        except (StoreError, PluginError, Diverged) as error:
            path.unlink(missing_ok=True)
            return str(error)
        if not played["equal"]:
            path.unlink()
            self.unequal.append(run)
            changed = ", ".join(f"{name} was {old}, is {new}" for name, (old, new) in played["changed"].items())
            text = "its policy does not repeat the recorded returns of the final evaluation"
            return f"{text}; {f'changed since: {changed}' if changed else 'nothing that is recorded has changed'}"
        form = ActionForm(played["actions"]["dtype"], tuple(played["actions"]["shape"]))
        write_header(path, run, form, count)
        self.written.append(run)
        return ""
