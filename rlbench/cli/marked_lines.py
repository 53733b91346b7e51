"""Lines that begin with a mark ("ok", "to do"): coloured and wrapped on a terminal, plain and unwrapped elsewhere."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from rlbench.cli.text_table import plain, write_out

_WIDTH = 7  # columns for the mark and its margins


def print_marked(lines: Sequence[tuple[str, str]], styles: Mapping[str, str]) -> None:
    """Print (mark, text) pairs without control characters. A pair with an empty mark is a heading.

    styles: the style of each mark, as rich names it.
    """
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    console = Console(highlight=False)
    if not console.is_terminal or console.is_dumb_terminal:
        for mark, text in lines:
            write_out(plain(f"  {mark:<{_WIDTH}}{text}" if mark else text) + "\n")
        return
    for mark, text in lines:
        if not mark:
            console.print(Text(plain(text), style="bold"))
            continue
        grid = Table.grid(padding=(0, 0, 0, 2))
        grid.add_column(width=_WIDTH, no_wrap=True)
        grid.add_column(overflow="fold")
        grid.add_row(Text(mark, style=styles.get(mark, "")), Text(plain(text)))
        console.print(grid)
