"""Commands to which permissions apply: root is denied nothing, unless it gives up its capabilities."""

import ctypes
import os
import subprocess
import sys
from pathlib import Path

_PR_CAPBSET_DROP = 24
_OVERRIDES = (1, 2, 3)  # of permissions, of those to read, of ownership


def _give_up_overrides() -> None:
    """Leave a process that is about to start a program without the capabilities that override permissions."""
    library = ctypes.CDLL(None, use_errno=True)
    for capability in _OVERRIDES:
        if library.prctl(_PR_CAPBSET_DROP, capability, 0, 0, 0):
            raise OSError(ctypes.get_errno(), "capabilities cannot be given up")


def rlbench(*arguments: object, **options: object) -> subprocess.CompletedProcess[str]:
    """Run a command line in a process of its own, as a user who is subject to permissions."""
    command = [sys.executable, "-m", "rlbench.cli.main", *map(str, arguments)]
    drop = _give_up_overrides if os.geteuid() == 0 else None
    return subprocess.run(command, capture_output=True, text=True, preexec_fn=drop, **options)  # type: ignore[call-overload]


def are_enforced(folder: Path) -> bool:
    """Return whether a command of `rlbench` is denied what permissions deny; `folder` is used to try it."""
    closed = folder / "closed"
    closed.mkdir(0o555)
    try:
        drop = _give_up_overrides if os.geteuid() == 0 else None
        return subprocess.run(["touch", closed / "x"], preexec_fn=drop, stderr=subprocess.DEVNULL).returncode != 0
    except (OSError, subprocess.SubprocessError):
        return False
