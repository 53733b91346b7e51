"""Gives up at once, as a library does after a failed assertion."""

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
                os.abort()


@hookimpl
def rlbench_algorithms():
    return [AlgorithmSpec("aborts", Broken, Supports(discrete=True))]
