"""The standard streams: closed ones are opened, and terminals that cannot show every character get replacements."""

from __future__ import annotations

import codecs
import io
import os
import sys

# ASCII replacements for what rlbench prints, for terminals with another character set.
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


def _replace_characters(error: UnicodeError) -> tuple[str, int]:
    if not isinstance(error, UnicodeEncodeError):
        raise error
    return "".join(_PLAIN.get(c, "?") for c in error.object[error.start : error.end]), error.end


def open_streams() -> None:
    """Make the three standard streams usable.

    Closed descriptors are opened on the null device. Otherwise the next file opened would get their number, and
    messages would be written into it. Characters that a stream cannot encode are replaced.
    """
    for number in range(3):
        try:
            os.fstat(number)
        except OSError:
            os.open(os.devnull, os.O_RDWR)  # gets the lowest free number
    if sys.stderr is None:
        sys.stderr = open(os.devnull, "w", encoding="utf-8")  # noqa: SIM115 - open as long as the process
    codecs.register_error(_ERRORS, _replace_characters)
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors=_ERRORS)
