"""Reads where there is nothing."""

import ctypes

from rlbench import Algorithm, AlgorithmSpec, Supports, hookimpl


class Broken(Algorithm):
    def act(self, obs):
        return (obs[..., 2] > 0).astype(int)

    def train(self, interaction):
        interaction.reset()
        while not interaction.finished:
            interaction.step(self.act(interaction.obs))
            if interaction.steps == 50:
                ctypes.string_at(0)


@hookimpl
def rlbench_algorithms():
    return [AlgorithmSpec("segfaults", Broken, Supports(discrete=True))]
