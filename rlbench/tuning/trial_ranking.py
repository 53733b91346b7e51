"""The order of trials by their scores, and the choice of trials for the next round."""

from __future__ import annotations

from collections.abc import Mapping

from rlbench.suites.tune_models import better_third


def ranked(scores: Mapping[int, float], shares: Mapping[int, float] | None = None) -> list[int]:
    """Return the numbers of trials, the best first. Of equal trials, the one with the smaller number is first.

    scores: by number; -inf for a trial that failed or diverged. shares: by number, the share of runs that reached a
    threshold, or how many runs did if all trials have equally many. If given, the largest share is best, and scores
    decide between equal shares.
    """
    return sorted(scores, key=lambda number: (-shares[number] if shares else 0, -scores[number], number))


def survivors(scores: Mapping[int, float], shares: Mapping[int, float] | None = None) -> list[int]:
    """Return the numbers of the trials of the next round, in ascending order: the better third."""
    return sorted(ranked(scores, shares)[: better_third(len(scores))])
