"""A disk that is full or broken, as one error with one message, and the call that makes sure that bytes are on disk."""

from __future__ import annotations

import errno
import os
import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from rlbench.api import DiskFull

NO_ROOM = (errno.ENOSPC, errno.EDQUOT)
# What to do about each error of a disk. All other errors, such as a missing permission, have another cause.
_ADVICE = {
    errno.ENOSPC: "free some space",
    errno.EDQUOT: "free some space, or raise your quota",
    errno.EFBIG: "raise the limit on the size of files (`ulimit -f`)",
    errno.EIO: "check the disk",
}
_FEW_INODES = 10  # a disk may have room and none of these, one for each file
_NUMBER_IN_TEXT = re.compile(r"\(os error (\d+)\)")


class FileTooLarge(DiskFull):
    """A file would be larger than this process may write, whatever room the disk has."""


def sync(path: Path) -> None:
    """Return when a file's bytes, or a folder's entries, are on disk. Raises: OSError."""
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


@contextmanager
def writing(path: Path) -> Iterator[None]:
    """Raise DiskFull if the disk under `path` prevents what is done within. Other errors pass unchanged."""
    try:
        yield
    except Exception as error:
        full = disk_error(path, error)
        if full is None:
            raise
        raise full from error


def disk_error(path: Path, error: BaseException) -> DiskFull | None:
    """Return what to raise when writing `path` has failed because its disk is full or broken; None for other errors."""
    number = _number(error)
    if number not in _ADVICE:
        return None
    existing = next((p for p in (path, *path.parents) if p.exists()), Path("/"))
    disk = os.statvfs(existing)
    free = f"{disk.f_bavail * disk.f_frsize / 1e6:.1f} MB free"
    if disk.f_files and disk.f_favail < _FEW_INODES:
        free = f"{disk.f_favail} inodes and {free}"
    what = f"no room left to write {path}" if number in NO_ROOM else f"{path} cannot be written: {os.strerror(number)}"
    kind = FileTooLarge if number == errno.EFBIG else DiskFull
    return kind(f"{what} ({free}); finished runs are safe; {_ADVICE[number]} and rerun the same command to resume")


def _number(error: BaseException) -> int:
    """Return the number of the system's error, or 0 for another kind of error.

    safetensors, written in Rust, wraps an error of the system in an exception of its own that has it only as text.
    """
    if isinstance(error, OSError):
        return error.errno or 0
    found = _NUMBER_IN_TEXT.search(str(error))
    return int(found[1]) if found else 0
