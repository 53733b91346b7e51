"""rlbench's own samplers of curricula: uniform, and by learning progress."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from numpy.random import Generator

from rlbench.api import SamplerSpec, hookimpl

WINDOW = 10  # episodes per mean return; learning progress compares the newest two windows of a task
FLOOR = 0.2  # the share of the episodes that is divided equally among all tasks


class UniformSampler:
    """Chooses every task with equal probability."""

    def __init__(self, tasks: int) -> None:
        self._tasks = tasks

    def choose(self, generator: Generator) -> int:
        return int(generator.integers(self._tasks))

    def update(self, task: int, episode_return: float) -> None:
        return

    def state(self) -> dict[str, Any]:
        return {}

    def load(self, state: Mapping[str, Any]) -> None:
        return


class LearningProgressSampler:
    """Chooses each task with a probability in proportion to its learning progress, plus an equal minimum for all tasks.

    The progress of a task is the absolute difference between the mean return of its newest WINDOW episodes and that of
    the WINDOW episodes before them. With fewer episodes, it is 0. It is absolute, because a falling return means that
    the task is being forgotten. Source: Matiisen et al. 2017, Teacher-Student Curriculum Learning (the window, and the
    absolute value).
    """

    def __init__(self, tasks: int) -> None:
        self._returns: list[list[float]] = [[] for _ in range(tasks)]

    def probabilities(self) -> list[float]:
        """Return the probability of each task. All are equal if none has made progress."""
        progress = [_progress(returns) for returns in self._returns]
        total, tasks = sum(progress), len(progress)
        if not 0 < total < float("inf"):
            return [1 / tasks] * tasks
        return [FLOOR / tasks + (1 - FLOOR) * own / total for own in progress]

    def choose(self, generator: Generator) -> int:
        drawn, reached = float(generator.random()), 0.0
        for task, probability in enumerate(self.probabilities()):
            reached += probability
            if drawn < reached:
                return task
        return len(self._returns) - 1  # rounding made the sum of the probabilities slightly less than 1

    def update(self, task: int, episode_return: float) -> None:
        self._returns[task] = [*self._returns[task], episode_return][-2 * WINDOW :]

    def state(self) -> dict[str, Any]:
        return {"returns": [list(returns) for returns in self._returns]}

    def load(self, state: Mapping[str, Any]) -> None:
        self._returns = [[float(value) for value in returns] for returns in state["returns"]]


def _progress(returns: list[float]) -> float:
    if len(returns) < 2 * WINDOW:
        return 0.0
    return abs(sum(returns[WINDOW:]) / WINDOW - sum(returns[:WINDOW]) / WINDOW)


@hookimpl
def rlbench_samplers() -> list[SamplerSpec]:
    here = __name__
    return [
        SamplerSpec("uniform", f"{here}:UniformSampler", "every task with equal probability"),
        SamplerSpec(
            "learning_progress",
            f"{here}:LearningProgressSampler",
            "tasks whose mean return changes most (Matiisen et al. 2017)",
        ),
    ]
