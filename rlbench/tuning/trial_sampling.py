"""The source of an algorithm's settings: all drawn at random, or proposed in batches from the scores so far."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from rlbench.suites.search_space import Space
from rlbench.suites.tune_models import TPE_STARTUP
from rlbench.tuning.random_search import Setting
from rlbench.tuning.tpe_sampler import BATCH, propose


@dataclass(frozen=True)
class TrialSampling:
    """All that the settings of an algorithm's trials depend on, except the scores of its earlier trials.

    label: label of the algorithm. defaults: its hyperparameters before a setting changes them. drawn: as many settings
    as there are trials, drawn at random; the first is the suite's own. sampler: as in the suite. seed: seed of the
    search.
    """

    label: str
    space: Space
    defaults: Mapping[str, Any]
    drawn: tuple[Setting, ...]
    sampler: str
    seed: int

    def batch(self, trials: Sequence[tuple[Setting, float]]) -> list[Setting]:
        """Return the settings of the next trials, [] if none. trials: settings and scores so far, in order."""
        done, left = len(trials), len(self.drawn) - len(trials)
        if self.sampler == "random":
            return list(self.drawn[done:])
        if done < TPE_STARTUP:
            return list(self.drawn[done:TPE_STARTUP])
        count = min(BATCH, left)
        return propose(self.label, self.space, self.defaults, trials, self.drawn, count, self.seed) if count else []
