"""Cells of the score table: the IQM over runs for each task and algorithm, with its interval and number of runs."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from rlbench.analysis.estimates import interval_estimate
from rlbench.analysis.final_scores import FEWEST_FOR_INTERVAL
from rlbench.api import RunStatus
from rlbench.results.run_rows import RunRow, by_cell
from rlbench.stats import iqm

if TYPE_CHECKING:
    from rlbench.analysis.caveats import Caveats


@dataclass(frozen=True)
class Cell:
    """One algorithm on one task.

    budget: environment steps given to each run. n: runs planned. n_valid: runs with a score. low, high: 95 % interval
    of the IQM. marks: caveats from rlbench.analysis.caveats; the note repeats them.
    """

    environment: str
    algorithm: str
    budget: int
    n: int
    n_valid: int
    iqm: float | None
    low: float | None
    high: float | None
    training_return: float | None
    statuses: dict[str, int]
    note: str
    marks: tuple[str, ...] = ()


def score_cells(runs: Sequence[RunRow], marks: Caveats | None = None) -> list[Cell]:
    """Return the cells in the suite's order.

    The bootstrap is seeded from the run keys: the same runs give the same digits.
    """
    budgets: dict[str, set[int]] = {}
    for row in runs:
        budgets.setdefault(row.environment, set()).add(row.budget)
    return [_cell(rows, len(budgets[cell[0]]) > 1, (marks or {}).get(cell, ())) for cell, rows in by_cell(runs).items()]


def _cell(rows: Sequence[RunRow], unequal: bool, caveats: tuple[str, ...]) -> Cell:
    """Return the cell of one or more runs. unequal: whether budgets differ between the algorithms on this task."""
    scored = [row for row in rows if row.has_score]
    scores = np.array([row.score for row in scored])
    estimate = interval_estimate([scores], [row.key for row in scored]) if len(scored) else None
    has_interval = estimate is not None and len(scored) >= FEWEST_FOR_INTERVAL
    training = np.array([row.training_return for row in scored if not np.isnan(row.training_return)])
    note = _note(rows, unequal)
    return Cell(
        rows[0].environment,
        rows[0].algorithm,
        rows[0].budget,
        len(rows),
        len(scored),
        estimate.estimate if estimate else None,
        estimate.low if estimate and has_interval else None,
        estimate.high if estimate and has_interval else None,
        float(iqm(training)) if len(training) else None,
        dict(sorted(Counter(row.status for row in rows).items())),
        "; ".join([*([note] if note else []), *caveats]),
        caveats,
    )


def _note(rows: Sequence[RunRow], unequal: bool) -> str:
    """Return what is special about the cell: a budget that differs on the task, unfinished or approximate runs."""
    counts = Counter(row.status for row in rows)
    notes = [f"{rows[0].budget:,} steps"] if unequal else []
    notes += [f"{counts[s]} {s}" for s in sorted(counts) if s != RunStatus.DONE]
    approximate = sum(row.resume == "approximate" for row in rows)
    return "; ".join(notes + ([f"{approximate} resumed approximately"] if approximate else []))
