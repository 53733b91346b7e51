"""Prints a hundred megabytes, half of them past Python."""

import os

from rlbench import Algorithm, AlgorithmSpec, Supports, hookimpl


class Broken(Algorithm):
    def act(self, obs):
        return (obs[..., 2] > 0).astype(int)

    def train(self, interaction):
        interaction.reset()
        print("the first line")
        for _ in range(50):
            print("x" * 999_999)
            os.write(1, b'{"event": "finished", "status": "done"}\n' * 25_000)
        print("the last line", flush=True)
        while not interaction.finished:
            interaction.step(self.act(interaction.obs))


@hookimpl
def rlbench_algorithms():
    return [AlgorithmSpec("prints", Broken, Supports(discrete=True))]
