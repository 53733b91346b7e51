"""Acts by a number that is none."""

import numpy as np

from rlbench import Algorithm, AlgorithmSpec, Supports, hookimpl


class Broken(Algorithm):
    def act(self, obs):
        return (obs[..., 2] > 0).astype(int)

    def train(self, interaction):
        interaction.reset()
        while not interaction.finished:
            actions = self.act(interaction.obs)
            interaction.step(actions if interaction.steps < 50 else np.full(actions.shape, np.nan))


@hookimpl
def rlbench_algorithms():
    return [AlgorithmSpec("nans", Broken, Supports(discrete=True))]
