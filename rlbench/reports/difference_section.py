"""Two result folders held against each other: what came out otherwise in the second than in the first, and why it may have.

Algorithms are matched by label, tasks by name. A run that both folders have (the same key) with the same score is identical.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import seaborn as sns
from matplotlib.figure import Figure as Drawing

from rlbench.analysis import Anchors
from rlbench.analysis.pairwise import Comparison, Row, Side, compare
from rlbench.api.sections import Figure, Heading, Paragraph, Part, Points, Table
from rlbench.reports.background import circumstances
from rlbench.reports.cost_section import cost_rows
from rlbench.reports.incomplete_runs import missing, state
from rlbench.reports.page import Page
from rlbench.reports.report_data import Readings, read
from rlbench.reports.style import Look, count, in_a_row, interval, looks, number, shortened
from rlbench.reports.svg_figures import WIDTH, ink
from rlbench.reports.verdict_section import shown
from rlbench.results import Store

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
class Both:
    """Two folders. names: how they are called on the page, unlike each other."""

    first: Readings
    second: Readings
    names: tuple[str, str]
    looks: Mapping[str, Look]

    @property
    def sides(self) -> tuple[Readings, Readings]:
        return (self.first, self.second)


def difference_page(first: Store, second: Store, anchors: Mapping[str, Anchors] | None = None) -> Page:
    """The page of two folders. anchors: to be taken before their own. Raises: StoreError if one of them is none, or they normalise a task differently."""
    readings = read(first, anchors=anchors), read(second, anchors=anchors)
    both = Both(*readings, _names(first.root, second.root), looks([a for r in readings for a in r.looks]))
    found = _compared(both)
    sections: list[tuple[str, str, Sequence[Part]]] = [
        ("verdict", "What has changed", [Paragraph(_headline(found, both)), Points(_lines(found, both))]),
    ]
    if found.rows:
        sections.append(("differences", "Scores", [_table(found, both), *_figures(found, both)]))
    sections += [
        ("runs", "Runs", _runs(both)),
        ("cost", "Cost", [_costs(both)]),
        ("circumstances", "What was not alike", _circumstances(both)),
        ("missing", "Runs that failed, diverged or are not finished", _missing(both)),
    ]
    said = "; ".join(f"{name}: {state(side.runs)}" for name, side in zip(both.names, both.sides))
    corrupt = [text for side in both.sides for text in side.scores.corrupt]
    return Page(f"{both.names[0]} and {both.names[1]}", said, [], sections, both.looks, corrupt=corrupt)


def _names(first: Path, second: Path) -> tuple[str, str]:
    one, other = first.resolve(), second.resolve()
    if one.name != other.name:
        return one.name, other.name
    return f"{one.parent.name}/{one.name}", f"{other.parent.name}/{other.name} (second)"


def _compared(both: Both) -> Comparison:
    first, second = both.first.scores, both.second.scores
    shared = [name for name in second.algorithms if name in first.algorithms]
    return compare([(Side(second, name, name), Side(first, name, name)) for name in shared])


def _headline(found: Comparison, both: Both) -> str:
    rows = [row for row in found.rows if row.environment]
    if not rows:
        return "Nothing in common: no algorithm was run on the same task in both."
    counts = {verdict: sum(1 for row in rows if row.verdict == verdict) for verdict in _ORDER}
    if counts["identical"] == len(rows):
        return f"Identical: all {len(rows)} pairs of algorithm and task have the same runs with the same scores."
    second = both.names[1]
    said = [f"{counts[v]} {v}" for v in ("worse", "better") if counts[v]] or ["nothing shown to be better or worse"]
    rest = len(rows) - counts["worse"] - counts["better"] - counts["identical"]
    said += [f"{counts['identical']} identical"] if counts["identical"] else []
    said += [f"{rest} undecided"] if rest else []
    return f"In {second}, of {count(len(rows), 'pair')} of algorithm and task: {', '.join(said)}."


def _lines(found: Comparison, both: Both) -> list[tuple[str, str]]:
    lines = []
    for verdict in ("worse", "better"):
        rows = [row for row in found.rows if row.verdict == verdict]
        lines += [(f"{verdict.capitalize()} in {both.names[1]}:", f"{'; '.join(map(_told, rows))}.")] if rows else []
    same = [f"{row.ours} on {row.environment}" for row in found.rows if row.verdict == "identical" and row.environment]
    lines += [("Identical:", f"{in_a_row(same)}.")] if same else []
    open_rows = [row for row in found.rows if not row.decided and row.environment]
    if open_rows:
        needed = [row.runs_to_show for row in open_rows if row.runs_to_show is not None]
        more = (
            f" If they are as large as they look, the one that takes fewest would take about {min(needed):,} runs of each."
            if needed
            else ""
        )
        lines.append(("Undecided:", f"{in_a_row([f'{r.ours} on {r.environment}' for r in open_rows])}.{more}"))
    lines += [("Not compared:", f"{text}.") for text in found.apart]
    for name, here, there in zip(both.names, both.sides, both.sides[::-1]):
        alone = [a for a in here.scores.algorithms if a not in there.scores.algorithms]
        lines += [(f"Only in {name}:", f"{in_a_row(alone)}.")] if alone else []
    return lines


def _told(row: Row) -> str:
    where = f"on {row.environment}" if row.environment else f"over {row.tasks} tasks"
    assert row.estimates is not None and row.difference is not None
    return (
        f"{row.ours} {where}, IQM {number(row.estimates[0])} after {number(row.estimates[1])}, difference"
        f" {number(row.difference.estimate)} {interval(row.difference.low, row.difference.high)}, p = {row.p_holm:.2g}"
    )


def _table(found: Comparison, both: Both) -> Table:
    groups: dict[str, list[tuple[str, ...]]] = {}
    for row in sorted(found.rows, key=lambda row: _ORDER.get(row.verdict, 2)):
        estimates = row.estimates
        groups.setdefault(row.environment or "Over all tasks, normalised", []).append(
            (
                row.ours,
                row.verdict,
                *(("–", "–") if estimates is None else (number(estimates[1]), number(estimates[0]))),
                *shown(row),
                f"{row.n[1]}, {row.n[0]}",
                row.note,
            )
        )
    note = (
        f"IQM over runs of final scores; difference: {both.names[1]} minus {both.names[0]}, with its 95 % percentile bootstrap"
        " interval over runs. p: two-sample permutation test within tasks, Holm over all rows of its kind. Identical: the same"
        " runs (by key) with the same scores. On one task in its returns, over all tasks between the fixed anchors."
    )
    header = ("algorithm", "verdict", *both.names, "difference", "95 % interval", "p", "runs", "note")
    ordered = [(task, groups[task]) for task in ["Over all tasks, normalised", *both.second.tasks] if task in groups]
    return Table("differences", "Differences", header, ordered, (2, 3, 4, 5, 6, 7), True, note)


def _figures(found: Comparison, both: Both) -> list[Figure]:
    figures = []
    for place, task in enumerate(both.second.tasks, 1):
        rows = [row for row in found.rows if row.environment == task and row.difference is not None]
        if rows:
            figures.append(_forest(rows, task, both, f"difference-{place}"))
    return figures


def _forest(rows: Sequence[Row], task: str, both: Both, name: str) -> Figure:
    """Differences on one task with their intervals, and no difference as a line."""
    said = [
        f"{r.ours} {number(r.difference.estimate)} {interval(r.difference.low, r.difference.high)}"
        for r in rows
        if r.difference
    ]
    apart = [r.ours for r in rows if r.difference and not r.difference.low <= 0 <= r.difference.high]
    seen = (
        f"{task}: the interval of {in_a_row(apart)} leaves out no difference."
        if len(apart) == 1
        else (
            f"{task}: the intervals of {in_a_row(apart)} leave out no difference."
            if apart
            else f"{task}: every interval holds no difference."
        )
    )
    return Figure(
        name,
        _drawn(rows, both),
        f"Differences of the IQM on {task}, {both.names[1]} minus {both.names[0]}: {'; '.join(said)}.",
        seen,
        f"IQM in {both.names[1]} minus IQM in {both.names[0]}, with 95 % intervals as in the table, which are not corrected for"
        " their number. To the right: higher in the second.",
    )


def _drawn(rows: Sequence[Row], both: Both) -> Callable[[], Drawing]:
    def draw() -> Drawing:
        figure = Drawing(figsize=(WIDTH, 0.7 + 0.3 * len(rows)), layout="constrained")
        axes = figure.add_subplot()
        axes.axvline(0.0, color=ink(), linewidth=1)
        for place, row in enumerate(rows):
            look, shown = both.looks[row.ours], row.difference
            assert shown is not None
            axes.plot([shown.low, shown.high], [place] * 2, color=look.colour, linewidth=2.2, solid_capstyle="butt")
            axes.plot(shown.estimate, place, look.marker, color=look.colour, markersize=6.5, markeredgecolor="none")
        axes.set_ylim(len(rows) - 0.45, -0.55)
        axes.set_yticks(range(len(rows)), labels=[shortened(row.ours) for row in rows])
        axes.grid(False, axis="y")
        axes.set_xlabel("difference of the IQM")
        sns.despine(ax=axes, left=True)
        return figure

    return draw


def _runs(both: Both) -> list[Part]:
    """Which runs the folders share, and whether those came out alike."""
    scores = [dict(zip(side.runs["key"], side.runs["score"])) for side in both.sides]
    shared = [key for key in scores[0] if key in scores[1]]
    known = [key for key in shared if np.isfinite(scores[0][key]) and np.isfinite(scores[1][key])]
    equal = sum(1 for key in known if scores[0][key] == scores[1][key])
    rows = [
        ("in both (the same algorithm, configuration, task and seed)", str(len(shared))),
        ("of these with a score in both", str(len(known))),
        ("of these with equal scores", str(equal)),
        *((f"only in {name}", str(len(own) - len(shared))) for name, own in zip(both.names, scores)),
    ]
    return [Table("runs", "Runs of the two folders", ("runs", "number"), [("", rows)], (1,))]


def _costs(both: Both) -> Table:
    """Speeds and costs side by side, with the second over the first."""
    first, second = (cost_rows(side) for side in both.sides)
    groups: dict[str, list[tuple[str, ...]]] = {}
    for key in second:
        if key in first:
            cells = tuple(map(_side_by_side, first[key], second[key]))
            groups.setdefault(key[0], []).append((key[1], *cells))
    note = (
        f"Medians over the runs that are done, {both.names[0]} → {both.names[1]}, and the second over the first. It says something"
        " of the code only where machine, load and stack are alike, which the next section shows."
    )
    header = ("algorithm", "steps/s", "CPU s per run", "peak MiB")
    return Table("cost", "Cost", header, list(groups.items()), (1, 2, 3), True, note)


def _side_by_side(one: float | None, other: float | None) -> str:
    shown = [number(value, 0 if value is not None and value >= 100 else 1) for value in (one, other)]
    ratio = "" if not one or other is None else f"\n× {other / one:.2f}"
    return f"{shown[0]} → {shown[1]}{ratio}"


def _circumstances(both: Both) -> list[Part]:
    """Hyperparameters, protocol, code and machines that the folders do not share."""
    here, there = (circumstances(side) for side in both.sides)
    groups: dict[str, list[tuple[str, ...]]] = {}
    for what, name in dict.fromkeys([*here, *there]):
        one, other = here.get((what, name), "–"), there.get((what, name), "–")
        if one != other:
            groups.setdefault(what, []).append((name, one, other))
    if not groups:
        return [Paragraph("Nothing: configurations, protocol, code, numerics and machines are the same.")]
    return [Table("circumstances", "What was not alike", ("what", *both.names), list(groups.items()))]


def _missing(both: Both) -> list[Part]:
    parts: list[Part] = []
    for place, (name, side) in enumerate(zip(both.names, both.sides), 1):
        table = missing(side, f"missing-{place}")
        parts += [Heading(name), table if table.groups else Paragraph("None: every run of the suite is done.")]
    return parts
