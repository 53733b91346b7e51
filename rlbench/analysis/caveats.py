"""What a reader must know of a cell beside its numbers: that its runs, or its configuration, were chosen by their results,
that its numbers are its runs' own account, or that not all of its runs come from the same code.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from rlbench.analysis.sensitivity import CHOSEN_ON_ITS_OWN_SEEDS, sensitivity
from rlbench.analysis.sequential_log import read_decisions
from rlbench.results import RunState, Store
from rlbench.results.consistency import differing

if TYPE_CHECKING:
    import pandas as pd

ADAPTIVE = "seeds added until decided"
SELF_REPORTED = "self-reported"
MIXED = "made by different code"
Marks = Mapping[tuple[str, str], tuple[str, ...]]


def marks(store: Store, runs: pd.DataFrame, states: Mapping[str, RunState] | None = None) -> Marks:
    """Return the marks of each cell, by environment and label; of cells without one there is no entry.

    runs: the run_table; states: of its runs, by key, for whoever has read them already.

    ADAPTIVE: there are as many runs as it took to decide, so the interval is narrower than it says and the estimate leans
    away from what it was compared with. CHOSEN_ON_ITS_OWN_SEEDS: the best point of a sweep, by these very runs.
    SELF_REPORTED: steps and scores were not metered, and its policies were not played in the common evaluation. MIXED:
    modules that several of its runs imported, or the plugin itself, were not the same for all of them.
    """
    found: dict[tuple[str, str], tuple[str, ...]] = {}
    decisions = read_decisions(store) if store.suite().get("adaptive") else None
    if decisions is not None:
        found.update({(env, label): (ADAPTIVE,) for label, tasks in decisions.algorithms.items() for env in tasks})
    own_account = runs.loc[runs["metering"] == SELF_REPORTED, ["environment", "algorithm"]].drop_duplicates()
    for env, label in own_account.itertuples(index=False):
        found[env, label] = (*found.get((env, label), ()), SELF_REPORTED)
    states = store.states(store.runs()) if states is None else states
    for (env, label), rows in runs.groupby(["environment", "algorithm"], sort=False):
        if differing(states[key].result for key in rows["key"] if key in states).keys() & {"code", "dependencies"}:
            found[env, label] = (*found.get((env, label), ()), MIXED)
    for extremes in sensitivity(store, runs).extremes:
        if extremes.best is not None and extremes.points > 1:
            place = extremes.environment, extremes.best
            note = f"best of {extremes.points} points, {CHOSEN_ON_ITS_OWN_SEEDS}"
            found[place] = (*found.get(place, ()), note)
    return found
