"""The executor `slurm`: tasks of a Slurm cluster that train the groups, and this process, which watches them.

The groups wait in the queue of the result folder, which all machines see under the same path. Each task
(`rlbench.clusters.pilot_main`) trains one group after another. This process may end at any time: all results are in the
folder, and the same command continues.
"""

from __future__ import annotations

import dataclasses
import sys
import time
from collections.abc import Collection, Mapping, Sequence
from contextlib import suppress
from pathlib import Path

from rlbench.api import EndEvent, ExecutorContext, ExecutorSpec, Job, RlbenchError, RunStatus, StartEvent, hookimpl
from rlbench.clusters import slurm_commands
from rlbench.clusters.attempt_watch import AttemptWatch
from rlbench.clusters.queued_jobs import read_job, successor
from rlbench.executors.events import write_exit
from rlbench.messages import shortened
from rlbench.results.file_io import make_folder
from rlbench.results.job_queue import JobQueue, QueueEntry
from rlbench.text import plural

POLL_SECONDS = 1.0  # between two readings of the folder
ASK_SECONDS = 30.0  # between two requests to Slurm, which serves all users of a cluster
# A file of another machine may stay invisible here this long: network file systems keep listings of folders.
VISIBLE_SECONDS = 60.0
CANCEL_SECONDS = 120.0
# Reasons why tasks wait that Slurm will start in time. Other reasons, such as PartitionTimeLimit, may last for ever.
WAITING = {"", "None", "Priority", "Resources", "BeginTime", "JobArrayTaskLimit", "Prolog", "Cleaning"}
MOST_FRUITLESS = 3  # most submissions in a row whose tasks have taken no group


def execute(jobs: Sequence[Job], context: ExecutorContext) -> None:
    """Add `jobs` to the queue, submit at most `context.workers` tasks at a time, and watch them.

    Ctrl-C leaves the tasks running, or cancels them if the suite has `on_interrupt: cancel`. If `context.detach`,
    return once the tasks are submitted. At the end of `context.stop_after`, cancel the tasks.

    Raises: KeyboardInterrupt; RlbenchError if Slurm refuses the tasks.
    """
    root = jobs[0].attempt.parent.parent
    _Watcher(root, jobs, context).run()


def adopt(root: Path) -> list[Job]:
    """Return the jobs in the queue of a result folder whose processes have not ended."""
    queue = JobQueue(root)
    queue.forget_continuations()
    jobs = []
    for entry in queue.entries():
        if entry.holder and (entry.attempt / "exit.json").exists():
            queue.remove(entry)  # its task was killed before it could remove the entry
            continue
        try:
            jobs.append(read_job(entry))
        except RlbenchError:
            queue.remove(entry)  # its runs count as interrupted, and are trained again
    return jobs


