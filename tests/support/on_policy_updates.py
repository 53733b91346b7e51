"""Small configurations of the on-policy algorithms, and an algorithm as it is before its first step."""

import pytest
from rlbench_a2c.a2c import A2C
from rlbench_ppo.ppo import PPO
from rlbench_reinforce.reinforce import Reinforce

from rlbench import Device, SeedStreams, TaskInfo
from rlbench.api import Task
from rlbench.envs.gymnasium_backend import rlbench_env_backends

GAMMA = 0.5


def ppo(**more):
    return PPO, PPO.Config(**{"n_envs": 4, "n_steps": 8, "batch_size": 16, "n_epochs": 2, "net_arch": (16,)} | more)


def a2c(**more):
    return A2C, A2C.Config(**{"n_envs": 4, "net_arch": (16,)} | more)


def reinforce(**more):
    small = {"n_envs": 4, "n_steps": 8, "episodes": 4, "memory": 64, "net_arch": (16,), "value_steps": 2}
    return Reinforce, Reinforce.Config(**small | more)


NORMALIZED = {"normalize_obs": True, "normalize_reward": True}
EACH = {"ppo": ppo, "a2c": a2c, "reinforce": reinforce}


def both(names=("ppo", "a2c", "reinforce")):
    return pytest.mark.parametrize("make", [EACH[name] for name in names], ids=names)


def built(algorithm, config, env_id, kwargs, seeds=(0,), steps=1_000):
    """The algorithm as it is before its first step."""
    probe = rlbench_env_backends()[0].make_env(Task(env_id, steps, kwargs=kwargs))
    info = TaskInfo(env_id, probe.observation_space, probe.action_space, config.n_envs, steps)
    return algorithm(config, info, SeedStreams(seeds), Device())
