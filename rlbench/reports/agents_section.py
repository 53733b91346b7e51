"""Section on environments with several agents: each agent's return, and the best evaluation of each run."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

import numpy as np

from rlbench.analysis import Results
from rlbench.analysis.estimates import interval_estimate
from rlbench.api.sections import Section, Table
from rlbench.text import digits_for, interval, number

if TYPE_CHECKING:
    import pandas as pd

_PREFIX = "return_mean_"
_AGENTS = (
    "The score of a run is the return of the team: the sum of all agents' returns. Each agent's column shows its own"
    " return in the final evaluations, as the mean over runs."
)
_MAXIMUM = (
    "Many published tables print the best evaluation of a run, chosen after training, instead of the evaluation of its"
    " final policy. By chance alone, the best evaluation is higher, and more so with more evaluations and fewer"
    " episodes. Compare it only with such tables; every other number of this report is of final policies."
)


def section(results: Results) -> Section | None:
    """Return the section, or None if no published run has several agents."""
    teams = {key: state.result["agents"] for key, state in results.published.items() if state.result.get("agents")}
    if not teams:
        return None
    evaluations = results.evaluations()
    evaluations = evaluations[evaluations["key"].isin(teams)]
    return Section([*_by_agent(results, evaluations, teams), *_maxima(results, evaluations)])


def _by_agent(results: Results, evaluations: pd.DataFrame, teams: Mapping[str, list[str]]) -> list[Table]:
    """Return for each task a table of each agent's mean return in the final evaluations."""
    final = evaluations[evaluations["kind"] == "final"]
    tables: list[Table] = []
    for at, task in enumerate(results.tasks):
        rows = final[final["environment"] == task]
        if rows.empty:
            continue
        agents = teams[str(rows["key"].iloc[0])]
        columns = ["return_mean", *(_PREFIX + agent for agent in agents)]
        means = rows.groupby("algorithm", sort=False)[columns].mean()
        digits = digits_for(means.to_numpy().ravel().tolist())
        body = [
            (str(name), *(number(value, digits) for value in row)) for name, row in zip(means.index, means.to_numpy())
        ]
        tables.append(
            Table(
                f"agents-{at + 1}",
                f"{task}: each agent's return",
                ("algorithm", "team", *agents),
                [("", body)],
                tuple(range(1, len(agents) + 2)),
                True,
                _AGENTS if not tables else "",
            )
        )
    return tables


def _maxima(results: Results, evaluations: pd.DataFrame) -> list[Table]:
    """Return a table of each run's best evaluation beside that of its final policy.

    The list is empty if no run was evaluated on a grid.
    """
    grid = evaluations[evaluations["kind"] == "grid"]
    if grid.empty:
        return []
    best = grid.groupby(["environment", "algorithm", "key"], sort=False)["return_mean"].max()
    groups: dict[str, list[tuple[str, ...]]] = {}
    for cell in results.cells:
        pair = (cell.environment, cell.algorithm)
        if pair not in best.index:
            continue
        own = best.loc[pair]
        maximum = interval_estimate([own.to_numpy(np.float64)], list(own.index))
        digits = digits_for([maximum.estimate, cell.iqm])
        spread = interval(maximum.low, maximum.high, digits)
        row = (cell.algorithm, number(maximum.estimate, digits), spread, number(cell.iqm, digits), str(len(own)))
        groups.setdefault(cell.environment, []).append(row)
    header = ("algorithm", "maximum over training", "95 % interval", "final policy", "n")
    return [
        Table(
            "maximum-over-training",
            "Maximum over training: IQM of each run's best evaluation (optimistic)",
            header,
            list(groups.items()),
            (1, 2, 3, 4),
            True,
            _MAXIMUM,
        )
    ]
