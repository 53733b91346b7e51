"""Worlds of several agents for tests of multi-agent algorithms, which are trained on them or built for them."""

import numpy as np
from gymnasium.spaces import Box, Discrete

from rlbench import Device, SeedStreams, TaskInfo
from rlbench.api import Task
from rlbench.envs.multiagent.multiagent_backends import PETTINGZOO, rlbench_env_backends
from rlbench.testing import play
from rlbench.testing.agent_fakes import FakeWorld
from rlbench.testing.fakes import SHAPES
from rlbench.testing.subject import WORLD

BACKEND = next(backend for backend in rlbench_env_backends() if backend.name == PETTINGZOO)
WALK_WITH_STATE, MORTALS = f"{__name__}:WalkWithState", f"{__name__}:Mortals"


class WalkWithState(FakeWorld):
    """A FakeWorld with a state of its own, which is not what the agents observe: how many are left, and a clock."""

    def __init__(self, *args, **kwargs):
        super().__init__(*args, **kwargs)
        self.state_space, self._clock = Box(-np.inf, np.inf, (2,), np.float32), 0

    def reset(self, seed=None, options=None):
        self._clock = 0
        return super().reset(seed, options)

    def step(self, actions):
        self._clock += 1
        return super().step(actions)

    def state(self):
        return np.array([len(self.agents), self._clock], np.float32)


class Mortals:
    """Two agents observe the clock. The second terminates with step 2, and all are truncated with step 4.

    A step's reward is 1 for the first agent and 2 for the second.
    """

    possible_agents = ["a", "b"]

    def observation_space(self, agent):
        return Box(-np.inf, np.inf, (1,), np.float32)

    def action_space(self, agent):
        return Discrete(2)

    def reset(self, seed=None, options=None):
        self.agents, self._clock = list(self.possible_agents), 0
        return self._seen(), {agent: {} for agent in self.agents}

    def step(self, actions):
        self._clock += 1
        acting = list(self.agents)
        ends = {agent: agent == "b" and self._clock == 2 for agent in acting}
        cuts = dict.fromkeys(acting, self._clock == 4)
        rewards = {agent: {"a": 1.0, "b": 2.0}[agent] for agent in acting}
        self.agents = [agent for agent in acting if not (ends[agent] or cuts[agent])]
        return {agent: self._seen()["a"] for agent in acting}, rewards, ends, cuts, {agent: {} for agent in acting}

    def _seen(self):
        return {agent: np.array([self._clock], np.float32) for agent in self.possible_agents}

    def close(self):
        pass


def walk(agents=({}, {}, {"obs": 3, "actions": 2}), **common):
    """The arguments of a walk of three agents in two groups. agents: what each differs in."""
    return {"env_id": SHAPES, "kwargs": list(agents), **{"obs": 5, "actions": 3, "end": 0.1} | common}


def trained(algorithm, config, seeds, steps, kwargs, world=WORLD, **options):
    return play(algorithm, config, world, seeds, steps, kwargs=kwargs, backend=BACKEND, **options)


def built(algorithm, config, kwargs, seeds=(0,), steps=1_000, world=WORLD, **more):
    """The algorithm as it is before its first step."""
    probe = BACKEND.make_env(Task(world, steps, kwargs=kwargs, backend=BACKEND.name))
    info = TaskInfo(world, probe.observation_space, probe.action_space, config.n_envs, steps, **more)
    return algorithm(config, info, SeedStreams(seeds), Device())
