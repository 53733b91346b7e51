"""The verdict at a glance: for each task the learners in order, with lines under those not shown to differ."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from rlbench.analysis import FEWEST_FOR_VERDICT, Results
from rlbench.api.sections import Folded, Paragraph, Part, Ranking
from rlbench.reports.orderings import Ordering, orderings
from rlbench.reports.scores_section import chance_cells
from rlbench.reports.verdict_sentences import runs_out_of_reach
from rlbench.text import digits_for, join_names, number, plural

MOST_IN_STRIP = 40
MOST_TASKS_SHOWN = 20  # more are folded, below a sentence on how often each algorithm leads
_HOW = (
    "Best first, with the IQM in grey. A line joins algorithms that are not shown to differ; two without a common line"
    " are shown to differ."
)
_DOTTED = "A line is dotted below an algorithm that does not belong to it."
_RANDOM = "random is not compared."


def ranking_strips(results: Results) -> list[Part]:
    """Return a strip for each ordering of at least two learners, the orderings over several tasks first."""
    if len(results.final_scores.learners) > MOST_IN_STRIP:
        return [Paragraph(f"With more than {MOST_IN_STRIP} algorithms, their order is not drawn.", quiet=True)]
    found = orderings(results)
    over_tasks = [ordering for ordering in found if len(ordering.tasks) > 1]
    single = [ordering for ordering in found if len(ordering.tasks) == 1]
    strips: list[Part] = [_strip(ordering, results) for ordering in over_tasks]
    by_task = [_strip(ordering, results) for ordering in single]
    if len(by_task) > MOST_TASKS_SHOWN:
        strips += [Paragraph(_leaders(single)), Folded(f"All {len(by_task)} tasks", by_task)]
    else:
        strips += by_task
    if not strips:
        return []
    below = [*[_DOTTED] * any(map(has_gap, found)), *[_RANDOM] * bool(chance_cells(results))]
    return [Paragraph(_HOW, quiet=True), *strips, *([Paragraph(" ".join(below), quiet=True)] if below else [])]


def has_gap(ordering: Ordering) -> bool:
    """Return whether a line passes below an algorithm that does not belong to it."""
    names = list(ordering.iqm)
    places = [[names.index(name) for name in line] for line in ordering.together]
    return any(line[-1] - line[0] >= len(line) for line in places)


def _strip(ordering: Ordering, results: Results) -> Ranking:
    one_task = len(ordering.tasks) == 1
    title = ordering.tasks[0] if one_task else _over(ordering.tasks, results)
    values = list(ordering.iqm.values())
    chance = chance_cells(results).get(title) if one_task else None
    beyond = [] if chance is None or chance.iqm is None else [chance.iqm]
    digits = digits_for([*values, *beyond]) if one_task else 2
    entries = [(name, number(value, digits)) for name, value in ordering.iqm.items()]
    apart = [] if chance is None or not beyond else [(chance.algorithm, number(chance.iqm, digits))]
    return Ranking(title, entries, ordering.together, apart, _how_sure(ordering))


def _over(tasks: Sequence[str], results: Results) -> str:
    return f"All {len(tasks)} tasks" if len(tasks) == len(results.tasks) else join_names(tasks, 4)


def _how_sure(ordering: Ordering) -> str:
    """Return how many pairs are decided, and how many runs each algorithm has on a task."""
    fewest, most = ordering.runs
    runs = f"{plural(most, 'run')} each" if fewest == most else f"{fewest} to {most} runs each"
    runs += " on each task; normalised scores" if len(ordering.tasks) > 1 else ""
    if not ordering.tested:
        return f"not tested on this task alone; {runs}" if len(ordering.tasks) == 1 else f"not tested; {runs}"
    text = f"{ordering.decided} of {plural(ordering.pairs, 'pair')} decided; {runs}"
    if most < FEWEST_FOR_VERDICT:
        return f"{text}: too few to decide"
    needed = runs_out_of_reach([row for row in ordering.rows if not row.decided])
    return (
        f"{text}; deciding the others takes at least {needed} runs each"
        if needed and ordering.decided
        else (f"{text}; deciding any takes at least {needed} runs each" if needed else text)
    )


def _leaders(single: Sequence[Ordering]) -> str:
    """Return on how many tasks each algorithm has the highest IQM, and on how many it is shown to be the best."""
    first = Counter(next(iter(ordering.iqm)) for ordering in single)
    alone = Counter(ordering.leaders[0] for ordering in single if len(ordering.leaders) == 1)
    counts = [
        f"{name} on {plural(count, 'task')}{f' (shown to be the best on {alone[name]})' if alone[name] else ''}"
        for name, count in first.most_common()
    ]
    nobody = "" if alone else " On no task is one algorithm shown to be better than all others."
    return f"Highest IQM: {join_names(counts)}.{nobody}"
