"""Takes the end of its budget for an error of somebody else's, and tries again."""

from rlbench import Algorithm, AlgorithmSpec, RlbenchError, Supports, hookimpl


class Broken(Algorithm):
    def act(self, obs):
        return (obs[..., 2] > 0).astype(int)

    def train(self, interaction):
        interaction.reset()
        while True:
            try:
                interaction.step(self.act(interaction.obs))
            except RlbenchError:
                continue


@hookimpl
def rlbench_algorithms():
    return [AlgorithmSpec("oversteps", Broken, Supports(discrete=True))]
