"""Ends as code that was built for another processor."""

import signal

from rlbench import Algorithm, AlgorithmSpec, Supports, hookimpl


class Broken(Algorithm):
    def act(self, obs):
        return (obs[..., 2] > 0).astype(int)

    def train(self, interaction):
        interaction.reset()
        while not interaction.finished:
            interaction.step(self.act(interaction.obs))
            if interaction.steps == 50:
                signal.raise_signal(signal.SIGILL)


@hookimpl
def rlbench_algorithms():
    return [AlgorithmSpec("illegals", Broken, Supports(discrete=True))]
