"""Forgets the axis of environments."""

from rlbench import Algorithm, AlgorithmSpec, Supports, hookimpl


class Broken(Algorithm):
    def act(self, obs):
        return (obs[..., 2] > 0).astype(int)[:, 0]

    def train(self, interaction):
        interaction.reset()
        while not interaction.finished:
            interaction.step(self.act(interaction.obs))


@hookimpl
def rlbench_algorithms():
    return [AlgorithmSpec("misshapes", Broken, Supports(discrete=True))]
