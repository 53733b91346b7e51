"""The file LEASE, which shows who writes a result folder on file systems without locks, such as some of clusters.

The owner of the folder raises the number in LEASE every few seconds. Another process that finds the file waits for
20 s: if the number rises, the folder is in use; otherwise the owner has ended, and the process replaces the file by its
own. Clocks of machines are not compared.
"""

from __future__ import annotations

import errno
import itertools
import json
import os
import socket
import threading
import time
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

import psutil

from rlbench.api import DiskFull, LockedError
from rlbench.results.file_io import read_json, unwritable, write_json

NO_LOCKS = (errno.ENOLCK, errno.ENOSYS, errno.EOPNOTSUPP)  # errors of `flock` where the file system has no locks
RENEWAL_SECONDS = 5.0
SETTLING_SECONDS = 5.0  # more than the time between reading a stale lease and replacing it
STALE_SECONDS = 20.0  # more than a slow machine takes to write a renewal, and a network file system to show it


class Lease:
    """A folder's LEASE, which this object may or may not hold."""

    def __init__(self, folder: Path) -> None:
        self._folder, self._path = folder, folder / "LEASE"
        self._name = os.urandom(8).hex()
        self._ended: threading.Event | None = None

    def take(self) -> None:
        """Take the lease and renew it until `give_back`. Raises: LockedError naming the holder; StoreError."""
        try:
            if not self._create():
                self._replace_stale()
        except OSError as error:
            raise unwritable(self._folder, error) from error
        self._ended = threading.Event()
        threading.Thread(target=self._renew_often, args=(self._ended,), daemon=True).start()

    def give_back(self) -> None:
        """Release the lease, if this object holds it."""
        if self._ended is not None:
            self._ended.set()
            self._ended = None
            if self._is_own(read_json(self._path)):
                self._path.unlink(missing_ok=True)

    def is_held_elsewhere(self) -> bool:
        """Return whether another process holds the lease, or died on another machine while it held the lease."""
        content = read_json(self._path) if self._ended is None else None
        return content is not None and not _has_ended(content)

    def _create(self) -> bool:
        """Create LEASE if it does not exist. Returns: whether it was created."""
        try:
            handle = os.open(self._path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o666)
        except FileExistsError:
            return False
        with open(handle, "w", encoding="utf-8") as file:
            json.dump(self._content(0), file)
        return True

    def _content(self, count: int) -> dict[str, Any]:
        return {"host": socket.gethostname(), "process": os.getpid(), "name": self._name, "count": count}

    def _replace_stale(self) -> None:
        """Replace the lease of a process that has ended by this one. Raises: LockedError if that process is alive."""
        before = read_json(self._path)
        if before is None or not _has_ended(before):
            pause(STALE_SECONDS)
            if (after := read_json(self._path)) != before:
                raise self._in_use(after)
        write_json(self._path, self._content(0))
        pause(SETTLING_SECONDS)  # if several processes replace the same stale lease, the last one to write holds it
        if not self._is_own(after := read_json(self._path)):
            raise self._in_use(after)

    def _is_own(self, content: Mapping[str, Any] | None) -> bool:
        return content is not None and content.get("name") == self._name

    def _in_use(self, content: Mapping[str, Any] | None) -> LockedError:
        holder = content or {}
        who = f"host {holder.get('host')}, process {holder.get('process')}"
        return LockedError(f"{self._folder} is in use by {who}; wait for it, or choose another folder with -o")

    def _renew_often(self, ended: threading.Event) -> None:
        for count in itertools.count(1):
            if ended.wait(RENEWAL_SECONDS) or not self.renew(count):
                return

    def renew(self, count: int) -> bool:
        """Write the number `count`. Returns: False if this process stood still for so long that another took over."""
        if not self._is_own(read_json(self._path)):
            return False
        with suppress(OSError, DiskFull):  # a full disk is reported where results are written
            write_json(self._path, self._content(count))
        return True


def pause(seconds: float) -> None:
    """Wait. No event tells this process that another machine has written a file, so it has to read again later."""
    time.sleep(seconds)


def _has_ended(content: dict[str, Any]) -> bool:
    """Return whether the holder of a lease is a process of this machine that has ended."""
    process = content.get("process")
    return content.get("host") == socket.gethostname() and isinstance(process, int) and not psutil.pid_exists(process)
