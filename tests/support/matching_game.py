"""A game of agents who have to choose alike, and algorithms that learn nothing but keep a convention of their seed.

A plugin file: `--plugin tests/support/matching_game.py`, with the environment `matching_game:MatchingGame`. The world has
PettingZoo's parallel API without its package.
"""

import numpy as np
from gymnasium import spaces

from rlbench import Algorithm, AlgorithmSpec, Supports, hookimpl

CHOICES = 3


class MatchingGame:
    """Each agent after the first gets 1 / (agents - 1) in each step in which it chooses what the first one chooses.

    Agents observe what all chose in the step before, counted from 1; 0 at the beginning of an episode.
    """

    metadata = {"name": "matching"}
    render_mode = None

    def __init__(self, agents=2, steps=1):
        self.possible_agents = [f"player_{i}" for i in range(agents)]
        self.agents, self._steps, self._taken = [], steps, 0

    def observation_space(self, agent):
        return spaces.Box(0, CHOICES, (len(self.possible_agents),), np.float32)

    def action_space(self, agent):
        return spaces.Discrete(CHOICES)

    def _observed(self, chosen):
        return {agent: np.array(chosen, np.float32) for agent in self.possible_agents}

    def reset(self, seed=None, options=None):
        self.agents, self._taken = list(self.possible_agents), 0
        return self._observed([0] * len(self.agents)), {agent: {} for agent in self.agents}

    def step(self, actions):
        acting, self._taken = self.possible_agents, self._taken + 1
        chosen = [int(actions[agent]) for agent in acting]
        rewards = {a: (c == chosen[0]) / (len(acting) - 1) for a, c in zip(acting, chosen)} | {acting[0]: 0.0}
        over = self._taken == self._steps
        self.agents = [] if over else list(acting)
        flags = dict.fromkeys(acting, over)
        observed = self._observed([choice + 1 for choice in chosen])
        return observed, rewards, flags, dict.fromkeys(acting, False), {agent: {} for agent in acting}

    def close(self): ...


class Convention(Algorithm):
    """Agents of seed i choose i, i + 1, i + 2, … modulo CHOICES in the steps of an episode.

    i comes from the published policy, and the step from the policy's memory.
    """

    def __init__(self, *arguments):
        super().__init__(*arguments)
        self.number = np.full((len(self.streams.seeds), 1), -1)

    def chosen(self, obs, step):
        return np.repeat(((self.number + step) % CHOICES)[..., None], self.agents, -1)

    @property
    def agents(self):
        return self.task.observation_space.layout.count

    def policy(self, mode="greedy"):
        step = None

        def choose(obs, start):
            nonlocal step
            step = np.zeros(start.shape, int) if step is None else np.where(start, 0, step + 1)
            return self.chosen(obs, step)

        return choose

    def act(self, obs):
        return self.chosen(obs, np.zeros(obs.shape[:2], int))

    def train(self, interaction):
        interaction.reset()
        while not interaction.finished:
            interaction.step(np.zeros((*interaction.obs.shape[:2], self.agents), int))
        self.number = np.array(self.streams.seeds)[:, None]

    def state(self):
        return {"number": self.number}

    def load_state(self, state):
        self.number = state["number"].copy()


class Alone(Convention):
    """The same, but one instance holds a single seed."""


class Roles(Convention):
    """The first agent of seed i chooses i; the others choose the least of i and 1."""

    def chosen(self, obs, step):
        number = np.broadcast_to(self.number, step.shape)
        return np.stack([number % CHOICES] + [np.minimum(number, 1)] * (self.agents - 1), -1)


class Copies(Convention):
    """The first agent of seed i chooses i; the others choose what it chose in the step before, and 0 at first."""

    def chosen(self, obs, step):
        seen = self.task.observation_space.layout.observations(obs)[0][..., 1, 0].astype(int)
        own = np.broadcast_to(self.number, step.shape) % CHOICES
        return np.stack([own] + [np.maximum(seen - 1, 0)] * (self.agents - 1), -1)


class Draws(Convention):
    """Agents choose at random, from the stream of evaluation."""

    def chosen(self, obs, step):
        return self.streams.integers("evaluate", CHOICES, step.shape[1], self.agents)


@hookimpl
def rlbench_algorithms():
    supports = Supports(discrete=True, multi_agent=True, single_agent=False)
    kinds = (Convention, Roles, Copies, Draws, Alone)
    return [
        AlgorithmSpec(kind.__name__.lower(), kind, supports, stackable=kind is not Alone, resumable=False)
        for kind in kinds
    ]
