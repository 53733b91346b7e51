"""A question to a child process, which imports what a stranger wrote: it may hang, die, print without end or leave children."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from typing import NamedTuple

from rlbench.processes import module_command, signal_group

_TAIL = 4096


class Ended(NamedTuple):
    """How a child ended. code: None where its time was up. last_line: of what it printed, "" for nothing."""

    code: int | None
    last_line: str


def ask(module: str, arguments: Sequence[str], seconds: float, environment: Mapping[str, str] | None = None) -> Ended:
    """Run `python -m module ARGUMENTS…` with this process's modules in sight; whatever it has started ends with it.

    Raises: PermissionError where Python itself cannot be started.
    """
    env = {**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, sys.path)), **(environment or {})}
    with tempfile.TemporaryFile() as log:  # a pipe would be waited for as long as anybody holds it
        command = module_command(module, *arguments)
        child = subprocess.Popen(
            command, stdin=subprocess.DEVNULL, stdout=log, stderr=log, env=env, start_new_session=True
        )
        code: int | None = None
        try:
            code = child.wait(seconds)
        except subprocess.TimeoutExpired:
            pass
        finally:
            signal_group(child.pid, signal.SIGKILL)
            child.wait()
        log.seek(max(0, os.fstat(log.fileno()).st_size - _TAIL))
        lines = log.read().decode(errors="replace").strip().splitlines()
    return Ended(code, lines[-1] if lines else "")
