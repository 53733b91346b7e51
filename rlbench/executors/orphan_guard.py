"""A guard process that outlives a killed harness for a moment, and kills the processes that workers have left behind.

A worker ends by itself when the harness ends (`die_with_parent`). Processes that its plugin has started do not:
environments in other processes, programs, daemons. The guard waits until the harness has ended in any way.
"""

from __future__ import annotations

import subprocess
import sys
from contextlib import suppress
from pathlib import Path
from types import TracebackType

from rlbench.process_control import kill_marked_processes, module_command

# The environment variable with a worker's attempt. The worker's children inherit it and are found by it.
MARK = "RLBENCH_ATTEMPT"

_ROUNDS = 100  # searches for processes: some may start others during a search


class OrphanGuard:
    """The guard of a harness, as a context.

    If the context ends with an error, the guard kills the remaining processes at once. If the guard cannot be started,
    processes of workers may survive a killed harness; nothing else changes.
    """

    def __enter__(self) -> OrphanGuard:
        self._process: subprocess.Popen[bytes] | None = None
        with suppress(OSError):
            self._process = subprocess.Popen(
                module_command("rlbench.executors.orphan_guard"),
                stdin=subprocess.PIPE,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
                start_new_session=True,  # it has to survive signals to the terminal's processes
            )
        return self

    def watch(self, attempt: Path) -> None:
        """Let the guard kill the processes of an attempt if this process ends within the context."""
        if self._process is not None and self._process.stdin is not None:
            with suppress(OSError):  # somebody has killed the guard
                self._process.stdin.write(bytes(attempt) + b"\0")
                self._process.stdin.flush()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._process is None or self._process.stdin is None:
            return
        if error is None:
            self._process.kill()  # every worker has ended, so the guard has nothing to do
        with suppress(OSError):
            self._process.stdin.close()
        self._process.wait()


def _main() -> None:
    attempts = sys.stdin.buffer.read().split(b"\0")[:-1]  # ends when the harness does
    paths = {attempt.decode(errors="surrogateescape") for attempt in attempts}
    for _ in range(_ROUNDS):
        if not paths or not kill_marked_processes(MARK, paths, patience=0.0):
            return


if __name__ == "__main__":
    _main()
