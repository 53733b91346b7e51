"""The executor `ray`: each group is a task of a Ray cluster, which Ray may also start on this machine alone.

A task trains its group as the executor `local` does, in a process of its own. It receives only paths and the process's
arguments. Results are written to the result folder, which all machines see under the same path.
"""

from __future__ import annotations

import os
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from rlbench.api import (
    DiskFull,
    EndEvent,
    Event,
    ExecutorContext,
    ExecutorSpec,
    Job,
    RlbenchError,
    RunStatus,
    StartEvent,
    group_from_dict,
    hookimpl,
)
from rlbench.clusters.attempt_watch import AttemptWatch
from rlbench.executors import local
from rlbench.executors.events import event_as_dict, event_from_dict, read_end, write_exit
from rlbench.results.file_io import parse_json
from rlbench.results.json_shapes import check_attempt

POLL_SECONDS = 0.5
VISIBLE_SECONDS = 60.0  # files of another machine may stay invisible this long
STOPPING_SECONDS = local.GRACE_SECONDS + 15.0
# The first variable keeps Ray from sending statistics of its use over the network.
_PRIVATE = {"RAY_USAGE_STATS_ENABLED": "0", "RAY_DISABLE_IMPORT_WARNING": "1"}


def execute(jobs: Sequence[Job], context: ExecutorContext) -> None:
    """Run `jobs` as tasks of Ray, at most `context.workers` at a time.

    The address of the cluster is `ray: {address: …}` in the suite, or else RAY_ADDRESS. Without an address, Ray starts
    a cluster on this machine that no other machine can reach. Ctrl-C and the end of `context.stop_after` stop the
    groups at their next safe point.

    Raises: KeyboardInterrupt or DiskFull after all tasks have ended; RlbenchError if Ray or the cluster is missing.
    """
    ray = _connect(context)
    try:
        _Tasks(ray, jobs, context).run()
    finally:
        ray.shutdown()


def _connect(context: ExecutorContext) -> Any:
    """Return the module ray, connected. Raises: RlbenchError."""
    address = context.settings.get("address") or os.environ.get("RAY_ADDRESS")
    os.environ.update(_PRIVATE)
    if not address:  # set before the import of Ray, which reads it
        os.environ.setdefault("RAY_AUTH_MODE", "token")  # other users of this machine can reach its ports
    try:
        import ray
    except ImportError as error:
        raise RlbenchError(f"--executor ray needs Ray: pip install 'rlbench[ray]' ({error})") from error
    own = {"include_dashboard": False, "_node_ip_address": "127.0.0.1", "num_cpus": context.workers}
    try:
        ray.init(address=address, log_to_driver=False, configure_logging=False, **({} if address else own))
    except (ConnectionError, RuntimeError, ValueError, TimeoutError) as error:
        raise RlbenchError(f"Ray does not answer{f' at {address}' if address else ''}: {error}") from error
    return ray


