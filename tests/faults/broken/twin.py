"""One of two that are called alike."""

from rlbench import Algorithm, AlgorithmSpec, Supports, hookimpl


class Broken(Algorithm):
    def act(self, obs):
        return (obs[..., 2] > 0).astype(int)

    def train(self, interaction):
        interaction.reset()
        while not interaction.finished:
            interaction.step(self.act(interaction.obs))


@hookimpl
def rlbench_algorithms():
    return [AlgorithmSpec("twin", Broken, Supports(discrete=True))]
