"""The worker process: `python -m rlbench.executors.worker_main ATTEMPT CONTROL_FD PARENT_PID [PLUGIN_FILE…]`."""

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
from typing import Any

from rlbench.api import RunStatus
from rlbench.executors.attempt import Attempt, ReportEvent
from rlbench.process_control import allow_local_imports, die_with_parent

PROGRESS_SECONDS = 1.0
HEARTBEAT_EVERY = 5


def main(folder: str, control: str, parent: str, *plugin_files: str) -> int:
    faulthandler.enable()
    gc.disable()  # until training starts: imports leave no garbage, and collecting takes a tenth of the import time
    die_with_parent(int(parent))
    allow_local_imports(plugin_files)
    os.set_inheritable(int(control), False)
    faulthandler.register(signal.SIGUSR1, all_threads=True)
    lock = threading.Lock()

    def report(event: dict[str, Any]) -> None:
        with lock:  # two threads report, and a line must stay whole
            os.write(int(control), json.dumps(event).encode() + b"\n")

    attempt = Attempt(Path(folder), report, plugin_files)
    signal.signal(signal.SIGTERM, lambda number, frame: attempt.stop())
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the parent decides what Ctrl-C does
    ended = threading.Event()
    threading.Thread(target=_send_heartbeats, args=(attempt, report, ended), daemon=True).start()
    status = attempt.run()
    ended.set()
    return 0 if status == RunStatus.DONE else 1


def _send_heartbeats(attempt: Attempt, report: ReportEvent, ended: threading.Event) -> None:
    """Report progress, and write a counter to the heartbeat file: readers check by their own clock that it moves."""
    count = 0
    while not ended.wait(PROGRESS_SECONDS):
        count += 1
        progress = attempt.progress()
        with suppress(OSError):  # the parent may be gone; a full disk is reported when results are written
            report({"event": "progress", **progress})
            if count % HEARTBEAT_EVERY == 1:
                (attempt.folder / "heartbeat").write_text(json.dumps({"count": count, "step": progress["step"]}))


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
