"""`rlbench table`: the scores in a result folder."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

import click

from rlbench.cli.common_options import folder_argument
from rlbench.cli.missing_runs import describe_damaged, report_damaged
from rlbench.cli.text_table import aligned, plain, width, write_out
from rlbench.text import console_interval, console_number

if TYPE_CHECKING:
    from rlbench.analysis import Results
    from rlbench.analysis.score_cells import Cell

SCHEMA_VERSION = 1
LEVEL = 0.95


@click.command()
@folder_argument
@click.option(
    "--sensitivity", is_flag=True, help="Print how the scores depend on the hyperparameters that the suite sweeps."
)
@click.option("--json", "as_json", is_flag=True, help="Print one JSON document instead of a table.")
def table(directory: Path, sensitivity: bool, as_json: bool) -> int:
    """Print the scores in DIRECTORY: for each algorithm and task, the IQM over runs with its 95 % bootstrap interval.

    DIRECTORY is a result folder, or the name of one under results/; default: the newest results. The score of a run is
    the mean return of its final policy; the IQM (interquartile mean) is the mean of the middle half of the runs. The
    command also works while the suite runs.
    """
    from rlbench.analysis import Results

    results = Results(directory)
    if sensitivity:
        from rlbench.cli.commands.table_sensitivity import print_sensitivity

        print_sensitivity(results, as_json)
    else:
        print_table(results, as_json)
    return report_damaged(describe_damaged(results.rows))


def print_table(results: Results, as_json: bool = False) -> None:
    """Write the table of scores to stdout."""
    from rlbench.analysis.caveats import ADAPTIVE, MIXED, SELF_REPORTED
    from rlbench.analysis.publications import publication_notes
    from rlbench.analysis.reached_stages import stage_notes
    from rlbench.analysis.sensitivity import sweeps_of
    from rlbench.analysis.tuned_algorithms import left_at_defaults
    from rlbench.analysis.tuning_budgets import as_json as budgets_as_json
    from rlbench.analysis.tuning_budgets import budget_sentence, budget_text, differ
    from rlbench.results.consistency import inconsistencies

    cells, name = results.cells, results.name
    if as_json:
        document = {
            "schema_version": SCHEMA_VERSION,
            "suite": name,
            "level": LEVEL,
            "cells": [asdict(cell) for cell in cells],
            "tuned": budgets_as_json(results.tuned),
            "tuning_differs": budget_sentence(results.tuned) if differ(results.tuned) else None,
            "left_in_stages": stage_notes(results.final_scores.samples.values()),
            "corrupt": describe_damaged(results.rows),
        }
        write_out(json.dumps(document, indent=1, sort_keys=True) + "\n")
        return
    budgets = results.tuned
    shows_tuning = any(budget is not None for budget in budgets.values())
    tuned = {name: budget_text(budget) for name, budget in budgets.items()} if shows_tuning else None
    rows = [_row(cell, tuned) for cell in cells]
    wide = aligned(HEADER[:-1] + ("tuned",) * shows_tuning + HEADER[-1:], rows, numbers=(2, 3, 4, 5))
    text = f"{plain(name)}: mean return of the final policies, IQM over n runs\n\n"
    text += wide if max(map(len, wide.splitlines())) <= width() else _stacked(rows)
    text += "\ntraining: mean return of the last 100 training episodes, with exploration\n"
    text += "".join(f"{plain(line)}\n" for line in results.failed_pairs())
    for algorithm, differences in inconsistencies(results.requested, results.states).items():
        entries = "; ".join(f"{what}: {', '.join(names)}" for what, names in differences.items())
        text += f"runs made in different ways: {plain(algorithm)} ({entries}); the report has the details\n"
    if untuned := left_at_defaults(results.suite):
        names = plain(", ".join(untuned))
        text += f"with default hyperparameters, while the suite sets those of other algorithms: {names}\n"
    if differ(budgets):
        text += f"{plain(budget_sentence(budgets))}\n"
    if any(0 < cell.n_valid < 5 for cell in cells):
        text += "under 5 runs, a row is only descriptive; under 3, it has no interval\n"
    if any(ADAPTIVE in cell.marks for cell in cells):
        text += f"{ADAPTIVE}: the interval is narrower than its level claims, and the estimate is biased away from"
        text += " the other algorithms' (docs/adaptive.md)\n"
    if any(MIXED in cell.marks for cell in cells):
        text += f"{MIXED}: the row combines runs of different code, so it describes no single algorithm; "
        text += "`rlbench run SUITE --rerun changed` trains the older runs again\n"
    if any(SELF_REPORTED in cell.marks for cell in cells):
        text += f"{SELF_REPORTED}: steps and scores are those that the programs reported themselves (docs/scripts.md)\n"
    text += "".join(f"{plain(note)}\n" for note in publication_notes(results.final_scores, _labels(cells)))
    text += "".join(f"{plain(note)}\n" for note in stage_notes(results.final_scores.samples.values()))
    if sweeps_of(results.suite):
        text += "`rlbench table --sensitivity` shows the effect of the swept hyperparameters\n"
    write_out(text)


def _labels(cells: Sequence[Cell]) -> set[str]:
    return {cell.algorithm for cell in cells}


HEADER = ("task", "algorithm", "IQM", "95 % interval", "n", "training", "")


def _row(cell: Cell, tuned: Mapping[str, str] | None) -> tuple[str, ...]:
    """Return the cells of a row. tuned: by label, the text on an algorithm's tuning; None to leave out the column."""
    three = [value for value in (cell.iqm, cell.low, cell.high) if value is not None]
    names = (plain(cell.environment), plain(cell.algorithm))
    return (
        *names,
        console_number(cell.iqm, 1, among=three),
        console_interval(cell.low, cell.high, 1, among=three),
        f"{cell.n_valid}/{cell.n}",
        console_number(cell.training_return, 1),
        *(() if tuned is None else (tuned.get(cell.algorithm, ""),)),
        cell.note,
    )


def _stacked(rows: Sequence[tuple[str, ...]]) -> str:
    """Return the table for narrow terminals: a few lines per row."""
    text = ""
    for task, algorithm, iqm, interval, n, training, *tuned, note in rows:
        text += f"{algorithm} on {task}\n  IQM {iqm} {interval}\n  n {n}, training {training}\n"
        text += "".join(f"  tuned: {budget}\n" for budget in tuned if budget) + (f"  {note}\n" if note else "")
    return text
