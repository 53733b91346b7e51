"""Processes that never outlive the one that started them, and process groups that end as a whole."""

from __future__ import annotations

import contextlib
import ctypes
import os
import signal
import sys
import time
from collections.abc import Sequence

import psutil

_LOOK_SECONDS = 0.02


def module_command(module: str, *arguments: str) -> list[str]:
    """The command that runs one of our modules in a child. What lies in the current folder hides nothing there (`-P`); the
    module itself calls `find_modules_here`, or `leave_here_out`.
    """
    return [sys.executable, "-P", "-m", module, *arguments]


def find_modules_here(plugin_files: Sequence[str] = ()) -> None:
    """Have modules in the current folder found (`module:MyEnv-v0`), and in those of the plugins' files, after all that are
    installed: a folder that somebody stands in must not put its `random.py` or `pandas.py` in the place of those.
    """
    here = os.getcwd()
    beside = [os.path.dirname(os.path.abspath(file)) for file in plugin_files]
    sys.path[:] = [*without_here(sys.path), here, *beside]


def leave_here_out() -> None:
    """Have no module found in the current folder, which may be anybody's: not even one that a library would use if it were
    installed. Where an installed distribution lies in it (a `.pth` file says so) that is still found.
    """
    os.getcwd()
    library = os.path.dirname(os.__file__)
    last = sys.path.index(library) + 1 if library in sys.path else len(sys.path)  # behind it stands what is installed
    sys.path[:] = [*without_here(sys.path[:last]), *filter(None, sys.path[last:])]


def without_here(paths: Sequence[str]) -> list[str]:
    """Those that are not the current folder, however that is spelled."""
    try:
        here = os.path.realpath(os.getcwd())
    except FileNotFoundError:
        return [path for path in paths if path]
    return [path for path in paths if path and os.path.realpath(path) != here]


def sees_here() -> bool:
    """Whether modules in the current folder are found."""
    return len(without_here(sys.path)) < len(sys.path)


_PR_SET_PDEATHSIG = 1


def die_with_parent(parent: int) -> None:
    """Have the kernel kill this process when the process `parent` ends (Linux; elsewhere a closed pipe has to do)."""
    if sys.platform == "linux":
        ctypes.CDLL(None, use_errno=True).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
        if os.getppid() != parent:  # it ended before the call
            os._exit(1)


def signal_group(pid: int, number: int) -> None:
    """Send a signal to the process group led by `pid`; nothing happens when it is gone."""
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(pid, number)


def end_marked(name: str, value: str, patience: float) -> list[str]:
    """Kill the processes in whose environment `name` is `value` and that have not ended by themselves after `patience` s.

    Returns: each as in "sleep (process 123)".
    """
    found = []
    for process in psutil.process_iter():
        with contextlib.suppress(psutil.Error, OSError):  # ended meanwhile, or another user's
            if process.environ().get(name) == value:
                found.append(process)
    until = time.monotonic() + patience
    while any(map(_runs, found)) and time.monotonic() < until:
        time.sleep(_LOOK_SECONDS)  # of other processes' children no end is told
    named = []
    for process in filter(_runs, found):
        with contextlib.suppress(psutil.Error):
            named.append(f"{process.name()} (process {process.pid})")
            process.kill()
    return named


def _runs(process: psutil.Process) -> bool:
    """Whether it has not ended; one that has, and whose parent has not asked how, has ended."""
    try:
        return process.is_running() and process.status() != psutil.STATUS_ZOMBIE
    except psutil.Error:
        return False


_passed: dict[str, int] = {}


def failpoint(name: str) -> None:
    """Kill this process here when the environment says so: RLBENCH_FAIL_AT=name or name:n (the n-th time). For tests."""
    wanted, _, count = os.environ.get("RLBENCH_FAIL_AT", "").partition(":")
    if wanted == name:
        _passed[name] = _passed.get(name, 0) + 1
        if _passed[name] == int(count or 1):
            os.kill(os.getpid(), signal.SIGKILL)
