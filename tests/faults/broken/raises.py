"""Raises in the middle of training."""

from rlbench import Algorithm, AlgorithmSpec, Supports, hookimpl


class Broken(Algorithm):
    def act(self, obs):
        return (obs[..., 2] > 0).astype(int)

    def train(self, interaction):
        interaction.reset()
        while not interaction.finished:
            interaction.step(self.act(interaction.obs))
            if interaction.steps == 50:
                raise ValueError("the learning rate has gone")


@hookimpl
def rlbench_algorithms():
    return [AlgorithmSpec("raises", Broken, Supports(discrete=True))]
