"""Trials in the order of their scores, and those that take part in the next round."""

from __future__ import annotations

from collections.abc import Mapping

from rlbench.suites.tune_models import better_third


def ranked(scores: Mapping[int, float], shares: Mapping[int, float] | None = None) -> list[int]:
    """Return the numbers of trials, the best first. Of equal ones, the smaller number is first.

    scores: by number; -inf for a trial that failed or diverged. shares: of runs that reached a threshold, by number;
    then the largest share is best, and scores decide among equal shares. None: scores decide alone.
    """
    return sorted(scores, key=lambda number: (-shares[number] if shares else 0, -scores[number], number))


def survivors(scores: Mapping[int, float], shares: Mapping[int, float] | None = None) -> list[int]:
    """Return the numbers of the trials of the next round, in their order: the better third."""
    return sorted(ranked(scores, shares)[: better_third(len(scores))])
