"""One worker subprocess: started with its pipe, watched until it ends, its reports put into an inbox.

A worker leads a process group of its own and dies with this process. It reports over an inherited pipe, so nothing a
plugin prints can be mistaken for a report, and only an explicit last word counts as success.
"""

from __future__ import annotations

import json
import os
import queue
import signal
import subprocess
import threading
from contextlib import suppress

from rlbench.api import RunStatus
from rlbench.executors.jobs import Event, Job
from rlbench.executors.worker_logs import Logs
from rlbench.process_control import end_marked, module_command, signal_group
from rlbench.results.json_shapes import Misshapen, check_event
from rlbench.user_cache import cache_folder

# Unless the user has set another: the mode of Intel's library in which products gave the same bits in every stack, on
# processors of Intel and of AMD. What was in force is recorded, and tried (`rlbench.results.stack_independence`).
MKL_MODE = "AUTO,STRICT"

# Set before Python starts: one thread, and a glibc that keeps memory it is given back: otherwise each update takes and
# returns megabytes, page fault by page fault (5 to 14 % of PPO and A2C), and asks for huge pages (1 to 3 % of what is
# compiled). Elsewhere nobody reads the last four.
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
    """This process's environment with what a worker needs; compiled graphs are kept in one cache for all of them."""
    kept = cache_folder("compiled")
    defaults = {"MKL_CBWR": MKL_MODE}
    with suppress(OSError):  # torch then makes do with the folder for temporary files
        kept.mkdir(parents=True, exist_ok=True)
        defaults["TORCHINDUCTOR_CACHE_DIR"] = str(kept)
    return {**defaults, **os.environ, **WORKER_ENVIRONMENT}


# A worker's environment names its attempt, so that what it started and left can be found wherever that has gone.
MARK = "RLBENCH_ATTEMPT"

# What it started may take so long to see that it has ended, and end as well.
LEAVING_SECONDS = 1.0

# Signals by which somebody else ends a process; by others it ends itself.
FROM_OUTSIDE = {signal.SIGKILL, signal.SIGTERM, signal.SIGHUP, signal.SIGINT}


class Worker:
    """A started subprocess; its reports and its end go to `inbox`.

    said_last: it has given its last word. verdict: the status and message that the harness has given it meanwhile.
    """

    def __init__(self, job: Job, inbox: queue.Queue[tuple[Worker, Event]]) -> None:
        self.job, self.said_last = job, False
        self.verdict: tuple[RunStatus, str] | None = None
        ours, theirs = os.pipe()
        told = (str(job.attempt), str(theirs), str(os.getpid()), *job.plugin_files)
        command = module_command("rlbench.executors.worker_main", *told)
        logs = Logs(job.attempt / "stdout.log", job.attempt / "stderr.log")
        out, err = logs.write_ends
        try:
            self.process = subprocess.Popen(
                command,
                stdin=subprocess.DEVNULL,
                stdout=out,
                stderr=err,
                pass_fds=(theirs,),
                start_new_session=True,
                env=worker_environment() | {MARK: str(job.attempt)},
            )
        finally:
            logs.started()
            os.close(theirs)
        reader = threading.Thread(target=self._read, args=(ours, inbox), daemon=True)
        reader.start()
        threading.Thread(target=self._wait, args=(reader, logs, inbox), daemon=True).start()

    def _read(self, pipe: int, inbox: queue.Queue[tuple[Worker, Event]]) -> None:
        with open(pipe, encoding="utf-8", errors="replace") as lines:
            told = False
            for line in lines:
                try:
                    inbox.put((self, check_event(json.loads(line))))
                except (ValueError, RecursionError) as error:
                    if isinstance(error, Misshapen) and not told:  # else a torn last line of a killed worker
                        told = True
                        said = f"reported what is no report, which is passed over: {error}"
                        inbox.put((self, {"event": "notice", "message": said}))

    def _wait(self, reader: threading.Thread, logs: Logs, inbox: queue.Queue[tuple[Worker, Event]]) -> None:
        code = self.process.wait()
        left = end_marked(MARK, str(self.job.attempt), patience=LEAVING_SECONDS if code >= 0 else 0.0)
        signal_group(self.process.pid, signal.SIGKILL)
        logs.finish()
        reader.join(timeout=5)  # a stray descendant may hold the pipe open for ever
        if left:
            inbox.put(
                (self, {"event": "notice", "message": f"left processes behind, which were ended: {', '.join(left)}"})
            )
        inbox.put((self, {"event": "exit", "code": code}))

    def ask_to_stop(self) -> None:
        """Not its group: a worker ends its own processes in its own time."""
        self.process.terminate()

    def dump_stacks(self) -> None:
        """Have every thread's stack written to stderr.log, so that a hang can be understood."""
        self.process.send_signal(signal.SIGUSR1)

    def kill(self) -> None:
        signal_group(self.process.pid, signal.SIGKILL)
