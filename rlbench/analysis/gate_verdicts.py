"""A gate's verdicts over arrays of runs: a loss greater than the margin, shown to be smaller, or undecided.

"fail" is said at α for the whole gate: Holm's correction over every case that is tested. A gate passes only where every
case does, so each "pass" is held to α by itself (the gate then passes with a loss of the margin or more somewhere with
probability at most α; Berger 1982, intersection-union). Cases are algorithms on tasks, and their speeds.
"""

from __future__ import annotations

from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass
from typing import TypeVar

import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

from rlbench.analysis.final_scores import FEWEST_FOR_VERDICT
from rlbench.stats import (
    EXACT_UP_TO,
    Detectable,
    Interval,
    MarginTest,
    Statistic,
    detectable,
    difference,
    fewest_runs,
    holm,
    margin_test,
    overall_iqm,
)

Name = TypeVar("Name", bound=Hashable)
_EDGE = 1e-9  # of the margin: rounding
PASS, FAIL, UNDECIDED, IDENTICAL = "pass", "fail", "undecided", "identical"


@dataclass(frozen=True)
class Case:
    """What is held against a margin: new [n] and base [m], in the margin's unit, higher being better. generator: for the
    draws of this case. obstacle: why it cannot pass whatever the numbers say (runs that failed, say), or ""."""

    new: NDArray[np.float64]
    base: NDArray[np.float64]
    margin: float
    generator: Generator
    obstacle: str = ""


@dataclass(frozen=True)
class Judged:
    """As Decided, with the interval of the difference and, of an undecided case, what it would take; None with fewer runs
    than a test takes. note: why it is undecided, where the numbers alone do not say, or that interval and verdict disagree."""

    verdict: str
    p_greater: float | None = None
    test: MarginTest | None = None
    interval: Interval | None = None
    plan: Detectable | None = None
    note: str = ""


@dataclass(frozen=True)
class Decided:
    """verdict: pass, fail or undecided. p_greater: adjusted by Holm over the gate. test: None with fewer runs than it takes."""

    verdict: str
    p_greater: float
    test: MarginTest | None


def decide(
    cases: Mapping[Name, Case], alpha: float, statistic: Statistic = overall_iqm, permutations: int = 50_000
) -> dict[Name, Decided]:
    """The verdict of each case, by whatever names them. One of fewer than five runs on a side counts in the family as p = 1.

    Up to four times as many splits as `permutations` are all counted.
    """
    exact = min(EXACT_UP_TO, 4 * permutations)
    tests = {
        name: margin_test(case.new, case.base, case.margin, case.generator, statistic, permutations, exact)
        for name, case in cases.items()
        if min(len(case.new), len(case.base)) >= FEWEST_FOR_VERDICT
    }
    adjusted = holm({str(i): tests[name].p_greater if name in tests else 1.0 for i, name in enumerate(cases)})
    found = {}
    for i, (name, case) in enumerate(cases.items()):
        test, verdict = tests.get(name), UNDECIDED
        if adjusted[str(i)] <= alpha:
            verdict = FAIL
        elif test is not None and test.p_smaller <= alpha and not case.obstacle:
            verdict = PASS
        found[name] = Decided(verdict, adjusted[str(i)], test)
    return found


def judge(
    cases: Mapping[Name, Case], alpha: float, statistic: Statistic = overall_iqm, permutations: int = 50_000
) -> dict[Name, Judged]:
    """`decide`, and what there is to say about each verdict; intervals from as many resamples as there are permutations."""
    decided = decide(cases, alpha, statistic, permutations)
    return {
        name: _described(case, decided[name], alpha, len(cases), statistic, permutations)
        for name, case in cases.items()
    }


def _described(case: Case, decided: Decided, alpha: float, family: int, statistic: Statistic, resamples: int) -> Judged:
    verdict, test = decided.verdict, decided.test
    n, m = len(case.new), len(case.base)
    if test is None:
        few = f"{n} runs against {m}: descriptive only; needs {FEWEST_FOR_VERDICT} on each side"
        return Judged(verdict, note="; ".join(filter(None, [few, case.obstacle])))
    interval = difference([case.new], [case.base], statistic, case.generator, resamples=resamples)
    if verdict != UNDECIDED:
        said = [case.obstacle, disagreement(verdict, interval, case.margin)]
        return Judged(verdict, decided.p_greater, test, interval, note="; ".join(filter(None, said)))
    levels = alpha / family, alpha
    plan = detectable(case.new, case.base, case.margin, case.generator, *levels, statistic, fewest=FEWEST_FOR_VERDICT)
    notes = [case.obstacle] if case.obstacle else []
    if test.smallest > levels[0]:
        notes.append(f"n too small: to show a loss among {family} takes {fewest_runs(levels[0])} runs on each side")
    return Judged(verdict, decided.p_greater, test, interval, plan, "; ".join(notes))


def disagreement(verdict: str, interval: Interval, margin: float) -> str:
    """Say that the interval reaches across the margin although the tests have decided, or ""."""
    if verdict == PASS and interval.low < -margin * (1 + _EDGE):
        return "the tests decide, although resampling leaves a loss of the margin in the interval"
    if verdict == FAIL and interval.high > -margin * (1 - _EDGE):
        return "the tests decide, although resampling leaves a loss within the margin in the interval"
    return ""


def overall(verdicts: Sequence[str]) -> str:
    """Of the whole gate: fail if one case fails, else undecided if one is, else pass (or identical, if all are)."""
    for verdict in (FAIL, UNDECIDED, PASS):
        if verdict in verdicts:
            return verdict
    return IDENTICAL if verdicts else UNDECIDED
