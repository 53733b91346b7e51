"""A process that outlives a killed harness for a moment, and kills the processes that its workers have left.

A worker ends with the harness by itself (`die_with_parent`). What its plugin has started does not: environments in
other processes, programs, daemons. The guard waits until the harness ends, in whatever way.
"""

from __future__ import annotations

import subprocess
import sys
from contextlib import suppress
from pathlib import Path
from types import TracebackType

from rlbench.process_control import kill_marked_processes, module_command

# A worker's environment names its attempt, so that processes it left behind can be found in any process group.
MARK = "RLBENCH_ATTEMPT"

_ROUNDS = 100  # a process may start others while it is being looked for


class OrphanGuard:
    """The guard of one harness, as a context.

    When the context is left by an error, the guard kills what is left at once. If it cannot be started, processes that
    workers leave may survive a killed harness, and nothing else changes.
    """

    def __enter__(self) -> OrphanGuard:
        self._process: subprocess.Popen[bytes] | None = None
        with suppress(OSError):
            self._process = subprocess.Popen(
                module_command("rlbench.executors.orphan_guard"),
                stdin=subprocess.PIPE,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
                start_new_session=True,  # what is sent to the terminal's processes, it has to survive
            )
        return self

    def watch(self, attempt: Path) -> None:
        """Name an attempt whose processes the guard kills if this process ends within the context."""
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
            self._process.kill()  # every worker has ended; otherwise it has work to do
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
