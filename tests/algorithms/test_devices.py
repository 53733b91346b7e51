"""One update on torch's device "meta", which has shapes and no numbers: what would stray off an accelerator fails there.

A tensor left on the CPU cannot be combined with one elsewhere, and a number that is asked for (`.item()`, `bool`) has to be
waited for on an accelerator; both raise an error here.
"""

from types import SimpleNamespace

import numpy as np
import pytest
import torch
from rlbench_a2c.a2c import A2C
from rlbench_crossq.crossq import CrossQ
from rlbench_ddpg.ddpg import DDPG
from rlbench_double_dqn.double_dqn import DoubleDQN
from rlbench_dqn.dqn import DQN
from rlbench_dueling_dqn.dueling_dqn import DuelingDQN
from rlbench_ippo.ippo import IPPO
from rlbench_iql.iql import IQL
from rlbench_mappo.mappo import MAPPO
from rlbench_per_dqn.per_dqn import PERDQN
from rlbench_ppo.ppo import PPO
from rlbench_qmix.qmix import QMIX
from rlbench_qrdqn.qrdqn import QRDQN
from rlbench_rainbow.rainbow import Rainbow
from rlbench_reinforce.reinforce import Reinforce
from rlbench_sac.sac import SAC
from rlbench_td3.td3 import TD3
from rlbench_tqc.tqc import TQC
from rlbench_vdn.vdn import VDN
from support.several_agents import UNEQUAL

from rlbench.api import Device, Task, TaskInfo, environments_of
from rlbench.envs.gymnasium_backend import rlbench_env_backends
from rlbench.envs.multiagent.joint_space import JointVectors, joint_actions
from rlbench.kit import Batch, polyak
from rlbench.seeding import SeedStreams

SEEDS, META = 3, "meta"


def built(algorithm, env_id, **config):
    probe = rlbench_env_backends()[0].make_env(Task(env_id, 1_000))
    made = algorithm.Config(**config)
    info = TaskInfo(env_id, probe.observation_space, probe.action_space, environments_of(made), 1_000)
    return algorithm(made, info, SeedStreams(range(SEEDS)), Device(META))


def interaction(agent):
    return SimpleNamespace(
        seeds=tuple(range(SEEDS)),
        num_envs=environments_of(agent.config),
        budget=SimpleNamespace(steps=1_000),
        steps=500,
        active=np.ones(SEEDS, bool),
        log_mean=lambda *computed, where=None, **metrics: [compute() for compute in computed],  # nothing is read
    )


def fill(replay):
    """Forty transitions of every seed."""
    replay.add(
        **{
            name: np.zeros((SEEDS, 40, *values.shape[2:]), np.int64 if values.dtype == torch.int64 else np.float32)
            for name, values in getattr(replay, "ring", replay)._fields.items()
        }
    )


@pytest.mark.parametrize("algorithm", [DQN, DoubleDQN, DuelingDQN, PERDQN, QRDQN, Rainbow])
def test_value_learners_update_on_their_device_alone(algorithm):
    agent = built(algorithm, "CartPole-v1", batch_size=8, learning_starts=10)
    fill(agent.replay)
    if algorithm in (PERDQN, Rainbow):  # whose priorities come from errors, which must be read
        _, batch = agent.replay.sample(np.full((SEEDS, 8), 0.5), 1.0)
        weight = batch.pop("weight")
        noise = [[agent.noise("update") for _ in range(3)]] if algorithm is Rainbow else []
        agent.td_gradient([agent.online], agent.target, Batch(**batch), weight, *noise)
    else:
        agent.learn(interaction(agent))
    polyak(agent.target, agent.online, 0.5, agent.active(interaction(agent)))
    obs = torch.zeros(SEEDS, 8, 4, device=META)
    noise = [agent.noise("act")] if algorithm is Rainbow else []
    assert agent.online.device.type == agent.greedy(agent.online, *noise, obs).device.type == META


@pytest.mark.parametrize("algorithm", [IQL, VDN, QMIX])
def test_value_learners_of_several_agents_update_on_their_device_alone(algorithm):
    info = TaskInfo("none", JointVectors(UNEQUAL), joint_actions(UNEQUAL), 1, 1_000)
    agent = algorithm(algorithm.Config(batch_size=8, learning_starts=10), info, SeedStreams(range(SEEDS)), Device(META))
    fill(agent.replay)
    agent.learn(interaction(agent))
    polyak(agent.target, agent.online, 0.5, agent.active(interaction(agent)))
    values = agent.values(agent.online, torch.zeros(SEEDS, 8, UNEQUAL.size, device=META))
    assert agent.values.greedy(values).device.type == META


@pytest.mark.parametrize("algorithm", [DDPG, TD3, SAC, TQC, CrossQ])
def test_continuous_learners_update_on_their_device_alone(algorithm):
    agent = built(algorithm, "Pendulum-v1", batch_size=8, learning_starts=10)
    fill(agent.replay)
    for _ in range(3):  # TD3's actor moves at every second, CrossQ's at every third
        agent.learn(interaction(agent))
    assert agent.actor.device.type == agent.critic.device.type == META


@pytest.mark.parametrize("env_id", ["CartPole-v1", "Pendulum-v1"])
@pytest.mark.parametrize(
    ("algorithm", "config"),
    [
        (PPO, {"n_steps": 4, "batch_size": 16, "target_kl": 0.1, "clip_range_vf": 0.2}),
        (A2C, {}),
        (A2C, {"use_rms_prop": False}),
        (Reinforce, {}),
    ],
    ids=["ppo", "a2c", "a2c, Adam", "reinforce"],
)
def test_policy_gradients_update_on_their_device_alone(algorithm, config, env_id):
    agent = built(algorithm, env_id, **config)
    given = interaction(agent)
    if algorithm is Reinforce:
        agent.window["fresh"][:], agent.window["cut"][:] = True, True
    agent.learn(given)
    assert all(params.device.type == META for params in agent.params)


@pytest.mark.parametrize("share", [True, False])
@pytest.mark.parametrize("algorithm", [IPPO, MAPPO])
def test_policy_gradients_of_several_agents_update_on_their_device_alone(algorithm, share):
    info = TaskInfo("none", JointVectors(UNEQUAL), joint_actions(UNEQUAL), 16, 1_000)
    config = algorithm.Config(n_steps=4, batch_size=16, share_parameters=share)
    agent = algorithm(config, info, SeedStreams(range(SEEDS)), Device(META))
    agent.learn(interaction(agent))
    action, log_prob = agent.choose(np.zeros((SEEDS, 8, UNEQUAL.size), np.float32), "act")
    assert action.shape == log_prob.shape == (SEEDS, 8, 3)
    assert all(x.device.type == META for x in (*agent.params, action, log_prob))
