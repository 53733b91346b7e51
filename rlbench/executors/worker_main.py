"""The worker process: `python -m rlbench.executors.worker_main ATTEMPT [PLUGIN_FILE…] [--control=FD,PID]`.

With --control it sends its events over the file descriptor FD, and ends when its parent, the process PID, ends. Without
it, the result is only in the attempt folder.
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
    gc.disable()  # until training starts: imports leave no garbage, and collecting takes a tenth of the import time
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
    """Start this process again if it lacks a worker's environment variables, because libraries read them only once."""
    from rlbench.executors.worker_process import worker_environment

    environment = worker_environment()
    if environment != dict(os.environ):
        os.execve(sys.executable, [sys.executable, *sys.orig_argv[1:]], environment)


def _over_pipe(descriptor: int, parent: int) -> ReportEvent:
    die_with_parent(parent)
    os.set_inheritable(descriptor, False)
    lock = threading.Lock()

    def report(event: Event) -> None:
        # The first line break ends what an algorithm may have written to this pipe by mistake.
        line = b"\n" + json.dumps(event_as_dict(event)).encode() + b"\n"
        with lock:  # two threads report, and a line must stay whole
            try:
                while line:
                    line = line[os.write(descriptor, line) :]  # a signal may interrupt writing
            except BrokenPipeError:
                os._exit(1)  # the parent has ended, and its runs, which have no exit.json, will be resumed

    return report


def _nowhere(event: Event) -> None:
    """Report to nobody: the attempt folder holds everything."""


def _send_heartbeats(attempt: Attempt, report: ReportEvent, ended: threading.Event) -> None:
    """Report progress, and write a counter to the heartbeat file. Readers check with their own clock that it rises."""
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
    except RlbenchError as error:  # before training; later ones are reported
        print(f"error: {error}", file=sys.stderr)
        sys.exit(error.exit_code)
