"""dqn, ddpg, td3 and sac mean by their parameters what Stable-Baselines3 means: the same names and numbers go to both, unchanged.

One update from the same weights, minibatch and draws gives the same weights; rounds of updates and of the target network
come at the same steps with any number of environments; learning rates and epsilon fall alike.
"""

import gymnasium
import numpy as np
import pytest
import torch
from gymnasium.spaces import Box, Discrete
from rlbench_ddpg.ddpg import DDPG
from rlbench_dqn.dqn import DQN
from rlbench_sac.sac import SAC
from rlbench_td3.td3 import TD3
from torch import nn

from rlbench import Device, SeedStreams, TaskInfo
from rlbench.kit import Batch, Schedule
from rlbench.testing import play

sb3 = pytest.importorskip("stable_baselines3", reason="needs the extra `sb3`")
from stable_baselines3.common.buffers import ReplayBufferSamples  # noqa: E402
from stable_baselines3.common.utils import LinearSchedule  # noqa: E402
from stable_baselines3.common.vec_env import DummyVecEnv  # noqa: E402
from stable_baselines3.dqn import dqn as sb3_dqn  # noqa: E402
from support.continuous_updates import agent_of, inputs, step  # noqa: E402
from support.one_update import learn_from  # noqa: E402
from support.torch_modules import module_of  # noqa: E402

S = 1  # the seed that is compared, of three
LAYERS = {"net_arch": (16, 16), "activation_fn": "tanh"}
COMMON = {"gamma": 0.9, "learning_rate": 1e-3, "batch_size": 12, "buffer_size": 100, "learning_starts": 20, "tau": 0.3}
COMMON |= {"train_freq": 1, "gradient_steps": 1}
VALUES = {"target_update_interval": 7, "exploration_initial_eps": 0.9, "exploration_final_eps": 0.1}
VALUES |= {"exploration_fraction": 0.5, "max_grad_norm": 0.7}


class Spaces(gymnasium.Env):
    """Nothing but the spaces of what is learned."""

    def __init__(self, task):
        self.observation_space, self.action_space = task.observation_space, task.action_space


def peer_of(agent, params):
    """The library's algorithm of the same parameters, by the same names."""
    layers = {"net_arch": list(LAYERS["net_arch"]), "activation_fn": nn.Tanh}
    return getattr(sb3, type(agent).__name__)(
        "MlpPolicy", Spaces(agent.task), policy_kwargs=layers, device="cpu", **params
    )


def linears(module):
    return [m for m in module.modules() if isinstance(m, nn.Linear)]


def pairs(agent, peer):
    """The linear layers of every network: ours as modules of their present numbers, and the library's."""
    if isinstance(agent, DQN):
        network = agent.network.network
        nets = [(network, agent.online, peer.q_net), (network, agent.target, peer.q_net_target)]
    else:
        target = agent.target if isinstance(agent, SAC) else agent.target_critic
        nets = [(agent.actor_net, agent.actor, peer.actor)]
        nets += [(agent.critic_net, agent.critic, peer.critic), (agent.critic_net, target, peer.critic_target)]
        if not isinstance(agent, SAC):
            nets.append((agent.actor_net, agent.target_actor, peer.actor_target))
    for mlp, params, theirs in nets:
        ours = [layer for row in params[S].view(-1, mlp.size) for layer in linears(module_of(mlp, row))]
        theirs = linears(theirs)
        if isinstance(agent, SAC) and theirs[-2].in_features == theirs[-1].in_features and mlp is agent.actor_net:
            last = ours.pop()  # the library has a layer each for means and deviations
            for rows in (slice(None, agent.dim), slice(agent.dim, None)):
                part = nn.Linear(last.in_features, agent.dim)
                part.weight.data, part.bias.data = last.weight.data[rows], last.bias.data[rows]
                ours.append(part)
        assert len(ours) == len(theirs)
        yield from zip(ours, theirs)


