"""Performance profiles: the share of runs above each threshold, with a pointwise band.

Source: Dolan & Moré 2002; Agarwal et al. 2021, arXiv:2108.13264, section 4.1 (score distributions).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

from rlbench.stats.resampling import chunks, picks
from rlbench.stats.samples import Numbers, Scores, as_samples, share


@dataclass(frozen=True)
class Profile:
    """A performance profile. share, low, high [K]: share of runs above each threshold, and its pointwise band."""

    thresholds: Numbers
    share: Numbers
    low: Numbers
    high: Numbers


def performance_profile(
    scores: Scores, thresholds: NDArray[Any], generator: Generator, level: float = 0.95, resamples: int = 2_000
) -> Profile:
    """Return the share of runs with a score above each of `thresholds` [K], with equal weight for each task.

    The percentile band over runs holds `level` at each threshold, not at all of them together. Where all runs of all
    tasks are on one side of a threshold the band has no width; this does not mean certainty. Raises: ValueError for
    scores without runs or not finite.
    """
    tasks = list(as_samples(scores).values())
    tail = (1 - share(level, "the level")) / 2
    points = np.asarray(thresholds, np.float64)
    above = [(runs[:, None] > points).astype(np.float64) / (len(runs) * len(tasks)) for runs in tasks]  # [n, K]
    drawn = np.empty((resamples, len(points)))
    at = 0
    for rows in chunks(resamples, len(points) + sum(map(len, tasks))):
        drawn[at : at + rows] = sum(picks(len(part), rows, generator) @ part for part in above)
        at += rows
    low, high = np.quantile(drawn, [tail, 1 - tail], axis=0)
    return Profile(points, np.sum([part.sum(0) for part in above], 0), low, high)
