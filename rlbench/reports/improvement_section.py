"""Probability of improvement: for each pair, how likely a run of the one scores higher than a run of the other.

It describes. Which of two algorithms is better is the verdict's to say, whose tests allow for the number of pairs.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from itertools import combinations

from matplotlib.axes import Axes
from matplotlib.figure import Figure as Drawing
from matplotlib.patches import Rectangle

from rlbench.analysis import FEWEST_FOR_INTERVAL, Scores
from rlbench.api.sections import Figure, Folded, Heading, Part, Section, Table
from rlbench.reports.report_data import Readings
from rlbench.reports.style import LIGHT, count, in_a_row, interval, number, shortened
from rlbench.reports.svg_figures import WIDTH, ink
from rlbench.reports.task_panels import Panel, enough, panels, resamples
from rlbench.stats import Interval, probability_of_improvement

RESAMPLES = 5_000
_MOST_IN_FIGURE = 16
Pairs = Mapping[tuple[str, str], Interval]


def section(readings: Readings) -> Section | None:
    scores = readings.scores
    parts: list[Part] = []
    found = panels(scores, anchored=False)
    for panel in found:
        pairs = improvements(panel, scores)
        if pairs:
            parts += [Heading(panel.title)] if len(found) > 1 else []
            parts += panel_parts(panel, pairs)
    return Section(parts) if parts else None


def improvements(panel: Panel, scores: Scores) -> Pairs:
    """Of each pair of algorithms with enough runs, the first against the second."""
    names = [name for name in panel.algorithms if enough(panel, scores, name, FEWEST_FOR_INTERVAL)]
    return {
        (ours, theirs): probability_of_improvement(
            panel.raw(scores, ours),
            panel.raw(scores, theirs),
            panel.draw(scores, "improvement", ours, theirs),
            resamples=resamples(panel, scores, RESAMPLES),
        )
        for ours, theirs in combinations(names, 2)
    }


def panel_parts(panel: Panel, pairs: Pairs) -> list[Part]:
    figure = [matrix(panel, pairs)] if len(_names(pairs)) <= _MOST_IN_FIGURE else []
    table = _table(panel, pairs)
    return [*figure, Folded(f"All {len(pairs)} pairs with their intervals", [table]) if figure else table]


def _names(pairs: Pairs) -> list[str]:
    return list(dict.fromkeys(name for pair in pairs for name in pair))


def _both(pairs: Pairs, ours: str, theirs: str) -> tuple[float, bool]:
    """Return P(a run of ours scores higher than one of theirs), and whether its interval leaves out one half."""
    if (ours, theirs) in pairs:
        found = pairs[ours, theirs]
        return found.estimate, not found.low <= 0.5 <= found.high
    found = pairs[theirs, ours]
    return 1 - found.estimate, not found.low <= 0.5 <= found.high


def matrix(panel: Panel, pairs: Pairs) -> Figure:
    """Draw the probabilities in [0, 1] that a run of the row's algorithm scores higher than one of the column's.

    pairs: at least one.
    """
    names = _names(pairs)
    above = {name: sum(1 for other in names if other != name and _sure(pairs, name, other)) for name in names}
    most = max(above.values())
    first = [name for name in names if above[name] == most]
    seen = (
        f"With an interval above one half, runs of {in_a_row(first)} score higher than those of {most} of"
        f" {count(len(names) - 1, 'other')}, random among them where it is there."
        if most
        else "No interval leaves out one half."
    )
    said = [f"{a} against {b} {number(p.estimate, 2)}" for (a, b), p in pairs.items()]
    return Figure(
        f"improvement-{panel.number}",
        _drawn(pairs, names),
        f"Probability that a run of one algorithm scores higher than a run of another, over {panel.title}: {'; '.join(said)}.",
        seen,
        "Each number: how likely a run of the row’s algorithm scores higher than one of the column’s, ties counting one half,"
        f" mean over {panel.title}. Bold: the 95 % interval (percentile bootstrap over the runs of both,"
        f" {RESAMPLES:,} resamples, {RESAMPLES // 10:,} where there are thousands of runs; exact bounds where runs never overlap) leaves out one half. Each interval is"
        " for one pair alone; the verdict allows for the number of pairs.",
        wide=len(names) > 8,
    )


def _sure(pairs: Pairs, ours: str, theirs: str) -> bool:
    p, outside = _both(pairs, ours, theirs)
    return outside and p > 0.5


def _drawn(pairs: Pairs, names: Sequence[str]) -> Callable[[], Drawing]:
    def draw() -> Drawing:
        size = max(WIDTH, 1.5 + 0.55 * len(names))
        figure = Drawing(figsize=(size, 0.9 + 0.3 * len(names)), layout="constrained")
        axes = figure.add_subplot()
        for row, ours in enumerate(names):
            for column, theirs in enumerate(names):
                if ours != theirs:
                    _draw_cell(axes, row, column, *_both(pairs, ours, theirs))
        labels = [shortened(name) for name in names]
        axes.set_xlim(-0.5, len(names) - 0.5)
        axes.set_ylim(len(names) - 0.5, -0.5)
        axes.set_xticks(range(len(names)), labels=labels, rotation=40, ha="left", rotation_mode="anchor")
        axes.set_yticks(range(len(names)), labels=labels)
        axes.xaxis.tick_top()
        axes.tick_params(length=0)
        axes.grid(False)
        for spine in axes.spines.values():
            spine.set_visible(False)
        return figure

    return draw


def _draw_cell(axes: Axes, row: int, column: int, p: float, outside: bool) -> None:
    colour = LIGHT[0] if p > 0.5 else LIGHT[1]
    alpha = 0.55 * abs(2 * p - 1)
    axes.add_patch(Rectangle((column - 0.48, row - 0.46), 0.96, 0.92, facecolor=colour, alpha=alpha, linewidth=0))
    weight = "bold" if outside else "normal"
    axes.text(column, row, f"{p:.2f}", ha="center", va="center", fontsize=8, weight=weight, color=ink())


def _table(panel: Panel, pairs: Pairs) -> Table:
    rows = [
        (ours, theirs, number(p.estimate, 3), interval(p.low, p.high, 3), p.method)
        for (ours, theirs), p in pairs.items()
    ]
    header = ("algorithm", "against", "P(higher)", "95 % interval", "bounds")
    return Table(
        f"improvement-{panel.number}",
        f"Probability of improvement over {panel.title}",
        header,
        [("", rows)],
        (2, 3),
        True,
    )
