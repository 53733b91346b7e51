"""Report on two result folders: how the second's results differ from the first's, and possible reasons.

Algorithms are matched by label, tasks by name. A run is identical if both folders have it (the same key) and its
scores are equal.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import seaborn as sns
from matplotlib.figure import Figure as Drawing

from rlbench.analysis import Results
from rlbench.analysis.pairwise import Comparison, Side, compare
from rlbench.analysis.verdicts import Row
from rlbench.api.sections import Figure, Heading, Paragraph, Part, Points, Table
from rlbench.api.series_styles import SeriesStyle, series_styles
from rlbench.reports.background import circumstances
from rlbench.reports.cost_section import cost_rows
from rlbench.reports.incomplete_runs import missing, state
from rlbench.reports.page import Page
from rlbench.reports.style import file_names, shorten
from rlbench.reports.svg_figures import WIDTH, ink, width_of
from rlbench.reports.verdict_section import comparison_cells
from rlbench.text import interval, join_names, number, plural

_ORDER = {
    "worse": 0,
    "better": 1,
    "undecided": 2,
    "descriptive only": 3,
    "too few runs": 4,
    "no scores": 5,
    "identical": 6,
}


@dataclass(frozen=True)
class FolderPair:
    """Two result folders. names: two different names, under which the page shows them."""

    first: Results
    second: Results
    names: tuple[str, str]
    styles: Mapping[str, SeriesStyle]

    @property
    def sides(self) -> tuple[Results, Results]:
        return (self.first, self.second)


def difference_page(first: Results, second: Results) -> Page:
    """Return the page of two folders. Raises: StoreError if they normalise a task differently."""
    both = [entry for side in (first, second) for entry in side.styles.items()]
    styles = series_styles([name for name, _ in both], [name for name, style in both if style.grey])
    folders = FolderPair(first, second, _names(first.folder, second.folder), styles)
    comparison = _compare(folders)
    sections: list[tuple[str, str, Sequence[Part]]] = [
        (
            "verdict",
            "What has changed",
            [Paragraph(_headline(comparison, folders)), Points(_lines(comparison, folders))],
        ),
    ]
    if comparison.rows:
        sections.append(("differences", "Scores", [_table(comparison, folders), *_figures(comparison, folders)]))
    sections += [
        ("runs", "Runs", _runs(folders)),
        ("cost", "Cost", [_costs(folders)]),
        ("circumstances", "What differed", _circumstances(folders)),
        ("missing", "Runs that failed, diverged or are not finished", _missing(folders)),
    ]
    states = "; ".join(f"{name}: {state(side.rows)}" for name, side in zip(folders.names, folders.sides))
    corrupt = [text for side in folders.sides for text in side.final_scores.corrupt]
    return Page(f"{folders.names[0]} and {folders.names[1]}", states, [], sections, folders.styles, corrupt=corrupt)


def _names(first: Path, second: Path) -> tuple[str, str]:
    one, other = first.resolve(), second.resolve()
    if one.name != other.name:
        return one.name, other.name
    return f"{one.parent.name}/{one.name}", f"{other.parent.name}/{other.name} (second)"


def _compare(folders: FolderPair) -> Comparison:
    first, second = folders.first.final_scores, folders.second.final_scores
    shared = [name for name in second.algorithms if name in first.algorithms]
    return compare([(Side(second, name, name), Side(first, name, name)) for name in shared])


def _headline(comparison: Comparison, folders: FolderPair) -> str:
    rows = [row for row in comparison.rows if row.environment]
    if not rows:
        return "Nothing in common: no algorithm was run on the same task in both folders."
    counts = {verdict: sum(1 for row in rows if row.verdict == verdict) for verdict in _ORDER}
    if counts["identical"] == len(rows):
        return f"Identical: all {len(rows)} pairs of algorithm and task have the same runs with the same scores."
    second = folders.names[1]
    parts = [f"{counts[v]} {v}" for v in ("worse", "better") if counts[v]] or ["nothing shown to be better or worse"]
    rest = len(rows) - counts["worse"] - counts["better"] - counts["identical"]
    parts += [f"{counts['identical']} identical"] if counts["identical"] else []
    parts += [f"{rest} undecided"] if rest else []
    return f"In {second}, of {plural(len(rows), 'pair')} of algorithm and task: {', '.join(parts)}."


def _lines(comparison: Comparison, folders: FolderPair) -> list[tuple[str, str]]:
    lines = []
    for verdict in ("worse", "better"):
        rows = [row for row in comparison.rows if row.verdict == verdict]
        lines += (
            [(f"{verdict.capitalize()} in {folders.names[1]}:", f"{'; '.join(map(_sentence, rows))}.")] if rows else []
        )
    identical = [
        f"{row.ours} on {row.environment}" for row in comparison.rows if row.verdict == "identical" and row.environment
    ]
    lines += [("Identical:", f"{join_names(identical)}.")] if identical else []
    open_rows = [row for row in comparison.rows if not row.decided and row.environment]
    if open_rows:
        needed = [row.runs_to_show for row in open_rows if row.runs_to_show is not None]
        more = (
            " If differences are as large as they look, the pair that needs the fewest runs needs about"
            f" {min(needed):,} in each folder."
            if needed
            else ""
        )
        lines.append(("Undecided:", f"{join_names([f'{r.ours} on {r.environment}' for r in open_rows])}.{more}"))
    lines += [("Not compared:", f"{text}.") for text in comparison.apart]
    for name, side, other_side in zip(folders.names, folders.sides, folders.sides[::-1]):
        only_here = [a for a in side.final_scores.algorithms if a not in other_side.final_scores.algorithms]
        lines += [(f"Only in {name}:", f"{join_names(only_here)}.")] if only_here else []
    return lines


def _sentence(row: Row) -> str:
    where = f"on {row.environment}" if row.environment else f"over {row.tasks} tasks"
    assert row.estimates is not None and row.difference is not None
    return (
        f"{row.ours} {where}, IQM {number(row.estimates[0])} after {number(row.estimates[1])}, difference"
        f" {number(row.difference.estimate)} {interval(row.difference.low, row.difference.high)}, p = {row.p_holm:.2g}"
    )


def _table(comparison: Comparison, folders: FolderPair) -> Table:
    groups: dict[str, list[tuple[str, ...]]] = {}
    for row in sorted(comparison.rows, key=lambda row: _ORDER.get(row.verdict, 2)):
        estimates = row.estimates
        groups.setdefault(row.environment or "Over all tasks, normalised", []).append(
            (
                row.ours,
                row.verdict,
                *(("–", "–") if estimates is None else (number(estimates[1]), number(estimates[0]))),
                *comparison_cells(row),
                f"{row.n[1]}, {row.n[0]}",
                row.note,
            )
        )
    note = (
        f"IQM over runs of final scores; difference: {folders.names[1]} minus {folders.names[0]}, with its 95 %"
        " percentile bootstrap interval over runs. p: the larger p of a permutation test within tasks and Welch’s"
        " t-test, adjusted by Holm, separately for the rows on one task and the rows over all tasks. Identical: the"
        " same runs (by key) with the same scores. Values on one task are returns; over all tasks, they are normalised"
        " scores (between the fixed anchors)."
    )
    header = ("algorithm", "verdict", *folders.names, "difference", "95 % interval", "p", "runs", "note")
    ordered = [(task, groups[task]) for task in ["Over all tasks, normalised", *folders.second.tasks] if task in groups]
    return Table("differences", "Differences", header, ordered, (2, 3, 4, 5, 6, 7), True, note)


def _figures(comparison: Comparison, folders: FolderPair) -> list[Figure]:
    figures = []
    for task, file_name in file_names(folders.second.tasks).items():
        rows = [row for row in comparison.rows if row.environment == task and row.difference is not None]
        if rows:
            figures.append(_forest(rows, task, folders, f"difference-{file_name}"))
    return figures


def _forest(rows: Sequence[Row], task: str, folders: FolderPair, name: str) -> Figure:
    """Draw the differences on one task with their intervals, and a line at zero."""
    values = [
        f"{r.ours} {number(r.difference.estimate)} {interval(r.difference.low, r.difference.high)}"
        for r in rows
        if r.difference
    ]
    nonzero = [r.ours for r in rows if r.difference and not r.difference.low <= 0 <= r.difference.high]
    finding = (
        f"{task}: the interval of {join_names(nonzero)} excludes 0."
        if len(nonzero) == 1
        else (
            f"{task}: the intervals of {join_names(nonzero)} exclude 0."
            if nonzero
            else f"{task}: every interval includes 0."
        )
    )
    return Figure(
        name,
        _draw_forest(rows, folders),
        f"Differences of the IQM on {task}, {folders.names[1]} minus {folders.names[0]}: {'; '.join(values)}.",
        finding,
        f"IQM in {folders.names[1]} minus IQM in {folders.names[0]}, with 95 % intervals as in the table, not"
        f" corrected for their number. Right of 0: higher in {folders.names[1]}.",
    )


def _draw_forest(rows: Sequence[Row], folders: FolderPair) -> Callable[[], Drawing]:
    def draw() -> Drawing:
        figure = Drawing(figsize=(width_of(WIDTH), 0.7 + 0.3 * len(rows)), layout="constrained")
        axes = figure.add_subplot()
        axes.axvline(0.0, color=ink(), linewidth=1)
        for place, row in enumerate(rows):
            style, difference = folders.styles[row.ours], row.difference
            assert difference is not None
            bounds = [difference.low, difference.high]
            axes.plot(bounds, [place] * 2, color=style.colour, linewidth=2.2, solid_capstyle="butt")
            axes.plot(
                difference.estimate,
                place,
                style.marker,
                color=style.colour,
                markersize=6.5,
                markeredgecolor="none",
            )
        axes.set_ylim(len(rows) - 0.45, -0.55)
        axes.set_yticks(range(len(rows)), labels=[shorten(row.ours) for row in rows])
        axes.grid(False, axis="y")
        axes.set_xlabel("difference of the IQM")
        sns.despine(ax=axes, left=True)
        return figure

    return draw


def _runs(folders: FolderPair) -> list[Part]:
    """Return a table of how many runs the folders share, and how many of these have equal scores."""
    scores = [{row.key: row.score for row in side.rows} for side in folders.sides]
    shared = [key for key in scores[0] if key in scores[1]]
    scored = [key for key in shared if np.isfinite(scores[0][key]) and np.isfinite(scores[1][key])]
    equal = sum(1 for key in scored if scores[0][key] == scores[1][key])
    rows = [
        ("in both (the same algorithm, configuration, task and seed)", str(len(shared))),
        ("of these with a score in both", str(len(scored))),
        ("of these with equal scores", str(equal)),
        *(
            (f"only in {name}", str(len(folder_scores) - len(shared)))
            for name, folder_scores in zip(folders.names, scores)
        ),
    ]
    return [Table("runs", "Runs of the two folders", ("runs", "number"), [("", rows)], (1,))]


def _costs(folders: FolderPair) -> Table:
    """Return the speeds and costs of both folders side by side, and the ratio of the second to the first."""
    first, second = (cost_rows(side) for side in folders.sides)
    groups: dict[str, list[tuple[str, ...]]] = {}
    for key in second:
        if key in first:
            cells = tuple(map(_side_by_side, first[key], second[key]))
            groups.setdefault(key[0], []).append((key[1], *cells))
    note = (
        f"Medians over the runs that are done, {folders.names[0]} → {folders.names[1]}, and the ratio of the second"
        " to the first. They reflect the code only if machine, load and stack are alike, which the next section"
        " shows."
    )
    header = ("algorithm", "steps/s", "CPU s per run", "peak MiB")
    return Table("cost", "Cost", header, list(groups.items()), (1, 2, 3), True, note)


def _side_by_side(one: float | None, other: float | None) -> str:
    values = [number(value, 0 if value is not None and value >= 100 else 1) for value in (one, other)]
    ratio = "" if not one or other is None else f"\n× {other / one:.2f}"
    return f"{values[0]} → {values[1]}{ratio}"


def _circumstances(folders: FolderPair) -> list[Part]:
    """Return the hyperparameters, protocols, code and machines that differ between the folders."""
    first, second = (circumstances(side) for side in folders.sides)
    groups: dict[str, list[tuple[str, ...]]] = {}
    for what, name in dict.fromkeys([*first, *second]):
        one, other = first.get((what, name), "–"), second.get((what, name), "–")
        if one != other:
            groups.setdefault(what, []).append((name, one, other))
    if not groups:
        return [Paragraph("Nothing: configurations, protocol, code, numerics and machines are the same.")]
    return [Table("circumstances", "What differed", ("what", *folders.names), list(groups.items()))]


def _missing(folders: FolderPair) -> list[Part]:
    parts: list[Part] = []
    for place, (name, side) in enumerate(zip(folders.names, folders.sides), 1):
        table = missing(side, f"missing-{place}")
        parts += [Heading(name), table if table.groups else Paragraph("None: every run of the suite is done.")]
    return parts
