"""The videos that the report links to, and parts of them, as browsers request."""

from __future__ import annotations

import os
import re
from pathlib import Path
from typing import BinaryIO

from rlbench.results.file_io import is_within, refuse_shared

FOLDER = "videos"
_RANGE = re.compile(r"bytes=(\d{1,15})?-(\d{1,15})?")


def open_video(root: Path, name: str) -> BinaryIO | None:
    """Open ROOT/videos/NAME for reading; None if there is no such video, or if it is a link."""
    folder = root / FOLDER
    try:
        if not name.endswith(".mp4") or name.startswith(".") or name not in os.listdir(folder):
            return None
        if not is_within(root, folder):
            return None
        handle = os.open(folder / name, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    except (OSError, ValueError):
        return None
    try:
        refuse_shared(handle)
    except OSError:
        os.close(handle)
        return None
    return open(handle, "rb")


def requested_range(header: str, size: int) -> range | None:
    """Return the range of bytes that a Range header requests from a file; the whole file for another kind of header.

    Return None if the file has none of the requested bytes.
    """
    match = _RANGE.fullmatch(header.strip())
    if match is None or not (match[1] or match[2]):
        return range(size)
    if match[1] is None:
        return range(max(0, size - int(match[2])), size) if int(match[2]) and size else None
    first, last = int(match[1]), min(size - 1, int(match[2] or size - 1))
    return range(first, last + 1) if first <= last else None
