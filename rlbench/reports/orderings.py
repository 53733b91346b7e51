"""Learners in order of their scores, and which of them are not shown to differ, on each task and over several.

Learners are ordered by their estimates. A pair is shown to differ only if a verdict of the page calls the one with the
higher estimate better.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence, Set
from dataclasses import dataclass
from functools import cached_property
from itertools import combinations

from rlbench.analysis import Results, Scores
from rlbench.analysis.publications import ranked
from rlbench.analysis.sequential_log import Decisions
from rlbench.analysis.verdicts import Row
from rlbench.reports.task_panels import Panel, learners, panels
from rlbench.stats import iqm, overall_iqm
from rlbench.stats.sequential_design import BETTER, EQUIVALENT

Pair = tuple[str, str]


@dataclass(frozen=True)
class Ordering:
    """Learners that have a score, the highest IQM first. There is at least one.

    tasks: one task, or the tasks over which every pair was compared. iqm: the IQM of each learner, normalised if there
    are several tasks. runs: the fewest and the most runs that a learner has on a task. rows: the comparisons of the
    learners on these tasks. tested: whether the pairs were compared on these tasks. decided: how many pairs a verdict
    decides. better: pairs of which the first is shown to be better than the second.
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
        """Groups of learners of which no two are shown to differ. Every pair not shown to differ is in some group."""
        return together(list(self.iqm), self.better)

    @property
    def leaders(self) -> list[str]:
        """The learner with the highest IQM, and all learners that it is not shown to be better than."""
        first = next(iter(self.iqm))
        return [name for name in self.iqm if (first, name) not in self.better]


def orderings(results: Results) -> list[Ordering]:
    """Return the orderings over several tasks, if there are any, then those on single tasks.

    Tasks with fewer than two learners are left out.
    """
    if sum(1 for name in results.final_scores.learners if results.final_scores.of(name)) < 2:
        return []
    both = [*_over_tasks(results), *(_on_task(results, task) for task in results.final_scores.environments)]
    return [ordering for ordering in both if len(ordering.iqm) > 1]


def together(names: Sequence[str], apart: Set[Pair]) -> list[tuple[str, ...]]:
    """Return groups of names: no group has two names that are apart, and every pair that is not apart is in a group.

    apart: pairs, each in the order of `names`. A pair in the opposite order is ignored: a verdict on training returns,
    for example, may contradict the order of the scores. The names of a group are in the order of `names`. Groups may
    overlap, and may leave out names in between: the first and the third name may be apart while the first and the
    fourth are not.
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
    scored = [s for (_, env), s in scores.samples.items() if env == task and s.n and not s.random]
    together = ranked(scored)
    samples = [sample for sample in scored if sample.algorithm in together]
    values = {sample.algorithm: float(iqm(sample.scores)) for sample in samples}
    counts = [sample.n for sample in samples]
    sequential = _sequential(results)
    if sequential is not None:
        return _by_decisions((task,), values, counts, sequential, tested=len(scores.environments) == 1)
    rows = [row for row in results.all_pairs.rows if row.environment == task]
    return _by_tests((task,), values, counts, rows)


def _over_tasks(results: Results) -> list[Ordering]:
    """Return an ordering for each set of several tasks over which all pairs of its learners were compared."""
    scores, found = results.final_scores, []
    for panel in panels(scores, anchored=True):
        names = _ranked_on_all(panel, scores)
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


def _ranked_on_all(panel: Panel, scores: Scores) -> list[str]:
    """Return the panel's learners that can be ranked together on each of its tasks."""
    names = learners(panel, scores)
    on_each = [ranked([scores.samples[name, task] for name in names]) for task in panel.tasks]
    return [name for name in names if all(name in together for together in on_each)]


def _sequential(results: Results) -> Decisions | None:
    """Return the decisions of the sequential tests if this suite's verdicts come from them, else None."""
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
