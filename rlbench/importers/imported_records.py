"""The records of one run, read from a file or a folder of files, and what was skipped."""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import NamedTuple

from rlbench.api import RlbenchError
from rlbench.text import counted

MOST_ROWS = 5_000_000  # of one file; each takes some hundred bytes of memory
LONGEST_SECONDS = 1e12  # of a run; broken clocks give more, or no number
LARGEST_STEP = 10**12  # the largest budget of a suite
_TRAINING_MEAN = re.compile(r"ep(isode)?_(rew|reward|return)_mean", re.IGNORECASE)


def is_training_mean(name: str) -> bool:
    """Return whether a scalar or column of this name is a mean over training episodes, such as rollout/ep_rew_mean."""
    *place, last = name.strip().split("/")
    return _TRAINING_MEAN.fullmatch(last) is not None and not any(part.lower().startswith("eval") for part in place)


class ForeignError(RlbenchError):
    """A file of another program's results cannot be understood, or lacks something that no option provides."""


class Row(NamedTuple):
    """A return at a step: of a training episode that has ended, of an evaluation episode, or the mean of an evaluation.

    length: 0 if it is not known. Evaluation rows at the same step form one evaluation.
    """

    step: int
    return_: float
    length: int = 0
    evaluation: bool = False


@dataclass(frozen=True)
class Publication:
    """Who published a run, and how.

    project: its name. method, task: what the project calls them. steps: what its steps count. scores: what its scores
    are, such as returns of evaluations. quantity: "return" or "success rate".
    """

    project: str
    method: str
    task: str
    steps: str
    scores: str
    quantity: str = "return"

    def as_entry(self) -> dict[str, str]:
        """Return what result.json stores as imported.published."""
        entry = asdict(self)
        return {"by": entry.pop("project"), **entry}


@dataclass(frozen=True)
class ImportedRecords:
    """The records of one run.

    rows: in the order of their steps. algorithm, environment: "" if the source does not name them. seed: None likewise.
    means: whether a training row is a mean of many episodes. notes: sentences on what was skipped, combined or guessed.
    publication: of a run that its authors published; None for other runs. final: returns of an evaluation apart from
    those in rows, that of the final policy or of the best one; it gives the score of a run that ends within its budget.
    """

    source: str
    rows: Sequence[Row]
    algorithm: str = ""
    environment: str = ""
    seed: int | None = None
    seconds: float | None = field(default=None, compare=False)  # wall-clock time, if the source has it
    notes: tuple[str, ...] = field(default=(), compare=False)
    means: bool = False
    publication: Publication | None = field(default=None, compare=False)
    final: tuple[float, ...] = ()

    def scored_by(self, budget: int) -> tuple[float, ...]:
        """Return `final` if it gives the score at this budget, else nothing: then the last row does."""
        return self.final if self.rows[-1].step <= budget else ()


def refuse_many(source: object, rows: int) -> None:
    """Check that a file's rows fit into memory. Raises: ForeignError."""
    if rows > MOST_ROWS:
        raise ForeignError(f"{source}: {rows:,} rows or more; at most {MOST_ROWS:,} of one file are read: split it")


@dataclass(frozen=True)
class SkippedSource:
    """A file, folder or run that was not imported. why: a sentence that names it and gives the reason."""

    source: str
    why: str


def nothing_to_read(source: Path) -> SkippedSource:
    """Return why a path that is neither a file nor a folder is skipped."""
    is_special = source.exists()  # such as a pipe, which might never end
    why = "is a pipe or a device; only files and folders are read" if is_special else "there is no such file or folder"
    return SkippedSource(str(source), f"{source}: {why}")


@dataclass(frozen=True)
class SkippedRun(SkippedSource):
    """A run of a file with several that was not imported. algorithm, environment, task: as of an imported run."""

    algorithm: str
    environment: str
    task: str


def drop_gaps(rows: Sequence[Row]) -> tuple[list[Row], tuple[str, ...]]:
    """Drop each NaN that is followed by a number of the same kind, because it means that nothing was reported there.

    Stable-Baselines3 reports NaN until the first episode has ended. Tables of several quantities have NaN in between. A
    NaN that no number follows is kept, because it means divergence.
    """
    finite = {kind: max((i for i, row in enumerate(rows) if _number(row, kind)), default=-1) for kind in (False, True)}
    remaining = [row for i, row in enumerate(rows) if not (math.isnan(row.return_) and i < finite[row.evaluation])]
    dropped = len(rows) - len(remaining)
    return remaining, (f"skipped: {counted(dropped, 'nan')} that a number follows",) if dropped else ()


def _number(row: Row, evaluation: bool) -> bool:
    return row.evaluation == evaluation and not math.isnan(row.return_)


def drop_abandoned(parts: Sequence[tuple[str, Sequence[Row]]]) -> tuple[list[Row], tuple[str, ...]]:
    """Return the valid rows of a restarted run. Where the steps go back, earlier rows from that step on are dropped.

    parts: pairs of a name and rows, in the order in which they were written.
    """
    remaining: list[Row] = []
    notes = []
    for name, rows in parts:
        falls, dropped = list[str](), 0
        for i, row in enumerate(rows):
            if remaining and (row.step < remaining[-1].step or (i == 0 and row.step == remaining[-1].step)):
                falls.append(f"from {remaining[-1].step:,} to {row.step:,}")
                before = len(remaining)
                while remaining and remaining[-1].step >= row.step:
                    remaining.pop()
                dropped += before - len(remaining)
            remaining.append(row)
        if falls:
            more = f" and {len(falls) - 1} times more" if falls[1:] else ""
            notes.append(
                f"steps go back {falls[0]}{more} in {name}: the later rows count; skipped: "
                f"{counted(dropped, 'earlier row')}"
            )
    return remaining, tuple(notes)
