"""Effect sizes: how far apart two algorithms are on one task, regardless of how certain the runs make it."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numpy.typing import NDArray

from rlbench.stats.improvement import wins
from rlbench.stats.samples import as_pairs, exponent_of, scale_down


def cliffs_delta(ours: NDArray[Any], theirs: NDArray[Any]) -> float:
    """Return P(ours > theirs) - P(ours < theirs), in [-1, 1], for runs [n] and [m] of one task. Source: Cliff 1993.

    It equals 2·P - 1 for the probability of improvement P, and does not depend on the scale of the scores. Raises:
    ValueError for scores that are not finite.
    """
    ((left, right),) = as_pairs([ours], [theirs]).values()
    return float(2 * wins(left, right).mean() - 1)


def standardised_difference(ours: NDArray[Any], theirs: NDArray[Any]) -> float | None:
    """Return Hedges' g for runs [n] and [m] of one task: J(ν)·(mean(ours) - mean(theirs)) / pooled deviation, ν = n + m
    - 2.

    J(ν) = Γ(ν/2) / (√(ν/2) Γ((ν - 1)/2)) removes the bias of small samples, exactly for normal scores. Returns None if
    all runs within each side are equal, because the pooled deviation is then 0. Source: Hedges 1981, eq. 6e.
    Raises: ValueError for fewer than 2 runs on a side, or scores that are not finite.
    """
    ((left, right),) = as_pairs([ours], [theirs], fewest=2).values()
    left, right = scale_down([left, right], exponent_of([left, right]))
    freedom = len(left) + len(right) - 2
    squares = float(((left - left.mean()) ** 2).sum() + ((right - right.mean()) ** 2).sum())
    largest = max(float(np.abs(left).max()), float(np.abs(right).max()))
    if squares <= freedom * (1e-12 * largest) ** 2:
        return None
    correction = math.exp(math.lgamma(freedom / 2) - math.lgamma((freedom - 1) / 2)) / math.sqrt(freedom / 2)
    return correction * float(left.mean() - right.mean()) / math.sqrt(squares / freedom)
