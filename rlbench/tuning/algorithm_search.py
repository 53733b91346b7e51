"""The outcome of a search: an algorithm's trials, the chosen trial, and what the first-round scores show."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from rlbench.analysis.final_scores import seeded_generator
from rlbench.stats import overall_iqm
from rlbench.suites.tuned_models import TunedEntry
from rlbench.tuning.parameter_response import Response, responses
from rlbench.tuning.random_search import Setting
from rlbench.tuning.single_setting_cost import TaskCost, task_costs
from rlbench.tuning.trial_sampling import TrialSampling


@dataclass(frozen=True)
class Trial:
    """One setting of an algorithm.

    seeds: how many seeds it has trained. score: -inf if a run failed or diverged. failures: number of runs that failed
    or diverged, by status. first: by task, the scores [n] of its runs in the first round, in which all trials have the
    same seeds; normalised if there are several tasks; empty if a run failed or diverged in that round. reached: how
    many of its runs reached the threshold; None if there is no threshold.
    """

    number: int
    setting: Setting
    seeds: int
    score: float
    failures: Mapping[str, int]
    first: Mapping[str, NDArray[np.float64]]
    reached: int | None = None

    @property
    def first_score(self) -> float:
        """The score after the first round; -inf if a run failed or diverged in it."""
        return float(overall_iqm(list(self.first.values()))) if self.first else -np.inf


@dataclass(frozen=True)
class AlgorithmSearch:
    """The search for one algorithm.

    sampling: the source of the settings. chosen: number of the chosen trial. tasks: names of the tasks. normalised:
    whether scores are normalised. runs, steps: runs and environment steps that the search took.
    """

    algorithm: str
    sampling: TrialSampling
    trials: tuple[Trial, ...]
    chosen: int
    tasks: tuple[str, ...]
    normalised: bool
    runs: int
    steps: int

    @property
    def winner(self) -> Trial:
        return self.trials[self.chosen]

    @property
    def failed(self) -> list[Trial]:
        return [trial for trial in self.trials if trial.failures]

    @property
    def responses(self) -> tuple[Response, ...]:
        """The response to each hyperparameter of the space, over all trials whose settings were drawn from it."""
        drawn = [(trial.setting, trial.first_score) for trial in self.trials[1:]]
        return responses(self.algorithm, self.sampling.space, drawn, self.sampling.seed)

    @property
    def task_costs(self) -> tuple[TaskCost, ...]:
        """What it costs on each task that one setting was chosen for all tasks; () for a single task."""
        first = {trial.number: trial.first for trial in self.trials if trial.first}
        return task_costs(first, self.chosen, seeded_generator([self.algorithm, str(self.sampling.seed)], "costs"))

    def tuned(self, where: str) -> TunedEntry:
        """Return this search in the form of a suite's key `tuned`. where: the command that ran it."""
        seeds = {trial.seeds for trial in self.trials}
        same = seeds.pop() if len(seeds) == 1 else None  # if they differ, trials and steps say what was spent
        return TunedEntry(trials=len(self.trials), seeds=same, steps=self.steps or None, where=where)
