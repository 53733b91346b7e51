"""A question to a child process, which imports what a stranger wrote: it may hang, die, print without end or leave children."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from typing import NamedTuple

from rlbench.process_control import (
    allow_local_imports,
    allows_local_imports,
    forbid_local_imports,
    module_command,
    signal_group,
    without_current_folder,
)

_TAIL = 4096
_HERE = "RLBENCH_CURRENT_FOLDER"  # set in a child that is to find modules there


class Ended(NamedTuple):
    """How a child ended. code: None where its time was up. last_line: of what it printed, "" for nothing."""

    code: int | None
    last_line: str


def find_what_the_asker_finds() -> None:
    """In the child: have modules in the current folder found, last, where the process that asks finds them."""
    if os.environ.pop(_HERE, ""):
        allow_local_imports()
    else:
        forbid_local_imports()


def ask(module: str, arguments: Sequence[str], seconds: float, environment: Mapping[str, str] | None = None) -> Ended:
    """Run `python -m module ARGUMENTS…` with this process's modules in sight; whatever it has started ends with it.

    The module calls `find_what_the_asker_finds`: in PYTHONPATH the current folder would come before what is installed.
    Raises: PermissionError where Python itself cannot be started.
    """
    env = {
        **os.environ,
        "PYTHONPATH": os.pathsep.join(without_current_folder(sys.path)),
        _HERE: "1" * allows_local_imports(),
    }
    env |= environment or {}
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
