"""dqn, qrdqn, ddpg, td3, sac and tqc mean by their parameters what Stable-Baselines3 and sb3-contrib mean: the same
names and numbers go to both, unchanged.

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
from rlbench_qrdqn.qrdqn import QRDQN
from rlbench_sac.sac import SAC
from rlbench_td3.td3 import TD3
from rlbench_tqc.tqc import TQC
from torch import nn

from rlbench import Device, SeedStreams, TaskInfo
from rlbench.kit import Batch, Schedule
from rlbench.testing import play

sb3 = pytest.importorskip("stable_baselines3", reason="needs the extra `sb3`")
import sb3_contrib  # noqa: E402
from stable_baselines3.common.buffers import ReplayBufferSamples  # noqa: E402
from stable_baselines3.common.utils import LinearSchedule  # noqa: E402
from stable_baselines3.common.vec_env import DummyVecEnv  # noqa: E402
from stable_baselines3.dqn import dqn as sb3_dqn  # noqa: E402
from support.continuous_updates import agent_of, inputs, step  # noqa: E402
from support.one_update import learn_from  # noqa: E402
from support.torch_modules import module_of  # noqa: E402

S = 1  # the seed that is compared, of three, unless all are
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
    layers |= {name: params[name] for name in ("n_quantiles", "n_critics") if name in params}
    params = {name: value for name, value in params.items() if name not in layers}
    name = type(agent).__name__
    library = sb3 if hasattr(sb3, name) else sb3_contrib
    return getattr(library, name)("MlpPolicy", Spaces(agent.task), policy_kwargs=layers, device="cpu", **params)


def linears(module):
    return [m for m in module.modules() if isinstance(m, nn.Linear)]


def quantiles_first(layer, num_actions):
    """The last layer of ours, with outputs in the library's order: the first quantile of all actions, the second."""
    turned = nn.Linear(layer.in_features, layer.out_features)
    turned.weight.data = layer.weight.data.unflatten(0, (num_actions, -1)).transpose(0, 1).flatten(0, 1)
    turned.bias.data = layer.bias.data.unflatten(0, (num_actions, -1)).T.flatten()
    return turned


def pairs(agent, peer, s=S):
    """The linear layers of every network of one seed: ours as modules of their present numbers, and the library's."""
    if isinstance(agent, DQN):
        network = agent.network.network
        nets = [(network, agent.online, peer.q_net), (network, agent.target, peer.q_net_target)]
    elif isinstance(agent, QRDQN):
        nets = [
            (agent.network, agent.online, peer.quantile_net),
            (agent.network, agent.target, peer.quantile_net_target),
        ]
    else:
        target = agent.target if isinstance(agent, (SAC, TQC)) else agent.target_critic
        nets = [(agent.actor_net, agent.actor, peer.actor)]
        nets += [(agent.critic_net, agent.critic, peer.critic), (agent.critic_net, target, peer.critic_target)]
        if not isinstance(agent, (SAC, TQC)):
            nets.append((agent.actor_net, agent.target_actor, peer.actor_target))
    for mlp, params, theirs in nets:
        ours = [layer for row in params[s].view(-1, mlp.size) for layer in linears(module_of(mlp, row))]
        theirs = linears(theirs)
        if isinstance(agent, QRDQN):
            ours[-1] = quantiles_first(ours[-1], agent.num_actions)
        if isinstance(agent, (SAC, TQC)) and mlp is agent.actor_net:
            last = ours.pop()  # the library has a layer each for means and deviations
            for rows in (slice(None, agent.dim), slice(agent.dim, None)):
                part = nn.Linear(last.in_features, agent.dim)
                part.weight.data, part.bias.data = last.weight.data[rows], last.bias.data[rows]
                ours.append(part)
        assert len(ours) == len(theirs)
        yield from zip(ours, theirs)


def copy(agent, peer, s=S):
    for ours, theirs in pairs(agent, peer, s):
        theirs.weight.data.copy_(ours.weight.data)
        theirs.bias.data.copy_(ours.bias.data)


def learn_once(peer, batch, monkeypatch, s=S):
    """One update of the library's from a minibatch of one seed."""
    given = {name: values[s] for name, values in batch._asdict().items()}
    column = {name: given[name].reshape(len(given["reward"]), -1) for name in given}
    done = (column["discount"] == 0).float()
    samples = ReplayBufferSamples(column["obs"], column["action"], column["next_obs"], done, column["reward"])
    monkeypatch.setattr(peer.replay_buffer, "sample", lambda size, env=None: samples)
    peer._logger = sb3.common.logger.Logger(None, [])
    peer.train(1, 12)


