"""Control of child processes: children never outlive their parent, and a process group ends as a whole."""

from __future__ import annotations

import contextlib
import ctypes
import os
import signal
import sys
import time
from collections.abc import Collection, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import psutil

_POLL_SECONDS = 0.02


# A child's output is logged in UTF-8. Otherwise, in a locale without UTF-8, printing one character could end the child.
PRINTING = {"PYTHONIOENCODING": "utf-8:backslashreplace"}


def module_command(module: str, *arguments: str) -> list[str]:
    """Return the command that runs one of rlbench's modules in a child process.

    With `-P`, a file in the current folder cannot replace a standard or installed module. The module itself has to call
    `allow_local_imports` or `forbid_local_imports`. Add PRINTING to the child's environment variables.
    """
    return [sys.executable, "-P", "-m", module, *arguments]


def allow_local_imports(plugin_files: Sequence[str] = ()) -> None:
    """Make modules in the current folder (`module:MyEnv-v0`) and beside the plugin files importable.

    These folders come last in sys.path, so that a `random.py` or `pandas.py` there does not replace the installed one.
    """
    here = os.getcwd()
    beside = [os.path.dirname(os.path.abspath(file)) for file in plugin_files]
    sys.path[:] = [*without_current_folder(sys.path), here, *beside]


def forbid_local_imports() -> None:
    """Forbid imports from the current folder, because its files may be somebody else's.

    Optional modules that a library tries to import are then not found there either. A distribution that is installed
    from this folder (by a `.pth` file) can still be imported.
    """
    os.getcwd()
    library = os.path.dirname(os.__file__)
    last = sys.path.index(library) + 1 if library in sys.path else len(sys.path)  # installed packages come after it
    sys.path[:] = [*without_current_folder(sys.path[:last]), *filter(None, sys.path[last:])]


def without_current_folder(paths: Sequence[str]) -> list[str]:
    """Return the paths without the current folder, however it is written."""
    try:
        here = os.path.realpath(os.getcwd())
    except FileNotFoundError:
        return [path for path in paths if path]
    return [path for path in paths if path and os.path.realpath(path) != here]


def allows_local_imports() -> bool:
    """Return whether modules in the current folder can be imported."""
    return len(without_current_folder(sys.path)) < len(sys.path)


_PR_SET_PDEATHSIG = 1


def die_with_parent(parent: int) -> None:
    """Make the kernel kill this process when the process `parent` ends.

    This works on Linux only. On other systems, the process has to end itself when its pipe from the parent is closed.
    """
    if sys.platform == "linux":
        ctypes.CDLL(None, use_errno=True).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
        if os.getppid() != parent:  # the parent ended before the call
            os._exit(1)


_OOM_SCORE = 500  # added to the process's score out of 1000; the kernel kills the process with the highest score first


def die_first() -> None:
    """Make the kernel kill this process and its children before other processes if memory runs out (Linux only)."""
    with contextlib.suppress(OSError, ValueError):
        score = Path("/proc/self/oom_score_adj")
        score.write_text(str(min(1000, int(score.read_text("utf-8")) + _OOM_SCORE)), "utf-8")


def signal_group(pid: int, number: int) -> None:
    """Send a signal to the process group that `pid` leads. Do nothing if the group no longer exists."""
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(pid, number)


def kill_marked_processes(name: str, values: Collection[str], patience: float) -> list[str]:
    """Kill the processes whose environment variable `name` is one of `values`, after `patience` seconds to end alone.

    Returns: a description of each killed process, such as "sleep (process 123)".
    """
    import psutil  # imported here, because it takes as long as importing a command

    marked = []
    for process in psutil.process_iter():
        with contextlib.suppress(psutil.Error, OSError):  # it has ended, or belongs to another user
            if process.environ().get(name) in values:
                marked.append(process)
    deadline = time.monotonic() + patience
    while any(map(_is_running, marked)) and time.monotonic() < deadline:
        time.sleep(_POLL_SECONDS)  # the system does not notify a process when another process's child ends
    killed = []
    for process in filter(_is_running, marked):
        with contextlib.suppress(psutil.Error):
            killed.append(f"{process.name()} (process {process.pid})")
            process.kill()
    return killed


def _is_running(process: psutil.Process) -> bool:
    """Return whether a process has not ended. A zombie, whose parent has not yet reaped it, has ended."""
    import psutil

    try:
        running: bool = process.is_running() and process.status() != psutil.STATUS_ZOMBIE
        return running
    except psutil.Error:
        return False


_passed: dict[str, int] = {}


def failpoint(name: str) -> None:
    """Kill this process if the variable RLBENCH_FAIL_AT is `name`, or at the n-th call if it is `name:n`. For tests."""
    selected, _, count = os.environ.get("RLBENCH_FAIL_AT", "").partition(":")
    if selected == name:
        _passed[name] = _passed.get(name, 0) + 1
        if _passed[name] == int(count or 1):
            os.kill(os.getpid(), signal.SIGKILL)
