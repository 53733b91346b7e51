"""What one file, or folder of files, tells of one run."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

from rlbench.api import RlbenchError


class ForeignError(RlbenchError):
    """A file of results made elsewhere cannot be understood, or what it leaves out was not given."""


class Row(NamedTuple):
    """Something reported at a step: an episode that ended (length 0: not known), or an evaluation's mean return."""

    step: int
    return_: float
    length: int = 0
    evaluation: bool = False


@dataclass(frozen=True)
class Told:
    """One run: rows in the order of their steps. algorithm, environment: "", seed: None, where it does not say."""

    source: str
    rows: Sequence[Row]
    algorithm: str = ""
    environment: str = ""
    seed: int | None = None
    seconds: float | None = field(default=None, compare=False)  # of wall clock, as far as it says
