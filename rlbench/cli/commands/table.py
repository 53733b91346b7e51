"""`rlbench table`: the scores of a result folder."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

import click

from rlbench.cli.common_options import folder_argument
from rlbench.cli.missing_runs import corrupt_runs, say_damaged
from rlbench.cli.text_table import aligned, number, plain, width, write_out

if TYPE_CHECKING:
    import pandas as pd

    from rlbench.reports import Cell
    from rlbench.results import Store

SCHEMA_VERSION = 1
LEVEL = 0.95


@click.command()
@folder_argument
@click.option("--sensitivity", is_flag=True, help="What a suite's sweeps say, instead of the scores.")
@click.option("--json", "as_json", is_flag=True, help="One JSON document instead of a table.")
def table(directory: Path, sensitivity: bool, as_json: bool) -> int:
    """Print the scores in DIRECTORY (the newest results if none is given): IQM over runs with its 95 % bootstrap interval.

    Works while the suite runs. The score of a run is the mean return of its final policy.
    """
    from rlbench.results import Store

    if sensitivity:
        from rlbench.cli.commands.table_sensitivity import print_sensitivity

        return say_damaged(corrupt_runs(print_sensitivity(Store(directory), as_json)))

    return say_damaged(corrupt_runs(print_table(Store(directory), as_json)))


def print_table(store: Store, as_json: bool = False) -> pd.DataFrame:
    """Write the table of scores to stdout. Returns: the runs behind it, one a row."""
    from rlbench.analysis.caveats import ADAPTIVE, MIXED, SELF_REPORTED, marks
    from rlbench.analysis.sensitivity import sweeps_of
    from rlbench.analysis.tuned_algorithms import left_at_defaults
    from rlbench.reports import score_cells
    from rlbench.results.consistency import mixtures
    from rlbench.results.run_table import run_table

    runs = run_table(store)
    cells = score_cells(runs, marks(store, runs))
    name = store.suite()["suite"]["name"]
    if as_json:
        document = {
            "schema_version": SCHEMA_VERSION,
            "suite": name,
            "level": LEVEL,
            "cells": [asdict(cell) for cell in cells],
            "corrupt": corrupt_runs(runs),
        }
        write_out(json.dumps(document, indent=1, sort_keys=True) + "\n")
        return runs
    rows = [_row(cell) for cell in cells]
    wide = aligned(HEADER, rows, numbers=(2, 3, 4, 5))
    text = f"{plain(name)}: mean return of the final policies, IQM over n runs\n\n"
    text += wide if max(map(len, wide.splitlines())) <= width() else _stacked(rows)
    text += "\ntraining: the last 100 episodes, while exploring\n"
    text += "".join(f"{plain(line)}\n" for line in store.failed_pairs())
    for algorithm, differs in mixtures(store).items():
        entries = "; ".join(f"{what}: {', '.join(names)}" for what, names in differs.items())
        text += f"not all made alike: {plain(algorithm)} ({entries}); the report says how\n"
    if plain_ones := left_at_defaults(store.suite()["suite"]):
        text += f"at their defaults, while others were given hyperparameters: {plain(', '.join(plain_ones))}\n"
    if any(0 < cell.n_valid < 5 for cell in cells):
        text += "under 5 runs a row is descriptive only; under 3 it has no interval\n"
    if any(ADAPTIVE in cell.marks for cell in cells):
        text += f"{ADAPTIVE}: such an interval is narrower than it says, and its estimate leans outward (docs/adaptive.md)\n"
    if any(MIXED in cell.marks for cell in cells):
        text += (
            f"{MIXED}: such a row is of no one thing; rlbench run SUITE --rerun changed trains the older runs again\n"
        )
    if any(SELF_REPORTED in cell.marks for cell in cells):
        text += f"{SELF_REPORTED}: counted and scored by what the runs say of themselves (docs/scripts.md)\n"
    if sweeps_of(store.suite()["suite"]):
        text += "swept hyperparameters: rlbench table --sensitivity\n"
    write_out(text)
    return runs


HEADER = ("task", "algorithm", "IQM", "95 % interval", "n", "training", "")


def _row(cell: Cell) -> tuple[str, ...]:
    three = [value for value in (cell.iqm, cell.low, cell.high) if value is not None]
    known = cell.low is not None and cell.high is not None
    interval = f"[{_number(cell.low, three)}, {_number(cell.high, three)}]" if known else "–"
    names = (plain(cell.environment), plain(cell.algorithm))
    return (
        *names,
        _number(cell.iqm, three),
        interval,
        f"{cell.n_valid}/{cell.n}",
        _number(cell.training_return),
        cell.note,
    )


def _stacked(rows: Sequence[tuple[str, ...]]) -> str:
    """The same for narrow terminals: a few lines a row."""
    text = ""
    for task, algorithm, iqm, interval, n, training, note in rows:
        text += f"{algorithm} on {task}\n  IQM {iqm} {interval}\n  n {n}, training {training}\n" + (
            f"  {note}\n" if note else ""
        )
    return text


def _number(value: float | None, among: Sequence[float] = ()) -> str:
    return "–" if value is None else number(value, 1, among=among)
