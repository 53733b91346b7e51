"""The lock of a result folder: one process writes, and readers never block it.

Where the file system has no locks, a lease is used instead (`rlbench.results.folder_lease`).

The kernel frees the lock (`flock`) when the process that holds it ends in any way, so the text in LOCK is information
only. To check whether the lock is held, a process takes it shared for a moment; a writer that starts then retries.
"""

from __future__ import annotations

import errno
import fcntl
import os
import socket
import time
from pathlib import Path

from rlbench.api import LockedError, StoreError
from rlbench.results.file_io import NOT_OWN, refuse_shared, unwritable
from rlbench.results.folder_lease import NO_LOCKS, Lease

_PATIENCE_SECONDS, _PAUSE_SECONDS = 1.0, 0.002


class Lock:
    """A folder's LOCK, which this object may or may not hold."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._file: int | None = None
        self._lease = Lease(folder)

    def take(self) -> None:
        """Take the lock. Raises: LockedError naming the holder; StoreError if nothing can be written."""
        try:
            file = self._open(os.O_RDWR | os.O_CREAT)
        except OSError as error:
            if error.errno in NOT_OWN:
                path = self._folder / "LOCK"
                raise StoreError(f"{path} is not a regular file, or has several links; remove it") from error
            raise unwritable(self._folder, error) from error
        try:
            is_taken = _take_exclusive(file)
        except OSError as error:
            os.close(file)
            if error.errno not in NO_LOCKS:
                raise unwritable(self._folder, error) from error
            self._lease.take()
            return
        if not is_taken:
            holder = os.pread(file, 1000, 0).decode(errors="replace").strip() or "an unidentified process"
            os.close(file)
            raise LockedError(f"{self._folder} is in use by {holder}; wait for it, or choose another folder with -o")
        since = time.strftime("%Y-%m-%d %H:%M:%S")
        text = f"host {socket.gethostname()}, process {os.getpid()}, since {since}\n"
        try:
            os.ftruncate(file, 0)
            os.pwrite(file, text.encode(), 0)
        except OSError as error:
            os.close(file)
            raise unwritable(self._folder, error) from error
        self._file = file

    def give_back(self) -> None:
        self._lease.give_back()
        if self._file is not None:
            os.close(self._file)
            self._file = None

    def is_held_elsewhere(self) -> bool:
        """Return whether another process holds the lock."""
        if self._file is not None:
            return False
        if self._lease.is_held_elsewhere():
            return True
        try:
            file = self._open(os.O_RDONLY)
        except OSError:
            return False
        try:
            return not _try_flock(file, fcntl.LOCK_SH)
        except OSError as error:
            if error.errno in NO_LOCKS:
                return False
            raise
        finally:
            os.close(file)

    def _open(self, flags: int) -> int:
        """Open LOCK unless it is a symbolic link, a pipe or a file with several hard links.

        A link may lead out of the folder, a pipe would wait for its other end, and a hard link may be anyone's file.
        """
        file = os.open(self._folder / "LOCK", flags | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC, 0o666)
        try:
            refuse_shared(file)
        except OSError:
            os.close(file)
            raise
        return file


def _take_exclusive(file: int) -> bool:
    """Take the lock for writing. Return False at once if another process writes; wait for readers, which are brief."""
    deadline = time.monotonic() + _PATIENCE_SECONDS
    while not _try_flock(file, fcntl.LOCK_EX):
        if not _try_flock(file, fcntl.LOCK_SH) or time.monotonic() > deadline:
            return False
        fcntl.flock(file, fcntl.LOCK_UN)
        time.sleep(_PAUSE_SECONDS)
    return True


def _try_flock(file: int, mode: int) -> bool:
    try:
        fcntl.flock(file, mode | fcntl.LOCK_NB)
    except OSError as error:
        if error.errno in (errno.EWOULDBLOCK, errno.EACCES):
            return False
        raise
    return True
