"""Performance profiles: the share of runs above each score, which shows the bad runs that an average hides."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import seaborn as sns
from matplotlib.figure import Figure as Drawing
from matplotlib.ticker import PercentFormatter

from rlbench.analysis import Scores
from rlbench.api.sections import Figure
from rlbench.api.series_styles import SeriesStyle
from rlbench.reports.svg_figures import WIDTH, figure_with_axes
from rlbench.reports.task_panels import Panel, learners
from rlbench.stats import Profile, performance_profile
from rlbench.text import join_names

_POINTS = 121
_RESAMPLES = 2_000


def profile_figure(panel: Panel, scores: Scores, styles: Mapping[str, SeriesStyle]) -> Figure | None:
    """Draw performance profiles of the panel's learners on normalised scores. Returns None if there are no learners."""
    names = learners(panel, scores)
    if not names:
        return None
    runs = {name: panel.normalised(scores, name) for name in names}
    all_scores = np.concatenate([values for by_task in runs.values() for values in by_task.values()])
    low, high = max(float(all_scores.min()), -0.25), min(float(all_scores.max()), 1.25)
    margin = 0.03 * (high - low) or 0.1
    thresholds = np.linspace(low - margin, high + margin, _POINTS)
    profiles = {
        name: performance_profile(by_task, thresholds, panel.draw(scores, "profile", name), resamples=_RESAMPLES)
        for name, by_task in runs.items()
    }

    shares = {name: _share_above(runs[name], 0.9) for name in names}
    top = max(shares.values())
    best = [name for name in names if shares[name] == top]
    finding = (
        f"{join_names(best)} {'has' if len(best) == 1 else 'have'} the most runs above 0.9: {top:.0%}."
        if top
        else "No run scores above 0.9."
    )
    shares_text = "; ".join(f"{name} {share:.0%}" for name, share in shares.items())
    return Figure(
        f"profile-{panel.name}",
        _draw_profiles(profiles, styles),
        f"Performance profiles over {panel.title}. Share of runs above 0.9: {shares_text}.",
        finding,
        "A curve further up and to the right is better; where two cross, the better one depends on the required"
        f" score. Tasks weigh the same. Bands: 95 % percentile bootstrap over runs, {_RESAMPLES:,} resamples,"
        " threshold by threshold.",
        names,
    )


def _draw_profiles(profiles: Mapping[str, Profile], styles: Mapping[str, SeriesStyle]) -> Callable[[], Drawing]:
    def draw() -> Drawing:
        figure, axes = figure_with_axes(WIDTH, 3.0)
        for name, profile in profiles.items():
            style, at = styles[name], profile.thresholds
            band: dict[str, Any] = {"color": style.colour, "alpha": 0.14, "linewidth": 0}
            axes.fill_between(at, profile.low, profile.high, gid=style.gid, **band)
            axes.plot(at, profile.share, color=style.colour, linestyle=style.linestyle, linewidth=1.6, gid=style.gid)
        axes.set_xlabel("normalised score τ")
        axes.set_ylabel("runs that score above τ")
        axes.set_ylim(-0.02, 1.02)
        axes.yaxis.set_major_formatter(PercentFormatter(1.0))
        sns.despine(ax=axes)
        return figure

    return draw


def _share_above(by_task: Mapping[str, np.ndarray], score: float) -> float:
    return float(np.mean([(values > score).mean() for values in by_task.values()]))
