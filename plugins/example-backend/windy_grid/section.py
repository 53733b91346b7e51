"""Report section for tasks of this backend: how often training reached the goal, and in how many steps."""

from __future__ import annotations

from typing import Any

from rlbench import Results, SectionSpec, hookimpl
from rlbench.api.sections import Paragraph, Section, Table

LATE = 0.8  # share of the budget after which episodes count
NOTE = f"Training episodes in the last {1 - LATE:.0%} of each budget. Steps are medians; the shortest way has 15."
HEADER = ("algorithm", "episodes", "at the goal", "steps to it")


@hookimpl
def rlbench_report_sections() -> list[SectionSpec]:
    return [SectionSpec("windy", "The way to the goal", section, order=560)]  # after the learning curves


def section(results: Results) -> Section | None:
    """Return the section, or None if no run uses this backend."""
    budgets = {key: run.task.steps for key, run in results.run_by_key.items() if run.task.backend == "windy"}
    if not budgets:
        return None
    episodes = results.episodes()
    rows = rows_of(episodes[episodes["key"].isin(budgets)], budgets)
    if not rows:
        return Section([Paragraph("No run has an episode yet.")])
    table = Table("windy", "The way to the goal", HEADER, [("", rows)], (1, 2, 3), marked=True, note=NOTE)
    return Section([table])


def rows_of(episodes: Any, budgets: dict[str, int]) -> list[tuple[str, ...]]:
    """Return a row for each algorithm. episodes: from Results.episodes(); budgets: steps of each run, by its key."""
    late = episodes[episodes["step"] > LATE * episodes["key"].map(budgets)]
    rows = []
    for algorithm, own in late.groupby("algorithm", sort=False):
        arrived = own[own["end"] == "terminated"]
        steps = f"{arrived['length'].median():.0f}" if len(arrived) else "–"
        rows.append((str(algorithm), str(len(own)), f"{len(arrived) / len(own):.0%}", steps))
    return rows
