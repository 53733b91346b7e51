"""Where the settings of an algorithm's trials come from: all drawn at random, or in batches that follow the scores."""

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
    """What the settings of an algorithm's trials depend on, besides the scores of its earlier trials.

    label: of the algorithm. defaults: its hyperparameters without a setting. drawn: as many settings as there are
    trials, drawn at random; the first is the suite's own. sampler: as in the suite. seed: of the search.
    """

    label: str
    space: Space
    defaults: Mapping[str, Any]
    drawn: tuple[Setting, ...]
    sampler: str
    seed: int

    def batch(self, trials: Sequence[tuple[Setting, float]]) -> list[Setting]:
        """Return the settings of the trials after these; [] if these are all. trials: settings and scores, in order."""
        done, left = len(trials), len(self.drawn) - len(trials)
        if self.sampler == "random":
            return list(self.drawn[done:])
        if done < TPE_STARTUP:
            return list(self.drawn[done:TPE_STARTUP])
        count = min(BATCH, left)
        return propose(self.label, self.space, self.defaults, trials, self.drawn, count, self.seed) if count else []
