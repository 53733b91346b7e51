"""Waits for what never comes, deaf to every signal that can be caught."""

import threading

from rlbench import Algorithm, AlgorithmSpec, Supports, hookimpl


class Broken(Algorithm):
    def act(self, obs):
        return (obs[..., 2] > 0).astype(int)

    def train(self, interaction):
        interaction.reset()
        while not interaction.finished:
            interaction.step(self.act(interaction.obs))
            if interaction.steps == 50:
                threading.Event().wait()


@hookimpl
def rlbench_algorithms():
    return [AlgorithmSpec("hangs", Broken, Supports(discrete=True))]
