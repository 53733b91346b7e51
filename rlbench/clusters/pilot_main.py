"""A task of a cluster: `python -m rlbench.clusters.pilot_main FOLDER [SECONDS]`.

The task takes one group after another from the queue of the result folder FOLDER and trains it as the executor `local`
does. SECONDS is the task's time limit. Shortly before the limit, or when the task is asked to end, the group that is
training saves a checkpoint, and an attempt that continues it is added to the queue. If this was because of the limit
and groups are waiting, the task then asks Slurm to start it again.
"""

from __future__ import annotations

import os
import signal
import sys
import time
from pathlib import Path
from types import FrameType

from rlbench.api import DiskFull, EndEvent, Event, ExecutorContext, Job, RlbenchError, RunStatus
from rlbench.clusters import slurm_commands
from rlbench.clusters.queued_jobs import continue_interrupted, has_progressed, read_job
from rlbench.executors import local
from rlbench.executors.events import read_end, write_exit
from rlbench.results.attempt_progress import heartbeat
from rlbench.results.job_queue import JobQueue, QueueEntry

# A file of another machine may stay invisible here this long: a network file system keeps listings of folders.
VISIBLE_SECONDS = 60.0
PAUSE_SECONDS = 1.0
_HEARTBEAT_SECONDS = 12.0  # a living process writes at least two heartbeats in this time


class Preempted(KeyboardInterrupt):
    """Slurm has asked the task to end."""


class Pilot:
    """A task of a cluster. limit: its time limit in seconds; None: the limit that Slurm reports, if any."""

    def __init__(self, root: Path, limit: float | None) -> None:
        self._queue = JobQueue(root)
        self._holder = holder()
        self._began, self._limit = time.monotonic(), _time_limit() if limit is None else limit
        self._is_training, self._has_started, self._asked_to_end = False, False, False
        self._trained = 0  # number of groups

    def run(self) -> int:
        """Train groups until none is waiting or the time is up. Returns: the exit code."""
        signal.signal(signal.SIGTERM, self._preempt)
        signal.signal(signal.SIGINT, signal.SIG_IGN)
        self._continue_own()
        while not self._asked_to_end and not self._is_time_up():
            entry = self._take_next()
            if entry is not None:
                self._train(entry)
                self._trained += 1
            elif self._trained or time.monotonic() - self._began > VISIBLE_SECONDS:
                return 0
            else:
                time.sleep(PAUSE_SECONDS)  # files of another machine become visible some time after they were written
        if self._is_time_up() and any(not entry.holder for entry in self._queue.entries()):
            self._come_again(os.environ["SLURM_JOB_ID"])
        return 0

    def _come_again(self, job: str) -> None:
        """Ask Slurm to start this task again, if it is not being cancelled."""
        try:
            if slurm_commands.is_running(job):
                slurm_commands.requeue(job)
        except RlbenchError as error:
            _say(f"not started again: {error}")

    def _preempt(self, number: int, frame: FrameType | None) -> None:
        if not self._asked_to_end:
            self._asked_to_end = True
            if self._is_training:
                raise Preempted

    def _is_time_up(self) -> bool:
        """Return whether the time limit of this task is over, or so near that no group should be started."""
        if self._limit is None:
            return False
        left = self._limit - (time.monotonic() - self._began)
        lead = slurm_commands.lead_seconds(self._limit)
        return left < 2 * lead + (slurm_commands.EARLY_SECONDS if self._asked_to_end else 0)

    def _take_next(self) -> QueueEntry | None:
        waiting = (entry for entry in self._queue.entries() if not entry.holder)
        return next((taken for entry in waiting if (taken := self._queue.take(entry, self._holder))), None)

    def _continue_own(self) -> None:
        """Continue the groups that this task trained before Slurm started it again, for example after a lost node."""
        for entry in self._queue.entries():
            if entry.holder == self._holder and not _is_alive(entry.attempt):
                _say(f"{entry.attempt.name} was left by an earlier start of this task")
                self._finish(entry, go_on=True)

    def _train(self, entry: QueueEntry) -> None:
        job = self._read(entry)
        if self._asked_to_end:
            self._queue.release(entry)
            return
        if job is None:
            self._queue.remove(entry)
            return
        _say(f"training {entry.attempt.name}")
        self._has_started = False
        context = ExecutorContext(1, self._note_start, lambda job: (), _read_end, say=_say)
        try:
            try:
                self._is_training = True
                if not self._asked_to_end:
                    local.execute([job], context)
            finally:
                self._is_training = False
        except Preempted:
            pass
        if self._asked_to_end and not self._has_started:
            self._queue.release(entry)
        else:
            self._finish(entry, go_on=self._asked_to_end)

    def _note_start(self, job: Job, event: Event) -> None:
        self._has_started = True  # the first event of a group is that its process has started

    def _read(self, entry: QueueEntry) -> Job | None:
        """Return the job of an entry once its files are visible here; None after a time, or when asked to end."""
        deadline = time.monotonic() + VISIBLE_SECONDS
        while not self._asked_to_end:
            try:
                return read_job(entry)
            except RlbenchError as error:
                if time.monotonic() > deadline:
                    _say(str(error))
                    return None
            time.sleep(PAUSE_SECONDS)
        return None

    def _finish(self, entry: QueueEntry, go_on: bool) -> None:
        end = read_end(entry.attempt)
        _say(f"{entry.attempt.name}: {end.status}{f' ({end.message})' if end.message else ''}")
        if not go_on or end.status != RunStatus.INTERRUPTED:
            self._queue.remove(entry)
        elif self._is_time_up() and not self._trained and not has_progressed(entry):
            message = f"{end.message}; it saved no new checkpoint in the time of a task: raise `time` in the suite"
            write_exit(entry.attempt, EndEvent(end.status, message))
            self._queue.remove(entry)
        else:
            continue_interrupted(self._queue, entry)


def _time_limit() -> float | None:
    """Return the seconds until this task must end, as Slurm reports them; None if it does not."""
    end = os.environ.get("SLURM_JOB_END_TIME", "")
    return max(1.0, int(end) - time.time()) if end.isdecimal() else None


def holder() -> str:
    """Return the number of this task, such as "41_3". It stays the same when Slurm starts the task again."""
    array, task = os.environ.get("SLURM_ARRAY_JOB_ID"), os.environ.get("SLURM_ARRAY_TASK_ID")
    return f"{array}_{task}" if array else os.environ.get("SLURM_JOB_ID", f"process-{os.getpid()}")


def _is_alive(attempt: Path) -> bool:
    """Return whether a process still trains an attempt: wait, and see whether its heartbeat changes."""
    if (attempt / "exit.json").exists():
        return False
    before = heartbeat(attempt)
    time.sleep(_HEARTBEAT_SECONDS)  # no event tells that a process on another machine has ended
    return heartbeat(attempt) != before


def _read_end(job: Job) -> EndEvent:
    return read_end(job.attempt)


def _say(text: str) -> None:
    print(time.strftime("%Y-%m-%d %H:%M:%S"), text, flush=True)


if __name__ == "__main__":
    try:
        sys.exit(Pilot(Path(sys.argv[1]), float(sys.argv[2]) if len(sys.argv) > 2 else None).run())
    except DiskFull as full:
        _say(str(full))
        sys.exit(full.exit_code)
