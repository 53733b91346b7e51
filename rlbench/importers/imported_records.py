"""The records of a run, read from files of another program, and the description of what was skipped."""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import NamedTuple

from rlbench.api import RlbenchError
from rlbench.text import counted

MOST_ROWS = 5_000_000  # most rows of a file; each takes some hundred bytes of memory
LONGEST_SECONDS = 1e12  # longest duration of a run; broken clocks give longer ones, or no number
LARGEST_STEP = 10**12  # the largest budget of a suite
_TRAINING_MEAN = re.compile(r"ep(isode)?_(rew|reward|return)_mean", re.IGNORECASE)


def is_training_mean(name: str) -> bool:
    """Return whether a scalar or column with this name is a mean over training episodes, like rollout/ep_rew_mean."""
    *place, last = name.strip().split("/")
    return _TRAINING_MEAN.fullmatch(last) is not None and not any(part.lower().startswith("eval") for part in place)


class ForeignError(RlbenchError):
    """A file with another program's results cannot be read, or lacks something that no option provides."""


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
    """The publication of a run by a project.

    project: the project's name. method, task: the project's names of algorithm and task. steps: a sentence on what its
    steps count. scores: a sentence on what its scores are, such as returns of evaluations. quantity: "return" or
    "success rate".
    """

    project: str
    method: str
    task: str
    steps: str
    scores: str
    quantity: str = "return"

    def as_entry(self) -> dict[str, str]:
        """Return the entry `published` in the entry `imported` of result.json."""
        entry = asdict(self)
        return {"by": entry.pop("project"), **entry}


@dataclass(frozen=True)
class ImportedRecords:
    """The records of one run.

    source: the path of its file or folder. rows: in the order of their steps. algorithm, environment, seed: "" or None
    if the source does not name them. means: whether each training row is a mean of many episodes. notes: sentences on
    what was skipped, combined or guessed. publication: None for runs that no project published. final: returns of an
    evaluation after training, of the final or the best policy, which is not in `rows`. It gives the score if the run
    ends within the budget.
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
        """Return `final` if it gives the score at this budget, else (): then the last row gives the score."""
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
    """Return the entry for a path that is neither a file nor a folder."""
    is_special = source.exists()  # such as a pipe, which might never end
    why = "is a pipe or a device; only files and folders are read" if is_special else "there is no such file or folder"
    return SkippedSource(str(source), f"{source}: {why}")


@dataclass(frozen=True)
class SkippedRun(SkippedSource):
    """A run that was not imported, in a file with several runs. algorithm, environment, task: as of an imported run."""

    algorithm: str
    environment: str
    task: str


def drop_gaps(rows: Sequence[Row]) -> tuple[list[Row], tuple[str, ...]]:
    """Return the rows without NaNs that mean "nothing was reported", and a sentence on how many were dropped.

    These are NaNs before a number of the same kind (training or evaluation): Stable-Baselines3 reports NaN until the
    first episode has ended, and tables of several quantities have NaN in between. NaNs after the last number are kept,
    because they mean divergence.
    """
    finite = {kind: max((i for i, row in enumerate(rows) if _number(row, kind)), default=-1) for kind in (False, True)}
    remaining = [row for i, row in enumerate(rows) if not (math.isnan(row.return_) and i < finite[row.evaluation])]
    dropped = len(rows) - len(remaining)
    return remaining, (f"skipped: {counted(dropped, 'nan')} that a number follows",) if dropped else ()


def _number(row: Row, evaluation: bool) -> bool:
    return row.evaluation == evaluation and not math.isnan(row.return_)


def drop_abandoned(parts: Sequence[tuple[str, Sequence[Row]]]) -> tuple[list[Row], tuple[str, ...]]:
    """Return the valid rows of a restarted run. If steps go back to step n, drop the earlier rows from n on.

    parts: pairs of a name and rows, in the order in which they were written. Returns: the rows, and a note
    for each part in which steps go back.
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
