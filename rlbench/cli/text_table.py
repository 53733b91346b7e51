"""Text tables for a terminal or a pipe: aligned if they fit its width, otherwise one block per row; never cut off.

Only the texts that a command gives to `cut_to_fit` are cut.
"""

from __future__ import annotations

import os
import shutil
import sys
from collections.abc import Sequence

from rlbench.messages import shortened

PIPED_WIDTH = 200
LONGEST_MESSAGE = 500  # characters of an error's message beside other texts
_SHORTEST_CUT = 60  # characters; a shorter part of a message says too little
_CONTROLS = {*map(chr, range(32)), "\x7f"} - {"\n", "\t"}


def width() -> int:
    is_terminal = sys.stdout is not None and sys.stdout.isatty()
    return shutil.get_terminal_size().columns if is_terminal else PIPED_WIDTH


def write_out(text: str) -> None:
    """Write to stdout, without control characters other than newlines and tabs.

    If the reading program has closed the pipe (`| head`), the rest is dropped without an error.
    """
    if sys.stdout is None:  # closed before this process started
        return
    if not text.isascii() or set(text) & _CONTROLS:
        text = "\n".join(line if line.isprintable() else _without_controls(line) for line in text.split("\n"))
    try:
        sys.stdout.write(text)
        sys.stdout.flush()
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def write_error(text: str) -> None:
    """Write a line to stderr. Control characters, which a path or a suite's names may contain, are replaced."""
    if sys.stderr is None:
        return
    try:
        print("\n".join(map(plain, text.split("\n"))), file=sys.stderr, flush=True)
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stderr.fileno())


def _without_controls(line: str) -> str:
    return "\t".join(map(plain, line.split("\t")))


def plain(text: str) -> str:
    """Return the text with "?" for control characters, which could move a terminal's cursor or change its colours."""
    return text if text.isprintable() else "".join(c if c.isprintable() else "?" for c in text)


def aligned(header: Sequence[str], rows: Sequence[Sequence[str]], numbers: Sequence[int] = ()) -> str:
    """Return a table with one line per row. numbers: the columns to align to the right."""
    lines = [header, *rows]
    widths = [max(len(line[i]) for line in lines) for i in range(len(header))]

    def cell(i: int, text: str) -> str:
        return text.rjust(widths[i]) if i in numbers else text.ljust(widths[i])

    return "".join("   ".join(cell(i, text) for i, text in enumerate(line)).rstrip() + "\n" for line in lines)


def fitted(header: Sequence[str], rows: Sequence[Sequence[str]], numbers: Sequence[int] = ()) -> str:
    """Return an `aligned` table if it fits the terminal, otherwise a block per row, with one line per cell."""
    text = aligned(header, rows, numbers)
    if max(map(len, text.splitlines())) <= width():
        return text
    blocks = [
        f"{row[0]}\n" + "".join(f"  {name} {value}\n" for name, value in zip(header[1:], row[1:]) if value)
        for row in rows
    ]
    return "".join(blocks)


def cut_to_fit(header: Sequence[str], rows: Sequence[Sequence[str]]) -> list[list[str]]:
    """Return the rows with the text of their last column cut so that the table fits the terminal.

    Uncut, one long message would turn every row into a block. If the other columns leave no room, rows become blocks,
    and the text is cut to `LONGEST_MESSAGE` characters.
    """
    others = [max(len(line[i]) for line in [header, *rows]) for i in range(len(header) - 1)]
    room = width() - sum(others) - 3 * len(others)
    most = room if room >= _SHORTEST_CUT else LONGEST_MESSAGE
    return [[*row[:-1], shortened(row[-1], most)] for row in rows]
