"""The limit on the size of files, and whether a plugin has lowered it: only its own group fails then."""

from __future__ import annotations

import resource

AT_START = resource.getrlimit(resource.RLIMIT_FSIZE)[0]  # this module is imported before any plugin


def lowered_limit() -> int | None:
    """Return the limit in bytes if it was lowered since this process started, else None."""
    now = resource.getrlimit(resource.RLIMIT_FSIZE)[0]
    is_lower = now != resource.RLIM_INFINITY and (AT_START == resource.RLIM_INFINITY or now < AT_START)
    return now if is_lower else None
