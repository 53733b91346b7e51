"""Fisher's exact test of two shares. Source: Fisher 1934, "Statistical Methods for Research Workers", section 21.02."""

from __future__ import annotations

from math import comb


def fisher_p(ours: int, of_ours: int, theirs: int, of_theirs: int) -> float:
    """Return the two-sided p of the hypothesis that two shares are equal.

    p is the probability of all tables with the same sums that are at most as likely as the observed table.
    ours, theirs: how many runs succeeded, out of of_ours and of of_theirs runs.
    Raises: ValueError if a count is below 0 or above its number of runs.
    """
    if not (0 <= ours <= of_ours and 0 <= theirs <= of_theirs):
        raise ValueError(f"{ours} of {of_ours} and {theirs} of {of_theirs} runs: a count is too large or below 0")
    total = ours + theirs
    ways = {
        k: comb(of_ours, k) * comb(of_theirs, total - k)
        for k in range(max(0, total - of_theirs), min(of_ours, total) + 1)
    }
    return sum(count for count in ways.values() if count <= ways[ours]) / comb(of_ours + of_theirs, total)
