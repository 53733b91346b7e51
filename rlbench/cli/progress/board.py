"""The table of running groups on a terminal: numbers in full, names cut to the width that the numbers leave."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from rich.table import Table

HEADER = ("group", "steps", "return", "steps/s", "ETA")
NARROW = 70  # characters; on a narrower terminal, the table has only its first three columns
_GAP = 2
_SHORTEST_NAME = 8


def board(rows: Sequence[Sequence[str]], columns: int) -> Table:
    """Return the table for a terminal that is `columns` characters wide.

    rows: for each group, its cells in the order of HEADER.
    """
    from rich.table import Table
    from rich.text import Text

    shown = 3 if columns < NARROW else len(HEADER)
    lines = [HEADER[:shown], *(row[:shown] for row in rows)]
    numbers = sum(_GAP + max(len(line[place]) for line in lines) for place in range(1, shown))
    room = max(_SHORTEST_NAME, columns - numbers)
    table = Table.grid(padding=(0, _GAP, 0, 0))
    for place in range(shown):
        table.add_column(justify="right" if place else "left", no_wrap=True, ratio=None if place else 1)
    for i, (name, *others) in enumerate(lines):
        table.add_row(*[Text(text, style="" if i else "dim") for text in (cut(name, room), *others)])
    table.expand = True
    return table


def cut(name: str, room: int) -> str:
    """Return a name, cut in the middle if it is wider than `room` columns.

    The beginning and the end are kept because they name the algorithm and the task.
    """
    from rich.cells import cell_len, set_cell_size

    if cell_len(name) <= room:
        return name
    end = (room - 1) // 2
    start = set_cell_size(name, room - 1 - end)
    tail = name
    while cell_len(tail) > end:
        tail = tail[1:]
    return f"{start}…{tail}"
