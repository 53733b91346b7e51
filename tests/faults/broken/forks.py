"""Leaves a child in its own session, and another, behind."""

import subprocess
import sys

from rlbench import Algorithm, AlgorithmSpec, Supports, hookimpl


class Broken(Algorithm):
    def act(self, obs):
        return (obs[..., 2] > 0).astype(int)

    def train(self, interaction):
        for own_session in (False, True):
            subprocess.Popen([sys.executable, "-c", "import signal; signal.pause()"], start_new_session=own_session)
        interaction.reset()
        while not interaction.finished:
            interaction.step(self.act(interaction.obs))


@hookimpl
def rlbench_algorithms():
    return [AlgorithmSpec("forks", Broken, Supports(discrete=True))]
