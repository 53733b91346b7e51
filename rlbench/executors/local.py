"""The executor `local`: one subprocess for each group, several at a time; a dead one takes no other along."""

from __future__ import annotations

import queue
import signal
from collections.abc import Sequence
from typing import Any

from rlbench.api import DiskFull, ExecutorSpec, RunStatus, hookimpl
from rlbench.executors.jobs import Context, Event, Job
from rlbench.executors.time_limits import AwakeClock, Limits, duration
from rlbench.executors.worker_process import FROM_OUTSIDE, Worker
from rlbench.results.file_io import write_json

GRACE_SECONDS = 30.0
LEAVING_SECONDS = 5.0  # from its last word to a worker's end; a thread or child that it left may never end
LOOK_SECONDS = 0.5


def execute(jobs: Sequence[Job], context: Context) -> None:
    """Run `jobs`, at most `context.workers` at a time.

    Ctrl-C once, the end of `context.stop_after` or a full disk: workers save and stop, none is started any more; Ctrl-C
    twice: they are killed. A group whose process was killed by somebody else is followed by what `context.retry` says.

    Raises: KeyboardInterrupt or DiskFull after all have ended.
    """
    _Pool(jobs, context).run()


class _Pool:
    """The workers that run, those to come, and why it is to end, if it is. The clock counts waking time."""

    def __init__(self, jobs: Sequence[Job], context: Context) -> None:
        self._context, self._inbox = context, queue.Queue[tuple[Worker, Event]]()
        self._waiting, self._running = list(reversed(jobs)), dict[Worker, Limits]()
        self._kill_at: dict[Worker, float] = {}
        self._clock = AwakeClock()
        self._interrupts: list[KeyboardInterrupt] = []
        self._stopping = False
        self._full = ""

    def run(self) -> None:
        while self._waiting or self._running:
            try:
                self._start()
                self._listen()
                self._look_at_the_clock()
            except KeyboardInterrupt as interrupt:
                self._interrupted(interrupt)
        if self._interrupts:
            raise self._interrupts[0]  # Ctrl-C, or a termination signal with an exit code of its own
        if self._full:
            raise DiskFull(self._full)

    def _start(self) -> None:
        while self._waiting and len(self._running) < self._context.workers and not self._stopping:
            worker = Worker(self._waiting.pop(), self._inbox)
            self._running[worker] = Limits(worker.job.group, self._clock.tick())
            self._context.listen(worker.job, {"event": "started"})

    def _listen(self) -> None:
        try:
            worker, event = self._inbox.get(timeout=LOOK_SECONDS)
        except queue.Empty:
            return
        if worker in self._running:
            self._running[worker].heard(event, self._clock.tick())
        if event["event"] == "exit":
            self._ended(worker, event["code"])
        elif event["event"] == "finished":
            worker.said_last = True
            self._kill_at[worker] = self._clock.tick() + LEAVING_SECONDS
            self._finished(worker, event)
        else:
            self._context.listen(worker.job, event)

    def _finished(self, worker: Worker, event: Event) -> None:
        """Pass a last word on; that it was stopped is said with the reason it was stopped for."""
        if event["status"] == RunStatus.INTERRUPTED and worker.verdict is not None:
            status, message = worker.verdict
            ended = {"status": status, "message": f"{message}; {event['message']}".rstrip("; ")}
            write_json(worker.job.attempt / "exit.json", {"schema_version": 1, **ended})
            event = {"event": "finished", **ended}
        self._context.listen(worker.job, event)
        if event.get("disk_full"):
            self._full = self._full or str(event["message"])
            self._stop("the disk is full: ")

    def _ended(self, worker: Worker, code: int) -> None:
        self._running.pop(worker)
        self._kill_at.pop(worker, None)
        if worker.said_last:
            return
        ended = _silent_end(code)
        if worker.verdict is not None:
            ended = {"status": worker.verdict[0], "message": worker.verdict[1]}
        elif self._stopping and code == -signal.SIGTERM:
            ended["message"] = "stopped before it had begun"
        write_json(worker.job.attempt / "exit.json", {"schema_version": 1, **ended})
        self._context.listen(worker.job, {"event": "finished", **ended})
        if -code in FROM_OUTSIDE and worker.verdict is None and not self._stopping:
            self._waiting += reversed(self._context.retry(worker.job))

    def _look_at_the_clock(self) -> None:
        now = self._clock.tick()
        for worker, limits in list(self._running.items()):
            judged = worker.verdict is not None or worker.said_last or self._stopping
            exceeded = None if judged else limits.exceeded(now)
            if exceeded is not None:
                worker.verdict = exceeded
                worker.dump_stacks()
                worker.ask_to_stop()
                self._kill_at[worker] = now + GRACE_SECONDS
            if now > self._kill_at.get(worker, float("inf")):
                if worker.said_last:
                    self._kill_at.pop(worker)  # once: how it ended has been told
                    told = f"had not ended {duration(LEAVING_SECONDS)} after its last word, and was ended"
                    self._context.listen(worker.job, {"event": "notice", "message": told})
                worker.kill()
        if self._context.stop_after is not None and now > self._context.stop_after and not self._stopping:
            self._stop("the time for this is up: ")

    def _interrupted(self, interrupt: KeyboardInterrupt) -> None:
        self._interrupts.append(interrupt)
        if len(self._interrupts) > 1:
            for worker in self._running:
                worker.kill()
        else:
            self._stop("", "; a second Ctrl-C kills them" if type(interrupt) is KeyboardInterrupt else "")

    def _stop(self, why: str, hint: str = "") -> None:
        """Start nothing more; let those that run come to their next safe point, for as long as the grace lasts."""
        self._waiting.clear()
        self._stopping = True
        count = len(self._running)
        if count:
            groups = "1 group stops at its" if count == 1 else f"{count} groups stop at their"
            self._context.say(f"{why}{groups} next safe point{hint}")
        for worker in self._running:
            worker.ask_to_stop()
            self._kill_at.setdefault(worker, self._clock.tick() + GRACE_SECONDS)


def _silent_end(code: int) -> dict[str, Any]:
    """What to say of a worker that ended without its last word."""
    if -code in FROM_OUTSIDE:
        how = f"its process was killed by {signal.Signals(-code).name}; the same command goes on"
        return {"status": RunStatus.INTERRUPTED, "message": how}
    how = f"crashed with {signal.Signals(-code).name}" if code < 0 else f"ended with code {code} before the runs did"
    return {"status": RunStatus.FAILED, "message": f"its process {how}"}


@hookimpl
def rlbench_executors() -> list[ExecutorSpec]:
    return [ExecutorSpec("local", execute)]
