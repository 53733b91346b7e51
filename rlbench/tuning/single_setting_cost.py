"""The cost of one setting for all tasks: the best trial on each task against the trial chosen over all tasks.

The best of many trials on one task is partly the luckiest, more so than the trial that is best over several tasks. So
the difference is above 0 even if every setting is equally good on every task. Simulated searches show by how much.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

from rlbench.stats import iqm, overall_iqm

FEWEST_SEARCHES, MOST_SEARCHES = 100, 2_000
_MOST_DRAWS = 4_000_000  # simulated runs in all simulated searches together


@dataclass(frozen=True)
class TaskCost:
    """The cost on one task, in normalised scores after the first round, in which all trials had the same seeds.

    chosen: the score of the trial chosen over all tasks. best: the highest score of a trial. best_trial: the number of
    that trial. luck: the mean of best − chosen in a search where all settings are equal; None if trials have one seed,
    because their spread is then unknown.
    """

    task: str
    chosen: float
    best: float
    best_trial: int
    luck: float | None

    @property
    def cost(self) -> float:
        return self.best - self.chosen


def task_costs(
    first: Mapping[int, Mapping[str, NDArray[np.float64]]], chosen: int, generator: Generator
) -> tuple[TaskCost, ...]:
    """Return the cost on each task; () for a single task, or if the chosen trial has no scores.

    first: by trial number and task, the normalised scores [n] of the trial's first-round runs, without failed trials.
    chosen: the number of the trial chosen over all tasks.
    """
    if len(first.get(chosen, {})) < 2:
        return ()
    luck = _luck(list(first.values()), list(first[chosen]), generator)
    costs = []
    for task, by_luck in zip(first[chosen], luck):
        scores = {number: float(iqm(runs[task])) for number, runs in first.items()}
        best = max(scores, key=lambda number: (scores[number], number == chosen, -number))
        costs.append(TaskCost(task, scores[chosen], scores[best], best, by_luck))
    return tuple(costs)


def _luck(
    trials: Sequence[Mapping[str, NDArray[np.float64]]], tasks: Sequence[str], generator: Generator
) -> list[float | None]:
    """Return the mean cost on each task in simulated searches where all settings are equal.

    Simulated runs of a task are normal. Their standard deviation is that of runs within a trial, pooled over trials.
    """
    seeds = len(trials[0][tasks[0]])
    if seeds < 2:
        return [None] * len(tasks)
    spread = [float(np.sqrt(np.mean([runs[task].var(ddof=1) for runs in trials]))) for task in tasks]
    draws = len(trials) * len(tasks) * seeds
    searches = int(np.clip(_MOST_DRAWS // draws, FEWEST_SEARCHES, MOST_SEARCHES))
    runs = [scale * generator.standard_normal((searches, len(trials), seeds)) for scale in spread]
    chosen = overall_iqm(runs).argmax(-1)
    return [float((scores.max(-1) - scores[np.arange(searches), chosen]).mean()) for scores in map(iqm, runs)]
