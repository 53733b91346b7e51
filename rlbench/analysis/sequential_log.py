"""What adaptive seeds have decided in a result folder: decisions.json, its design fixed before the first run.

Reading needs no lock. docs/adaptive.md says what the verdicts mean.
"""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

import pandas as pd

from rlbench.api import StoreError
from rlbench.results import Store
from rlbench.results.file_io import read_json, unwritable, write_json
from rlbench.results.score_anchors import Anchors
from rlbench.stats.sequential_design import BETTER, EQUIVALENT, Design, Pair, Reading, pairs_of

SCHEMA_VERSION = 1
NAME = "decisions.json"
COLUMNS = [
    "look",
    "runs",
    "ours",
    "theirs",
    "outcome",
    "winner",
    "difference",
    "boundary",
    "within_low",
    "within_high",
    "p_welch",
]


@dataclass(frozen=True)
class Look:
    """One look. look: from 1 on; at: when, in UTC; readings: of the pairs that were open before it; missing: which runs had
    no score, in words; left_out: algorithms none of whose new runs has a score on a task, so that nothing more is asked."""

    look: int
    at: str
    readings: tuple[Reading, ...]
    missing: tuple[str, ...] = ()
    left_out: tuple[str, ...] = ()


@dataclass(frozen=True)
class Decisions:
    """algorithms: by label and environment, the key of the run of seed 0. scale: "normalised" by `anchors`, or "raw"."""

    design: Design
    scale: str
    algorithms: Mapping[str, Mapping[str, str]]
    anchors: Mapping[str, Anchors] = field(default_factory=dict)
    looks: tuple[Look, ...] = ()

    @property
    def family(self) -> list[Pair]:
        return pairs_of({label: list(tasks) for label, tasks in self.algorithms.items()})

    @property
    def last(self) -> dict[Pair, Reading]:
        """The newest reading of each pair."""
        return {(r.ours, r.theirs): r for look in self.looks for r in look.readings}

    @property
    def outcomes(self) -> dict[Pair, str]:
        """ "better", "equivalent", "undecided" or, of a pair still open, ""."""
        return {pair: self.last[pair].outcome if pair in self.last else "" for pair in self.family}

    @property
    def finished(self) -> bool:
        return all(self.outcomes.values())

    def runs_of(self, label: str) -> int:
        """Seeds of an algorithm on each of its tasks: up to the look that closed its last pair, or the next look."""
        pairs = [pair for pair in self.family if label in pair]
        if any(not self.outcomes[pair] for pair in pairs):
            return self.design.group_size * (len(self.looks) + 1)
        return self.design.group_size * max((self.last[pair].look for pair in pairs), default=1)

    @property
    def runs(self) -> int:
        """Runs that what has been decided rests on."""
        done = self.design.group_size * len(self.looks)
        return sum(min(done, self.runs_of(label)) * len(tasks) for label, tasks in self.algorithms.items())

    @property
    def cap(self) -> int:
        """Runs there would be without stopping."""
        return self.design.cap * sum(map(len, self.algorithms.values()))

    def told(self, reading: Reading) -> str:
        """A reading in a sentence, with the numbers it rests on."""
        ours, theirs, apart = reading.ours, reading.theirs, abs(reading.difference)
        if math.isnan(apart):
            return f"{ours} against {theirs}: undecided, for want of scores"
        numbers = f"difference {number(apart)}, boundary {number(reading.boundary)}"
        if reading.outcome == BETTER:
            loser = theirs if reading.winner == ours else ours
            return f"{reading.winner} is better than {loser}: {numbers}"
        if reading.outcome == EQUIVALENT:
            return f"{ours} and {theirs} are equivalent within {number(self.design.margin or 0)}: difference {number(apart)}"
        if apart > reading.boundary and reading.p_welch is not None:
            numbers += f", which is crossed, but the runs vary too much for it (Welch's p {number(reading.p_welch)})"
        return f"{ours} against {theirs}: {'undecided at the cap' if reading.outcome else 'open'}, {numbers}"

    def frame(self) -> pd.DataFrame:
        """One row for each pair at each look it was open at: COLUMNS; runs: of each side and task until then."""
        rows = [
            (look.look, look.look * self.design.group_size, *_flat(reading))
            for look in self.looks
            for reading in look.readings
        ]
        return pd.DataFrame(rows, columns=COLUMNS)


