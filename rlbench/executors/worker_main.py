"""The entry of a worker process: `python -m rlbench.executors.worker_main ATTEMPT CONTROL_FD PARENT_PID [PLUGIN_FILE…]`."""

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
from rlbench.executors.attempt import Attempt, Tell
from rlbench.process_control import die_with_parent, find_modules_here

PROGRESS_SECONDS = 1.0
HEARTBEAT_EVERY = 5


def main(folder: str, control: str, parent: str, *plugin_files: str) -> int:
    faulthandler.enable()
    gc.disable()  # until training begins: libraries make no garbage, and looking for it costs a tenth of importing them
    die_with_parent(int(parent))
    find_modules_here(plugin_files)
    os.set_inheritable(int(control), False)
    faulthandler.register(signal.SIGUSR1, all_threads=True)
    speaking = threading.Lock()

    def tell(event: dict[str, Any]) -> None:
        with speaking:  # two threads report; a line must stay whole
            os.write(int(control), json.dumps(event).encode() + b"\n")

    attempt = Attempt(Path(folder), tell, plugin_files)
    signal.signal(signal.SIGTERM, lambda number, frame: attempt.stop())
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the harness decides
    ended = threading.Event()
    threading.Thread(target=_beat, args=(attempt, tell, ended), daemon=True).start()
    status = attempt.run()
    ended.set()
    return 0 if status == RunStatus.DONE else 1


def _beat(attempt: Attempt, tell: Tell, ended: threading.Event) -> None:
    """Report progress, and count in a file for readers that judge by their own clock whether the count still moves."""
    count = 0
    while not ended.wait(PROGRESS_SECONDS):
        count += 1
        progress = attempt.progress()
        with suppress(OSError):  # the harness may just have gone; a full disk is told by what has to be written
            tell({"event": "progress", **progress})
            if count % HEARTBEAT_EVERY == 1:
                (attempt.folder / "heartbeat").write_text(json.dumps({"count": count, "step": progress["step"]}))


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
