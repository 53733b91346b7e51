"""Run a module in a child process that imports foreign code.

The child may hang, die, print without end or leave processes behind.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import tempfile
import threading
from collections.abc import Mapping, Sequence
from typing import NamedTuple

from rlbench.process_control import (
    PRINTING,
    allow_local_imports,
    allows_local_imports,
    die_with_parent,
    forbid_local_imports,
    module_command,
    signal_group,
    without_current_folder,
)

_TAIL = 4096
_CURRENT_FOLDER = "RLBENCH_CURRENT_FOLDER"  # set in a child that may import modules from the current folder
_PARENT = "RLBENCH_PARENT"  # set in a child: the process with which it ends


class ChildExit(NamedTuple):
    """How a child ended. code: None if it took too long. last_line: the last line of its output, "" if none."""

    code: int | None
    last_line: str


def begin_child() -> None:
    """Prepare a child process to end when its parent ends; otherwise a plugin that hangs would stay for ever.

    Imports from the current folder are allowed, after all other places, if the parent process allows them.
    """
    if parent := os.environ.pop(_PARENT, ""):
        die_with_parent(int(parent))
    if os.environ.pop(_CURRENT_FOLDER, ""):
        allow_local_imports()
    else:
        forbid_local_imports()


class Children:
    """The child processes that several threads start for one request. All of them can be ended at once."""

    def __init__(self) -> None:
        self._lock, self._pids, self._ended = threading.Lock(), set[int](), False

    def add(self, pid: int) -> None:
        with self._lock:
            self._pids.add(pid)
            if self._ended:
                signal_group(pid, signal.SIGKILL)

    def remove(self, pid: int) -> None:
        with self._lock:
            self._pids.discard(pid)

    def end(self) -> None:
        """Kill the children, and each one that is added later."""
        with self._lock:
            self._ended = True
            for pid in self._pids:
                signal_group(pid, signal.SIGKILL)


def run_query(
    module: str,
    arguments: Sequence[str],
    seconds: float,
    environment: Mapping[str, str] | None = None,
    children: Children | None = None,
) -> ChildExit:
    """Run `python -m module ARGUMENTS…` with this process's import path, and kill all processes that it started.

    children: where the child is listed while it runs.

    The module has to call `begin_child`, because the current folder is not put into PYTHONPATH, where it would
    precede installed packages.
    Raises: PermissionError if Python itself cannot be started.
    """
    env = {
        **os.environ,
        "PYTHONPATH": os.pathsep.join(without_current_folder(sys.path)),
        _CURRENT_FOLDER: "1" * allows_local_imports(),
        _PARENT: str(os.getpid()),
        **PRINTING,
    }
    env |= environment or {}
    with tempfile.TemporaryFile() as log:  # not a pipe: reading one waits until every process that holds it has ended
        command = module_command(module, *arguments)
        child = subprocess.Popen(
            command, stdin=subprocess.DEVNULL, stdout=log, stderr=log, env=env, start_new_session=True
        )
        if children is not None:
            children.add(child.pid)
        code: int | None = None
        try:
            code = child.wait(seconds)
        except subprocess.TimeoutExpired:
            pass
        finally:
            signal_group(child.pid, signal.SIGKILL)
            child.wait()
            if children is not None:
                children.remove(child.pid)
        log.seek(max(0, os.fstat(log.fileno()).st_size - _TAIL))
        lines = log.read().decode(errors="replace").strip().splitlines()
    return ChildExit(code, lines[-1] if lines else "")
