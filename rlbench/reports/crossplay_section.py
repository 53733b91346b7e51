"""Section on cross-play: how much return is lost when agents of one seed play with agents of another seed."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import seaborn as sns
from matplotlib import rcParams
from matplotlib.colors import ListedColormap
from matplotlib.figure import Figure as Drawing

from rlbench.analysis import Results
from rlbench.analysis.crossplay_gaps import Gap
from rlbench.api.sections import Figure, Folded, Paragraph, Part, Section, Table
from rlbench.api.series_styles import LIGHT
from rlbench.reports.style import MOST_OPEN, file_names, shorten
from rlbench.reports.svg_figures import WIDTH, ink, width_of
from rlbench.text import digits_for, interval, join_names, number, plural

_MOST_SEEDS = 12  # in a figure whose cells have numbers
_DARKEST = 0.55  # opacity of the greatest return; the numbers stay readable on it, on light and on dark pages
_SHADES = 64
_MEANING = (
    "A large difference means that each seed has learned a convention of its own: its agents do well with one another,"
    " but not with those of another seed."
)


def section(results: Results) -> Section | None:
    """Return self-play and cross-play of each multi-agent algorithm and task; None if nothing was played."""
    crossplays = results.crossplays
    parts: list[Part] = [
        Paragraph(problem.replace(f"{results.folder}/", ""), quiet=True) for problem in crossplays.problems
    ]
    if not crossplays.gaps:
        return Section(parts) if parts else None
    names = file_names(f"{gap.played.algorithm} on {gap.played.environment}" for gap in crossplays.gaps)
    figures = [(title, heat_map(gap, title, names[title])) for gap, title in zip(crossplays.gaps, names)]
    several = len(figures) > MOST_OPEN
    shown: list[Part] = [Folded(title, [figure]) if several else figure for title, figure in figures]
    return Section([Paragraph(_MEANING), _table(crossplays.gaps), *shown, *parts])


def _table(gaps: tuple[Gap, ...]) -> Table:
    groups: dict[str, list[tuple[str, ...]]] = {}
    for gap in gaps:
        known = not np.isnan(gap.low)
        digits = digits_for([gap.self_play, gap.cross_play])
        bounds = interval(gap.low, gap.high, digits) if known else interval(None, None)
        values = (*(number(value, digits) for value in (gap.self_play, gap.cross_play, gap.gap)), bounds)
        groups.setdefault(gap.played.environment, []).append(
            (gap.played.algorithm, *values, str(gap.n), str(gap.played.episodes))
        )
    inexact = [f"{gap.played.algorithm} on {gap.played.environment}" for gap in gaps if gap.played.repeats is False]
    note = (
        "Mean team returns of final policies: of seeds with themselves, and with other seeds. Self − cross: mean over"
        " seeds of a seed’s return with itself minus its mean return with the others, with a 95 % bootstrap interval"
        " over seeds. With fewer than five seeds a row is descriptive only; with fewer than three it has no interval."
    )
    if inexact:
        note += f" Self-play did not repeat the recorded final evaluation exactly: {'; '.join(inexact)}."
    return Table(
        "crossplay",
        "Self-play and cross-play",
        ("algorithm", "self-play", "cross-play", "self − cross", "95 % interval", "n", "episodes"),
        list(groups.items()),
        (1, 2, 3, 4, 5, 6),
        True,
        note,
        units=("", "return", "return", "return", "return", "seeds", "of each pair"),
    )


def heat_map(gap: Gap, title: str, name: str) -> Figure:
    """Draw the mean team return of each pair: a row for each seed of the first agents, a column for each of the others.

    title: the algorithm and the task. name: a part of the name of the figure's files.
    """
    played = gap.played
    first, others = join_names(played.agents[: played.first], 8), join_names(played.agents[played.first :], 8)
    digits = digits_for([gap.self_play, gap.cross_play])
    pairs = [
        f"{seed} with {other} {value}"
        for seed, texts in zip(played.seeds, _numbers(gap))
        for other, value in zip(played.seeds, texts)
    ]
    listing = "; ".join(pairs) if gap.n <= _MOST_SEEDS else plural(len(pairs), "pair")
    return Figure(
        f"crossplay-{name}",
        _drawing(gap),
        f"Mean team return of {title}, by the seed of {first} and the seed of {others}: {listing}.",
        f"{title}: {number(gap.self_play, digits)} with its own seed, {number(gap.cross_play, digits)} with another.",
        f"Each cell: mean team return over {plural(played.episodes, 'episode')}, with {first} of the row’s"
        f" seed and {others} of the column’s; a stronger colour is a higher return. On the diagonal a seed plays with"
        " itself.",
    )


def _numbers(gap: Gap) -> list[list[str]]:
    """Return the mean returns [S, S] as text, all with the same number of decimals."""
    returns = gap.played.matrix.tolist()
    digits = digits_for(value for row in returns for value in row)
    return [[number(value, digits) for value in row] for row in returns]


def _drawing(gap: Gap) -> Callable[[], Drawing]:
    def draw() -> Drawing:
        played, count = gap.played, gap.n
        width = width_of(WIDTH)
        figure = Drawing(figsize=(width, min(width, 0.9 + 0.36 * count)), layout="constrained")
        axes = figure.add_subplot()
        seeds = [str(seed) for seed in played.seeds]
        sns.heatmap(
            played.matrix,
            ax=axes,
            cmap=_shades(),
            cbar=False,
            annot=np.array(_numbers(gap)) if count <= _MOST_SEEDS else False,
            fmt="",
            annot_kws={"color": ink(), "fontsize": min(float(rcParams["font.size"]), 34 * (width - 0.8) / count / 2)},
            xticklabels=seeds,
            yticklabels=seeds,
            linewidths=0,
        )
        axes.set_ylabel("seed of the first agents" if played.first > 1 else f"seed of {shorten(played.agents[0])}")
        axes.set_xlabel("seed of the others" if len(played.agents) > 2 else f"seed of {shorten(played.agents[1])}")
        axes.tick_params(length=0, rotation=0)
        axes.grid(False)
        return figure

    return draw


def _shades() -> ListedColormap:
    """Return shades of one of the page's colours. Their opacity differs, so they suit light and dark pages alike."""
    red, green, blue = (int(LIGHT[0][i : i + 2], 16) / 255 for i in (1, 3, 5))
    return ListedColormap([(red, green, blue, _DARKEST * shade / (_SHADES - 1)) for shade in range(_SHADES)])