def copy(agent, peer):
    for ours, theirs in pairs(agent, peer):
        theirs.weight.data.copy_(ours.weight.data)
        theirs.bias.data.copy_(ours.bias.data)


def learn_once(peer, batch, monkeypatch):
    """One update of the library's from a minibatch of seed S."""
    given = {name: values[S] for name, values in batch._asdict().items()}
    column = {name: given[name].reshape(len(given["reward"]), -1) for name in given}
    done = (column["discount"] == 0).float()
    samples = ReplayBufferSamples(column["obs"], column["action"], column["next_obs"], done, column["reward"])
    monkeypatch.setattr(peer.replay_buffer, "sample", lambda size, env=None: samples)
    peer._logger = sb3.common.logger.Logger(None, [])
    peer.train(1, 12)


def assert_same(agent, peer):
    for ours, theirs in pairs(agent, peer):
        assert torch.allclose(ours.weight, theirs.weight, rtol=0, atol=1e-5)
        assert torch.allclose(ours.bias, theirs.bias, rtol=0, atol=1e-5)


# -- one update --------------------------------------------------------------------------------------------------------
def test_an_update_of_dqn_is_the_librarys(monkeypatch):
    params = COMMON | VALUES
    task = TaskInfo("none", Box(-np.inf, np.inf, (4,), np.float32), Discrete(3), 1, 1000)
    agent, other = (DQN(DQN.Config(**LAYERS, **params), task, SeedStreams(s), Device()) for s in ([0, 1, 2], [7, 8, 9]))
    agent.target.copy_(other.online)
    peer = peer_of(agent, params)
    copy(agent, peer)
    generator = torch.Generator().manual_seed(0)
    obs, next_obs = torch.randn(2, 3, 12, 4, generator=generator)
    action, reward = torch.randint(3, (3, 12), generator=generator), 3 * torch.randn(3, 12, generator=generator)
    batch = Batch(obs, action, reward, next_obs, 0.9 * (torch.rand(3, 12, generator=generator) < 0.7))
    before = agent.online.clone()
    learn_from(agent, batch)
    learn_once(peer, batch, monkeypatch)
    assert_same(agent, peer)
    assert (agent.online - before).abs().max() > 5e-4  # something was learned


OWN = {
    "ddpg": (DDPG, {}),
    "td3": (TD3, {"policy_delay": 1, "target_policy_noise": 0.3, "target_noise_clip": 0.4}),
    "sac": (SAC, {"ent_coef": "auto_0.5", "target_entropy": "auto"}),
    "sac, another target": (SAC, {"ent_coef": "auto", "target_entropy": -0.7}),
    "sac, fixed temperature": (SAC, {"ent_coef": 0.2, "target_entropy": "auto"}),
}


@pytest.mark.parametrize("case", OWN.values(), ids=OWN.keys())
def test_an_update_for_continuous_actions_is_the_librarys(case, monkeypatch):
    algorithm, more = case
    params = COMMON | more
    agent = agent_of(algorithm, algorithm.Config(**LAYERS, **params))
    peer = peer_of(agent, params)
    copy(agent, peer)
    batch, normal = inputs(agent)
    if algorithm is SAC:
        drawn = [normal[S, 1], normal[S, 0]]  # the library draws for this state first, then for the next
        monkeypatch.setattr(torch.distributions.normal, "_standard_normal", lambda *shape, **kind: drawn.pop(0))
    else:
        monkeypatch.setattr(torch.Tensor, "normal_", lambda self, mean, std: self.copy_(std * normal[S]))
    step(agent, batch, normal)
    learn_once(peer, batch, monkeypatch)
    monkeypatch.undo()
    assert_same(agent, peer)
    if algorithm is SAC:
        temperature = peer.log_ent_coef.exp() if peer.ent_coef_optimizer else peer.ent_coef_tensor
        assert float(agent.log_alpha[S, 0].exp()) == pytest.approx(float(temperature.detach()), abs=1e-6)


