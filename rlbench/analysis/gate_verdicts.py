"""Verdicts of a gate over arrays of runs: "fail" (the loss is shown to be above the margin), "pass" (it is shown to be
below) or "undecided".

"fail" has level α for the whole gate: Holm's correction covers every tested case. A gate passes only if every case
passes, so each "pass" is tested at α by itself. If the true loss of a case is the margin or more, the gate passes with
probability at most α (Berger 1982, intersection-union). A case is the score, or the speed, of one algorithm on a task.
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
    DetectableLoss,
    Interval,
    MarginTest,
    Statistic,
    detectable_loss,
    difference,
    fewest_runs,
    holm,
    margin_test,
    overall_iqm,
)

Name = TypeVar("Name", bound=Hashable)
_EDGE = 1e-9  # relative to the margin, for rounding
PASS, FAIL, UNDECIDED, IDENTICAL = "pass", "fail", "undecided", "identical"


@dataclass(frozen=True)
class Case:
    """One comparison with a margin: new [n] and base [m], in the margin's unit, higher is better.

    generator: used for the random draws of this case. obstacle: why the case cannot pass, whatever its numbers are
    (failed runs, for example), or "".
    """

    new: NDArray[np.float64]
    base: NDArray[np.float64]
    margin: float
    generator: Generator
    obstacle: str = ""


@dataclass(frozen=True)
class ExplainedVerdict:
    """A CaseVerdict with the interval of the difference and, if the case is undecided, a plan of what would decide it.

    Values are None if there are fewer runs than a test needs. note: reasons other than the scores why the case is
    undecided (too few runs, failed runs), or that interval and verdict disagree.
    """

    verdict: str
    p_greater: float | None = None
    test: MarginTest | None = None
    interval: Interval | None = None
    plan: DetectableLoss | None = None
    note: str = ""


@dataclass(frozen=True)
class CaseVerdict:
    """Verdict of one case: pass, fail or undecided.

    p_greater: p of the hypothesis that the loss is at most the margin, adjusted by Holm over all cases of the gate.
    test: None if there are too few runs.
    """

    verdict: str
    p_greater: float
    test: MarginTest | None


def case_verdicts(
    cases: Mapping[Name, Case], alpha: float, statistic: Statistic = overall_iqm, permutations: int = 50_000
) -> dict[Name, CaseVerdict]:
    """Return the verdict of each case, by name. Cases with fewer than five runs on a side count in the family as p = 1.

    A test with at most four times `permutations` splits, and at most EXACT_UP_TO, enumerates all of them.
    """
    exact = min(EXACT_UP_TO, 4 * permutations)
    tests = {
        name: margin_test(case.new, case.base, case.margin, case.generator, statistic, permutations, exact)
        for name, case in cases.items()
        if min(len(case.new), len(case.base)) >= FEWEST_FOR_VERDICT
    }
    adjusted = holm({str(i): tests[name].p_greater if name in tests else 1.0 for i, name in enumerate(cases)})
    verdicts = {}
    for i, (name, case) in enumerate(cases.items()):
        test, verdict = tests.get(name), UNDECIDED
        if adjusted[str(i)] <= alpha:
            verdict = FAIL
        elif test is not None and test.p_smaller <= alpha and not case.obstacle:
            verdict = PASS
        verdicts[name] = CaseVerdict(verdict, adjusted[str(i)], test)
    return verdicts


def explained_verdicts(
    cases: Mapping[Name, Case], alpha: float, statistic: Statistic = overall_iqm, permutations: int = 50_000
) -> dict[Name, ExplainedVerdict]:
    """Return `case_verdicts` with explanations. Intervals use as many resamples as there are permutations."""
    verdicts = case_verdicts(cases, alpha, statistic, permutations)
    return {
        name: _explain(case, verdicts[name], alpha, len(cases), statistic, permutations) for name, case in cases.items()
    }


def _explain(
    case: Case, decided: CaseVerdict, alpha: float, family: int, statistic: Statistic, resamples: int
) -> ExplainedVerdict:
    """Add the interval, the plan and the notes to a verdict."""
    verdict, test = decided.verdict, decided.test
    n, m = len(case.new), len(case.base)
    if test is None:
        few = f"{n} runs against {m}: descriptive only; a test needs {FEWEST_FOR_VERDICT} on each side"
        return ExplainedVerdict(verdict, note="; ".join(filter(None, [few, case.obstacle])))
    interval = difference([case.new], [case.base], statistic, case.generator, resamples=resamples)
    if verdict != UNDECIDED:
        reasons = [case.obstacle, disagreement(verdict, interval, case.margin)]
        return ExplainedVerdict(verdict, decided.p_greater, test, interval, note="; ".join(filter(None, reasons)))
    levels = alpha / family, alpha
    plan = detectable_loss(
        case.new, case.base, case.margin, case.generator, *levels, statistic, fewest=FEWEST_FOR_VERDICT
    )
    notes = [case.obstacle] if case.obstacle else []
    if test.smallest > levels[0]:
        needed = fewest_runs(levels[0])
        notes.append(f"n too small: with {family} cases, showing a loss takes {needed} runs on each side")
    return ExplainedVerdict(verdict, decided.p_greater, test, interval, plan, "; ".join(notes))


def disagreement(verdict: str, interval: Interval, margin: float) -> str:
    """Return a note if the tests decided although the interval extends to the other side of the margin, or ""."""
    if verdict == PASS and interval.low < -margin * (1 + _EDGE):
        return "the tests show a loss below the margin, although the bootstrap interval includes a larger one"
    if verdict == FAIL and interval.high > -margin * (1 - _EDGE):
        return "the tests show a loss above the margin, although the bootstrap interval includes a smaller one"
    return ""


def overall(verdicts: Sequence[str]) -> str:
    """Return the verdict of the gate.

    It is fail if a case fails, else undecided if a case is undecided, else pass if a case passes, else identical. A
    gate without cases is undecided.
    """
    for verdict in (FAIL, UNDECIDED, PASS):
        if verdict in verdicts:
            return verdict
    return IDENTICAL if verdicts else UNDECIDED
