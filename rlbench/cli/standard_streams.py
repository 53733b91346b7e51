"""The standard streams as this program finds them: closed ones, and terminals that do not know every character."""

from __future__ import annotations

import codecs
import io
import os
import sys

# What is printed beyond ASCII, for terminals of another character set.
_PLAIN = {
    **dict.fromkeys("−–—─━", "-"),
    **dict.fromkeys("“”„", '"'),
    **dict.fromkeys("‘’", "'"),
    "…": "...",
    "×": "x",
    "·": ".",
    "≤": "<=",
    "≥": ">=",
    "→": "->",
    "±": "+-",
    "δ": "delta",
    "│": "|",
}
_ERRORS = "rlbench.plain"


def _replaced(error: UnicodeError) -> tuple[str, int]:
    if not isinstance(error, UnicodeEncodeError):
        raise error
    return "".join(_PLAIN.get(c, "?") for c in error.object[error.start : error.end]), error.end


def open_streams() -> None:
    """Make the three streams usable: closed descriptors lead nowhere, so that no file that is opened next gets their
    numbers and no line for people lands among data; what cannot be encoded is replaced.
    """
    for number in range(3):
        try:
            os.fstat(number)
        except OSError:
            os.open(os.devnull, os.O_RDWR)  # the lowest number that is free
    if sys.stderr is None:
        sys.stderr = open(os.devnull, "w", encoding="utf-8")  # noqa: SIM115 - as long as the process
    codecs.register_error(_ERRORS, _replaced)
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors=_ERRORS)
