"""Algorithms that start in no time, in a plugin file, and a suite for them: for what is not about learning."""

import json

from support.cli import rlbench

FAILS = """
from rlbench import Algorithm, AlgorithmSpec, Supports, hookimpl

class Fails(Algorithm):
    def act(self, obs): ...
    def train(self, interaction):
        interaction.reset()
        {how}

class Leans(Algorithm):
    def act(self, obs): return (obs[..., 2] > 0).astype(int)
    def train(self, interaction):
        interaction.reset()
        while not interaction.finished:
            interaction.step(self.act(interaction.obs))

@hookimpl
def rlbench_algorithms():
    return [AlgorithmSpec(kind.__name__.lower(), kind, Supports(discrete=True)) for kind in (Fails, Leans)]
"""
LIGHT = """
name: small
algorithms: [random, {more}]
environments: [{{id: CartPole-v1, steps: 160}}]
seeds: 3
evaluation: {{episodes: 2, final_episodes: 3}}
"""
WORKS = FAILS.replace("def act(self, obs): ...", "def act(self, obs): return (obs[..., 2] > {threshold}).astype(int)")
LOOP = "\n        while not interaction.finished: interaction.checkpoint(); interaction.step(self.act(interaction.obs))"


def cells(folder):
    return json.loads(rlbench("table", folder, "--json").stdout)["cells"]
