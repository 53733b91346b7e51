"""Panels: algorithms that can be compared over several tasks because each of them has scores on all these tasks.

If their tasks differed, the algorithm with the easier tasks would win.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

from rlbench.analysis import Scores, seeded_generator
from rlbench.reports.style import file_names
from rlbench.text import join_names


@dataclass(frozen=True)
class Panel:
    """Tasks, and the algorithms that have scores on all of them. name: a part of the names of figures and tables."""

    name: str
    tasks: tuple[str, ...]
    algorithms: tuple[str, ...]

    @property
    def title(self) -> str:
        return join_names(self.tasks, 8)

    def raw(self, scores: Scores, algorithm: str) -> dict[str, NDArray[np.float64]]:
        """Return the scores [n] by task."""
        scores_by_task = scores.of(algorithm)
        return {task: scores_by_task[task] for task in self.tasks}

    def normalised(self, scores: Scores, algorithm: str) -> dict[str, NDArray[np.float64]]:
        """Return the normalised scores [n] by task."""
        return scores.normalised(self.raw(scores, algorithm))

    def draw(self, scores: Scores, what: str, *algorithms: str) -> Generator:
        """Return a random generator, seeded by the keys of these algorithms' runs."""
        keys = (key for name in algorithms for task in self.tasks for key in scores.samples[name, task].keys)
        return seeded_generator(keys, what)


def panels(scores: Scores, anchored: bool, few: int = 1) -> list[Panel]:
    """Return a panel for each set of tasks that some algorithm was scored on, the largest sets first.

    A panel contains every algorithm with scores on all of its tasks; sets with a single algorithm are left out.
    anchored: whether to use only tasks that have anchors. few: if there are more tasks than this, sets of a single task
    are left out, since a single task has its own figures.
    """
    tasks_of: dict[str, frozenset[str]] = {}
    for name in scores.algorithms:
        tasks = frozenset(scores.of(name))
        tasks_of[name] = tasks & frozenset(scores.anchors) if anchored else tasks
    sets = sorted({tasks for tasks in tasks_of.values() if tasks}, key=lambda tasks: (-len(tasks), sorted(tasks)))
    if len(scores.environments) > few:
        sets = [tasks for tasks in sets if len(tasks) > 1] or sets
    shown: list[Panel] = []
    for tasks in sets:
        algorithms = tuple(name for name in scores.algorithms if tasks <= tasks_of[name])
        if len(algorithms) > 1:
            ordered = tuple(task for task in scores.environments if task in tasks)
            shown.append(Panel("", ordered, algorithms))
    everything = len(scores.environments)
    names = file_names(_name(panel.tasks, everything) for panel in shown)
    return [replace(panel, name=names[_name(panel.tasks, everything)]) for panel in shown]


def _name(tasks: Sequence[str], everything: int) -> str:
    return "all tasks" if len(tasks) == everything > 1 else " and ".join(tasks)


def resamples(panel: Panel, scores: Scores, usual: int) -> int:
    """Return the number of resamples: a tenth of `usual` for thousands of runs, whose intervals are smooth anyway."""
    return (
        usual
        if sum(scores.samples[name, t].n for name in panel.algorithms for t in panel.tasks) < 2_000
        else usual // 10
    )


def has_enough_runs(panel: Panel, scores: Scores, algorithm: str, runs: int = 3) -> bool:
    """Return whether the algorithm has at least `runs` runs on each task, as an interval needs."""
    return all(len(values) >= runs for values in panel.raw(scores, algorithm).values())


def counts(panel: Panel, scores: Scores, algorithm: str) -> str:
    """Return the number of runs on each task, as in "5" or "5, 4"."""
    numbers = [len(values) for values in panel.raw(scores, algorithm).values()]
    return str(numbers[0]) if len(set(numbers)) == 1 else ", ".join(map(str, numbers))


def learners(panel: Panel, scores: Scores) -> list[str]:
    """Return the panel's algorithms without `random`, in the panel's order."""
    return [name for name in panel.algorithms if name in scores.learners]


def without_anchors(scores: Scores) -> str:
    """Return a sentence naming the tasks that normalised scores leave out, or "" if there are none."""
    missing = [task for task in scores.environments if task not in scores.anchors]
    if not missing:
        return ""
    return f"Not included, because they have no anchors: {join_names(missing)} (see `rlbench anchors`)."


def anchors_in_words(scores: Scores, tasks: Mapping[str, object] | tuple[str, ...]) -> str:
    """Return a text with each task's lower and upper anchor, in units of its return. Every task must have anchors."""
    ends = {task: (scores.anchors[task].lower, scores.anchors[task].upper) for task in tasks}
    return "; ".join(f"{task} {_exactly(low)} and {_exactly(high)}" for task, (low, high) in ends.items())


def _exactly(value: float) -> str:
    """Format an anchor with all the digits that matter and a minus sign."""
    return f"{value:g}".replace("-", "−")
