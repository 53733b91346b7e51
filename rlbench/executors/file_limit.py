"""The number of workers that the limit of open files allows at a time."""

from __future__ import annotations

import os
import resource

from rlbench.api import RlbenchError
from rlbench.text import plural

# Open files per worker: its pipe, the pipes and files of its two logs, and the pipe that ends their copying.
_PER_WORKER = 8
# Open files, for a moment, of reading and writing results and of starting a process.
_SPARE = 24


def allowed_workers(wanted: int) -> tuple[int, str]:
    """Return how many workers may run at a time, at most `wanted`, and why not all may; "" if all may.

    Raise the soft limit as far as needed and allowed. Raises: RlbenchError if it allows no worker.
    """
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    base = _open_files() + _SPARE
    needed = base + _PER_WORKER * wanted
    if soft == resource.RLIM_INFINITY or soft >= needed:
        return wanted, ""
    if hard == resource.RLIM_INFINITY or hard > soft:
        soft = needed if hard == resource.RLIM_INFINITY else min(needed, hard)
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
    allowed = (soft - base) // _PER_WORKER
    if allowed >= wanted:
        return wanted, ""
    why = f"`ulimit -n` allows {soft} open files"
    if allowed < 1:
        raise RlbenchError(f"{why}, but training needs {base + _PER_WORKER}; raise it, as in `ulimit -n 1024`")
    return allowed, f"{why}, and {plural(wanted, 'group')} at a time need {needed}; training {allowed} at a time"


def _open_files() -> int:
    try:
        return len(os.listdir("/dev/fd"))
    except OSError:
        return 16
