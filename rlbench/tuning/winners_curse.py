"""The score of a chosen setting on fresh runs, which had no part in its choice.

The best of many trials is partly the luckiest. So its tuning score is too high on average, even if all settings are
equal: the winner's curse. Fresh runs show by how much.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

from rlbench.analysis.final_scores import FEWEST_FOR_INTERVAL
from rlbench.stats import Interval, bootstrap_interval, difference, overall_iqm, two_sample_test

LEVEL = 0.95
METHOD = "percentile"
Runs = Mapping[str, NDArray[np.float64]]  # scores [n] by task


@dataclass(frozen=True)
class FreshEvidence:
    """What fresh runs show about a chosen setting. Intervals are 95 % bootstrap intervals over runs.

    n: fresh runs of the setting. fresh: the score on these runs. curse: the tuning score minus the fresh score; the
    tuning score is a fixed number, so this interval mirrors that of the fresh score. gain: the chosen setting minus the
    suite's own setting, on fresh runs of both. p: p of the gain, the larger of a permutation test's and Welch's.
    The bounds are NaN and p is None for fewer than three runs of a task; gain and p are None if the suite's own setting
    was chosen.
    """

    n: int
    fresh: Interval
    curse: Interval
    gain: Interval | None
    p: float | None


def fresh_evidence(
    tuning: float,
    chosen: Runs,
    own: Runs | None,
    generator: Callable[[str], Generator],
    resamples: int,
    permutations: int,
) -> FreshEvidence:
    """Return the evidence from fresh runs.

    tuning: the tuning score of the chosen setting. chosen, own: by task, one or more fresh runs of the chosen and of
    the suite's own setting; own is None if the suite's own setting was chosen. generator: returns the generator to use
    for "score" or for "gain".
    """
    fresh = _score(chosen, generator("score"), resamples)
    curse = Interval(tuning - fresh.estimate, tuning - fresh.high, tuning - fresh.low, LEVEL, fresh.method, fresh.note)
    n = sum(map(len, chosen.values()))
    if own is None:
        return FreshEvidence(n, fresh, curse, None, None)
    if min(len(runs) for runs in (*chosen.values(), *own.values())) < FEWEST_FOR_INTERVAL:
        estimate = fresh.estimate - float(overall_iqm(own))
        return FreshEvidence(n, fresh, curse, _without_bounds(estimate), None)
    draw = generator("gain")  # the test draws first, so that digits are the same as in `compare`
    test = two_sample_test(chosen, own, draw, overall_iqm, permutations=permutations)
    gain = difference(chosen, own, overall_iqm, draw, METHOD, LEVEL, resamples)
    return FreshEvidence(n, fresh, curse, gain, test.p)


def _score(runs: Runs, generator: Generator, resamples: int) -> Interval:
    if min(map(len, runs.values())) < FEWEST_FOR_INTERVAL:
        return _without_bounds(float(overall_iqm(runs)))
    return bootstrap_interval(runs, overall_iqm, generator, METHOD, LEVEL, resamples)


def _without_bounds(estimate: float) -> Interval:
    return Interval(estimate, np.nan, np.nan, LEVEL, "", f"under {FEWEST_FOR_INTERVAL} runs")
