"""The table of scores: for each task and algorithm the IQM over runs with its interval, and how many runs it rests on."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from rlbench.analysis import FEWEST_FOR_INTERVAL
from rlbench.analysis.estimates import estimated
from rlbench.api import RunStatus
from rlbench.stats import iqm

if TYPE_CHECKING:
    import pandas as pd

    from rlbench.analysis.caveats import Marks


@dataclass(frozen=True)
class Cell:
    """One algorithm on one task. budget: environment steps given to each run; n: runs planned; n_valid: runs with a score;
    low, high: 95 % interval of the IQM; marks: of rlbench.analysis.caveats, which stand in the note as well."""

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


def score_cells(runs: pd.DataFrame, marks: Marks | None = None) -> list[Cell]:
    """Cells in the order of the suite. The bootstrap is seeded from the run keys: the same runs give the same digits."""
    cells: list[Cell] = []
    if runs.empty:
        return cells
    unequal = runs.groupby("environment")["budget"].nunique() > 1
    for (environment, algorithm), rows in runs.groupby(["environment", "algorithm"], sort=False):
        scored = rows[rows["score"].notna()]
        scores = scored["score"].to_numpy(float)
        found = estimated([scores], list(scored["key"])) if len(scores) else None
        known = found is not None and len(scores) >= FEWEST_FOR_INTERVAL
        marked = (marks or {}).get((str(environment), str(algorithm)), ())
        note = _note(rows, bool(unequal[environment]))
        training = scored["training_return"].dropna().to_numpy(float)
        cells.append(
            Cell(
                str(environment),
                str(algorithm),
                int(rows["budget"].iloc[0]),
                len(rows),
                len(scores),
                found.estimate if found else None,
                found.low if found and known else None,
                found.high if found and known else None,
                float(iqm(training)) if len(training) else None,
                {str(k): int(v) for k, v in rows["status"].value_counts().sort_index().items()},
                "; ".join([*([note] if note else []), *marked]),
                marked,
            )
        )
    return cells


def _note(rows: pd.DataFrame, unequal: bool) -> str:
    """What sets the cell apart: its budget where those of the task are unequal, runs that are not done or not exact."""
    counts = rows["status"].value_counts()
    said = [f"{rows['budget'].iloc[0]:,} steps"] if unequal else []
    said += [f"{counts[s]} {s}" for s in sorted(counts.index) if s != RunStatus.DONE]
    approximate = int((rows["resume"] == "approximate").sum())
    return "; ".join(said + ([f"{approximate} resumed approximately"] if approximate else []))
