"""Tolerance intervals: the range of a given share of all future runs, with a given confidence.

A confidence interval shows where the mean is and shrinks with more runs. A tolerance interval shows what a user's next
run may score and does not shrink to a point. Sources: Wilks 1941 (order statistics); Wald & Wolfowitz 1946 and ISO
16269-6 (normal).
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from statistics import NormalDist
from typing import Any

import numpy as np
from numpy.typing import NDArray

from rlbench.stats.samples import Numbers, as_samples, share

_NORMAL = NormalDist()


@dataclass(frozen=True)
class ToleranceInterval:
    """[low, high] contains at least `share` of all runs with confidence `confidence`.

    With too few runs the confidence may be below the requested one; `note` then gives the number of runs needed.
    """

    low: float
    high: float
    share: float
    confidence: float
    note: str = ""


def tolerance_interval(runs: NDArray[Any], content: float = 0.9, confidence: float = 0.95) -> ToleranceInterval:
    """Return the nonparametric interval of runs [n] of one task, n ≥ 2: from the r-th smallest to the r-th largest.

    It contains at least `content` of all runs with probability P(Bin(n, content) ≤ n - 2r), for any distribution; r is
    the largest number for which this probability is at least `confidence`. If it is lower even for r = 1, the smallest
    and the largest run are returned, with the confidence that they give.
    """
    ordered = np.sort(next(iter(as_samples([np.asarray(runs, float)], fewest=2).values())))
    content, confidence = share(content, "the content"), share(confidence, "the confidence")
    n = len(ordered)
    dropped = 1
    while 2 * (dropped + 1) <= n and _confidence(n, dropped + 1, content) >= confidence:
        dropped += 1
    reached = _confidence(n, dropped, content)
    note = ""
    if reached < confidence:
        needed = n
        while _confidence(needed, 1, content) < confidence:
            needed += 1
        note = f"n too small for {content:.0%} of runs at {confidence:.0%}: needs n >= {needed}"
    return ToleranceInterval(float(ordered[dropped - 1]), float(ordered[n - dropped]), content, reached, note)


def normal_tolerance_interval(runs: NDArray[Any], content: float = 0.9, confidence: float = 0.95) -> ToleranceInterval:
    """Return mean ± k·s of runs [n] of one task, n ≥ 2.

    It is exact for normal scores, and wrong for others (if some runs fail, for example).
    """
    values = next(iter(as_samples([np.asarray(runs, float)], fewest=2).values()))
    factor = normal_factor(len(values), share(content, "the content"), share(confidence, "the confidence"))
    centre, spread = float(values.mean()), float(values.std(ddof=1))
    return ToleranceInterval(centre - factor * spread, centre + factor * spread, content, confidence)


def normal_factor(n: int, content: float, confidence: float) -> float:
    """Return k such that x̄ ± k·s contains `content` with probability `confidence` over samples of n ≥ 2 normal scores.

    Given the error z/√n of the mean, the half-width must be at least r(z): Φ(z/√n + r) - Φ(z/√n - r) = content. So
    confidence = E_z P(χ²_ν ≥ ν r(z)² / k²), ν = n - 1, integrated by Gauss-Hermite and solved for k by bisection.
    """
    nodes, weights = np.polynomial.hermite_e.hermegauss(80)
    weights = weights / weights.sum()
    radii = np.array([_radius(abs(z) / math.sqrt(n), content) for z in nodes])
    low, high = 0.0, 1.0

    def reached(k: float) -> float:
        return float(weights @ _chi_square_above((n - 1) * (radii / k) ** 2, n - 1))

    while reached(high) < confidence:
        low, high = high, 2 * high
    for _ in range(100):
        middle = (low + high) / 2
        low, high = (middle, high) if reached(middle) < confidence else (low, middle)
    return high


def _confidence(n: int, dropped: int, content: float) -> float:
    """Return P(Bin(n, content) ≤ n - 2·dropped)."""
    return 1 - sum(math.comb(n, k) * content**k * (1 - content) ** (n - k) for k in range(n - 2 * dropped + 1, n + 1))


def _radius(offset: float, content: float) -> float:
    """Return r with Φ(offset + r) - Φ(offset - r) = content."""
    low, high = 0.0, offset + 10.0
    for _ in range(100):
        middle = (low + high) / 2
        inside = _NORMAL.cdf(offset + middle) - _NORMAL.cdf(offset - middle)
        low, high = (middle, high) if inside < content else (low, middle)
    return high


def _chi_square_above(values: Numbers, freedom: int) -> Numbers:
    """Return P(χ² > values) for whole degrees of freedom.

    Q(a + 1, x) = Q(a, x) + xᵃ e⁻ˣ / Γ(a + 1), from Q(½, x) or Q(1, x).
    """
    x = values / 2
    logs = np.log(np.maximum(x, 1e-300))
    order = 0.5 if freedom % 2 else 1.0
    above = np.array([math.erfc(math.sqrt(each)) for each in x]) if freedom % 2 else np.exp(-x)
    while order < freedom / 2:
        above = above + np.exp(order * logs - x - math.lgamma(order + 1))
        order += 1
    return above
