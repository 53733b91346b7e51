"""A worker subprocess: start it with its pipe, watch it until it ends, and put its events into an inbox.

A worker leads its own process group and ends when this process ends. It sends events over an inherited pipe, so text
that a plugin prints is never taken for an event. Only the event "finished" counts as success.
"""

from __future__ import annotations

import json
import os
import queue
import signal
import subprocess
import threading
from contextlib import ExitStack, suppress
from dataclasses import dataclass
from typing import BinaryIO, TypeAlias

from rlbench.api import EndEvent, Event, Job, NoticeEvent, RunStatus
from rlbench.disk_errors import writing
from rlbench.executors.events import event_from_dict
from rlbench.executors.memory_use import kills_for_memory
from rlbench.executors.orphan_guard import MARK
from rlbench.executors.worker_logs import Logs
from rlbench.process_control import PRINTING, kill_marked_processes, signal_group
from rlbench.results.json_shapes import ShapeError
from rlbench.user_cache import cache_folder

# The default MKL mode, unless the user has set another. In this mode, matrix products gave the same bits in every
# stack, on Intel and AMD processors. The mode in force is recorded and tested (`rlbench.results.stack_independence`).
MKL_MODE = "AUTO,STRICT"

# Variables that are set before Python starts. Libraries use one thread. glibc keeps freed memory: otherwise each update
# allocates and returns megabytes, with many page faults (5 to 14 % of the time of PPO and A2C). Huge pages save 1 to
# 3 % of the time of compiled code. C libraries other than glibc ignore the last four variables.
WORKER_ENVIRONMENT = {
    "OMP_NUM_THREADS": "1",
    "MKL_NUM_THREADS": "1",
    "OPENBLAS_NUM_THREADS": "1",
    "MALLOC_TRIM_THRESHOLD_": str(512 << 20),
    "MALLOC_MMAP_THRESHOLD_": str(32 << 20),
    "MALLOC_TOP_PAD_": str(16 << 20),
    "GLIBC_TUNABLES": "glibc.malloc.hugetlb=1",
}


def worker_environment() -> dict[str, str]:
    """Return this process's environment variables with those that a worker needs.

    All workers share one cache of compiled graphs.
    """
    cache = cache_folder("compiled")
    defaults = {"MKL_CBWR": MKL_MODE}
    with suppress(OSError):  # without this cache folder, torch uses the folder for temporary files
        cache.mkdir(parents=True, exist_ok=True)
        defaults["TORCHINDUCTOR_CACHE_DIR"] = str(cache)
    return {**defaults, **os.environ, **WORKER_ENVIRONMENT, **PRINTING}


LONGEST_EVENT = 1 << 20  # longest line on the pipe, in bytes

# After a worker has exited, its children may take this long to exit.
LEAVING_SECONDS = 1.0

# A process that ends with one of these signals was ended from outside; with any other signal, it crashed.
FROM_OUTSIDE = {signal.SIGKILL, signal.SIGTERM, signal.SIGHUP, signal.SIGINT}


@dataclass(frozen=True)
class ProcessExit:
    """The exit of a worker's process. code: its exit code, or minus the number of the signal that ended it."""

    code: int


Inbox: TypeAlias = "queue.Queue[tuple[Worker, Event | ProcessExit]]"


def _start(job: Job, control: int, logs: Logs) -> subprocess.Popen[bytes]:
    out, err = logs.write_ends
    try:
        return subprocess.Popen(
            [*job.command, f"--control={control},{os.getpid()}"],
            stdin=subprocess.DEVNULL,
            stdout=out,
            stderr=err,
            pass_fds=(control,),
            start_new_session=True,
            env=worker_environment() | {MARK: str(job.attempt)},
        )
    finally:
        logs.started()


def _reason(error: Exception) -> str:
    return str(error) if isinstance(error, ShapeError) else "it is not JSON"


class Worker:
    """A running worker process. Its events and its exit are put into `inbox`.

    has_finished: whether it has sent the event "finished". verdict: if it exceeded a limit, the status and message for
    its runs. failure: if it failed and this is not reported yet, how it ended.

    Raises: DiskFull; OSError or RuntimeError if the system allows no more files, processes or threads. No process or
    file is left behind then.
    """

    def __init__(self, job: Job, inbox: Inbox) -> None:
        self.job, self.has_finished = job, False
        self.verdict: tuple[RunStatus, str] | None = None
        self.failure: EndEvent | None = None
        self._kills_before = kills_for_memory()
        with ExitStack() as undo:
            read_end, write_end = os.pipe()
            lines = undo.enter_context(open(read_end, "rb"))
            try:
                with writing(job.attempt):
                    logs = Logs(job.attempt / "stdout.log", job.attempt / "stderr.log")
                undo.callback(logs.finish)
                self.process = _start(job, write_end, logs)
            finally:
                os.close(write_end)
            undo.callback(self.process.wait)
            undo.callback(self.kill)
            reader = threading.Thread(target=self._read, args=(lines, inbox), daemon=True)
            reader.start()
            threading.Thread(target=self._wait, args=(reader, logs, inbox), daemon=True).start()
            undo.pop_all()

    def _read(self, lines: BinaryIO, inbox: Inbox) -> None:
        """Put the worker's events into the inbox, and report the first line that is not an event.

        A line longer than LONGEST_EVENT is read in pieces, and no piece is an event.
        """
        warned = False
        with lines:
            while line := lines.readline(LONGEST_EVENT):
                is_whole = line.endswith(b"\n")
                try:
                    if line.strip():
                        inbox.put((self, event_from_dict(json.loads(line))))
                except (ValueError, RecursionError) as error:
                    # The last line of a worker that was killed is incomplete.
                    if not warned and (is_whole or len(line) == LONGEST_EVENT):
                        warned = True
                        inbox.put((self, NoticeEvent(f"sent an invalid event, which is ignored: {_reason(error)}")))

    def _wait(self, reader: threading.Thread, logs: Logs, inbox: Inbox) -> None:
        code = self.process.wait()
        try:
            patience = LEAVING_SECONDS if code >= 0 else 0.0
            leftovers = kill_marked_processes(MARK, [str(self.job.attempt)], patience)
            signal_group(self.process.pid, signal.SIGKILL)
            logs.finish()
            reader.join(timeout=5)  # a process that the worker left behind may keep the pipe open
            if leftovers:
                message = f"left processes behind, which were killed: {', '.join(leftovers)}"
                inbox.put((self, NoticeEvent(message)))
        finally:
            inbox.put((self, ProcessExit(code)))  # the pool waits for it, so send it after any error

    def was_killed_for_memory(self, code: int) -> bool:
        """Return whether the kernel may have killed this worker because memory ran out."""
        return code == -signal.SIGKILL and (kills_for_memory() or 0) > (self._kills_before or 0)

    def request_stop(self) -> None:
        """Ask the worker to stop. Send no signal to its process group: the worker stops its own children."""
        self.process.terminate()

    def dump_stacks(self) -> None:
        """Write every thread's stack to stderr.log, to show where it hangs."""
        self.process.send_signal(signal.SIGUSR1)

    def kill(self) -> None:
        signal_group(self.process.pid, signal.SIGKILL)
