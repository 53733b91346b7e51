"""Messages of exceptions that ended a run: what was raised and where, and what to do if memory ran out."""

from __future__ import annotations

import errno
import re
import traceback
from pathlib import Path

from rlbench.api import RlbenchError
from rlbench.messages import error_text, shortened

FEWER = "lower `buffer_size`, `n_envs` or the number of seeds, or train fewer groups at a time (`jobs`)"
_LONGEST = 1_900  # most characters of an exception's text; the place in the code follows and must not be cut off
_RLBENCH = Path(__file__).parents[1]  # the package rlbench, which may be a checkout outside site-packages
_MEMORY = re.compile(r"can't allocate memory|out of memory", re.IGNORECASE)


def failure_message(error: BaseException) -> str:
    """Return in one line what ended a run: the exception and its place, and advice if memory or files ran out."""
    if isinstance(error, RlbenchError):
        return shortened(str(error))
    said = _where_and_what(error)
    if isinstance(error, OSError) and error.errno == errno.EMFILE:
        return f"{said}; close files that are no longer needed, or raise the limit (`ulimit -n`)"
    place = _where_memory_ran_out(error)
    return f"out of memory{place}: {said}; {FEWER}" if place is not None else said


def _where_memory_ran_out(error: BaseException) -> str | None:
    """Return where memory ran out, as a suffix ("" or " on the device"); None for an exception of another kind."""
    if isinstance(error, MemoryError) or (isinstance(error, OSError) and error.errno == errno.ENOMEM):
        return ""
    if isinstance(error, RuntimeError) and _MEMORY.search(str(error)):  # torch and jax
        return "" if "CPU" in str(error) else " on the device"
    return None


def _where_and_what(error: BaseException) -> str:
    """Return an exception's message and the line of code to blame.

    This is the innermost line outside installed packages and rlbench, or else the innermost one in rlbench.
    """
    message = error_text(error, _LONGEST)
    own = [frame for frame in traceback.extract_tb(error.__traceback__) if "site-packages" not in frame.filename]
    own = [frame for frame in own if not Path(frame.filename).is_relative_to(_RLBENCH)] or own
    return f"{message} ({Path(own[-1].filename).name}:{own[-1].lineno})" if own else message
