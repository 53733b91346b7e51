"""The executor `local`: one subprocess per group, several at a time. If one dies, the others are not affected."""

from __future__ import annotations

import errno
import queue
import signal
from collections.abc import Sequence

from rlbench.api import (
    DiskFull,
    EndEvent,
    ExecutorContext,
    ExecutorSpec,
    Job,
    NoticeEvent,
    RlbenchError,
    RunStatus,
    StartEvent,
    hookimpl,
)
from rlbench.executors.events import read_end, write_exit
from rlbench.executors.failure_messages import FEWER
from rlbench.executors.file_limit import allowed_workers
from rlbench.executors.lost_devices import DevicePool
from rlbench.executors.memory_use import memory_beyond, memory_message
from rlbench.executors.orphan_guard import OrphanGuard
from rlbench.executors.time_limits import AwakeClock, Limits
from rlbench.executors.worker_process import FROM_OUTSIDE, Inbox, ProcessExit, Worker
from rlbench.text import duration, plural

GRACE_SECONDS = 30.0
# Most seconds from a worker's "finished" event to its exit: a thread or child of the algorithm may never end.
LEAVING_SECONDS = 5.0
POLL_SECONDS = 0.5
# Errors of starting a process if the system allows no more processes or files. For threads it is a RuntimeError.
_NO_MORE = (errno.EAGAIN, errno.ENOMEM, errno.EMFILE, errno.ENFILE)
LONGEST_QUEUE = 1000  # most events that wait to be handled; beyond this, workers wait


def execute(jobs: Sequence[Job], context: ExecutorContext) -> None:
    """Run `jobs`, at most `context.workers` at a time, or fewer if the system does not allow as many.

    The workers save and stop, and no more are started, after one Ctrl-C, after `context.stop_after`, and on a full
    disk. After a second Ctrl-C they are killed. If a worker was killed from outside, the jobs from `context.retry`
    run next.

    Raises: KeyboardInterrupt or DiskFull after all workers have exited; RlbenchError if no worker can be started.
    """
    allowed, why_fewer = allowed_workers(min(context.workers, len(jobs)))
    if why_fewer:
        context.say(why_fewer)
    _Pool(jobs, context, allowed if why_fewer else context.workers).run()


