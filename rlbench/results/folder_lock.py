"""The lock of a result folder: one process writes, whoever reads holds up nobody.

The kernel frees an flock when its holder ends, however it ends, so what stands in LOCK is information only. Whoever asks
whether it is held takes it shared for a moment; a writer that begins just then tries again.
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

_PATIENCE_SECONDS, _PAUSE_SECONDS = 1.0, 0.002


class Lock:
    """A folder's LOCK, taken by this object or not."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._file: int | None = None

    def take(self) -> None:
        """Raises: LockedError naming the holder; StoreError where nothing can be written."""
        try:
            file = self._open(os.O_RDWR | os.O_CREAT)
        except OSError as error:
            if error.errno in NOT_OWN:
                raise StoreError(f"{self._folder / 'LOCK'} is no regular file of its own; remove it") from error
            raise unwritable(self._folder, error) from error
        if not _taken(file):
            holder = os.pread(file, 1000, 0).decode(errors="replace").strip() or "a process that did not say who it is"
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
        if self._file is not None:
            os.close(self._file)
            self._file = None

    def is_held_elsewhere(self) -> bool:
        """Whether a harness other than the one that asks holds it."""
        if self._file is not None:
            return False
        try:
            file = self._open(os.O_RDONLY)
        except OSError:
            return False
        try:
            return not _flock(file, fcntl.LOCK_SH)
        finally:
            os.close(file)

    def _open(self, flags: int) -> int:
        """Neither through a link, which may lead out of the folder, nor of a pipe, which would wait for its other end, nor of
        a file that has another name too, which may be anybody's.
        """
        file = os.open(self._folder / "LOCK", flags | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC, 0o666)
        try:
            refuse_shared(file)
        except OSError:
            os.close(file)
            raise
        return file


def _taken(file: int) -> bool:
    """Take it for writing. It fails at once while another writes; readers are gone in a moment."""
    until = time.monotonic() + _PATIENCE_SECONDS
    while not _flock(file, fcntl.LOCK_EX):
        if not _flock(file, fcntl.LOCK_SH) or time.monotonic() > until:
            return False
        fcntl.flock(file, fcntl.LOCK_UN)
        time.sleep(_PAUSE_SECONDS)
    return True


def _flock(file: int, how: int) -> bool:
    try:
        fcntl.flock(file, how | fcntl.LOCK_NB)
    except OSError as error:
        if error.errno in (errno.EWOULDBLOCK, errno.EACCES):
            return False
        raise
    return True
