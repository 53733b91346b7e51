"""Errors of a disk that is full or broken, with one message for all of them, and a call that forces bytes to disk."""

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
_FEW_INODES = 10  # each file needs an inode, and a disk with free space may have run out of them
_NUMBER_IN_TEXT = re.compile(r"\(os error (\d+)\)")


class FileTooLarge(DiskFull):
    """A file would exceed the size limit of this process, however much space the disk has."""


def sync(path: Path) -> None:
    """Wait until a file's bytes, or a folder's entries, are on disk. Raises: OSError."""
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


@contextmanager
def writing(path: Path) -> Iterator[None]:
    """Raise DiskFull if the `with` block fails because the disk of `path` is full or broken. Pass on other errors."""
    try:
        yield
    except Exception as error:
        full = disk_error(path, error)
        if full is None:
            raise
        raise full from error


def disk_error(path: Path, error: BaseException) -> DiskFull | None:
    """Return the error to raise if writing `path` failed because its disk is full or broken; None for other errors."""
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
    """Return the errno of a system error, or 0 if the error is of another kind.

    safetensors is written in Rust and raises its own exception, which contains the errno only in its text.
    """
    if isinstance(error, OSError):
        return error.errno or 0
    found = _NUMBER_IN_TEXT.search(str(error))
    return int(found[1]) if found else 0
