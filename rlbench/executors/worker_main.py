"""The worker process: `python -m rlbench.executors.worker_main ATTEMPT [PLUGIN_FILE…] [--control=FD,PID]`.

With --control, it sends its events over the file descriptor FD and ends when its parent, the process PID, ends. Without
--control, it only writes to the attempt's folder.
"""

from __future__ import annotations

import faulthandler
import gc
import json
import os
import signal
import sys
import threading
from contextlib import suppress
from pathlib import Path

from rlbench.api import Event, RlbenchError, RunStatus
from rlbench.executors.attempt import Attempt, ReportEvent
from rlbench.executors.events import event_as_dict
from rlbench.process_control import allow_local_imports, die_first, die_with_parent

PROGRESS_SECONDS = 1.0
HEARTBEAT_EVERY = 5
_CONTROL = "--control="


def main(folder: str, *arguments: str) -> int:
    plugin_files = [argument for argument in arguments if not argument.startswith(_CONTROL)]
    control = next((argument.removeprefix(_CONTROL) for argument in arguments if argument.startswith(_CONTROL)), "")
    if not control:
        _set_environment()
    faulthandler.enable()
    gc.disable()  # until training starts: collecting takes a tenth of the imports' time and finds nothing
    allow_local_imports(plugin_files)
    die_first()
    faulthandler.register(signal.SIGUSR1, all_threads=True)
    report = _over_pipe(*map(int, control.split(","))) if control else _nowhere
    attempt = Attempt(Path(folder), report, plugin_files)
    signal.signal(signal.SIGTERM, lambda number, frame: attempt.stop())
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the parent decides what Ctrl-C does
    ended = threading.Event()
    threading.Thread(target=_send_heartbeats, args=(attempt, report, ended), daemon=True).start()
    status = attempt.run()
    ended.set()
    return 0 if status == RunStatus.DONE else 1


def _set_environment() -> None:
    """Start this process again if it lacks a worker's environment variables: libraries read them only once."""
    from rlbench.executors.worker_process import worker_environment

    environment = worker_environment()
    if environment != dict(os.environ):
        os.execve(sys.executable, [sys.executable, *sys.orig_argv[1:]], environment)


def _over_pipe(descriptor: int, parent: int) -> ReportEvent:
    die_with_parent(parent)
    os.set_inheritable(descriptor, False)
    lock = threading.Lock()

    def report(event: Event) -> None:
        # Begin with a line break, in case an algorithm has written to this pipe by mistake.
        line = b"\n" + json.dumps(event_as_dict(event)).encode() + b"\n"
        with lock:  # two threads report, and a line must stay whole
            try:
                while line:
                    line = line[os.write(descriptor, line) :]  # a signal may interrupt writing
            except BrokenPipeError:
                os._exit(1)  # the parent has ended; without exit.json, the runs will be resumed

    return report


def _nowhere(event: Event) -> None:
    """Ignore an event: everything is also in the attempt's folder."""


def _send_heartbeats(attempt: Attempt, report: ReportEvent, ended: threading.Event) -> None:
    """Report progress, and write a counter to the file `heartbeat`. Readers watch it rise; no clocks are compared."""
    count = 0
    while not ended.wait(PROGRESS_SECONDS):
        count += 1
        progress = attempt.progress()
        with suppress(OSError):  # the parent may be gone; a full disk is reported when results are written
            report(progress)
            if count % HEARTBEAT_EVERY == 1:
                (attempt.folder / "heartbeat").write_text(json.dumps({"count": count, "step": progress.step}), "utf-8")


if __name__ == "__main__":
    if len(sys.argv) < 2:
        sys.exit("usage: python -m rlbench.executors.worker_main ATTEMPT [PLUGIN_FILE…] [--control=FD,PID]")
    try:
        sys.exit(main(*sys.argv[1:]))
    except RlbenchError as error:  # an error before training; later errors are reported as events
        print(f"error: {error}", file=sys.stderr)
        sys.exit(error.exit_code)