# -- when ----------------------------------------------------------------------------------------------------------------
CADENCES = [
    (1, {"train_freq": 1, "gradient_steps": 1, "target_update_interval": 10}),
    (1, {"train_freq": 4, "gradient_steps": -1, "target_update_interval": 7}),
    (4, {"train_freq": 1, "gradient_steps": 1, "target_update_interval": 20}),
    (4, {"train_freq": 4, "gradient_steps": 2, "target_update_interval": 10}),  # 10 // 4 steps of four
    (4, {"train_freq": 2, "gradient_steps": -1, "target_update_interval": 3}),  # after every step of four
    (3, {"train_freq": 5, "gradient_steps": -1, "target_update_interval": 30}),
]


def steps_of_the_library(name, n_envs, params, monkeypatch, env_id, steps=240):
    """The steps of one seed at which the library updates, and at which it moves dqn's target."""
    envs = DummyVecEnv([lambda: gymnasium.make(env_id)] * n_envs)
    peer = getattr(sb3, name)("MlpPolicy", envs, policy_kwargs={"net_arch": [8]}, device="cpu", **params)
    updates, targets = [], []
    peer.train = lambda gradient_steps, batch_size: updates.extend([peer.num_timesteps] * gradient_steps)
    monkeypatch.setattr(sb3_dqn, "polyak_update", lambda params, target, tau: targets.append(peer.num_timesteps))
    peer.learn(steps)
    return updates, targets[::2]  # the second is of batch normalisation's


def steps_of_ours(algorithm, n_envs, params, env_id, steps=240):
    updates, targets = [], []

    class Watched(algorithm):
        def train(self, interaction):
            round_ = getattr(self, "target_round", None)
            if round_ is not None:
                due = round_.due
                round_.due = lambda calls: due(calls) and (targets.append(interaction.steps) or 1)
            super().train(interaction)

        def learn(self, interaction):
            updates.append(interaction.steps)
            super().learn(interaction)

    play(Watched, algorithm.Config(n_envs=n_envs, net_arch=(8,), **params), env_id, [0], steps)
    return updates, targets


@pytest.mark.filterwarnings("ignore:The number of environments used is greater")
@pytest.mark.parametrize(("n_envs", "cadence"), CADENCES)
@pytest.mark.parametrize("learning_starts", [0, 40])
def test_dqn_updates_and_moves_its_target_at_the_steps_of_the_library(n_envs, cadence, learning_starts, monkeypatch):
    params = cadence | {"batch_size": 4, "learning_starts": learning_starts}
    ours = steps_of_ours(DQN, n_envs, params, "CartPole-v1")
    assert ours == steps_of_the_library("DQN", n_envs, params, monkeypatch, "CartPole-v1") and all(ours)


@pytest.mark.parametrize(("n_envs", "cadence"), CADENCES)
@pytest.mark.parametrize("algorithm", [DDPG, TD3, SAC])
def test_continuous_learners_update_at_the_steps_of_the_library(algorithm, n_envs, cadence, monkeypatch):
    params = {name: cadence[name] for name in ("train_freq", "gradient_steps")} | {
        "batch_size": 4,
        "learning_starts": 40,
    }
    ours, _ = steps_of_ours(algorithm, n_envs, params, "Pendulum-v1")
    theirs, _ = steps_of_the_library(algorithm.__name__, n_envs, params, monkeypatch, "Pendulum-v1")
    assert ours == theirs and ours


# -- what falls ------------------------------------------------------------------------------------------------------------
def test_epsilon_and_learning_rates_fall_as_the_librarys_do():
    epsilon, rate = LinearSchedule(0.9, 0.1, 0.4), LinearSchedule(3e-4, 0.0, 1.0)
    ours, rate_of_ours = Schedule(0.9, 0.1, 0.4 * 1000), Schedule.parse("lin_3e-4", 1000)
    for steps in range(0, 1001, 50):
        remaining = 1 - steps / 1000
        assert ours(steps) == pytest.approx(epsilon(remaining))
        assert rate_of_ours(steps) == pytest.approx(rate(remaining), abs=1e-12)
