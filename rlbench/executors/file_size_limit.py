"""The limit on the size of files: the user's, which concerns every group, or a lower one that a plugin has set."""

from __future__ import annotations

import resource

AT_START = resource.getrlimit(resource.RLIMIT_FSIZE)[0]  # this module is imported before any plugin


def lowered_limit() -> int | None:
    """Return the limit in bytes if it is lower than when this process started; None if it is not."""
    now = resource.getrlimit(resource.RLIMIT_FSIZE)[0]
    is_lower = now != resource.RLIM_INFINITY and (AT_START == resource.RLIM_INFINITY or now < AT_START)
    return now if is_lower else None
