"""Caveats about a cell (one algorithm on one task) that its numbers do not show.

Examples: its runs or its configuration were chosen by their results, its numbers are self-reported, or its runs were
produced by different code.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING

from rlbench.analysis.sensitivity import CHOSEN_ON_ITS_OWN_SEEDS, Extremes
from rlbench.results import RunState
from rlbench.results.consistency import find_differences
from rlbench.results.published_runs import PUBLISHED, publication_of
from rlbench.results.run_rows import RunRow, by_cell

if TYPE_CHECKING:
    from rlbench.analysis.sequential_log import Decisions

ADAPTIVE = "seeds added until decided"
SELF_REPORTED = "self-reported"
MIXED = "made by different code"
TOLD = "told"
UNSEEDED = "the environment does not repeat itself"
Caveats = Mapping[tuple[str, str], tuple[str, ...]]


def caveats_of(
    runs: Sequence[RunRow], states: Mapping[str, RunState], decisions: Decisions | None, sweeps: Iterable[Extremes]
) -> Caveats:
    """Return the caveats of each cell, by environment and label. Cells without a caveat have no entry.

    states: the state of each run, by key. decisions: the sequential decisions if the suite added seeds until its pairs
    were decided, else None. sweeps: the best and the worst point of each sweep.

    ADAPTIVE: runs were added until the comparison was decided, so the interval is narrower than its level claims, and
    the estimate is biased away from the algorithm it was compared with.
    CHOSEN_ON_ITS_OWN_SEEDS: the cell is the best point of a sweep, and it was chosen by the scores of these same runs.
    TOLD, with names of hyperparameters: these tell the algorithm something about the task that others have to learn.
    UNSEEDED: the environment ignores the seed of its reset, or its instances share state.
    SELF_REPORTED: steps and scores were not metered, and the policies did not play the common evaluation.
    PUBLISHED, with the project's name: the project published these runs, at its own budget and protocol.
    MIXED: the plugin, or a module that several runs imported, was not the same in all runs.
    """
    caveats: dict[tuple[str, str], tuple[str, ...]] = {}
    if decisions is not None:
        caveats.update({(env, label): (ADAPTIVE,) for label, tasks in decisions.algorithms.items() for env in tasks})
    for cell, rows in by_cell(runs).items():
        results = [states[row.key].result for row in rows if row.key in states]
        if any(row.metering == SELF_REPORTED for row in rows):
            caveats[cell] = (*caveats.get(cell, ()), SELF_REPORTED)
        if publication := publication_of(results):
            caveats[cell] = (*caveats.get(cell, ()), f"{PUBLISHED} {publication['by']}")
        if told := sorted({name for result in results for name in result.get("told") or ()}):
            caveats[cell] = (*caveats.get(cell, ()), f"{TOLD} {', '.join(told)}")
        if any(result.get("environment_repeats") is False for result in results):
            caveats[cell] = (*caveats.get(cell, ()), UNSEEDED)
        if find_differences(results).keys() & {"code", "dependencies"}:
            caveats[cell] = (*caveats.get(cell, ()), MIXED)
    for extremes in sweeps:
        if extremes.best is not None and extremes.points > 1:
            cell = extremes.environment, extremes.best
            note = f"best of {extremes.points} points, {CHOSEN_ON_ITS_OWN_SEEDS}"
            caveats[cell] = (*caveats.get(cell, ()), note)
    return caveats
