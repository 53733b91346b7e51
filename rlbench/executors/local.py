"""The executor `local`: one subprocess for each group, several at a time; a dead one takes no other along.

A worker leads a process group of its own and dies with this process. It reports over an inherited pipe, so nothing a
plugin prints can be mistaken for a report, and only an explicit last word counts as success.
"""

from __future__ import annotations

import json
import os
import queue
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Sequence
from typing import Any

from rlbench.api import ExecutorSpec, RunStatus, hookimpl
from rlbench.executors.jobs import Event, Job, Listen, Retry
from rlbench.processes import signal_group
from rlbench.results.files import write_json

# Set before Python starts: one thread, and matrix products whose bits do not depend on the batch.
WORKER_ENVIRONMENT = {
    "MKL_CBWR": "AUTO,STRICT",
    "OMP_NUM_THREADS": "1",
    "MKL_NUM_THREADS": "1",
    "OPENBLAS_NUM_THREADS": "1",
}


# Signals by which somebody else ends a process; by others it ends itself.
_FROM_OUTSIDE = {signal.SIGKILL, signal.SIGTERM, signal.SIGHUP, signal.SIGINT}
GRACE_SECONDS = 30.0


class _Worker:
    """A started subprocess; its reports and its end go to `inbox`."""

    def __init__(self, job: Job, inbox: queue.Queue[tuple[_Worker, Event]]) -> None:
        self.job, self.last_word = job, False
        ours, theirs = os.pipe()
        command = [
            sys.executable,
            "-m",
            "rlbench.executors.worker",
            str(job.attempt),
            str(theirs),
            str(os.getpid()),
            *job.plugin_files,
        ]
        with open(job.attempt / "stdout.log", "wb") as out, open(job.attempt / "stderr.log", "wb") as err:
            self.process = subprocess.Popen(
                command,
                stdin=subprocess.DEVNULL,
                stdout=out,
                stderr=err,
                pass_fds=(theirs,),
                start_new_session=True,
                env={**os.environ, **WORKER_ENVIRONMENT},
            )
        os.close(theirs)
        reader = threading.Thread(target=self._read, args=(ours, inbox), daemon=True)
        reader.start()
        threading.Thread(target=self._wait, args=(reader, inbox), daemon=True).start()

    def _read(self, pipe: int, inbox: queue.Queue[tuple[_Worker, Event]]) -> None:
        with open(pipe, encoding="utf-8", errors="replace") as lines:
            for line in lines:
                try:
                    inbox.put((self, json.loads(line)))
                except ValueError:
                    continue  # a torn last line of a killed worker

    def _wait(self, reader: threading.Thread, inbox: queue.Queue[tuple[_Worker, Event]]) -> None:
        code = self.process.wait()
        signal_group(self.process.pid, signal.SIGKILL)  # whatever it started and left
        reader.join(timeout=5)  # a stray descendant may hold the pipe open for ever
        inbox.put((self, {"event": "exit", "code": code}))


def execute(jobs: Sequence[Job], workers: int, listen: Listen, retry: Retry) -> None:
    """Run `jobs`, at most `workers` at a time. Ctrl-C once: workers save and stop; twice: they are killed.

    A group whose process was killed by somebody else is followed by what `retry` says.

    Raises: KeyboardInterrupt after all have ended.
    """
    inbox: queue.Queue[tuple[_Worker, Event]] = queue.Queue()
    waiting, running = list(reversed(jobs)), set[_Worker]()
    interrupts: list[KeyboardInterrupt] = []
    patience: float | None = None
    while waiting or running:
        try:
            while waiting and len(running) < workers and not interrupts:
                job = waiting.pop()
                running.add(_Worker(job, inbox))
                listen(job, {"event": "started"})
            worker, event = inbox.get(timeout=None if patience is None else max(0.0, patience - time.monotonic()))
            killed = _handle(worker, event, running, listen)
            if killed and not interrupts:
                waiting += reversed(retry(worker.job))
        except queue.Empty:
            patience = None
            for worker in running:
                signal_group(worker.process.pid, signal.SIGKILL)
        except KeyboardInterrupt as interrupt:
            interrupts.append(interrupt)
            waiting.clear()
            patience = time.monotonic() + GRACE_SECONDS
            if running and len(interrupts) == 1:
                print(
                    f"\nstopping {len(running)} workers at their next safe point; a second Ctrl-C kills them",
                    file=sys.stderr,
                )
            for worker in running:
                if len(interrupts) == 1:
                    worker.process.terminate()  # not its group: a worker ends its own processes in its own time
                else:
                    signal_group(worker.process.pid, signal.SIGKILL)
    if interrupts:
        raise interrupts[0]  # Ctrl-C, or a termination signal with an exit code of its own


def _handle(worker: _Worker, event: Event, running: set[_Worker], listen: Listen) -> bool:
    """Pass a report on. Returns: whether it says that the process was killed from outside."""
    if event["event"] != "exit":
        worker.last_word = worker.last_word or event["event"] == "finished"
        listen(worker.job, event)
        return False
    running.discard(worker)
    if worker.last_word:
        return False
    ended = _silent_end(event["code"])
    write_json(worker.job.attempt / "exit.json", {"schema_version": 1, **ended})
    listen(worker.job, {"event": "finished", **ended})
    return -event["code"] in _FROM_OUTSIDE


def _silent_end(code: int) -> dict[str, Any]:
    """What to say of a worker that ended without its last word."""
    if -code in _FROM_OUTSIDE:
        how = f"its process was killed by {signal.Signals(-code).name}; the same command goes on"
        return {"status": RunStatus.INTERRUPTED, "message": how}
    how = f"crashed with {signal.Signals(-code).name}" if code < 0 else f"ended with code {code} before the runs did"
    return {"status": RunStatus.FAILED, "message": f"its process {how}"}


@hookimpl
def rlbench_executors() -> list[ExecutorSpec]:
    return [ExecutorSpec("local", execute)]