def number(value: float) -> str:
    """Three digits where there is a fraction to show."""
    return f"{value:.3g}" if abs(value) < 100 else f"{value:.1f}"


def _flat(reading: Reading) -> tuple[Any, ...]:
    within = reading.within or (math.nan, math.nan)
    names = (reading.ours, reading.theirs, reading.outcome, reading.winner)
    return (
        *names,
        reading.difference,
        reading.boundary,
        *within,
        math.nan if reading.p_welch is None else reading.p_welch,
    )


def read_decisions(store: Store) -> Decisions | None:
    """What is decided in a folder; None where seeds were never added until decided. Raises: StoreError if it is damaged."""
    path = store.root / NAME
    document = read_json(path)
    if document is None:
        if path.exists():
            raise StoreError(f"{path}: cannot be read; what was decided is lost with it: begin again in another folder")
        return None
    if document.get("schema_version", 0) > SCHEMA_VERSION:
        raise StoreError(f"{path}: written by a newer rlbench; update to use it")
    try:
        return _decisions(document)
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise StoreError(f"{path}: is not what rlbench writes ({error}); begin again in another folder") from error


def _decisions(document: Mapping[str, Any]) -> Decisions:
    looks = tuple(
        Look(
            entry["look"],
            entry["at"],
            tuple(_reading(reading) for reading in entry["readings"]),
            tuple(entry["missing"]),
            tuple(entry["left_out"]),
        )
        for entry in document["looks"]
    )
    anchors = {env: Anchors(**entry) for env, entry in document["anchors"].items()}
    return Decisions(Design(**document["design"]), document["scale"], document["algorithms"], anchors, looks)


def as_document(decisions: Decisions) -> dict[str, Any]:
    """What decisions.json holds: JSON's types alone. Two are equal where the decisions are: a NaN is the text "nan" here,
    whereas decisions that hold one differ from themselves."""
    return {
        "schema_version": SCHEMA_VERSION,
        "design": asdict(decisions.design),
        "scale": decisions.scale,
        "anchors": {env: asdict(anchors) for env, anchors in decisions.anchors.items()},
        "algorithms": decisions.algorithms,
        "looks": [
            {**{f.name: getattr(look, f.name) for f in dataclasses.fields(look)}, "readings": _plain(look.readings)}
            for look in decisions.looks
        ],
        "runs": decisions.runs,
        "runs_at_the_cap": decisions.cap,
    }


def write_decisions(store: Store, decisions: Decisions) -> None:
    """Replace decisions.json, whole or not at all. Raises: StoreError where it cannot be written."""
    try:
        write_json(store.root / NAME, as_document(decisions))
    except OSError as error:
        raise unwritable(store.root / NAME, error) from error


def _plain(readings: Sequence[Reading]) -> list[dict[str, Any]]:
    """JSON has no infinity: what no row lies beyond, or below, is text."""

    def number(value: Any) -> Any:
        if isinstance(value, tuple):
            return [number(each) for each in value]
        return str(value) if isinstance(value, float) and not math.isfinite(value) else value

    return [{name: number(value) for name, value in asdict(reading).items()} for reading in readings]


def _reading(entry: Mapping[str, Any]) -> Reading:
    values = dict(entry)
    for name in ("difference", "boundary"):
        values[name] = float(values[name])
    if values["within"] is not None:
        values["within"] = tuple(map(float, values["within"]))
    return Reading(**values)
