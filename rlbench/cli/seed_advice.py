"""Advice on the number of seeds: what a suite's seeds can show, in a few lines that `check` prints before training."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from rlbench.cli.text_table import plain
from rlbench.text import plural

if TYPE_CHECKING:
    from rlbench.analysis.seed_count import Reach
    from rlbench.suites import Plan

_MOST_NAMES = 8


def reach_of_plan(planned: Plan) -> Reach:
    """Return which differences all runs of the suite can show.

    Finished runs and runs that are not selected count too, as in `compare`.
    """
    from rlbench.analysis import anchors_of
    from rlbench.analysis.seed_count import reach_of

    tasks = {group.task.name: group.task for group in planned.groups}
    return reach_of(planned.groups, anchors_of(planned.suite.resolved(), tasks))


def advice(reach: Reach) -> list[str]:
    """Return the advice as at most four lines; no line if there is nothing to compare."""
    if not reach.pairs:
        return []
    lines = [_on_single_tasks(reach)]
    if reach.deviations is not None:
        lines.append(
            f"a difference of {reach.deviations:.1f} standard deviations (normal scores) is shown with a power of 80 %"
            " for the first of these pairs; `rlbench power` estimates this from real runs"
        )
    if reach.pairs_over_tasks:
        lines.append(f"over all tasks: {plural(reach.pairs_over_tasks, 'pair')}, a separate family of tests")
    if len(reach.described) == reach.learners:
        lines.append("with fewer than 5 seeds, an algorithm is described but not tested")
    elif reach.described:
        lines.append(f"described but not tested, with fewer than 5 seeds: {plain(_names(reach.described))}")
    return lines


def _on_single_tasks(reach: Reach) -> str:
    """Return whether pairs can be decided on single tasks, and how many seeds that takes."""
    low, high = reach.seeds
    seeds = plural(low, "seed") if low == high else f"{low} to {high} seeds"
    is_one = reach.pairs == 1
    if not reach.decidable:
        which = "the only pair on a single task" if is_one else f"any of the {reach.pairs} pairs on single tasks"
        return f"{seeds} cannot decide {which}, whatever the scores: {reach.seeds_needed} seeds each are needed"
    text = f"{seeds}: {'1 pair on a single task' if is_one else f'{reach.pairs} pairs on single tasks'}; the smallest"
    text += f" possible p after Holm's correction is {reach.smallest_p:.2g}, so "
    if reach.decidable == reach.pairs:
        return text + ("it can be decided" if is_one else "every pair can be decided")
    return f"{text}{reach.decidable} of them can be decided; the others need {reach.seeds_needed} seeds each"


def _names(described: Mapping[str, int]) -> str:
    names = [f"{label} ({n})" for label, n in list(described.items())[:_MOST_NAMES]]
    more = len(described) - len(names)
    return ", ".join([*names, *([f"and {more} more"] if more else [])])
