"""Rows of a comparison and their verdicts, after two tests and Holm's correction, with the reasons.

docs/statistics.md defines each number.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from rlbench.stats import Interval, Statistic, holm, runs_needed, too_few

DECIDED = ("better", "worse", "identical")


@dataclass(frozen=True)
class Row:
    """One comparison of ours with theirs.

    environment: a task, compared on raw returns, or "" for all common tasks, compared on normalised scores.
    n: how many of our runs, and how many of theirs, have a score, over `tasks` tasks.
    verdict: better or worse (said of ours, if significant at the family-wise level), identical (the same runs with the
    same scores), undecided, "descriptive only" (fewer than 5 runs on a side), "too few runs" (fewer than 3) or "no
    scores".
    estimates: the statistic of ours and of theirs, None if a side has no scores.
    improvement: P(a run of ours beats one of theirs), where a tie counts one half.
    p: the larger of p_permutation and p_welch. p_holm: p after Holm's correction. smallest_p: the smallest p of any
    relabelling of these runs. runs_to_show: for an undecided pair, about how many runs on each side and task would show
    a difference of this size, but never fewer than a verdict needs; None if unknown.
    note: why verdict and interval disagree, how many runs a verdict needs, and other remarks.
    """

    ours: str
    theirs: str
    environment: str
    tasks: int
    n: tuple[int, int]
    verdict: str
    estimates: tuple[float, float] | None = None
    difference: Interval | None = None
    improvement: Interval | None = None
    cliffs_delta: float | None = None
    hedges_g: float | None = None
    p: float | None = None
    p_permutation: float | None = None
    p_welch: float | None = None
    p_holm: float | None = None
    smallest_p: float | None = None
    runs_to_show: int | None = None
    note: str = ""

    @property
    def decided(self) -> bool:
        return self.verdict in DECIDED

    @property
    def separated(self) -> str:
        """The side whose runs all score above all runs of the other, on every task, or ""."""
        estimate = None if self.improvement is None else self.improvement.estimate
        return {1.0: self.ours, 0.0: self.theirs}.get(-1.0 if estimate is None else estimate, "")


def adjust_verdicts(rows: Sequence[Row], statistic: Statistic, alpha: float) -> list[Row]:
    """Return the rows of a family after Holm, with their verdicts. A row without a test counts as p = 1."""
    p_holm = holm({str(i): 1.0 if row.p is None else row.p for i, row in enumerate(rows)})
    return [_with_verdict(row, p_holm[str(i)], len(rows), statistic, alpha) for i, row in enumerate(rows)]


def _with_verdict(row: Row, p_holm: float, family: int, statistic: Statistic, alpha: float) -> Row:
    if row.p is None or row.difference is None:
        return row
    verdict, notes = row.verdict, [row.note]
    separation = f"every run of {row.separated} scored higher" if row.separated else ""
    if row.verdict == "undecided" and p_holm <= alpha:
        # A test may reject although the estimates are equal; neither side is then better.
        verdict = {1.0: "better", -1.0: "worse"}.get(float(np.sign(row.difference.estimate)), "undecided")
    elif verdict != "identical":
        notes += [separation, _out_of_reach(row, family, statistic, alpha)]
    if verdict in ("better", "worse", "undecided"):
        notes.append("" if any(notes[2:]) else _disagreement(row, verdict, p_holm, family, alpha))
    fewest = runs_needed(max(1, family), alpha, statistic) if row.environment else 0
    to_show = None if row.runs_to_show is None or verdict in DECIDED else max(row.runs_to_show, fewest)
    return replace(row, verdict=verdict, p_holm=p_holm, note="; ".join(filter(None, notes)), runs_to_show=to_show)


def _out_of_reach(row: Row, family: int, statistic: Statistic, alpha: float) -> str:
    """Return why these runs could not have shown anything, whatever their scores, or ""."""
    if row.smallest_p is None or row.smallest_p * family <= alpha:
        return ""
    few = too_few(*row.n, family, alpha, statistic) if row.environment else ""
    return few or f"because some scores are equal, p cannot fall below {row.smallest_p:.2g}"


def _disagreement(row: Row, verdict: str, p_holm: float, family: int, alpha: float) -> str:
    """Return why the verdict and the interval of the difference disagree, or ""."""
    interval = row.difference
    if interval is None or row.p is None or row.p_permutation is None or row.p_welch is None:
        return ""
    holds_zero = interval.low <= 0 <= interval.high
    if verdict in ("better", "worse"):
        return "the tests decide, although the bootstrap interval includes 0" if holds_zero else ""
    if holds_zero:
        return ""
    if row.p <= alpha:
        return f"the interval leaves 0 out, but it allows for one comparison and not for {family}"
    if row.p_permutation <= alpha:
        return "the interval leaves 0 out, but Welch's t finds too few runs for how much they vary"
    if row.tasks > 1:
        return (
            "the interval leaves 0 out, but exchanging labels within tasks often gives as large a difference: the"
            " tasks differ in who is ahead, or by how much"
        )
    return "the interval leaves 0 out, but exchanging labels often gives as large a difference"
