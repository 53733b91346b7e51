"""The standard streams: closed streams are opened, and characters that a terminal cannot show are replaced."""

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

    Closed descriptors are opened on the null device. Otherwise the next file to be opened would get the number of a
    closed descriptor, and messages would be written into that file. Characters that a stream cannot encode are
    replaced.
    """
    for number in range(3):
        try:
            os.fstat(number)
        except OSError:
            os.open(os.devnull, os.O_RDWR)  # the operating system assigns the lowest free number, which is this one
    if sys.stderr is None:
        sys.stderr = open(os.devnull, "w", encoding="utf-8")  # noqa: SIM115 - open as long as the process
    codecs.register_error(_ERRORS, _replace_characters)
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors=_ERRORS)
