"""Processes that have to end: each is waited for by a descriptor that is ready once it has ended."""

import os
import select
import time
from contextlib import suppress

import psutil


def descendants(pid: int) -> list[int]:
    """Return a descriptor for each process that descends from `pid`."""
    descriptors = []
    for process in psutil.Process(pid).children(recursive=True):
        with suppress(ProcessLookupError):
            descriptors.append(os.pidfd_open(process.pid))
    return descriptors


def wait_for_all(descriptors: list[int]) -> float:
    """Wait until every process has ended, for half a minute at most. Returns: the seconds that it took."""
    began = time.monotonic()
    for descriptor in descriptors:
        assert select.select([descriptor], [], [], 30)[0], "a process has outlived its harness"
        os.close(descriptor)
    return time.monotonic() - began
