"""Section on the probability of improvement: how likely a run of one algorithm scores higher than a run of another.

The probabilities only describe the runs. Whether one of two algorithms is better is decided by the verdict, whose tests
allow for the number of pairs.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from itertools import combinations
from typing import Any

from matplotlib import rcParams
from matplotlib.axes import Axes
from matplotlib.figure import Figure as Drawing
from matplotlib.patches import Rectangle

from rlbench.analysis import FEWEST_FOR_INTERVAL, Results, Scores
from rlbench.api.sections import Figure, Folded, Heading, Part, Section, Table
from rlbench.api.series_styles import LIGHT
from rlbench.reports.style import shorten
from rlbench.reports.svg_figures import WIDTH, ink, width_of
from rlbench.reports.task_panels import Panel, has_enough_runs, panels, resamples
from rlbench.stats import Interval, probability_of_improvement
from rlbench.text import interval, join_names, number, plural

RESAMPLES = 5_000
_MOST_IN_FIGURE = 16
Pairs = Mapping[tuple[str, str], Interval]


def section(results: Results) -> Section | None:
    scores = results.final_scores
    parts: list[Part] = []
    shown_panels = panels(scores, anchored=False)
    for panel in shown_panels:
        pairs = improvements(panel, scores)
        if pairs:
            parts += [Heading(panel.title)] if len(shown_panels) > 1 else []
            parts += panel_parts(panel, pairs)
    return Section(parts) if parts else None


def improvements(panel: Panel, scores: Scores) -> Pairs:
    """Return, for each pair of algorithms with enough runs, P(a run of the first scores higher than the second's)."""
    names = [name for name in panel.algorithms if has_enough_runs(panel, scores, name, FEWEST_FOR_INTERVAL)]
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


def _probability(pairs: Pairs, ours: str, theirs: str) -> tuple[float, bool]:
    """Return P(a run of `ours` scores higher than a run of `theirs`), and whether its interval excludes one half."""
    if (ours, theirs) in pairs:
        probability = pairs[ours, theirs]
        return probability.estimate, not probability.low <= 0.5 <= probability.high
    probability = pairs[theirs, ours]
    return 1 - probability.estimate, not probability.low <= 0.5 <= probability.high


def matrix(panel: Panel, pairs: Pairs) -> Figure:
    """Draw the probabilities, in [0, 1], that a run of the row's algorithm scores higher than a run of the column's.

    pairs: must contain at least one pair.
    """
    names = _names(pairs)
    above = {name: sum(1 for other in names if other != name and _is_above_half(pairs, name, other)) for name in names}
    highest = max(above.values())
    leaders = [name for name in names if above[name] == highest]
    finding = (
        f"Runs of {join_names(leaders)} score higher more often than runs of {highest} of"
        f" {plural(len(names) - 1, 'other algorithm')} (random included): the interval of the probability is above one"
        " half. This describes the runs; only the verdict says which algorithm is better."
        if highest
        else "No interval excludes one half: no algorithm is seen to score higher more often than another."
    )
    values = [f"{a} against {b} {number(p.estimate, 2)}" for (a, b), p in pairs.items()]
    return Figure(
        f"improvement-{panel.name}",
        _draw_matrix(pairs, names),
        f"Probability that a run of one algorithm scores higher than a run of another, over {panel.title}:"
        f" {'; '.join(values)}.",
        finding,
        "Each number: how likely a run of the row’s algorithm scores higher than a run of the column’s; ties count"
        f" one half; mean over {panel.title}. Bold: the 95 % interval (percentile bootstrap over the runs of both,"
        f" {RESAMPLES:,} resamples, {RESAMPLES // 10:,} where there are thousands of runs; exact bounds where runs"
        " never overlap) excludes one half. Each interval is for one pair alone; the verdict allows for the number of"
        " pairs.",
        wide=len(names) > 8,
    )


def _is_above_half(pairs: Pairs, ours: str, theirs: str) -> bool:
    p, outside = _probability(pairs, ours, theirs)
    return outside and p > 0.5


def _draw_matrix(pairs: Pairs, names: Sequence[str]) -> Callable[[], Drawing]:
    def draw() -> Drawing:
        size = width_of(max(WIDTH, 1.5 + 0.55 * len(names)))
        figure = Drawing(figsize=(size, 0.9 + 0.3 * len(names)), layout="constrained")
        axes = figure.add_subplot()
        font_size = min(0.94 * float(rcParams["font.size"]), 27 * (size - 1.2) / len(names))  # as wide as a column
        for row, ours in enumerate(names):
            for column, theirs in enumerate(names):
                if ours != theirs:
                    _draw_cell(axes, row, column, font_size, *_probability(pairs, ours, theirs))
        labels = [shorten(name) for name in names]
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


def _draw_cell(axes: Axes, row: int, column: int, font_size: float, p: float, outside: bool) -> None:
    colour = LIGHT[0] if p > 0.5 else LIGHT[1]
    alpha = 0.55 * abs(2 * p - 1)
    axes.add_patch(Rectangle((column - 0.48, row - 0.46), 0.96, 0.92, facecolor=colour, alpha=alpha, linewidth=0))
    text: dict[str, Any] = {"ha": "center", "va": "center", "weight": "bold" if outside else "normal", "color": ink()}
    axes.text(column, row, f"{p:.2f}", fontsize=font_size, **text)


def _table(panel: Panel, pairs: Pairs) -> Table:
    rows = [
        (ours, theirs, number(p.estimate, 3), interval(p.low, p.high, 3), p.method)
        for (ours, theirs), p in pairs.items()
    ]
    header = ("algorithm", "against", "P(higher)", "95 % interval", "bounds")
    return Table(
        f"improvement-{panel.name}",
        f"Probability of improvement over {panel.title}",
        header,
        [("", rows)],
        (2, 3),
        True,
    )
