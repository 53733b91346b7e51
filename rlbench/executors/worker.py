"""The entry of a worker process: `python -m rlbench.executors.worker ATTEMPT CONTROL_FD PARENT_PID [PLUGIN_FILE…]`."""

from __future__ import annotations

import faulthandler
import json
import os
import signal
import sys
import threading
from pathlib import Path
from typing import Any

from rlbench.api import RunStatus
from rlbench.executors.work import Attempt
from rlbench.processes import die_with_parent

HEARTBEAT_SECONDS = 5.0


def main(folder: str, control: str, parent: str, *plugin_files: str) -> int:
    faulthandler.enable()
    die_with_parent(int(parent))
    os.set_inheritable(int(control), False)
    channel = open(int(control), "w", encoding="utf-8", buffering=1)  # noqa: SIM115 - open as long as the process

    def tell(event: dict[str, Any]) -> None:
        channel.write(json.dumps(event) + "\n")

    attempt = Attempt(Path(folder), tell, plugin_files)
    signal.signal(signal.SIGTERM, lambda number, frame: attempt.stop())
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the harness decides
    ended = threading.Event()
    threading.Thread(target=_beat, args=(Path(folder) / "heartbeat", ended), daemon=True).start()
    status = attempt.run()
    ended.set()
    return 0 if status == RunStatus.DONE else 1


def _beat(path: Path, ended: threading.Event) -> None:
    """Count in a file, for readers that judge by their own clock whether the count still moves."""
    count = 0
    while not ended.wait(HEARTBEAT_SECONDS):
        count += 1
        path.write_text(str(count))


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