class _Tasks:
    """The waiting jobs and the running tasks. Ray's reference to a task's result identifies the task."""

    def __init__(self, ray: Any, jobs: Sequence[Job], context: ExecutorContext) -> None:
        self._ray, self._context = ray, context
        self._waiting = list(reversed(jobs))
        self._running: dict[Any, AttemptWatch] = {}
        self._started: set[Path] = set()
        self._began, self._full = time.monotonic(), ""
        settings = context.settings
        resources = {"num_cpus": settings.get("cpus", 1), "num_gpus": settings.get("gpus", 0) or None}
        resources |= {"memory": settings.get("mem"), "resources": dict(settings.get("resources") or {}) or None}
        options = {name: value for name, value in resources.items() if value is not None}
        self._train = ray.remote(train).options(max_retries=0, **options)

    def run(self) -> None:
        try:
            while (self._waiting or self._running) and not self._full and not self._is_time_up():
                self._submit()
                self._look()
        except KeyboardInterrupt:
            self._stop()
            raise
        if self._running:
            self._stop()
        if self._full:
            raise DiskFull(self._full)

    def _is_time_up(self) -> bool:
        limit = self._context.stop_after
        return limit is not None and time.monotonic() - self._began > limit

    def _submit(self) -> None:
        while self._waiting and len(self._running) < self._context.workers:
            job = self._waiting.pop()
            reference = self._train.remote(str(job.attempt), job.command, job.plugin_files, os.getcwd())
            self._running[reference] = AttemptWatch(job)

    def _look(self) -> None:
        ended, _ = self._ray.wait(list(self._running), timeout=POLL_SECONDS)
        for watch in self._running.values():
            self._report(watch)
        for reference in ended:
            self._finish(reference)

    def _report(self, watch: AttemptWatch) -> None:
        job = watch.job
        if job.attempt not in self._started and (job.attempt / "stdout.log").exists():
            self._started.add(job.attempt)
            self._context.on_event(job, StartEvent())
        if job.attempt in self._started:
            for event in watch.progress():
                self._context.on_event(job, event)

    def _finish(self, reference: Any) -> None:
        """Report the end of a task. If the task was interrupted, for example with its machine, train its runs again."""
        watch = self._running.pop(reference)
        end = self._end_of(reference, watch)
        if watch.job.attempt not in self._started:
            self._started.add(watch.job.attempt)
            self._context.on_event(watch.job, StartEvent())
        self._context.on_event(watch.job, end)
        if end.disk_full:
            self._full = end.message
        elif end.status == RunStatus.INTERRUPTED:
            self._waiting += reversed(self._context.retry(watch.job))

    def _end_of(self, reference: Any, watch: AttemptWatch) -> EndEvent:
        try:
            end = event_from_dict(self._ray.get(reference))
        except self._ray.exceptions.RayError as error:
            known = watch.end()
            if known is not None:
                return known
            end = EndEvent(RunStatus.INTERRUPTED, f"its Ray task ended without a result: {_first_line(error)}")
            write_exit(watch.job.attempt, end)
        return end if isinstance(end, EndEvent) else EndEvent(RunStatus.INTERRUPTED, "its task returned no end")

    def _stop(self) -> None:
        """Ask the tasks to save and stop, wait for them, and kill those that do not stop in time."""
        if self._running:
            self._context.say("stopping the groups at their next safe point")
        for reference in self._running:
            self._ray.cancel(reference)
        ended, late = self._ray.wait(list(self._running), num_returns=len(self._running), timeout=STOPPING_SECONDS)
        for reference in late:
            self._ray.cancel(reference, force=True)
        for reference in (*ended, *late):
            watch = self._running.pop(reference)
            if watch.job.attempt in self._started:
                end = watch.end() or EndEvent(RunStatus.INTERRUPTED, "stopped before a safe point")
                self._context.on_event(watch.job, end)


def train(attempt: str, command: Sequence[str], plugin_files: Sequence[str], folder: str) -> dict[str, Any]:
    """Train a group in this process of Ray. folder: the harness's working folder. Returns: its end, as JSON values."""
    os.chdir(folder)
    path, ends = Path(attempt), list[Event]()
    group = group_from_dict(check_attempt(parse_json(path / "group.json"))["group"])
    job = Job(group, path, tuple(command), plugin_files=tuple(plugin_files))

    def keep_end(job: Job, event: Event) -> None:
        if isinstance(event, EndEvent):
            ends.append(event)

    context = ExecutorContext(1, keep_end, lambda job: (), lambda job: read_end(job.attempt), say=_say_nothing)
    try:
        local.execute([job], context)
    except KeyboardInterrupt:
        pass  # Ray cancels tasks by this exception; the group has saved
    except DiskFull as full:
        ends = [EndEvent(RunStatus.INTERRUPTED, str(full), disk_full=True)]
    return event_as_dict(ends[-1] if ends else read_end(path))


def _say_nothing(text: str) -> None:
    """Print nothing: the output of a task is lost."""


def _first_line(error: BaseException) -> str:
    return str(error).strip().partition("\n")[0][:200]


@hookimpl
def rlbench_executors() -> list[ExecutorSpec]:
    return [ExecutorSpec("ray", execute, elsewhere=True)]
