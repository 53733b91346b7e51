"""ddpg, td3, sac, tqc and crossq in small, as they are before their first step."""

from types import SimpleNamespace

import numpy as np
import pytest
import torch
from gymnasium.spaces import Box
from rlbench_crossq.crossq import CrossQ
from rlbench_ddpg.ddpg import DDPG
from rlbench_sac.sac import SAC
from rlbench_td3.td3 import TD3
from rlbench_tqc.tqc import TQC

from rlbench import Device, SeedStreams
from rlbench.api import TaskInfo
from rlbench.kit import Batch
from support.one_update import learn_from

ALL = pytest.mark.parametrize("algorithm", [DDPG, TD3, SAC, TQC, CrossQ])
SEEDS = [0, 1, 2]


def small(algorithm, **more):
    """A small configuration; parameters that the algorithm does not have are left out."""
    params = {"net_arch": (16,), "batch_size": 16, "learning_starts": 20, "buffer_size": 110, "tau": 0.1, **more}
    return algorithm.Config(**{k: v for k, v in params.items() if k in algorithm.Config.__dataclass_fields__})


def agent_of(algorithm, config, obs=4, dims=2, seeds=SEEDS):
    box = Box(np.array([-1, 0, -3, 2, 0, 5], np.float32)[:dims], np.array([2, 5, -1, 3, 9, 6], np.float32)[:dims])
    info = TaskInfo("none", Box(-np.inf, np.inf, (obs,), np.float32), box, config.n_envs, 1000)
    return algorithm(config, info, SeedStreams(seeds), Device())


def inputs(agent, size=12, seed=0):
    """A batch with terminated transitions in it, and the normal draws an update takes."""
    generator, lead = torch.Generator().manual_seed(seed), (agent.num_seeds, size)
    obs, next_obs = torch.randn(2, *lead, 4, generator=generator)
    action = torch.rand(*lead, agent.dim, generator=generator) * 2 - 1
    terminated = torch.rand(lead, generator=generator) < 0.3
    reward = torch.randn(lead, generator=generator)
    batch = Batch(obs, action, reward, next_obs, 0.9 * ~terminated)
    shape = (agent.num_seeds, 2, size, agent.dim) if isinstance(agent, (SAC, TQC, CrossQ)) else (*lead, agent.dim)
    return batch, (3 if isinstance(agent, TD3) else 1) * torch.randn(shape, generator=generator)


def step(agent, batch, normal, active=None, due=True):
    """One update as `learn` makes it, of td3's and crossq's actor too."""
    if due and isinstance(agent, (TD3, CrossQ)):
        agent.updates[:] = -1  # this one is due, whatever the delay
    streams = agent.streams
    agent.streams = SimpleNamespace(normal=lambda *_: normal.numpy(), generators=streams.generators)
    learn_from(agent, batch, active)
    agent.streams = streams
