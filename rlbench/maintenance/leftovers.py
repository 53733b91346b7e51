"""Drafts: files and folders under temporary names, while a process writes them. A killed process leaves them behind."""

from __future__ import annotations

import os
import time

import psutil

from rlbench.results.file_io import draft_writer

ABANDONED_SECONDS = 24 * 3600.0  # age at which another host's draft counts as left over: its processes are unknown here


def is_draft(name: str) -> bool:
    """Return whether a file or folder has the name of a draft."""
    return draft_writer(name) is not None


def is_left_over(name: str, info: os.stat_result) -> bool:
    """Return whether a file or folder is a draft that was left behind. info: its `stat` result."""
    writer = draft_writer(name)
    if writer is None:
        return False
    is_own, process = writer
    if is_own:
        return not psutil.pid_exists(process)
    return time.time() - info.st_mtime > ABANDONED_SECONDS