class _Pool:
    """The running workers, the waiting jobs, and the reason to stop, if any. Suspended time is not counted."""

    def __init__(self, jobs: Sequence[Job], context: ExecutorContext, workers: int) -> None:
        self._context, self._workers = context, workers
        self._inbox: Inbox = queue.Queue(LONGEST_QUEUE)
        self._waiting, self._running = list(reversed(jobs)), dict[Worker, Limits]()
        self._kill_at: dict[Worker, float] = {}
        self._clock, self._check_memory_at = AwakeClock(), 0.0
        self._interrupts: list[KeyboardInterrupt] = []
        self._devices = DevicePool(jobs, context.say)
        self._stopping = False
        self._full = ""

    def run(self) -> None:
        with OrphanGuard() as guard:
            try:
                while self._waiting or self._running:
                    self._advance(guard)
            finally:
                for worker in self._running:  # there are some only after an error in an observer or here
                    worker.kill()
        if self._interrupts:
            raise self._interrupts[0]  # Ctrl-C, or a termination signal with its own exit code
        if self._full:
            raise DiskFull(self._full)

    def _advance(self, guard: OrphanGuard) -> None:
        try:
            self._start(guard)
            self._handle_event()
            self._check_limits()
            self._check_memory()
        except KeyboardInterrupt as interrupt:
            self._interrupt(interrupt)
        except DiskFull as full:
            self._stop_for_disk(str(full))

    def _start(self, guard: OrphanGuard) -> None:
        while self._waiting and len(self._running) < self._workers and not self._stopping:
            job = self._waiting[-1]
            if self._devices.is_lost(job):
                moved = self._devices.move(job)
                if moved is None:
                    self._waiting.pop()  # without an exit.json, its runs are interrupted
                    continue
                job = moved
            guard.watch(job.attempt)
            try:
                worker = Worker(job, self._inbox)
            except (OSError, RuntimeError) as error:
                if isinstance(error, OSError) and error.errno not in _NO_MORE:
                    raise
                self._start_fewer(error)
                return
            self._waiting.pop()
            self._running[worker] = Limits(worker.job.group, self._clock.tick())
            self._context.on_event(worker.job, StartEvent())

    def _start_fewer(self, error: OSError | RuntimeError) -> None:
        """Limit the workers to those that run now. Raises: RlbenchError if no worker runs."""
        why = f"the system allows no further process ({error})"
        if not self._running:
            raise RlbenchError(f"{why}; end other programs, or raise the limits that `ulimit -a` shows") from error
        self._workers = len(self._running)
        self._context.say(f"{why}; training {plural(self._workers, 'group')} at a time")

    def _handle_event(self) -> None:
        try:
            worker, event = self._inbox.get(timeout=POLL_SECONDS)
        except queue.Empty:
            return
        if isinstance(event, ProcessExit):
            self._handle_exit(worker, event.code)
            return
        if worker in self._running:
            self._running[worker].record(event, self._clock.tick())
        if isinstance(event, EndEvent):
            worker.has_finished = True
            self._kill_at[worker] = self._clock.tick() + LEAVING_SECONDS
            self._handle_finished(worker, event)
        else:
            self._context.on_event(worker.job, event)

    def _handle_finished(self, worker: Worker, event: EndEvent) -> None:
        """Forward the end of a worker. If a limit stopped it, add which limit."""
        if event.status == RunStatus.INTERRUPTED and worker.verdict is not None:
            status, message = worker.verdict
            event = EndEvent(status, f"{message}; {event.message}".rstrip("; "))
            self._write_exit(worker.job, event)
        if event.status == RunStatus.FAILED and worker.job.group.device != "cpu":
            worker.failure = event  # reported after its process has left the device, which is then tried
            return
        self._context.on_event(worker.job, event)
        if event.disk_full:
            self._stop_for_disk(event.message)

    def _report_failure(self, job: Job, end: EndEvent) -> None:
        """Report that a job has failed. If its device was lost, its runs are trained again on another one."""
        explained = self._devices.explain(job, end)
        if explained is not end:
            self._write_exit(job, explained)
        self._context.on_event(job, explained)
        if explained is not end and not self._stopping:
            self._waiting += reversed(self._retry(job))

    def _handle_exit(self, worker: Worker, code: int) -> None:
        self._running.pop(worker)
        self._kill_at.pop(worker, None)
        if worker.has_finished:
            if worker.failure is not None:
                self._report_failure(worker.job, worker.failure)
            return
        end = _silent_exit(worker, code)
        if worker.verdict is not None:
            end = EndEvent(*worker.verdict)
        elif self._stopping and code == -signal.SIGTERM:
            end = EndEvent(end.status, "stopped before training started")
        self._write_exit(worker.job, end)
        retries: Sequence[Job] = ()
        if -code in FROM_OUTSIDE and end.status == RunStatus.INTERRUPTED and not self._stopping:
            retries = self._retry(worker.job)
            if not retries and worker.was_killed_for_memory(code):
                end = EndEvent(RunStatus.FAILED, f"{end.message}; {FEWER}")
                self._write_exit(worker.job, end)
        self._report_failure(worker.job, end)
        self._waiting += reversed(retries)

    def _retry(self, job: Job) -> Sequence[Job]:
        try:
            return self._context.retry(job)
        except DiskFull as full:
            self._stop_for_disk(str(full))
            return ()

    def _check_limits(self) -> None:
        now = self._clock.tick()
        for worker, limits in list(self._running.items()):
            decided = worker.verdict is not None or worker.has_finished or self._stopping
            exceeded = None if decided else limits.exceeded(now)
            if exceeded is not None:
                worker.verdict = exceeded
                worker.dump_stacks()
                worker.request_stop()
                self._kill_at[worker] = now + GRACE_SECONDS
            if now > self._kill_at.get(worker, float("inf")):
                if worker.has_finished:
                    self._kill_at.pop(worker)  # the notice is sent once
                    message = f"did not exit within {duration(LEAVING_SECONDS)} after it had finished, and was killed"
                    self._context.on_event(worker.job, NoticeEvent(message))
                worker.kill()
        if self._context.stop_after is not None and now > self._context.stop_after and not self._stopping:
            self._stop("--stop-after reached: ")

    def _check_memory(self) -> None:
        """Kill the workers that use too much memory. They cannot save before, because saving takes more memory."""
        if (now := self._clock.tick()) < self._check_memory_at:
            return
        self._check_memory_at = now + POLL_SECONDS
        for worker in self._running:
            limit = worker.job.group.memory
            undecided = worker.verdict is None and not worker.has_finished
            if limit is not None and undecided and (used := memory_beyond(worker.process.pid, limit)):
                worker.verdict = RunStatus.FAILED, memory_message(used, limit)
                worker.kill()

    def _interrupt(self, interrupt: KeyboardInterrupt) -> None:
        self._interrupts.append(interrupt)
        if len(self._interrupts) > 1:
            for worker in self._running:
                worker.kill()
        else:
            self._stop("", "; a second Ctrl-C kills them" if type(interrupt) is KeyboardInterrupt else "")

    def _stop(self, reason: str, hint: str = "") -> None:
        """Start no more jobs, and give the running workers GRACE_SECONDS to reach their next safe point."""
        self._waiting.clear()
        self._stopping = True
        count = sum(not worker.has_finished for worker in self._running)
        if count:
            groups = "1 group at its" if count == 1 else f"{count} groups at their"
            self._context.say(f"{reason}stopping {groups} next safe point{hint}")
        for worker in self._running:
            worker.request_stop()
            self._kill_at.setdefault(worker, self._clock.tick() + GRACE_SECONDS)

    def _stop_for_disk(self, message: str) -> None:
        """Stop because the disk is full or broken."""
        self._full = self._full or message
        if not self._stopping:
            self._stop("results cannot be written: ")

    def _write_exit(self, job: Job, end: EndEvent) -> None:
        """Write exit.json for a worker. If this fails, its runs count as interrupted."""
        try:
            write_exit(job.attempt, end)
        except DiskFull as full:
            self._stop_for_disk(str(full))
        except OSError as error:
            self._context.say(f"{job.attempt / 'exit.json'} cannot be written: {error.strerror}")


def _silent_exit(worker: Worker, code: int) -> EndEvent:
    """Return how a worker ended that exited without a "finished" event on its pipe."""
    if (worker.job.attempt / "exit.json").exists():  # an algorithm may have closed the pipe
        return read_end(worker.job.attempt)
    if worker.was_killed_for_memory(code):
        message = "worker killed by SIGKILL, most likely by the kernel's OOM killer, because no memory was left"
        return EndEvent(RunStatus.INTERRUPTED, message)
    if -code in FROM_OUTSIDE:
        message = f"worker killed by {signal.Signals(-code).name}; rerun the same command to resume"
        return EndEvent(RunStatus.INTERRUPTED, message)
    how = f"crashed with {signal.Signals(-code).name}" if code < 0 else f"exited with code {code} during training"
    return EndEvent(RunStatus.FAILED, f"worker {how}")


@hookimpl
def rlbench_executors() -> list[ExecutorSpec]:
    return [ExecutorSpec("local", execute)]
