"""A disk that refuses what is written to it, without a disk that does."""

import fcntl
import fnmatch
import os
import sys

_F_GETPATH = 50  # of macOS


def path_of(handle):
    """The path of an open file or folder."""
    if sys.platform == "linux":
        return os.readlink(f"/proc/self/fd/{handle}")
    return fcntl.fcntl(handle, _F_GETPATH, bytes(1024)).rstrip(b"\0").decode()


def refusing(number):
    """A function that raises the system's error of this number, whatever it is called with."""

    def refuse(*arguments, **options):
        raise OSError(number, os.strerror(number))

    return refuse


def refuse_to_sync(monkeypatch, pattern, number):
    """Let files and folders whose paths match a pattern never reach the disk."""
    real = os.fsync

    def fsync(handle):
        if fnmatch.fnmatch(path_of(handle), pattern):
            raise OSError(number, os.strerror(number))
        real(handle)

    monkeypatch.setattr(os, "fsync", fsync)
