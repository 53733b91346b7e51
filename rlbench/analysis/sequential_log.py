"""Log of the sequential tests in a result folder: decisions.json, whose design is fixed before the first run.

Reading takes no lock. docs/adaptive.md defines the verdicts.
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
from rlbench.results.file_io import parse_json, unwritable, why_unreadable, write_json
from rlbench.results.json_shapes import check_decisions
from rlbench.results.score_anchors import Anchors
from rlbench.stats.sequential_design import BETTER, EQUIVALENT, Design, InterimResult, Pair, pairs_of
from rlbench.text import rounded

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
class InterimAnalysis:
    """One interim analysis.

    look: number of the analysis, from 1. at: time, in UTC. readings: results of the pairs that were open before this
    analysis. missing: sentences on runs without a score. left_out: algorithms whose new runs have no score on some
    task; they are not tested further.
    """

    look: int
    at: str
    readings: tuple[InterimResult, ...]
    missing: tuple[str, ...] = ()
    left_out: tuple[str, ...] = ()


@dataclass(frozen=True)
class Decisions:
    """The design and all interim analyses so far.

    scale: "normalised" by `anchors`, or "raw". algorithms: by label and environment, the key of the run with seed 0.
    """

    design: Design
    scale: str
    algorithms: Mapping[str, Mapping[str, str]]
    anchors: Mapping[str, Anchors] = field(default_factory=dict)
    looks: tuple[InterimAnalysis, ...] = ()

    @property
    def family(self) -> list[Pair]:
        return pairs_of({label: list(tasks) for label, tasks in self.algorithms.items()})

    @property
    def last(self) -> dict[Pair, InterimResult]:
        """The latest result of each pair."""
        return {(result.ours, result.theirs): result for analysis in self.looks for result in analysis.readings}

    @property
    def outcomes(self) -> dict[Pair, str]:
        """ "better", "equivalent", "undecided" or, for an open pair, ""."""
        return {pair: self.last[pair].outcome if pair in self.last else "" for pair in self.family}

    @property
    def finished(self) -> bool:
        return all(self.outcomes.values())

    def runs_of(self, label: str) -> int:
        """Return how many seeds an algorithm gets on each of its tasks.

        An algorithm with an open pair gets seeds for one more interim analysis. Other algorithms get no seeds after the
        analysis that closed their last pair.
        """
        pairs = [pair for pair in self.family if label in pair]
        if any(not self.outcomes[pair] for pair in pairs):
            return self.design.group_size * (len(self.looks) + 1)
        return self.design.group_size * max((self.last[pair].look for pair in pairs), default=1)

    @property
    def runs(self) -> int:
        """The number of runs that the decisions are based on."""
        done = self.design.group_size * len(self.looks)
        return sum(min(done, self.runs_of(label)) * len(tasks) for label, tasks in self.algorithms.items())

    @property
    def cap(self) -> int:
        """How many runs there would be if no pair were decided early."""
        return self.design.cap * sum(map(len, self.algorithms.values()))

    def sentence(self, result: InterimResult) -> str:
        """Return a result as a sentence, with its numbers."""
        ours, theirs, distance = result.ours, result.theirs, abs(result.difference)
        if math.isnan(distance):
            return f"{ours} against {theirs}: undecided, because scores are missing"
        numbers = f"difference {rounded(distance)}, boundary {rounded(result.boundary)}"
        if result.outcome == BETTER:
            loser = theirs if result.winner == ours else ours
            return f"{result.winner} is better than {loser}: {numbers}"
        if result.outcome == EQUIVALENT:
            margin = rounded(self.design.margin or 0)
            return f"{ours} and {theirs} are equivalent within {margin}: difference {rounded(distance)}"
        if distance > result.boundary and result.p_welch is not None:
            p = rounded(result.p_welch)
            numbers += f", which the difference exceeds, but the runs vary too much for Welch's test (p {p})"
        return f"{ours} against {theirs}: {'undecided at the cap' if result.outcome else 'open'}, {numbers}"

    def frame(self) -> pd.DataFrame:
        """Return one row for each pair at each interim analysis at which it was open, with the columns of COLUMNS.

        runs: number of runs of each side on each task at that analysis.
        """
        rows = [
            (analysis.look, analysis.look * self.design.group_size, *_cells_of(result))
            for analysis in self.looks
            for result in analysis.readings
        ]
        return pd.DataFrame(rows, columns=COLUMNS)


def _cells_of(result: InterimResult) -> tuple[Any, ...]:
    within = result.within or (math.nan, math.nan)
    names = (result.ours, result.theirs, result.outcome, result.winner)
    return (
        *names,
        result.difference,
        result.boundary,
        *within,
        math.nan if result.p_welch is None else result.p_welch,
    )


def read_decisions(store: Store) -> Decisions | None:
    """Read the decisions of a folder; None if it never ran with `--until-decided`.

    Raises: StoreError if the file is damaged.
    """
    path = store.root / NAME
    try:
        document = parse_json(path)
    except FileNotFoundError:
        return None
    except (OSError, ValueError) as error:
        reason = f"cannot be read ({why_unreadable(error)}), so its decisions are lost"
        raise StoreError(f"{path}: {reason}; start again in another folder") from error
    version = document.get("schema_version") if isinstance(document, dict) else None
    if isinstance(version, int) and version > SCHEMA_VERSION:
        raise StoreError(f"{path}: written by a newer rlbench; update to use it")
    try:
        return _decisions(check_decisions(document))
    except (TypeError, ValueError) as error:  # an unknown key raises TypeError
        raise StoreError(f"{path}: not a valid decisions file ({error}); start again in another folder") from error


def _decisions(document: Mapping[str, Any]) -> Decisions:
    looks = tuple(
        InterimAnalysis(
            entry["look"],
            entry["at"],
            tuple(_result_of(reading) for reading in entry["readings"]),
            tuple(entry["missing"]),
            tuple(entry["left_out"]),
        )
        for entry in document["looks"]
    )
    anchors = {env: Anchors(**entry) for env, entry in document["anchors"].items()}
    return Decisions(Design(**document["design"]), document["scale"], document["algorithms"], anchors, looks)


def as_document(decisions: Decisions) -> dict[str, Any]:
    """Return the contents of decisions.json, with JSON types only.

    To compare two Decisions, compare their documents: in a document, a NaN is the text "nan", which equals itself.
    """
    return {
        "schema_version": SCHEMA_VERSION,
        "design": asdict(decisions.design),
        "scale": decisions.scale,
        "anchors": {env: asdict(anchors) for env, anchors in decisions.anchors.items()},
        "algorithms": decisions.algorithms,
        "looks": [
            {
                **{f.name: getattr(analysis, f.name) for f in dataclasses.fields(analysis)},
                "readings": _plain(analysis.readings),
            }
            for analysis in decisions.looks
        ],
        "runs": decisions.runs,
        "runs_at_the_cap": decisions.cap,
    }


def write_decisions(store: Store, decisions: Decisions) -> None:
    """Replace decisions.json atomically. Raises: StoreError if it cannot be written."""
    try:
        write_json(store.root / NAME, as_document(decisions))
    except OSError as error:
        raise unwritable(store.root / NAME, error) from error


def _plain(readings: Sequence[InterimResult]) -> list[dict[str, Any]]:
    """Convert results to JSON types. JSON has no infinity or NaN, so such numbers become text."""

    def number(value: Any) -> Any:
        if isinstance(value, tuple):
            return [number(each) for each in value]
        return str(value) if isinstance(value, float) and not math.isfinite(value) else value

    return [{name: number(value) for name, value in asdict(reading).items()} for reading in readings]


def _result_of(entry: Mapping[str, Any]) -> InterimResult:
    values = dict(entry)
    for name in ("difference", "boundary"):
        values[name] = float(values[name])
    if values["within"] is not None:
        values["within"] = tuple(map(float, values["within"]))
    return InterimResult(**values)
