"""What so many seeds can show, in a few lines of text: said by `check` before the hours are spent."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from rlbench.cli.progress.lines import plural
from rlbench.cli.text_table import plain

if TYPE_CHECKING:
    from rlbench.analysis.seed_count import Reach
    from rlbench.suites import Plan

_MOST_NAMES = 8


def reach_of_plan(planned: Plan) -> Reach:
    """Of all runs of the suite, those that are there already or not chosen among them: `compare` counts them all."""
    from rlbench.analysis import anchors_of
    from rlbench.analysis.seed_count import reach_of

    tasks = {group.task.env_id: group.task for group in planned.groups}
    return reach_of(planned.groups, anchors_of(planned.suite.resolved(), tasks))


def told(found: Reach) -> list[str]:
    """Return at most four lines; none where there is nothing to compare."""
    if not found.pairs:
        return []
    lines = [_single(found)]
    if found.deviations is not None:
        lines.append(
            f"the first of them is shown four times in five if the two lie {found.deviations:.1f} standard deviations of their"
            " runs apart (normal scores); rlbench power says it of real ones"
        )
    if found.pairs_over_tasks:
        lines.append(f"over all tasks: {plural(found.pairs_over_tasks, 'pair')}, a family of their own")
    if len(found.described) == found.learners:
        lines.append("fewer than 5 seeds of an algorithm are only described")
    elif found.described:
        lines.append(f"only described, with fewer than 5 seeds: {plain(_named(found.described))}")
    return lines


def _single(found: Reach) -> str:
    """Whether pairs can be decided on single tasks, and what it would take."""
    low, high = found.seeds
    seeds = plural(low, "seed") if low == high else f"{low} to {high} seeds"
    one = found.pairs == 1
    if not found.decidable:
        which = "the one pair on a single task" if one else f"any of {found.pairs} pairs on a single task"
        return f"{seeds} cannot decide {which}, whatever they score: it takes {found.seeds_needed} of each"
    text = f"{seeds}: {'1 pair on a single task' if one else f'{found.pairs} pairs on single tasks'}; the smallest possible p"
    text += f" after Holm is {found.smallest_p:.2g}, so "
    if found.decidable == found.pairs:
        return text + ("it can be decided" if one else "a pair can be decided")
    return f"{text}{found.decidable} of them can be decided; the others take {found.seeds_needed} of each"


def _named(described: Mapping[str, int]) -> str:
    names = [f"{label} ({n})" for label, n in list(described.items())[:_MOST_NAMES]]
    more = len(described) - len(names)
    return ", ".join([*names, *([f"and {more} more"] if more else [])])
