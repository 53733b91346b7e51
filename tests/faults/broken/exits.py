"""Ends its process with code 0 in the middle of training."""

import os

from rlbench import Algorithm, AlgorithmSpec, Supports, hookimpl


class Broken(Algorithm):
    def act(self, obs):
        return (obs[..., 2] > 0).astype(int)

    def train(self, interaction):
        interaction.reset()
        while not interaction.finished:
            interaction.step(self.act(interaction.obs))
            if interaction.steps == 50:
                os._exit(0)


@hookimpl
def rlbench_algorithms():
    return [AlgorithmSpec("exits", Broken, Supports(discrete=True))]
