"""Performance profiles: what share of runs lies above each score, which shows the bad runs that an average hides."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import seaborn as sns
from matplotlib.figure import Figure as Drawing
from matplotlib.ticker import PercentFormatter

from rlbench.analysis import Scores
from rlbench.api.sections import Figure
from rlbench.reports.style import Look, in_a_row
from rlbench.reports.svg_figures import WIDTH, framed
from rlbench.reports.task_panels import Panel, learners
from rlbench.stats import Profile, performance_profile

_POINTS = 121
_RESAMPLES = 2_000


def profiles(panel: Panel, scores: Scores, looks: Mapping[str, Look]) -> Figure | None:
    """Performance profiles of the panel's learners on normalised scores; None without any but random."""
    names = learners(panel, scores)
    if not names:
        return None
    runs = {name: panel.normalised(scores, name) for name in names}
    every = np.concatenate([values for by_task in runs.values() for values in by_task.values()])
    low, high = max(float(every.min()), -0.5), min(float(every.max()), 2.0)
    margin = 0.03 * (high - low) or 0.1
    thresholds = np.linspace(low - margin, high + margin, _POINTS)
    found = {
        name: performance_profile(by_task, thresholds, panel.draw(scores, "profile", name), resamples=_RESAMPLES)
        for name, by_task in runs.items()
    }

    shares = {name: _share_above(runs[name], 0.9) for name in names}
    top = max(shares.values())
    best = [name for name in names if shares[name] == top]
    seen = (
        f"{in_a_row(best)} {'has' if len(best) == 1 else 'have'} the most runs above 0.9: {top:.0%}."
        if top
        else "No run scores above 0.9."
    )
    said = "; ".join(f"{name} {share:.0%}" for name, share in shares.items())
    return Figure(
        f"profile-{panel.number}",
        _drawn(found, looks),
        f"Performance profiles over {panel.title}. Share of runs above 0.9: {said}.",
        seen,
        "A curve further up and to the right is better; where two cross, it depends on the score that is asked for. Tasks"
        f" weigh the same. Bands: 95 % percentile bootstrap over runs, {_RESAMPLES:,} resamples, threshold by threshold.",
        names,
    )


def _drawn(found: Mapping[str, Profile], looks: Mapping[str, Look]) -> Callable[[], Drawing]:
    def draw() -> Drawing:
        figure, axes = framed(WIDTH, 3.0)
        for name, profile in found.items():
            look, at = looks[name], profile.thresholds
            band: dict[str, Any] = {"color": look.colour, "alpha": 0.14, "linewidth": 0}
            axes.fill_between(at, profile.low, profile.high, gid=look.gid, **band)
            axes.plot(at, profile.share, color=look.colour, linestyle=look.linestyle, linewidth=1.6, gid=look.gid)
        axes.set_xlabel("normalised score τ")
        axes.set_ylabel("runs that score above τ")
        axes.set_ylim(-0.02, 1.02)
        axes.yaxis.set_major_formatter(PercentFormatter(1.0))
        sns.despine(ax=axes)
        return figure

    return draw


def _share_above(by_task: Mapping[str, np.ndarray], score: float) -> float:
    return float(np.mean([(values > score).mean() for values in by_task.values()]))
