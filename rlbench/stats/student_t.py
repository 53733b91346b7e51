"""Student's t for degrees of freedom that need not be whole: tail probabilities and quantiles.

Source: Abramowitz & Stegun 1964, 26.5.8 (the incomplete beta function as a continued fraction) and 26.7.1.
"""

from __future__ import annotations

import math
from functools import cache

_TINY = 1e-300


def t_tail(t: float, freedom: float) -> float:
    """Return P(T > t) of Student's t with `freedom` > 0, to a relative accuracy of 1e-9.

    Raises: ValueError for degrees of freedom that are not positive.
    """
    if not freedom > 0:
        raise ValueError(f"{freedom} degrees of freedom: they must be positive")
    if t < 0:
        return 1.0 - t_tail(-t, freedom)
    if math.isinf(t):
        return 0.0
    return 0.5 * _incomplete_beta(freedom / 2, 0.5, freedom, t * t)


@cache
def t_quantile(probability: float, freedom: float) -> float:
    """Return the t with P(T ≤ t) = `probability` in [0.5, 1), to a relative accuracy of 1e-9.

    Raises: ValueError for another probability, or degrees of freedom that are not positive.
    """
    if not 0.5 <= probability < 1:
        raise ValueError(f"the probability is {probability}; it must be at least 0.5 and below 1")
    tail = 1 - probability
    low, high = 0.0, 1.0
    while t_tail(high, freedom) > tail:
        low, high = high, 2 * high
    while high - low > 1e-13 * high:
        middle = (low + high) / 2
        low, high = (middle, high) if t_tail(middle, freedom) > tail else (low, middle)
    return high


def _incomplete_beta(a: float, b: float, part: float, rest: float) -> float:
    """Return the regularised incomplete beta function I_x(a, b) at x = part / (part + rest).

    x is given in two parts, so that 1 - x keeps its digits if x is close to 1.
    """
    total = part + rest
    x, y = part / total, rest / total
    if x == 0 or y == 0:
        return 1.0 if y == 0 else 0.0
    front = math.exp(math.lgamma(a + b) - math.lgamma(a) - math.lgamma(b) + a * math.log(x) + b * math.log(y))
    if x < (a + 1) / (a + b + 2):  # the fraction converges fast here
        return front * _fraction(a, b, x) / a
    return 1.0 - front * _fraction(b, a, y) / b


def _fraction(a: float, b: float, x: float) -> float:
    """Evaluate the continued fraction of I_x(a, b) by Lentz's method."""
    c, d = 1.0, 1.0 / _not_zero(1.0 - (a + b) * x / (a + 1))
    value = d
    for m in range(1, 10_000):
        even = m * (b - m) * x / ((a + 2 * m - 1) * (a + 2 * m))
        odd = -(a + m) * (a + b + m) * x / ((a + 2 * m) * (a + 2 * m + 1))
        for term in (even, odd):
            d, c = 1.0 / _not_zero(1.0 + term * d), _not_zero(1.0 + term / c)
            value *= c * d
        if abs(c * d - 1.0) < 1e-15:
            break
    return value


def _not_zero(value: float) -> float:
    return value if abs(value) > _TINY else _TINY
