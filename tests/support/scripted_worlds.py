"""Worlds of several agents with PettingZoo's parallel interface, small enough to be followed by hand."""

from __future__ import annotations

from typing import Any

import numpy as np
from gymnasium.spaces import Box, Dict, Discrete, Text, Tuple

from rlbench.envs.multiagent.joint_env import JointEnv


class Script:
    """Agents whose observations count steps, and who leave as scripted.

    sizes: for each agent, by name, how many numbers it observes; each is its place + 10 · the steps so far.
    dies, cut: by name, the step at which the agent terminates or is truncated. Its reward at each step is `pays`.
    """

    def __init__(self, sizes=None, dies=None, cut=None, pays=None, listed=None):
        self.sizes = sizes or {"b": 1, "a": 2, "c": 1}
        self.possible_agents = listed or list(self.sizes)
        self.dies, self.cut, self.pays = dies or {}, cut or {}, pays or {}
        self.agents: list[str] = []
        self.taken: list[dict[str, Any]] = []
        self.resets: list[int | None] = []
        self.steps = 0

    def observation_space(self, agent):
        return Box(-np.inf, np.inf, (self.sizes[agent],), np.float32)

    def action_space(self, agent):
        return Discrete(3)

    def observe(self, agent):
        place = sorted(self.sizes).index(agent)
        return np.full(self.sizes[agent], place + 10 * self.steps, np.float32)

    def reset(self, seed=None, options=None):
        self.resets.append(seed)
        self.agents, self.steps = list(self.possible_agents), 0
        return {agent: self.observe(agent) for agent in self.agents}, {agent: {} for agent in self.agents}

    def step(self, actions):
        self.taken.append(dict(actions))
        self.steps += 1
        acting = self.agents
        ends = {agent: self.dies.get(agent) == self.steps for agent in acting}
        cuts = {agent: self.cut.get(agent) == self.steps for agent in acting}
        self.agents = [agent for agent in acting if not (ends[agent] or cuts[agent])]
        obs = {agent: self.observe(agent) for agent in acting if not ends[agent]}
        rewards = {agent: self.pays.get(agent, 1.0) for agent in acting}
        return obs, rewards, ends, cuts, {agent: {} for agent in acting}

    def close(self):
        pass


class MaskedScript(Script):
    """Two agents who may choose every action but that of the number of steps so far, told as PettingZoo's games do."""

    def __init__(self, **kwargs):
        super().__init__({"a": 1, "b": 1}, **kwargs)

    def observation_space(self, agent):
        return Dict({"observation": super().observation_space(agent), "action_mask": Box(0, 1, (3,), np.int8)})

    def observe(self, agent):
        mask = np.ones(3, np.int8)
        mask[self.steps % 3] = 0
        return {"observation": super().observe(agent), "action_mask": mask}


class StatefulScript(Script):
    """A script with a state beside the observations: the steps so far, twice."""

    state_space = Box(-np.inf, np.inf, (2,), np.float32)

    def state(self):
        return np.full(2, self.steps, np.float32)


class ContinuousScript(Script):
    """A script whose agents' actions are Boxes of one number for a, of two for the others."""

    def action_space(self, agent):
        return Box(-1.0, 1.0, (1 if agent == "a" else 2,), np.float32)


class Walk:
    """Two agents on a line that share noise drawn from the seed: an episode depends on the seed and the actions alone.

    Each is rewarded by minus its distance from 0. `poison`: the reward of agent_1 that is not a number at this step.
    """

    possible_agents = ["agent_0", "agent_1"]

    def __init__(self, length=7, poison=None):
        self.length, self.poison, self.agents = length, poison, []

    def observation_space(self, agent):
        return Box(-np.inf, np.inf, (2,), np.float32)

    def action_space(self, agent):
        return Discrete(3)

    def reset(self, seed=None, options=None):
        self.rng, self.steps, self.agents = np.random.default_rng(seed), 0, list(self.possible_agents)
        self.at = self.rng.normal(size=2)
        return self._obs(), {agent: {} for agent in self.agents}

    def _obs(self):
        return {
            agent: np.array([self.at[i], self.at[1 - i]], np.float32) for i, agent in enumerate(self.possible_agents)
        }

    def step(self, actions):
        self.steps += 1
        moves = np.array([actions[agent] for agent in self.possible_agents]) - 1
        self.at = self.at + moves + self.rng.normal(size=2)
        rewards = dict(zip(self.possible_agents, (-np.abs(self.at)).tolist()))
        if self.steps == self.poison:
            rewards["agent_1"] = float("nan")
        over = self.steps >= self.length
        flags = dict.fromkeys(self.possible_agents, False), dict.fromkeys(self.possible_agents, over)
        if over:
            self.agents = []
        return self._obs(), rewards, *flags, {agent: {} for agent in self.possible_agents}

    def close(self):
        pass


class Unreadable(Script):
    """A world whose agents observe text."""

    def observation_space(self, agent):
        return Tuple([Text(3)])


def joint(world, **kwargs) -> JointEnv:
    """Return the world as one environment."""
    return JointEnv(world, **kwargs)
