"""The regression gate: compares new results with a base, cell by cell and as a whole, for continuous integration.

docs/gate.md defines the verdicts and their error rates.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from rlbench.analysis.final_scores import Sample, seeded_generator
from rlbench.analysis.folder_diff import (
    Cell,
    config_changes,
    gone_wrong,
    identical_runs,
    keys_of,
    missing_scores,
    runs_of,
    task_differences,
)
from rlbench.analysis.gate_verdicts import (
    FAIL,
    IDENTICAL,
    UNDECIDED,
    Case,
    ExplainedVerdict,
    explained_verdicts,
    overall,
)
from rlbench.analysis.suite_results import Results
from rlbench.analysis.training_speed import Speeds, compare_speeds, loss_of
from rlbench.api import StoreError
from rlbench.results.consistency import find_differences
from rlbench.stats import iqm, overall_iqm, overall_mean

NOT_COMPARED = "not compared"
STATISTICS = {"iqm": overall_iqm, "mean": overall_mean}
SCORE, SPEED = "score", "speed"


@dataclass(frozen=True)
class GateRow:
    """The comparison of one algorithm on one task, by its score or by its speed.

    what: "score" or "speed". verdict: pass, fail, undecided, identical or not compared.
    n: runs on each side; for speeds, processes.
    values: for new and base, the statistic of raw scores; for speeds, the median steps per second.
    details: the test, in normalised scores or log speeds; None if there was no test. note: other remarks.
    """

    what: str
    environment: str
    algorithm: str
    verdict: str
    n: tuple[int, int]
    values: tuple[float | None, float | None]
    details: ExplainedVerdict | None
    note: str = ""


@dataclass(frozen=True)
class Gate:
    """The outcome of a gate. verdict: pass, fail, undecided or identical.

    gone_wrong: runs that failed, diverged or are damaged in the new results only. notes: other differences. corrupt:
    damaged runs of either side. If there are any, the gate does not pass.
    """

    verdict: str
    margin: float
    speed_margin: float | None
    alpha: float
    statistic: str
    rows: tuple[GateRow, ...]
    gone_wrong: tuple[str, ...]
    notes: tuple[str, ...]
    corrupt: tuple[str, ...] = ()


def gate(
    new: Results,
    base: Results,
    margin: float = 0.05,
    alpha: float = 0.05,
    speed_margin: float | None = 0.1,
    statistic: str = "iqm",
    permutations: int = 50_000,
) -> Gate:
    """Compare every algorithm of `base`, except `random`, with the same algorithm of `new`.

    Args: margin: the acceptable loss in normalised scores, above 0; speed_margin: the acceptable loss of speed, as a
    share of base's speed, or None to skip speeds; alpha: level of the whole gate; statistic: a name of STATISTICS.
    """
    sides = new, base
    cells = [key for key, sample in sides[1].final_scores.samples.items() if not sample.random]
    identical = {cell: identical_runs(*sides, cell) for cell in sides[1].final_scores.samples}
    settled = {cell: _settled(sides, cell, statistic, identical[cell]) for cell in cells}
    speeds = {} if speed_margin is None else _speeds(sides, settled)
    cases = {(SCORE, cell): _case(sides, cell, margin) for cell in cells if settled[cell] is None}
    for cell, cell_speeds in speeds.items():
        if not cell_speeds.reason and speed_margin is not None:
            cases[SPEED, cell] = _speed_case(sides, cell, cell_speeds, speed_margin)
    verdicts = explained_verdicts(cases, alpha, STATISTICS[statistic], permutations)
    rows = [
        settled[cell] or _score_row(sides, cell, verdicts[SCORE, cell], statistic, identical[cell]) for cell in cells
    ] + [_speed_row(cell, cell_speeds, verdicts.get((SPEED, cell))) for cell, cell_speeds in speeds.items()]
    verdict = overall([_counted(row) for row in rows if row.what == SCORE or row.details is not None])
    wrong, notes = tuple(gone_wrong(*sides)), tuple(_notes(sides, identical))
    corrupt = sides[0].final_scores.corrupt + tuple(f"in the base, {text}" for text in sides[1].final_scores.corrupt)
    verdict = UNDECIDED if corrupt and verdict != FAIL else verdict  # a missing cell may be a damaged one
    return Gate(verdict, margin, speed_margin, alpha, statistic, tuple(rows), wrong, notes, corrupt)


def _counted(row: GateRow) -> str:
    return UNDECIDED if row.verdict == NOT_COMPARED else row.verdict


def _samples(sides: tuple[Results, Results], cell: Cell) -> tuple[Sample, Sample]:
    return sides[0].final_scores.samples[cell], sides[1].final_scores.samples[cell]


def _settled(sides: tuple[Results, Results], cell: Cell, statistic: str, same: int) -> GateRow | None:
    """Return the row of a cell that needs no test or cannot be tested; None if the cell has to be tested."""
    algorithm, environment = cell
    theirs = sides[1].final_scores.samples[cell]
    if cell not in sides[0].final_scores.samples:
        value = _value(theirs, statistic)
        return GateRow(
            SCORE, environment, algorithm, NOT_COMPARED, (0, theirs.n), (None, value), None, "not in the new results"
        )
    pair = _samples(sides, cell)
    n, values = (pair[0].n, pair[1].n), (_value(pair[0], statistic), _value(pair[1], statistic))
    runs = [runs_of(side, cell) for side in sides]
    if unlike := task_differences(*runs):
        return GateRow(SCORE, environment, algorithm, NOT_COMPARED, n, values, None, f"not the same task: {unlike}")
    if same and same == n[0] == n[1] and not missing_scores(*sides, cell):
        note = f"{pair[0].planned - same} without a score on both sides" if pair[0].planned > same else ""
        return GateRow(SCORE, environment, algorithm, IDENTICAL, n, values, None, note)
    try:
        sides[1].final_scores.need_anchors([environment])
    except StoreError as error:
        return GateRow(SCORE, environment, algorithm, NOT_COMPARED, n, values, None, str(error))
    return None


def _value(sample: Sample, statistic: str) -> float | None:
    if not sample.n:
        return None
    return float(iqm(sample.scores)) if statistic == "iqm" else float(np.mean(sample.scores))


def _case(sides: tuple[Results, Results], cell: Cell, margin: float) -> Case:
    pair = _samples(sides, cell)
    # Both sides use the base's anchors, because an anchor that has changed since would look like a loss.
    new, base = (
        sides[1].final_scores.normalised({cell[1]: sample.scores})[cell[1]] if sample.n else np.empty(0)
        for sample in pair
    )
    keys = [key for sample in pair for key in sample.keys]
    return Case(new, base, margin, seeded_generator(keys, f"gate {cell[0]} {cell[1]}"), missing_scores(*sides, cell))


def _score_row(
    sides: tuple[Results, Results], cell: Cell, details: ExplainedVerdict, statistic: str, same: int
) -> GateRow:
    pair = _samples(sides, cell)
    changed = config_changes(*(runs_of(side, cell) for side in sides))
    diverged = [int(sample.diverged.sum()) for sample in pair]
    notes = [details.note] if details.note else []
    notes += [f"{diverged[0]} diverged, {diverged[1]} in the base"] if any(diverged) else []
    notes += [f"{same} runs identical"] if same else []
    notes += [f"config: {changed}"] if changed else []
    n, values = (pair[0].n, pair[1].n), (_value(pair[0], statistic), _value(pair[1], statistic))
    return GateRow(SCORE, cell[1], cell[0], details.verdict, n, values, details, "; ".join(notes))


def _speeds(sides: tuple[Results, Results], settled: Mapping[Cell, GateRow | None]) -> dict[Cell, Speeds]:
    """Return the speeds of cells with the same task on both sides."""
    alike = [cell for cell, row in settled.items() if row is None or row.verdict == IDENTICAL]
    return {
        cell: compare_speeds(*([side.states[key] for key in keys_of(side, cell)] for side in sides)) for cell in alike
    }


def _speed_case(sides: tuple[Results, Results], cell: Cell, speeds: Speeds, margin: float) -> Case:
    keys = [key for sample in _samples(sides, cell) for key in sample.keys]
    generator = seeded_generator(keys, f"gate speed {cell[0]} {cell[1]}")
    return Case(np.log(speeds.new), np.log(speeds.base), loss_of(margin), generator)


def _speed_row(cell: Cell, speeds: Speeds, details: ExplainedVerdict | None) -> GateRow:
    values = [float(np.median(side)) if len(side) else None for side in (speeds.new, speeds.base)]
    n, note = (len(speeds.new), len(speeds.base)), speeds.reason or (details.note if details else "")
    verdict = details.verdict if details else NOT_COMPARED
    return GateRow(SPEED, cell[1], cell[0], verdict, n, (values[0], values[1]), details, note)


def _notes(sides: tuple[Results, Results], same: Mapping[Cell, int]) -> list[str]:
    """Return differences that no cell's row shows.

    These are cells that only the new results have, changed scores of `random`, mixed runs and different backends.
    """
    new, base = (side.final_scores.samples for side in sides)
    only = [f"{label} on {env}" for label, env in new if (label, env) not in base]
    notes = [f"only in the new results, so not compared: {', '.join(only)}"] if only else []
    for cell, sample in base.items():
        shared = set(sample.keys) & set(new[cell].keys) if cell in new else set()
        if sample.random and len(shared) > same[cell]:
            notes.append(f"{cell[0]} on {cell[1]} has other scores: the environment or its seeding has changed")
    notes += _mixed(sides[0], "new results") + _mixed(sides[1], "base")
    backends = [
        {str(s.result["environment_backend"]) for s in side.states.values() if s.result.get("environment_backend")}
        for side in sides  # imported runs record no backend
    ]
    if all(backends) and backends[0] != backends[1]:
        notes.append(
            f"environments from {', '.join(sorted(backends[0]))}; in the base from {', '.join(sorted(backends[1]))}"
        )
    return notes


def _mixed(side: Results, where: str) -> list[str]:
    """Return one sentence for each cell whose runs were produced by differing code or numerics."""
    sentences = []
    for cell in side.final_scores.samples:
        results = [side.states[key].result for key in keys_of(side, cell)]
        if differences := find_differences(result for result in results if result):
            entries = "; ".join(f"{what}: {', '.join(names)}" for what, names in differences.items())
            sentences.append(f"{cell[0]} on {cell[1]} in the {where}: its runs were produced differently ({entries})")
    return sentences
