"""Learners in order of their scores, and which of them are not shown to differ, on each task and over several.

The order is that of the estimates. Only the page's verdicts show a difference, so every pair that they do not decide in
the direction of the order stays together.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence, Set
from dataclasses import dataclass
from functools import cached_property
from itertools import combinations

from rlbench.analysis import Results
from rlbench.analysis.sequential_log import Decisions
from rlbench.analysis.verdicts import Row
from rlbench.reports.task_panels import learners, panels
from rlbench.stats import iqm, overall_iqm
from rlbench.stats.sequential_design import BETTER, EQUIVALENT

Pair = tuple[str, str]


@dataclass(frozen=True)
class Ordering:
    """Learners that have a score, the highest IQM first. There is at least one.

    tasks: one task, or the tasks over which every pair was compared. iqm: of each learner, normalised over several
    tasks. runs: the fewest and the most that a learner has on a task. rows: the comparisons of these learners here.
    tested: whether these pairs were compared here at all. decided: how many of them a verdict decides. better: pairs of
    which the first is shown to be better than the second.
    """

    tasks: tuple[str, ...]
    iqm: Mapping[str, float]
    runs: tuple[int, int]
    rows: tuple[Row, ...]
    tested: bool
    decided: int
    better: frozenset[Pair]

    @property
    def pairs(self) -> int:
        return len(self.iqm) * (len(self.iqm) - 1) // 2

    @cached_property
    def together(self) -> list[tuple[str, ...]]:
        """Groups of learners of which no two are shown to differ. Every pair that is not shown to differ is in one."""
        return together(list(self.iqm), self.better)

    @property
    def leaders(self) -> list[str]:
        """The learner with the highest IQM, and those that it is not shown to be better than."""
        first = next(iter(self.iqm))
        return [name for name in self.iqm if (first, name) not in self.better]


def orderings(results: Results) -> list[Ordering]:
    """Return the orderings over several tasks, if there are any, and that of each task with at least two learners."""
    if sum(1 for name in results.final_scores.learners if results.final_scores.of(name)) < 2:
        return []
    both = [*_over_tasks(results), *(_on_task(results, task) for task in results.final_scores.environments)]
    return [ordering for ordering in both if len(ordering.iqm) > 1]


def together(names: Sequence[str], apart: Set[Pair]) -> list[tuple[str, ...]]:
    """Return groups of names of which no two are apart, such that every other pair is in one, in the order of names.

    apart: pairs in the order of names. A pair against that order does not count: a verdict of training returns, say,
    may differ from the order of the scores. Groups may overlap and may leave out names in between: the first and the
    third may be apart while the first and the fourth are not.
    """
    place = {name: at for at, name in enumerate(names)}
    groups: list[tuple[str, ...]] = []
    covered: set[Pair] = set(apart)
    for pair in combinations(names, 2):
        if pair in covered:
            continue
        group = list(pair)
        for name in names:
            if name not in pair and not any(_in_order(name, other, place) in apart for other in group):
                group.append(name)
        groups.append(tuple(sorted(group, key=place.__getitem__)))
        covered.update(combinations(groups[-1], 2))
    return groups


def _in_order(one: str, other: str, place: Mapping[str, int]) -> Pair:
    return (one, other) if place[one] < place[other] else (other, one)


def _on_task(results: Results, task: str) -> Ordering:
    scores = results.final_scores
    samples = [s for (_, env), s in scores.samples.items() if env == task and s.n and not s.random]
    values = {sample.algorithm: float(iqm(sample.scores)) for sample in samples}
    counts = [sample.n for sample in samples]
    sequential = _sequential(results)
    if sequential is not None:
        return _by_decisions((task,), values, counts, sequential, tested=len(scores.environments) == 1)
    rows = [row for row in results.all_pairs.rows if row.environment == task]
    return _by_tests((task,), values, counts, rows)


def _over_tasks(results: Results) -> list[Ordering]:
    """Return the orderings over sets of tasks that all of their pairs were compared over."""
    scores, found = results.final_scores, []
    for panel in panels(scores, anchored=True):
        names = learners(panel, scores)
        if len(panel.tasks) < 2 or len(names) < 2:
            continue
        values = {name: float(overall_iqm(list(panel.normalised(scores, name).values()))) for name in names}
        counts = [scores.samples[name, task].n for name in names for task in panel.tasks]
        sequential = _sequential(results)
        if sequential is not None:
            tested = sequential.scale == "normalised" and all(
                set(sequential.algorithms.get(name, ())) == set(panel.tasks) for name in names
            )
            found.append(_by_decisions(panel.tasks, values, counts, sequential, tested))
            continue
        rows = [row for row in results.all_pairs.rows if not row.environment and {row.ours, row.theirs} <= set(names)]
        if len(rows) == len(names) * (len(names) - 1) // 2 and all(row.tasks == len(panel.tasks) for row in rows):
            found.append(_by_tests(panel.tasks, values, counts, rows))
    return found


def _sequential(results: Results) -> Decisions | None:
    """Return the decisions of the sequential tests if these have the verdict."""
    decisions = results.sequential_decisions if results.document.get("adaptive") else None
    return decisions if decisions is not None and decisions.looks else None


def _by_tests(tasks: tuple[str, ...], iqms: Mapping[str, float], runs: Sequence[int], rows: Sequence[Row]) -> Ordering:
    won = [(row.ours, row.theirs) for row in rows if row.verdict == "better"]
    won += [(row.theirs, row.ours) for row in rows if row.verdict == "worse"]
    decided = sum(row.decided for row in rows)
    return _ordering(tasks, iqms, runs, won, tuple(rows), tested=bool(rows), decided=decided)


def _by_decisions(
    tasks: tuple[str, ...], iqms: Mapping[str, float], runs: Sequence[int], decisions: Decisions, tested: bool
) -> Ordering:
    last = {pair: result for pair, result in decisions.last.items() if set(pair) <= set(iqms) and tested}
    won = [
        (result.winner, pair[1] if result.winner == pair[0] else pair[0])
        for pair, result in last.items()
        if result.outcome == BETTER
    ]
    decided = sum(result.outcome in (BETTER, EQUIVALENT) for result in last.values())
    return _ordering(tasks, iqms, runs, won, (), tested, decided)


def _ordering(
    tasks: tuple[str, ...],
    iqms: Mapping[str, float],
    runs: Sequence[int],
    won: Sequence[Pair],
    rows: tuple[Row, ...],
    tested: bool,
    decided: int,
) -> Ordering:
    ordered = dict(sorted(iqms.items(), key=lambda entry: -entry[1]))
    return Ordering(tasks, ordered, (min(runs, default=0), max(runs, default=0)), rows, tested, decided, frozenset(won))
