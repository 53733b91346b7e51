"""The gate: new results against those of a base, cell by cell and as a whole, for continuous integration.

What the words mean and how often they are wrong: docs/gate.md.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from rlbench.analysis.final_scores import Sample, seeded
from rlbench.analysis.folder_diff import (
    Cell,
    Folder,
    changed_config,
    gone_wrong,
    identical_runs,
    lacking,
    read_folder,
    unlike_tasks,
)
from rlbench.analysis.gate_verdicts import FAIL, IDENTICAL, UNDECIDED, Case, Judged, judge, overall
from rlbench.analysis.training_speed import Speeds, compare_speeds, loss_of
from rlbench.api import StoreError
from rlbench.results import Store
from rlbench.results.consistency import differing
from rlbench.results.score_anchors import Anchors
from rlbench.stats import iqm, overall_iqm, overall_mean

NOT_COMPARED = "not compared"
STATISTICS = {"iqm": overall_iqm, "mean": overall_mean}
SCORE, SPEED = "score", "speed"


@dataclass(frozen=True)
class Row:
    """One algorithm on one task, by its score or by its speed.

    what: "score" or "speed"; verdict: pass, fail, undecided, identical or not compared; n: runs (of speeds: processes) on
    each side; values: new and base, the statistic of raw scores or the median steps a second; judged: the test, in
    normalised scores or log speeds, None where there is none; note: what else is to be known.
    """

    what: str
    environment: str
    algorithm: str
    verdict: str
    n: tuple[int, int]
    values: tuple[float | None, float | None]
    judged: Judged | None
    note: str = ""


@dataclass(frozen=True)
class Gate:
    """verdict: pass, fail, undecided or identical. gone_wrong: runs that failed or diverged anew; notes: what else differs;
    corrupt: runs of either side that are damaged, with which nothing passes.
    """

    verdict: str
    margin: float
    speed_margin: float | None
    alpha: float
    statistic: str
    rows: tuple[Row, ...]
    gone_wrong: tuple[str, ...]
    notes: tuple[str, ...]
    corrupt: tuple[str, ...] = ()


def gate(
    new: Store,
    base: Store,
    margin: float = 0.05,
    alpha: float = 0.05,
    speed_margin: float | None = 0.1,
    statistic: str = "iqm",
    anchors: Mapping[str, Anchors] | None = None,
    permutations: int = 50_000,
) -> Gate:
    """Hold every algorithm of `base`, `random` aside, against what `new` has of it.

    Args: margin: the acceptable loss in normalised scores, above 0; speed_margin: the acceptable share of speed lost, or
        None to compare no speeds; alpha: of the whole gate; statistic: a name of STATISTICS; anchors: by environment, to
        be taken before the suites' own and the shipped ones.
    Raises: StoreError for folders without results.
    """
    sides = read_folder(new, anchors), read_folder(base, anchors)
    cells = [key for key, sample in sides[1].scores.samples.items() if not sample.random]
    same = {cell: identical_runs(*sides, cell) for cell in sides[1].scores.samples}
    settled = {cell: _settled(sides, cell, statistic, same[cell]) for cell in cells}
    speeds = {} if speed_margin is None else _speeds(sides, settled)
    cases = {(SCORE, cell): _case(sides, cell, margin) for cell in cells if settled[cell] is None}
    for cell, found in speeds.items():
        if not found.reason and speed_margin is not None:
            cases[SPEED, cell] = _speed_case(sides, cell, found, speed_margin)
    judged = judge(cases, alpha, STATISTICS[statistic], permutations)
    rows = [settled[cell] or _score_row(sides, cell, judged[SCORE, cell], statistic, same[cell]) for cell in cells] + [
        _speed_row(cell, found, judged.get((SPEED, cell))) for cell, found in speeds.items()
    ]
    verdict = overall([_counted(row) for row in rows if row.what == SCORE or row.judged is not None])
    wrong, notes = tuple(gone_wrong(*sides)), tuple(_notes(sides, same))
    corrupt = sides[0].scores.corrupt + tuple(f"in the base, {text}" for text in sides[1].scores.corrupt)
    verdict = UNDECIDED if corrupt and verdict != FAIL else verdict  # what is not there may be what was lost
    return Gate(verdict, margin, speed_margin, alpha, statistic, tuple(rows), wrong, notes, corrupt)


def _counted(row: Row) -> str:
    return UNDECIDED if row.verdict == NOT_COMPARED else row.verdict


def _samples(sides: tuple[Folder, Folder], cell: Cell) -> tuple[Sample, Sample]:
    return sides[0].scores.samples[cell], sides[1].scores.samples[cell]


def _settled(sides: tuple[Folder, Folder], cell: Cell, statistic: str, same: int) -> Row | None:
    """The row of a cell that needs no test, or cannot have one; None for the others."""
    algorithm, environment = cell
    theirs = sides[1].scores.samples[cell]
    if cell not in sides[0].scores.samples:
        value = _value(theirs, statistic)
        return Row(
            SCORE, environment, algorithm, NOT_COMPARED, (0, theirs.n), (None, value), None, "not in the new results"
        )
    pair = _samples(sides, cell)
    n, values = (pair[0].n, pair[1].n), (_value(pair[0], statistic), _value(pair[1], statistic))
    runs = [side.of(cell) for side in sides]
    if unlike := unlike_tasks(*runs):
        return Row(SCORE, environment, algorithm, NOT_COMPARED, n, values, None, f"not the same task: {unlike}")
    if same and same == n[0] == n[1] and not lacking(*sides, cell):
        note = f"{pair[0].planned - same} without a score on both sides" if pair[0].planned > same else ""
        return Row(SCORE, environment, algorithm, IDENTICAL, n, values, None, note)
    try:
        sides[1].scores.need_anchors([environment])
    except StoreError as error:
        return Row(SCORE, environment, algorithm, NOT_COMPARED, n, values, None, str(error))
    return None


def _value(sample: Sample, statistic: str) -> float | None:
    if not sample.n:
        return None
    return float(iqm(sample.scores)) if statistic == "iqm" else float(np.mean(sample.scores))


def _case(sides: tuple[Folder, Folder], cell: Cell, margin: float) -> Case:
    pair = _samples(sides, cell)
    # One scale for both: the base's, since an anchor moved between the two would look like a loss.
    new, base = (
        sides[1].scores.normalised({cell[1]: sample.scores})[cell[1]] if sample.n else np.empty(0) for sample in pair
    )
    keys = [key for sample in pair for key in sample.keys]
    return Case(new, base, margin, seeded(keys, f"gate {cell[0]} {cell[1]}"), lacking(*sides, cell))


def _score_row(sides: tuple[Folder, Folder], cell: Cell, judged: Judged, statistic: str, same: int) -> Row:
    pair = _samples(sides, cell)
    changed = changed_config(*(side.of(cell) for side in sides))
    diverged = [int(sample.diverged.sum()) for sample in pair]
    notes = [judged.note] if judged.note else []
    notes += [f"{diverged[0]} diverged, {diverged[1]} in the base"] if any(diverged) else []
    notes += [f"{same} runs identical"] if same else []
    notes += [f"config: {changed}"] if changed else []
    n, values = (pair[0].n, pair[1].n), (_value(pair[0], statistic), _value(pair[1], statistic))
    return Row(SCORE, cell[1], cell[0], judged.verdict, n, values, judged, "; ".join(notes))


def _speeds(sides: tuple[Folder, Folder], settled: Mapping[Cell, Row | None]) -> dict[Cell, Speeds]:
    """Of cells with the same task on both sides."""
    alike = [cell for cell, row in settled.items() if row is None or row.verdict == IDENTICAL]
    return {cell: compare_speeds(*sides, cell) for cell in alike}


def _speed_case(sides: tuple[Folder, Folder], cell: Cell, speeds: Speeds, margin: float) -> Case:
    keys = [key for sample in _samples(sides, cell) for key in sample.keys]
    generator = seeded(keys, f"gate speed {cell[0]} {cell[1]}")
    return Case(np.log(speeds.new), np.log(speeds.base), loss_of(margin), generator)


def _speed_row(cell: Cell, speeds: Speeds, judged: Judged | None) -> Row:
    values = [float(np.median(side)) if len(side) else None for side in (speeds.new, speeds.base)]
    n, note = (len(speeds.new), len(speeds.base)), speeds.reason or (judged.note if judged else "")
    verdict = judged.verdict if judged else NOT_COMPARED
    return Row(SPEED, cell[1], cell[0], verdict, n, (values[0], values[1]), judged, note)


def _notes(sides: tuple[Folder, Folder], same: Mapping[Cell, int]) -> list[str]:
    """Differences that no cell's row says: cells that only the new results have, `random` that moved, other backends."""
    new, base = (side.scores.samples for side in sides)
    only = [f"{label} on {env}" for label, env in new if (label, env) not in base]
    found = [f"only in the new results, so not judged: {', '.join(only)}"] if only else []
    for cell, sample in base.items():
        shared = set(sample.keys) & set(new[cell].keys) if cell in new else set()
        if sample.random and len(shared) > same[cell]:
            found.append(f"{cell[0]} on {cell[1]} is not what it was: the environment or its seeding has changed")
    found += _mixed(sides[0], "new results") + _mixed(sides[1], "base")
    stated = [
        {str(s.result["environment_backend"]) for s in side.states.values() if s.result.get("environment_backend")}
        for side in sides  # what was imported names none
    ]
    if all(stated) and stated[0] != stated[1]:
        found.append(f"environments by {', '.join(sorted(stated[0]))}; in the base by {', '.join(sorted(stated[1]))}")
    return found


def _mixed(side: Folder, where: str) -> list[str]:
    """A sentence for each cell of which some runs were made by other code or numerics than the others."""
    found = []
    for cell in side.scores.samples:
        results = [side.states[key].result for key in side.keys_of(cell)]
        if differs := differing(result for result in results if result):
            entries = "; ".join(f"{what}: {', '.join(names)}" for what, names in differs.items())
            found.append(f"{cell[0]} on {cell[1]} in the {where}: not all runs made alike ({entries})")
    return found
