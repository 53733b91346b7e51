"""A section of the report for tasks of this backend: how often training has found the goal, and how far it then is."""

from __future__ import annotations

from typing import Any

from rlbench import ReportSpec, hookimpl, load
from rlbench.api.sections import Paragraph, Section, Table

LATE = 0.8  # of the budget: what is looked at comes after it
NOTE = f"Training episodes in the last {1 - LATE:.0%} of each budget; steps: their median, of which 15 are the fewest."
HEADER = ("algorithm", "episodes", "at the goal", "steps to it")


@hookimpl
def rlbench_reports() -> list[ReportSpec]:
    return [ReportSpec("windy", "The way to the goal", section, order=560)]  # after the learning curves


def section(readings: Any) -> Section | None:
    """None where no run is of this backend: the section is then absent. readings: rlbench.reports.report_data.ReportData."""
    budgets = {str(key): run.task.steps for key, run in readings.asked.items() if run.task.backend == "windy"}
    if not budgets:
        return None
    episodes = load(readings.store.root).episodes()
    rows = rows_of(episodes[episodes["key"].isin(budgets)], budgets)
    if not rows:
        return Section([Paragraph("No run has an episode yet.")])
    table = Table("windy", "The way to the goal", HEADER, [("", rows)], (1, 2, 3), marked=True, note=NOTE)
    return Section([table])


def rows_of(episodes: Any, budgets: dict[str, int]) -> list[tuple[str, ...]]:
    """A row for each algorithm. episodes: as Results.episodes() has them; budgets: steps by the key of a run."""
    late = episodes[episodes["step"] > LATE * episodes["key"].map(budgets)]
    rows = []
    for algorithm, own in late.groupby("algorithm", sort=False):
        there = own[own["end"] == "terminated"]
        steps = f"{there['length'].median():.0f}" if len(there) else "–"
        rows.append((str(algorithm), str(len(own)), f"{len(there) / len(own):.0%}", steps))
    return rows
