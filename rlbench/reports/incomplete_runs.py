"""What has become of the runs: how many are finished, which are not and why, and whether all were made alike."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from rlbench.api import RunStatus
from rlbench.api.sections import Heading, Paragraph, Part, Section, Table
from rlbench.reports.report_data import Readings
from rlbench.reports.style import count, number, ranges
from rlbench.results.consistency import differing

if TYPE_CHECKING:
    import pandas as pd

FINISHED = (RunStatus.DONE, RunStatus.DIVERGED)


def state(runs: pd.DataFrame) -> str:
    """How many of the suite's runs are finished, and how the others stand, in words. runs: a row each, with its status."""
    counts = Counter(runs["status"])
    diverged = f" ({counts[RunStatus.DIVERGED]} diverged)" if counts[RunStatus.DIVERGED] else ""
    said = [f"{sum(counts[s] for s in FINISHED)} of {count(len(runs), 'run')} finished{diverged}"]
    said += [f"{counts[status]} {status}" for status in RunStatus if counts[status] and status not in FINISHED]
    return ", ".join(said)


def banners(readings: Readings) -> list[tuple[str, list[str]]]:
    """For each algorithm whose results were made by differing code or numerics: what differs, and in how many runs."""
    made: dict[str, list[Mapping[str, Any]]] = {}
    for key, state in readings.states.items():
        made.setdefault(readings.asked[key].algorithm, []).append(state.result)
    return [
        (
            f"{algorithm}: its runs were made by differing {what}",
            [
                f"{name}: " + ", ".join(f"{v} ({count(n, 'run')})" for v, n in values.items())
                for name, values in entries.items()
            ],
        )
        for algorithm, results in made.items()
        for what, entries in differing(results).items()
    ]


def section(readings: Readings) -> Section:
    """Runs that failed, diverged or are not finished, by name, and pairs without runs."""
    unlike, left_out = missing(readings), skipped(readings.suite)
    parts: list[Part] = [unlike] if unlike.groups else [Paragraph("None: every run of the suite is done.")]
    if left_out.groups:
        parts += [Heading("Pairs without runs"), left_out]
    return Section(parts)


def missing(readings: Readings, name: str = "missing") -> Table:
    """Every run that is not done or has no score; seeds that ended alike share a row."""
    runs = readings.runs
    unlike = runs[(runs["status"] != RunStatus.DONE) | runs["score"].isna()].copy()
    silent = (unlike["status"] == RunStatus.DONE) & (unlike["message"] == "")
    unlike.loc[silent, "message"] = "it has no evaluation of its final policy"
    rows = []
    for (algorithm, task, status, message), alike in unlike.groupby(
        ["algorithm", "environment", "status", "message"], sort=False
    ):
        shown = message.replace(f"{readings.store.root}/", "")
        if status == RunStatus.DIVERGED:
            shown += "; " + _scores_counted(alike)
        rows.append((algorithm, task, ranges(alike["seed"]), status, shown))
    return Table(
        name,
        "Runs that failed, diverged or are not finished",
        ("algorithm", "task", "seeds", "status", "message"),
        [("", rows)] if rows else [],
        marked=True,
        note="Of these only diverged runs with a score to count with enter the numbers above.",
    )


def _scores_counted(diverged: pd.DataFrame) -> str:
    scores = diverged["score"].dropna()
    return f"counts with the score {', '.join(map(number, scores))}" if len(scores) else "has no score to count with"


def skipped(suite: Mapping[str, Any]) -> Table:
    """Pairs of which no run could be planned: they do not fit, a package is not there, or the plugin is broken."""
    rows = [
        (str(s["algorithm"]), str(s["environment"]), str(s.get("status", "skipped")), str(s["reason"]))
        for s in suite.get("skipped") or ()
    ]
    return Table(
        "skipped",
        "Pairs without runs",
        ("algorithm", "task", "status", "reason"),
        [("", rows)] if rows else [],
        marked=True,
        note="What the suite names and what cannot be run together (skipped), or whose plugin is broken (failed).",
    )