class _Watcher:
    """The jobs that have not ended, and the tasks that Slurm reports."""

    def __init__(self, root: Path, jobs: Sequence[Job], context: ExecutorContext) -> None:
        self._queue, self._context = JobQueue(root), context
        self._name, self._tasks_folder = slurm_commands.job_name(root), root / "queue" / "tasks"
        self._jobs = jobs
        self._open = {job.attempt.name: AttemptWatch(job) for job in jobs}
        self._started: set[str] = set()
        self._missed: dict[str, float] = {}  # by attempt: the time since when no task seems to train it
        self._tasks: dict[str, str] | None = None  # state by number; None: Slurm has not answered
        self._ask_at, self._began = 0.0, time.monotonic()
        self._fruitless, self._complained = 0, False
        self._obstacles: set[str] = set()  # reported reasons why Slurm does not start tasks

    def run(self) -> None:
        try:
            self._enqueue(self._jobs)
            if tasks := slurm_commands.live_tasks(self._name):
                self._context.say(f"{plural(len(tasks), 'task')} submitted earlier will be used")
            self._submit(tasks)
            if self._context.detach:
                return
            while self._open and not self._is_time_up():
                self._look()
                time.sleep(POLL_SECONDS)  # no event tells that another machine has written a file
            self._end_idle()
        except KeyboardInterrupt:
            if self._context.settings.get("on_interrupt") == "cancel":
                self._cancel()
            else:
                self._context.say(f"the tasks continue without this command; `scancel --name {self._name}` ends them")
            raise
        if self._open:
            self._cancel()

    def _is_time_up(self) -> bool:
        limit = self._context.stop_after
        return limit is not None and time.monotonic() - self._began > limit

    # -- the queue and the tasks ---------------------------------------------------------------------------------
    def _enqueue(self, jobs: Sequence[Job]) -> None:
        known = {entry.attempt.name for entry in self._queue.entries()}
        for job in jobs:
            if job.attempt.name not in known:
                self._queue.add(job.attempt, job.command, job.plugin_files)

    def _submit(self, tasks: Mapping[str, str]) -> None:
        """Submit tasks until there is one for each group, at most `workers`. tasks: those that have not ended."""
        groups = max(len(self._open), len(self._queue.entries()))  # the queue may have groups outside the selection
        wanted = min(self._context.workers, groups) - len(tasks)
        if wanted <= 0:
            return
        make_folder(self._tasks_folder)
        largest, numbers = slurm_commands.largest_array(), []
        try:
            while wanted > 0:
                count = min(wanted, largest)
                numbers.append(slurm_commands.submit(slurm_commands.script(self._root, self._context.settings, count)))
                wanted -= count
        except RlbenchError:
            if not tasks and not numbers:  # no task will ever take these groups
                for entry in self._queue.entries():
                    self._queue.remove(entry)
            raise
        self._ask_at = time.monotonic() + ASK_SECONDS
        self._tasks = None
        self._context.say(f"submitted to Slurm as {' and '.join(numbers)} ({self._name}); logs: {self._tasks_folder}")

    @property
    def _root(self) -> Path:
        return self._queue.folder.parent

    def _end_idle(self) -> None:
        """Cancel the remaining tasks if the queue is empty, such as a requeued task whose groups others trained."""
        self._queue.forget_continuations()
        with suppress(RlbenchError):
            if not self._queue.entries() and slurm_commands.live_tasks(self._name):
                slurm_commands.cancel(self._name)

    def _cancel(self) -> None:
        """Cancel the tasks, wait until the groups that train have saved, and empty the queue."""
        self._context.say("cancelling the tasks; groups that are training save first")
        for entry in self._queue.entries():
            if not entry.holder:
                self._queue.remove(entry)
        slurm_commands.cancel(self._name)
        deadline = time.monotonic() + CANCEL_SECONDS
        while slurm_commands.live_tasks(self._name) and time.monotonic() < deadline:
            time.sleep(2 * POLL_SECONDS)
        for entry in self._queue.entries():
            self._queue.remove(entry)
        self._queue.forget_continuations()
        for name, watch in self._open.items():
            if name in self._started:
                end = watch.end() or EndEvent(RunStatus.INTERRUPTED, "its task was cancelled")
                self._context.on_event(watch.job, end)

    # -- what happens --------------------------------------------------------------------------------------------
    def _look(self) -> None:
        self._ask()
        entries = {entry.attempt.name: entry for entry in self._queue.entries()}
        continued = self._queue.continuations()
        for name, watch in list(self._open.items()):
            entry = entries.get(name)
            end = watch.end()
            if name not in self._started and (end is not None or (entry is not None and entry.holder)):
                self._started.add(name)
                self._fruitless = 0
                self._context.on_event(watch.job, StartEvent())
            if name in self._started:
                for event in watch.progress():
                    self._context.on_event(watch.job, event)
            if name in continued:
                self._follow(watch, continued[name])
            elif end is not None and (entry is None or not entry.holder or self._is_missed(name, entry)):
                self._ended(watch.job, end, entry)
            elif end is None and self._is_missed(name, entry):
                self._lost(watch.job, entry)

    def _follow(self, watch: AttemptWatch, new: str) -> None:
        """Report the interruption of an attempt, and watch the attempt `new` that continues it."""
        self._open.pop(watch.job.attempt.name)
        self._missed.pop(watch.job.attempt.name, None)
        self._context.on_event(watch.job, watch.end() or EndEvent(RunStatus.INTERRUPTED, "its task ended"))
        self._watch(watch.job, new)

    def _watch(self, job: Job, new: str) -> None:
        """Watch the attempt `new`, which continues a job's attempt."""
        following = dataclasses.replace(job, attempt=job.attempt.with_name(new))
        with suppress(RlbenchError, StopIteration):  # the new attempt may have ended already
            following = read_job(next(entry for entry in self._queue.entries() if entry.attempt.name == new))
        self._open[new] = AttemptWatch(following)

    def _ended(self, job: Job, end: EndEvent, entry: QueueEntry | None) -> None:
        self._open.pop(job.attempt.name)
        self._missed.pop(job.attempt.name, None)
        if entry is not None:
            self._queue.remove(entry)
        self._context.on_event(job, end)
        if end.status != RunStatus.INTERRUPTED:
            return
        following = successor(self._queue, job)
        if following is not None:  # its task was killed just after adding this entry
            self._watch(job, following.attempt.name)
        else:
            self._retry(job)

    def _lost(self, job: Job, entry: QueueEntry | None) -> None:
        """Record the interruption of an attempt whose task was killed, or whose machine was lost."""
        end = EndEvent(RunStatus.INTERRUPTED, f"its Slurm task ended without a result{self._who(entry)}")
        write_exit(job.attempt, end)
        self._ended(job, end, entry)

    def _who(self, entry: QueueEntry | None) -> str:
        return f" ({entry.holder})" if entry is not None and entry.holder else ""

    def _retry(self, job: Job) -> None:
        jobs = self._context.retry(job)
        self._enqueue(jobs)
        self._open |= {new.attempt.name: AttemptWatch(new) for new in jobs}

    def _is_missed(self, name: str, entry: QueueEntry | None) -> bool:
        """Return whether no task has trained an attempt for longer than files of another machine may stay invisible."""
        if entry is not None and not entry.holder:
            self._missed.pop(name, None)
            return False  # it waits
        if entry is not None and (self._tasks is None or entry.holder in self._tasks):
            self._missed.pop(name, None)
            return False
        since = self._missed.setdefault(name, time.monotonic())
        return time.monotonic() - since > VISIBLE_SECONDS

    def _ask(self) -> None:
        """Ask Slurm for the tasks every ASK_SECONDS, and submit more if groups wait and too few tasks are left."""
        if (now := time.monotonic()) < self._ask_at:
            return
        self._ask_at = now + ASK_SECONDS
        try:
            self._tasks = slurm_commands.live_tasks(self._name)
            self._complained = False
            self._name_obstacles(self._tasks.values())
            if any(not entry.holder for entry in self._queue.entries()):
                self._fruitless += not self._tasks
                if self._fruitless > MOST_FRUITLESS:
                    self._give_up()
                self._submit(self._tasks)
        except RlbenchError as error:
            if self._fruitless > MOST_FRUITLESS:
                raise
            self._tasks = None
            if not self._complained:
                self._complained = True
                self._context.say(f"{error}; asking again every {ASK_SECONDS:.0f} s")

    def _name_obstacles(self, states: Collection[str]) -> None:
        """Report each reason why Slurm does not start tasks once. Waiting for their turn is not reported."""
        reasons = {state.partition(" ")[2] for state in states if state.startswith("PENDING ")} - WAITING
        for reason in sorted(reasons - self._obstacles):
            self._obstacles.add(reason)
            self._context.say(f"Slurm does not start tasks of {self._name} because of {reason} (see `man squeue`)")

    def _give_up(self) -> None:
        for entry in self._queue.entries():
            self._queue.remove(entry)
        raise RlbenchError(
            f"no task of {MOST_FRUITLESS} submissions has taken a group{_last_words(self._tasks_folder)}; "
            f"check that each node sees {self._root} and {sys.executable}"
        )


def _last_words(folder: Path) -> str:
    """Return the last line of the tasks' newest log, as the end of a message; "" if there is none."""
    logs = sorted(folder.glob("*.log"), key=lambda log: log.stat().st_mtime_ns)
    lines = logs[-1].read_text("utf-8", "replace").split("\n") if logs else []
    last = next((line.strip() for line in reversed(lines) if line.strip()), "")
    return f"; {logs[-1]} ends with: {shortened(last, 300)}" if last else ""


@hookimpl
def rlbench_executors() -> list[ExecutorSpec]:
    return [ExecutorSpec("slurm", execute, adopt=adopt, elsewhere=True)]
