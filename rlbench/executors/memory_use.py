"""Memory that a worker and its children use, and the kernel's count of processes killed because memory ran out."""

from __future__ import annotations

import re
from contextlib import suppress
from pathlib import Path

import psutil

from rlbench.executors.failure_messages import FEWER
from rlbench.text import data_size

_KERNEL_COUNTERS = Path("/proc/vmstat")


def memory_beyond(pid: int, limit: int) -> int:
    """Return the bytes that a process and its descendants use, if these are more than `limit`; otherwise 0."""
    with suppress(psutil.Error):
        process = psutil.Process(pid)
        family = [process, *process.children(recursive=True)]
        if sum(map(_resident, family)) > limit:  # quick, but counts shared pages several times
            used = sum(map(_own_part, family))
            return used if used > limit else 0
    return 0


def _resident(process: psutil.Process) -> int:
    with suppress(psutil.Error):
        return int(process.memory_info().rss)
    return 0  # it has ended


def _own_part(process: psutil.Process) -> int:
    """Return the bytes of a process. If the system reports it, a page that n processes share counts as 1/n."""
    with suppress(psutil.Error):
        memory = process.memory_full_info()
        return int(getattr(memory, "pss", memory.rss))
    return 0


def memory_message(used: int, limit: int) -> str:
    """Return the message of a run that exceeded its memory limit. used, limit: bytes."""
    return (
        f"out of memory: it used {data_size(used)} of the {data_size(limit)} that `memory` allows; {FEWER},"
        " or raise `memory`"
    )


def kills_for_memory() -> int | None:
    """Return how many processes the kernel has killed since boot because memory ran out; None if not known."""
    with suppress(OSError):
        found = re.search(r"^oom_kill (\d+)$", _KERNEL_COUNTERS.read_text("utf-8"), re.MULTILINE)
        return int(found[1]) if found else None
    return None
