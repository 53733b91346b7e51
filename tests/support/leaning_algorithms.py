"""Algorithms that learn nothing: a threshold, which is a hyperparameter, decides how long a pole stays up. A plugin file.

The best threshold is 0, and 2 is the default. `brittle` fails with much noise.
"""

from dataclasses import dataclass
from typing import Annotated

import numpy as np
from pydantic import Field

from rlbench import Algorithm, AlgorithmSpec, Supports, hookimpl


class Leans(Algorithm):
    @dataclass(frozen=True)
    class Config:
        threshold: float = 2.0
        noise: Annotated[float, Field(ge=0, le=1)] = 0.4

    def act(self, obs):
        """Lean right where the pole does, by an amount that differs between seeds with some noise."""
        seeds = np.asarray(self.streams.seeds).reshape(-1, *[1] * (obs.ndim - 2))
        return (obs[..., 2] > self.config.threshold + 0.02 * self.config.noise * seeds).astype(int)

    def train(self, interaction):
        interaction.reset()
        while not interaction.finished:
            interaction.step(self.act(interaction.obs))


class Misled(Leans):
    """Threshold 4 is good for seeds of the tuning space, and bad for all others."""

    def act(self, obs):
        good = (self.config.threshold == 4) == (self.streams.space == "tuning")
        seeds = np.asarray(self.streams.seeds).reshape(-1, *[1] * (obs.ndim - 2))
        return (obs[..., 2] > (0.0 if good else 0.15) + 0.01 * seeds).astype(int)


class Brittle(Leans):
    def train(self, interaction):
        if self.config.noise > 0.5:
            raise RuntimeError("too much noise")
        super().train(interaction)


@hookimpl
def rlbench_algorithms():
    return [AlgorithmSpec(kind.__name__.lower(), kind, Supports(discrete=True)) for kind in (Leans, Misled, Brittle)]
