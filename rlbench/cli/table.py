"""`rlbench table`: the scores of a result folder."""

from __future__ import annotations

import json
import sys
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from rlbench.results import Store


@click.command()
@click.argument("directory", type=click.Path(exists=True, file_okay=False, path_type=Path))
@click.option("--json", "as_json", is_flag=True, help="One JSON document instead of a table.")
def table(directory: Path, as_json: bool) -> None:
    """Print the scores in DIRECTORY: IQM over runs with its 95 % bootstrap interval.

    Works while the suite runs. The score of a run is the mean return of its final policy.
    """
    from rlbench.results import Store

    print_table(Store(directory), as_json)


def print_table(store: Store, as_json: bool = False) -> None:
    """Write the table of scores to stdout."""
    from rlbench.reports import score_cells
    from rlbench.results.tables import run_table

    cells = score_cells(run_table(store))
    suite = store.suite()["suite"]
    if as_json:
        sys.stdout.write(
            json.dumps({"suite": suite["name"], "cells": [asdict(cell) for cell in cells]}, indent=1, sort_keys=True)
            + "\n"
        )
        return
    from rich.box import SIMPLE
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    shown = Table(box=SIMPLE, pad_edge=False)
    for name, justify in (
        ("task", "left"),
        ("algorithm", "left"),
        ("IQM", "right"),
        ("95 % interval", "right"),
        ("n", "right"),
        ("training", "right"),
    ):
        shown.add_column(name, justify=justify, no_wrap=True)  # type: ignore[arg-type]
    noted = any(cell.note for cell in cells)
    if noted:
        shown.add_column("note")
    for cell in cells:
        interval = "–" if cell.low is None or cell.high is None else f"[{_number(cell.low)}, {_number(cell.high)}]"
        row = [
            cell.environment,
            cell.algorithm,
            _number(cell.iqm),
            interval,
            f"{cell.n_valid}/{cell.n}",
            _number(cell.training_return),
        ]
        shown.add_row(*(Text(text) for text in [*row, cell.note][: 7 if noted else 6]))
    console = Console(file=sys.stdout, highlight=False, width=None if sys.stdout.isatty() else 120)
    console.print(
        f"{suite['name']}: mean return of the final policies, IQM over n runs; training: last 100 episodes",
        markup=False,
    )
    console.print(shown)


def _number(value: float | None) -> str:
    return "–" if value is None else f"{value:.1f}"
