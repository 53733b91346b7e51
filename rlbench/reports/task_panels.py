"""Which algorithms can be compared over which tasks: everyone on the same ones, or the easier tasks would decide."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from numpy.random import Generator
from numpy.typing import NDArray

from rlbench.analysis import Scores, seeded
from rlbench.reports.style import in_a_row


@dataclass(frozen=True)
class Panel:
    """Algorithms that all have scores on all of these tasks. number: from 1 on, for names of figures."""

    number: int
    tasks: tuple[str, ...]
    algorithms: tuple[str, ...]

    @property
    def title(self) -> str:
        return in_a_row(self.tasks, 8)

    def raw(self, scores: Scores, algorithm: str) -> dict[str, NDArray]:
        """Scores [n] by task."""
        found = scores.of(algorithm)
        return {task: found[task] for task in self.tasks}

    def normalised(self, scores: Scores, algorithm: str) -> dict[str, NDArray]:
        return scores.normalised(self.raw(scores, algorithm))

    def draw(self, scores: Scores, what: str, *algorithms: str) -> Generator:
        """A generator that the runs of these algorithms decide."""
        keys = (key for name in algorithms for task in self.tasks for key in scores.samples[name, task].keys)
        return seeded(keys, what)


def panels(scores: Scores, anchored: bool, few: int = 1) -> list[Panel]:
    """For each set of tasks that some algorithm was scored on, everyone who has all of them; the largest sets first.

    anchored: only tasks that have anchors. few: a single task is left out where there are more than so many sets, since
    it has its own figures. Sets with one algorithm alone are left out.
    """
    having: dict[str, frozenset[str]] = {}
    for name in scores.algorithms:
        tasks = frozenset(scores.of(name))
        having[name] = tasks & frozenset(scores.anchors) if anchored else tasks
    sets = sorted({tasks for tasks in having.values() if tasks}, key=lambda tasks: (-len(tasks), sorted(tasks)))
    if len(scores.environments) > few:
        sets = [tasks for tasks in sets if len(tasks) > 1] or sets
    found: list[Panel] = []
    for tasks in sets:
        algorithms = tuple(name for name in scores.algorithms if tasks <= having[name])
        if len(algorithms) > 1:
            ordered = tuple(task for task in scores.environments if task in tasks)
            found.append(Panel(len(found) + 1, ordered, algorithms))
    return found


def resamples(panel: Panel, scores: Scores, usual: int) -> int:
    """Fewer where there are very many runs, which make intervals smooth."""
    return (
        usual
        if sum(scores.samples[name, t].n for name in panel.algorithms for t in panel.tasks) < 2_000
        else usual // 10
    )


def enough(panel: Panel, scores: Scores, algorithm: str, runs: int = 3) -> bool:
    """Whether the algorithm has so many runs on each task, as an interval needs."""
    return all(len(values) >= runs for values in panel.raw(scores, algorithm).values())


def counts(panel: Panel, scores: Scores, algorithm: str) -> str:
    """How many runs on each task, as in "5" or "5, 4"."""
    numbers = [len(values) for values in panel.raw(scores, algorithm).values()]
    return str(numbers[0]) if len(set(numbers)) == 1 else ", ".join(map(str, numbers))


def learners(panel: Panel, scores: Scores) -> list[str]:
    """The panel's algorithms without `random`, in its order."""
    return [name for name in panel.algorithms if name in scores.learners]


def without_anchors(scores: Scores) -> str:
    """What is said of tasks that normalised scores leave out."""
    missing = [task for task in scores.environments if task not in scores.anchors]
    if not missing:
        return ""
    return f"Without anchors, and so not in it: {in_a_row(missing)} (see `rlbench anchors`)."


def anchors_in_words(scores: Scores, tasks: Mapping[str, object] | tuple[str, ...]) -> str:
    """Lower and upper anchor of each task, in its returns; every task has some."""
    return "; ".join(f"{task} {scores.anchors[task].lower:g} and {scores.anchors[task].upper:g}" for task in tasks)
