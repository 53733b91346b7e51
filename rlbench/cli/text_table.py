"""Rows of text for a terminal or a pipe: aligned where they fit, otherwise a block for each row; never cut."""

from __future__ import annotations

import os
import shutil
import sys
from collections.abc import Sequence

PIPED_WIDTH = 200
_LARGE = 1e12
_CONTROLS = {*map(chr, range(32)), "\x7f"} - {"\n", "\t"}


def width() -> int:
    there = sys.stdout is not None and sys.stdout.isatty()
    return shutil.get_terminal_size().columns if there else PIPED_WIDTH


def write_out(text: str) -> None:
    """To stdout, whose reader may have gone (`| head`): that is no error. Lines and tabs are all that moves a terminal."""
    if sys.stdout is None:  # closed from the start
        return
    if not text.isascii() or set(text) & _CONTROLS:
        text = "\n".join(line if line.isprintable() else _without_controls(line) for line in text.split("\n"))
    try:
        sys.stdout.write(text)
        sys.stdout.flush()
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def _without_controls(line: str) -> str:
    return "\t".join(map(plain, line.split("\t")))


def plain(text: str) -> str:
    """Without control characters, which a terminal would obey."""
    return "".join(c if c.isprintable() else "?" for c in text)


def aligned(header: Sequence[str], rows: Sequence[Sequence[str]], numbers: Sequence[int] = ()) -> str:
    """A line a row; the columns in `numbers` to the right."""
    lines = [header, *rows]
    widths = [max(len(line[i]) for line in lines) for i in range(len(header))]

    def cell(i: int, text: str) -> str:
        return text.rjust(widths[i]) if i in numbers else text.ljust(widths[i])

    return "".join("   ".join(cell(i, text) for i, text in enumerate(line)).rstrip() + "\n" for line in lines)


def fitted(header: Sequence[str], rows: Sequence[Sequence[str]], numbers: Sequence[int] = ()) -> str:
    """`aligned` if that fits the terminal, otherwise a line for each entry under the first."""
    text = aligned(header, rows, numbers)
    if max(map(len, text.splitlines())) <= width():
        return text
    blocks = [
        f"{row[0]}\n" + "".join(f"  {name} {value}\n" for name, value in zip(header[1:], row[1:]) if value)
        for row in rows
    ]
    return "".join(blocks)


def number(value: float, digits: int, sign: str = "", among: Sequence[float] = ()) -> str:
    """Return a number with so many decimals; with significant digits where decimals would show nothing, or far too much.

    among: what is shown in one form with it, which its size alone does not decide then. sign: "+" to show it always.
    """
    largest = max(map(abs, (value, *among)))
    if largest >= _LARGE:
        return f"{value:{sign}.6g}"
    if 0 < largest < 0.5 * 10.0**-digits:
        return f"{value:{sign}.2g}"
    return f"{value:{sign}.{digits}f}"