def replace_draws(monkeypatch, normal):
    """Give the library's next update these draws: [2, B, A] for sampled actions, [B, A] for a target's noise."""
    drawn = [normal[1], normal[0]] if normal.ndim == 3 else []  # it draws for this state first, then for the next
    monkeypatch.setattr(torch.distributions.normal, "_standard_normal", lambda *shape, **kind: drawn.pop(0))
    monkeypatch.setattr(torch.Tensor, "normal_", lambda self, mean, std: self.copy_(std * normal))


def assert_same(agent, peer, s=S):
    for ours, theirs in pairs(agent, peer, s):
        assert torch.allclose(ours.weight, theirs.weight, rtol=0, atol=1e-5)
        assert torch.allclose(ours.bias, theirs.bias, rtol=0, atol=1e-5)


# -- one update --------------------------------------------------------------------------------------------------------
@pytest.mark.parametrize(
    ("algorithm", "more"),
    [(DQN, {}), (QRDQN, {"n_quantiles": 7}), (QRDQN, {"n_quantiles": 30, "max_grad_norm": None}), (QRDQN, {"n_quantiles": 1})],
    ids=str,
)  # fmt: skip
def test_an_update_of_each_seed_for_discrete_actions_is_the_librarys(algorithm, more, monkeypatch):
    params = COMMON | VALUES | more
    task = TaskInfo("none", Box(-np.inf, np.inf, (4,), np.float32), Discrete(3), 1, 1000)
    agent, other = (
        algorithm(algorithm.Config(**LAYERS, **params), task, SeedStreams(s), Device()) for s in ([0, 1, 2], [7, 8, 9])
    )
    agent.target.copy_(other.online)
    peers = [peer_of(agent, params) for _ in range(3)]
    for s, peer in enumerate(peers):
        copy(agent, peer, s)
    generator, before = torch.Generator().manual_seed(0), agent.online.clone()
    for _ in range(2):  # Adam's first step has the signs of the gradient alone, the second its sizes
        obs, next_obs = torch.randn(2, 3, 12, 4, generator=generator)
        action, reward = torch.randint(3, (3, 12), generator=generator), 3 * torch.randn(3, 12, generator=generator)
        batch = Batch(obs, action, reward, next_obs, 0.9 * (torch.rand(3, 12, generator=generator) < 0.7))
        learn_from(agent, batch)
        for s, peer in enumerate(peers):
            learn_once(peer, batch, monkeypatch, s)
            assert_same(agent, peer, s)
    assert (agent.online - before).abs().amax(1).min() > 5e-4  # every seed learned something


OWN = {
    "ddpg": (DDPG, {}),
    "td3": (TD3, {"policy_delay": 1, "target_policy_noise": 0.3, "target_noise_clip": 0.4}),
    "sac": (SAC, {"ent_coef": "auto_0.5", "target_entropy": "auto"}),
    "sac, another target": (SAC, {"ent_coef": "auto", "target_entropy": -0.7}),
    "sac, fixed temperature": (SAC, {"ent_coef": 0.2, "target_entropy": "auto"}),
    "tqc": (TQC, {"ent_coef": "auto_0.5", "n_quantiles": 5, "n_critics": 3, "top_quantiles_to_drop_per_net": 2}),
    "tqc, fixed temperature": (TQC, {"ent_coef": 0.2, "n_quantiles": 25}),
    "tqc, nothing dropped": (TQC, {"n_quantiles": 1, "n_critics": 1, "top_quantiles_to_drop_per_net": 0}),
}


@pytest.mark.parametrize("case", OWN.values(), ids=OWN.keys())
def test_an_update_of_each_seed_for_continuous_actions_is_the_librarys(case, monkeypatch):
    algorithm, more = case
    params = COMMON | more
    agent = agent_of(algorithm, algorithm.Config(**LAYERS, **params))
    peers = [peer_of(agent, params) for _ in range(3)]
    for s, peer in enumerate(peers):
        copy(agent, peer, s)
        if algorithm in (SAC, TQC):
            peer.actor.action_dist.epsilon = 0.0  # what the library adds under a logarithm
    for batch, normal in (inputs(agent, seed=seed) for seed in range(2)):
        step(agent, batch, normal)
        for s, peer in enumerate(peers):
            with monkeypatch.context() as patch:
                replace_draws(patch, normal[s])
                learn_once(peer, batch, patch, s)
            assert_same(agent, peer, s)
            if algorithm in (SAC, TQC):
                temperature = peer.log_ent_coef.exp() if peer.ent_coef_optimizer else peer.ent_coef_tensor
                assert float(agent.log_alpha[s, 0].exp()) == pytest.approx(float(temperature.detach()), abs=1e-6)


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
