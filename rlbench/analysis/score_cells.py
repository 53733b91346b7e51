"""Cells of the score table: the IQM over runs for each task and algorithm, with its interval and number of runs."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from rlbench.analysis.estimates import interval_estimate
from rlbench.analysis.final_scores import FEWEST_FOR_INTERVAL
from rlbench.api import RunStatus
from rlbench.stats import iqm

if TYPE_CHECKING:
    import pandas as pd

    from rlbench.analysis.caveats import Caveats


@dataclass(frozen=True)
class Cell:
    """One algorithm on one task.

    budget: environment steps given to each run. n: runs planned. n_valid: runs with a score. low, high: 95 % interval
    of the IQM.
    marks: the caveats of rlbench.analysis.caveats, which the note contains too.
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


def score_cells(runs: pd.DataFrame, marks: Caveats | None = None) -> list[Cell]:
    """Return the cells in the suite's order.

    The bootstrap is seeded from the run keys: the same runs give the same digits.
    """
    cells: list[Cell] = []
    if runs.empty:
        return cells
    unequal = runs.groupby("environment")["budget"].nunique() > 1
    for (environment, algorithm), rows in runs.groupby(["environment", "algorithm"], sort=False):
        scored = rows[rows["score"].notna()]
        scores = scored["score"].to_numpy(float)
        estimate = interval_estimate([scores], list(scored["key"])) if len(scores) else None
        has_interval = estimate is not None and len(scores) >= FEWEST_FOR_INTERVAL
        caveats = (marks or {}).get((str(environment), str(algorithm)), ())
        note = _note(rows, bool(unequal[environment]))
        training = scored["training_return"].dropna().to_numpy(float)
        cells.append(
            Cell(
                str(environment),
                str(algorithm),
                int(rows["budget"].iloc[0]),
                len(rows),
                len(scores),
                estimate.estimate if estimate else None,
                estimate.low if estimate and has_interval else None,
                estimate.high if estimate and has_interval else None,
                float(iqm(training)) if len(training) else None,
                {str(k): int(v) for k, v in rows["status"].value_counts().sort_index().items()},
                "; ".join([*([note] if note else []), *caveats]),
                caveats,
            )
        )
    return cells


def _note(rows: pd.DataFrame, unequal: bool) -> str:
    """Return what is special about the cell: a budget that differs on the task, unfinished and approximate runs."""
    counts = rows["status"].value_counts()
    notes = [f"{rows['budget'].iloc[0]:,} steps"] if unequal else []
    notes += [f"{counts[s]} {s}" for s in sorted(counts.index) if s != RunStatus.DONE]
    approximate = int((rows["resume"] == "approximate").sum())
    return "; ".join(notes + ([f"{approximate} resumed approximately"] if approximate else []))
