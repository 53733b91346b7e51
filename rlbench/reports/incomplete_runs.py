"""Section on the state of the runs: how many are finished, which are not and why, and whether their code differs."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from rlbench.analysis import Results
from rlbench.api import RunStatus
from rlbench.api.sections import Heading, Paragraph, Part, Section, Table
from rlbench.results.consistency import find_differences
from rlbench.results.run_rows import RunRow
from rlbench.text import number, plural, ranges

if TYPE_CHECKING:
    import pandas as pd


def state(runs: Sequence[RunRow]) -> str:
    """Return how many of the suite's runs are finished, and the status of the others."""
    counts = Counter(RunStatus(row.status) for row in runs)
    diverged = f" ({counts[RunStatus.DIVERGED]} diverged)" if counts[RunStatus.DIVERGED] else ""
    parts = [f"{sum(counts[s] for s in RunStatus if s.has_score)} of {plural(len(runs), 'run')} finished{diverged}"]
    parts += [f"{counts[status]} {status}" for status in RunStatus if counts[status] and not status.has_score]
    return ", ".join(parts)


def banners(results: Results) -> list[tuple[str, list[str]]]:
    """Return, for each algorithm whose runs differ in code or numerics, what differs and in how many runs."""
    by_algorithm: dict[str, list[Mapping[str, Any]]] = {}
    for key, state in results.published.items():
        by_algorithm.setdefault(results.run_by_key[key].algorithm, []).append(state.result)
    return [
        (
            f"{algorithm}: its runs were produced by differing {what}",
            [
                f"{name}: " + ", ".join(f"{v} ({plural(n, 'run')})" for v, n in values.items())
                for name, values in entries.items()
            ],
        )
        for algorithm, published in by_algorithm.items()
        for what, entries in find_differences(published).items()
    ]


def section(results: Results) -> Section:
    """Return the runs that failed, diverged or are not finished, by name, and the pairs without runs."""
    unlike, left_out = missing(results), skipped(results.document)
    parts: list[Part] = [unlike] if unlike.groups else [Paragraph("None: every run of the suite is done.")]
    if left_out.groups:
        parts += [Heading("Pairs without runs"), left_out]
    return Section(parts)


def missing(results: Results, name: str = "missing") -> Table:
    """Return every run that is not done or has no score. Seeds that ended alike share a row."""
    runs = results.table
    unlike = runs[(runs["status"] != RunStatus.DONE) | runs["score"].isna()].copy()
    silent = (unlike["status"] == RunStatus.DONE) & (unlike["message"] == "")
    unlike.loc[silent, "message"] = "it has no evaluation of its final policy"
    rows = []
    for (algorithm, task, status, message), same in unlike.groupby(
        ["algorithm", "environment", "status", "message"], sort=False
    ):
        text = message.replace(f"{results.folder}/", "")
        if status == RunStatus.DIVERGED:
            text += "; " + _scores_counted(same)
        rows.append((algorithm, task, ranges(same["seed"]), status, text))
    return Table(
        name,
        "Runs that failed, diverged or are not finished",
        ("algorithm", "task", "seeds", "status", "message"),
        [("", rows)] if rows else [],
        marked=True,
        note="Of these, only diverged runs with a score are included in the numbers above.",
    )


def _scores_counted(diverged: pd.DataFrame) -> str:
    scores = diverged["score"].dropna()
    return (
        f"counts with the score {', '.join(map(number, scores))}"
        if len(scores)
        else "has no score, so it does not count"
    )


def skipped(suite: Mapping[str, Any]) -> Table:
    """Return the pairs for which no run could be planned.

    They are incompatible, a package is not installed, or the plugin is broken.
    """
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
        note="Pairs of the suite that cannot be run together (skipped), or whose plugin is broken (failed).",
    )
