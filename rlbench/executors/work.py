"""What is done for one attempt, in whichever process: train the group, publish its runs, leave a word at the end."""

from __future__ import annotations

import os
import resource
import shutil
import sys
import traceback
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from rlbench.api import RlbenchError, RunGroup, RunStatus, Stopped, StoreError, group_from_dict
from rlbench.envs.batch import ReplayDiffers
from rlbench.plugins import load_plugins
from rlbench.plugins.configuring import configure
from rlbench.processes import failpoint
from rlbench.results import JsonlSink, Store, code_identity, hardware, numerics, publish
from rlbench.results.files import read_json, write_json
from rlbench.results.provenance import versions
from rlbench.runtime import checkpoint
from rlbench.runtime.checkpoint import SeedState
from rlbench.runtime.group import GroupOutcome, LiveGroup

Tell = Callable[[dict[str, Any]], None]


class Attempt:
    """One attempt at a group. `stop` may be called from a signal handler while `run` runs."""

    def __init__(self, folder: Path, tell: Tell, plugin_files: Sequence[str] = ()) -> None:
        description = read_json(folder / "group.json")
        if description is None:
            raise StoreError(f"{folder}/group.json is absent or unreadable")
        self.folder, self._tell, self._plugin_files = folder, tell, plugin_files
        self.store = Store(folder.parent.parent)
        self.group: RunGroup = group_from_dict(description["group"])
        self._restore: dict[int, str] = {int(seed): path for seed, path in description["restore"].items()}
        self._live: LiveGroup | None = None
        self._sink = JsonlSink(folder)
        self._stopping = False

    def stop(self) -> None:
        self._stopping = True
        if self._live is not None:
            self._live.interaction.request_stop()

    def run(self) -> RunStatus:
        """Train and publish. What goes wrong is told, logged to stderr and written to exit.json, never raised."""
        status, message = RunStatus.DONE, ""
        try:
            message = self._run()
        except Stopped as stopped:
            status, message = RunStatus.INTERRUPTED, str(stopped)
        except KeyboardInterrupt:
            status, message = RunStatus.INTERRUPTED, "interrupted before a safe point"
        except (Exception, SystemExit) as error:  # noqa: BLE001 - a plugin may raise anything
            traceback.print_exc()
            status, message = RunStatus.FAILED, _brief(error)
        finally:
            self._sink.close()
        write_json(self.folder / "exit.json", {"schema_version": 1, "status": status, "message": message})
        self._tell({"event": "finished", "status": status, "message": message})
        return status

    def _run(self) -> str:
        group = self.group
        plugins = load_plugins(self._plugin_files)
        plugin = plugins.find(group.algorithm)
        spec = plugins.algorithm(group.algorithm)
        algorithm = spec.load()
        if "torch" in sys.modules:
            sys.modules["torch"].set_num_threads(int(os.environ.get("OMP_NUM_THREADS", "1")))
        config = configure(algorithm.Config, group.config, spec.name)
        code = code_identity(plugin)
        how = numerics(group.device, group.compile, len(group.seeds))
        write_json(self.folder / "made-by.json", {"code": code, "numerics": how})
        backend = plugins.backend(group.task.backend)
        resumable = spec.resumable and backend.replayable

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
            )

        try:
            live = start(self._states(how))
        except (ReplayDiffers, StoreError) as problem:
            self._tell({"event": "notice", "message": f"starts again at step 0: {problem}"})
            live = start([])
        self._live = live
        if self._stopping:
            live.interaction.request_stop()
        outcome = live.run()
        self._sink.close()
        facts = {
            "code": code,
            "numerics": how,
            "versions": versions(),
            "environment_backend": backend.version(),
            "hardware": hardware(),
            "metering": spec.metering,
            "reproducible": spec.reproducible,
            "stack_size": len(group.seeds),
            "group_wall_seconds": outcome.elapsed_seconds,
            "cpu_seconds": outcome.cpu_seconds / len(group.seeds),
            "group_peak_memory_bytes": _peak_memory(),
        }
        return self._publish(outcome, facts)

    def _states(self, how: dict[str, Any]) -> list[SeedState]:
        """The checkpoint to go on from, unless numbers would be computed otherwise than before."""
        states = []
        for seed in self.group.seeds:
            if seed not in self._restore:
                return []
            path = self.store.root / self._restore[seed]
            before = (read_json(path.parent.parent / "made-by.json") or {}).get("numerics")
            if before != how:
                self._tell({"event": "notice", "message": f"starts again at step 0: numerics were {before}, are {how}"})
                return []
            states.append(checkpoint.load(path, seed))
        return states

    def _history(self, restore: list[SeedState]) -> dict[int, tuple[Path, Any]]:
        folders = {seed: (self.store.root / path).parent.parent for seed, path in self._restore.items()}
        return {state.seed: (folders[state.seed], state.numbers["positions"]) for state in restore}

    def _evaluated(self, kind: str, step: int, returns: list[float]) -> None:
        self._tell({"event": "evaluated", "kind": kind, "step": step, "returns": returns})
        failpoint("evaluated")

    def _publish(self, outcome: GroupOutcome, facts: dict[str, Any]) -> str:
        diverged = []
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
            publish(self.store.folder(run), run, self.folder, outcome.final[run.seed], {**own, **facts})
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


def _peak_memory() -> int:
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak if sys.platform == "darwin" else peak * 1024
