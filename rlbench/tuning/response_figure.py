"""A figure of the responses to hyperparameters: a panel for each, with a dot for each trial and each bin's mean."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import seaborn as sns
from matplotlib.axes import Axes
from matplotlib.figure import Figure as Drawing
from matplotlib.ticker import FuncFormatter, LogLocator, NullFormatter

from rlbench.api import StoreError
from rlbench.api.sections import Figure
from rlbench.api.series_styles import LIGHT
from rlbench.reports.style import shorten
from rlbench.reports.svg_figures import ink, save
from rlbench.suites.sweeps import format_value
from rlbench.suites.tune_models import DistributionEntry
from rlbench.tuning.algorithm_search import AlgorithmSearch
from rlbench.tuning.parameter_response import Response, edges_of

COLUMNS = 4
_PANEL = (2.3, 1.9)  # inches


def write_figure(searches: Sequence[AlgorithmSearch], path: Path) -> None:
    """Write the figure; the suffix sets the format: .svg, .pdf or .png. Raises: StoreError if that fails."""
    what = (
        "The first-round score of each trial by each hyperparameter; lines: the mean of each bin and its 95 % interval."
    )
    try:
        save(Figure("response", lambda: _draw(searches), what, what), {}, path)
    except (OSError, ValueError) as error:
        raise StoreError(f"{path}: cannot be written: {error}") from error


def _draw(searches: Sequence[AlgorithmSearch]) -> Drawing:
    panels = [(found, response) for found in searches for response in found.responses]
    columns = min(COLUMNS, len(panels))
    rows = -(-len(panels) // columns)
    figure = Drawing(figsize=(columns * _PANEL[0], rows * _PANEL[1]))
    for place, (found, response) in enumerate(panels, 1):
        axes = figure.add_subplot(rows, columns, place)
        _panel(axes, found, response)
        if (place - 1) % columns == 0:
            axes.set_ylabel("normalised score" if found.normalised else "return")
    return figure


def _panel(axes: Axes, found: AlgorithmSearch, response: Response) -> None:
    entry = found.sampling.space[response.parameter]
    drawn = [trial for trial in found.trials[1:] if response.parameter in trial.setting]
    places = np.array([_place(entry, trial.setting[response.parameter]) for trial in drawn], np.float64)
    scores = np.array([trial.first_score for trial in drawn], np.float64)
    finite = np.isfinite(scores)
    sns.scatterplot(x=places[finite], y=scores[finite], ax=axes, s=14, color=LIGHT[0], linewidth=0)
    axes.margins(y=0.2)
    if not finite.all():  # below all scores
        at = axes.get_xaxis_transform()
        axes.plot(places[~finite], np.full((~finite).sum(), 0.03), "x", color=ink(), markersize=4, transform=at)
    if entry.choice is not None:
        axes.set_xticks(range(len(entry.choice)), [shorten(format_value(value), 8) for value in entry.choice])
        edges = np.arange(len(entry.choice) + 1) - 0.5
    else:
        edges = edges_of(entry)
        if entry.log is not None:
            axes.set_xscale("log")
            axes.xaxis.set_major_locator(LogLocator(numticks=5))
            axes.xaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))  # 0.001, not the formula 10⁻³
            axes.xaxis.set_minor_formatter(NullFormatter())
    for part, left, right in zip(response.bins, edges, edges[1:]):
        if part.mean is not None:
            axes.plot([left, right], [part.mean.estimate] * 2, color=LIGHT[1], linewidth=1.6)
            if np.isfinite(part.mean.low):
                axes.fill_between([left, right], part.mean.low, part.mean.high, color=LIGHT[1], alpha=0.2, linewidth=0)
    share = "" if response.explained is None else f"\nexplains {response.explained:.2f}, p {response.p:.2g}"
    axes.set_xlabel(f"{shorten(found.algorithm, 14)}: {shorten(response.parameter, 18)}{share}")
    sns.despine(ax=axes)


def _place(entry: DistributionEntry, value: Any) -> float:
    return float(entry.choice.index(value) if entry.choice is not None else value)
