"""What one file, or folder of files, tells of one run, and what could not be taken."""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

from rlbench.api import RlbenchError

LARGEST_STEP = 10**12  # what a suite may have as its budget
_TRAINING_MEAN = re.compile(r"ep(isode)?_(rew|reward|return)_mean", re.IGNORECASE)


def is_training_mean(name: str) -> bool:
    """Whether a scalar or column of this name is a running mean over training episodes, as in rollout/ep_rew_mean."""
    *place, last = name.strip().split("/")
    return _TRAINING_MEAN.fullmatch(last) is not None and not any(part.lower().startswith("eval") for part in place)


class ForeignError(RlbenchError):
    """A file of results made elsewhere cannot be understood, or what it leaves out was not given."""


class Row(NamedTuple):
    """Something reported at a step: a training episode that ended (length 0: not known), or an episode of an evaluation,
    which may be its mean. Rows of one step that are evaluations are one evaluation."""

    step: int
    return_: float
    length: int = 0
    evaluation: bool = False


@dataclass(frozen=True)
class Told:
    """One run: rows in the order of their steps. algorithm, environment: "", seed: None, where it does not say.

    means: a row of training is a mean of many episodes already. notes: what was left out of it, put together or guessed, in
    sentences.
    """

    source: str
    rows: Sequence[Row]
    algorithm: str = ""
    environment: str = ""
    seed: int | None = None
    seconds: float | None = field(default=None, compare=False)  # of wall clock, as far as it says
    notes: tuple[str, ...] = field(default=(), compare=False)
    means: bool = False


def counted(count: int, noun: str) -> str:
    return f"{count:,} {noun}" if count == 1 else f"{count:,} {noun}s"


@dataclass(frozen=True)
class Skipped:
    """A file, folder or run that was not taken. why: a sentence that names it."""

    source: str
    why: str


def without_gaps(rows: Sequence[Row]) -> tuple[list[Row], tuple[str, ...]]:
    """Leave out a NaN that numbers of the same kind follow: nothing was reported there. NaN to the end is divergence.

    Stable-Baselines3 reports NaN until the first episode has ended, and tables of several quantities have it between.
    """
    finite = {kind: max((i for i, row in enumerate(rows) if _number(row, kind)), default=-1) for kind in (False, True)}
    kept = [row for i, row in enumerate(rows) if not (math.isnan(row.return_) and i < finite[row.evaluation])]
    left = len(rows) - len(kept)
    return kept, (f"left out: {counted(left, 'nan')} with numbers after it",) if left else ()


def _number(row: Row, evaluation: bool) -> bool:
    return row.evaluation == evaluation and not math.isnan(row.return_)


def later_holds(parts: Sequence[tuple[str, Sequence[Row]]]) -> tuple[list[Row], tuple[str, ...]]:
    """The rows of a run that was restarted: where steps go back, what was told of them before is of an abandoned branch.

    parts: pairs of a name and rows, in the order in which they were written.
    """
    kept: list[Row] = []
    notes = []
    for name, rows in parts:
        falls, left = list[str](), 0
        for i, row in enumerate(rows):
            if kept and (row.step < kept[-1].step or (i == 0 and row.step == kept[-1].step)):
                falls.append(f"from {kept[-1].step:,} to {row.step:,}")
                before = len(kept)
                while kept and kept[-1].step >= row.step:
                    kept.pop()
                left += before - len(kept)
            kept.append(row)
        if falls:
            more = f" and {len(falls) - 1} times more" if falls[1:] else ""
            notes.append(
                f"steps go back {falls[0]}{more} in {name}: what it tells again holds; left out: "
                f"{counted(left, 'row')} told before"
            )
    return kept, tuple(notes)
