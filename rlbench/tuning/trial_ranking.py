"""Trials in the order of their scores, and those that take part in the next round."""

from __future__ import annotations

from collections.abc import Mapping

from rlbench.suites.tune_models import better_third


def ranked(scores: Mapping[int, float]) -> list[int]:
    """Return the numbers of trials, the best score first. Of equal scores, the smaller number is first.

    scores: by number; -inf for a trial that failed or diverged.
    """
    return sorted(scores, key=lambda number: (-scores[number], number))


def survivors(scores: Mapping[int, float]) -> list[int]:
    """Return the numbers of the trials of the next round, in their order: the better third."""
    return sorted(ranked(scores)[: better_third(len(scores))])
