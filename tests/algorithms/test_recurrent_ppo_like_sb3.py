"""recurrent_ppo means by its parameters what sb3-contrib's RecurrentPPO means.

From the same weights, one rollout, with ends of both kinds in it, gives the same weights.
"""

from types import SimpleNamespace

import gymnasium
import numpy as np
import pytest
import torch
from rlbench_recurrent_ppo.recurrent_ppo import RecurrentPPO
from torch import nn

from rlbench.testing.fakes import SHAPES

contrib = pytest.importorskip("sb3_contrib", reason="needs the extra `sb3`")
from sb3_contrib.common.recurrent.type_aliases import RNNStates  # noqa: E402
from stable_baselines3.common.logger import Logger  # noqa: E402
from stable_baselines3.common.vec_env import DummyVecEnv  # noqa: E402
from support.on_policy_updates import built  # noqa: E402
from support.one_update import at_step_0  # noqa: E402
from support.torch_lstm import lstm_module  # noqa: E402
from support.torch_modules import module_of  # noqa: E402

S = 1  # the seed that is compared, of two
N, T, OBS, UNITS = 4, 64, 5, 20
SPACES = {"discrete": {"actions": 3}, "continuous": {"dims": 3}}
COMMON = {"gamma": 0.9, "gae_lambda": 0.8, "vf_coef": 0.5, "ent_coef": 0.0, "max_grad_norm": 0.5, "n_steps": T}
COMMON |= {"n_epochs": 2, "learning_rate": 3e-4, "clip_range": 0.2, "clip_range_vf": None}
COMMON |= {"normalize_advantage": True, "target_kl": None, "batch_size": N * T}
ADAM_EPS = 0.1  # so large that steps go with gradients, and a wrong weight shows


class Spaces(gymnasium.Env):
    def __init__(self, task):
        self.observation_space, self.action_space = task.observation_space, task.action_space


def sides(kind, params):
    """Our algorithm of two seeds and the library's, with the weights of one of them."""
    config = RecurrentPPO.Config(
        n_envs=N, net_arch=(16, 12), activation_fn="relu", log_std_init=-0.3, lstm_hidden_size=UNITS,
        adam_eps=ADAM_EPS, **params,
    )  # fmt: skip
    agent = built(RecurrentPPO, config, SHAPES, {"obs": OBS, **SPACES[kind]}, seeds=(4, 5))
    generator = torch.Generator().manual_seed(3)
    for row in agent.params[1:]:  # a policy with preferences, values that differ
        row += 0.1 * torch.randn(row.shape, generator=generator)
    policy = {"net_arch": [16, 12], "activation_fn": nn.ReLU, "log_std_init": -0.3, "lstm_hidden_size": UNITS}
    policy |= {"optimizer_kwargs": {"eps": ADAM_EPS}}
    envs = DummyVecEnv([lambda: Spaces(agent.task)] * N)
    peer = contrib.RecurrentPPO("MlpLstmPolicy", envs, policy_kwargs=policy, device="cpu", **params)
    peer._logger = Logger(None, [])
    with torch.no_grad():
        for mine, other in zip(weights_of(agent), weights_of(peer), strict=True):
            other.copy_(mine)
    return agent, peer


def weights_of(side):
    """In one order: the policy's LSTM and the value network's, the layers of both, the log deviations."""
    if hasattr(side, "policy") and isinstance(side.policy, nn.Module):
        policy, layers = side.policy, side.policy.mlp_extractor
        modules = [policy.lstm_actor, policy.lstm_critic]
        modules += [layers.policy_net, policy.action_net, layers.value_net, policy.value_net]
        spread = [policy.log_std] if hasattr(policy, "log_std") else []
    else:
        lstm, actor, critic = (rows[S] for rows in side.params)
        size = side.actor._network.size
        modules = [lstm_module(side.cells.lstm, row) for row in lstm.view(2, -1)]
        modules += [module_of(side.actor._network, actor), module_of(side.critic, critic)]
        spread = [actor[size : size + 3]] if side.dist.extra else []
    return [p for module in modules for p in module.parameters()] + spread


def flat(side):
    return torch.cat([p.detach().ravel() for p in weights_of(side)])


def rollout_of(agent, kind):
    """A rollout [S, T, N] of an older policy, whose episodes end in both ways, also with the last step; its memory."""
    rng = np.random.default_rng(7)
    shape = (2, T, N)
    obs = torch.tensor(rng.standard_normal((2, T + 1, N, OBS)), dtype=torch.float32)
    over = torch.tensor(rng.random(shape) < 0.2)
    terminated = over & torch.tensor(rng.random(shape) < 0.5)
    elsewhere = torch.tensor(rng.standard_normal((*shape, OBS)), dtype=torch.float32)  # the last of a cut episode
    drawn = rng.integers(3, size=shape) if kind == "discrete" else rng.standard_normal((*shape, 3)).astype(np.float32)
    start = torch.cat([torch.tensor(rng.random((2, 1, N)) < 0.5), over[:, :-1]], 1)
    memory = torch.zeros(2, N, 4, agent.cells.memory_size // 4)
    memory[..., :UNITS] = torch.tensor(rng.standard_normal((2, N, 4, UNITS)))
    r = {"obs": obs[:, :-1], "next_obs": torch.where(over.unsqueeze(-1), elsewhere, obs[:, 1:])}
    r |= {"action": torch.tensor(drawn), "terminated": terminated, "cut": over, "start": start}
    r["reward"] = torch.tensor(rng.standard_normal(shape) + 1, dtype=torch.float32)
    memory = memory.flatten(2)
    features = agent.cells.features(agent.params[0], r["obs"], start, memory)[:, 0]
    here = agent.actor.of_features(agent.params[1], features, r["obs"].flatten(1, 2))
    noise = 0.1 * torch.tensor(rng.standard_normal(shape), dtype=torch.float32)
    r["log_prob"] = agent.dist.log_prob(*here, r["action"].flatten(1, 2)).view(shape) + noise
    return r, memory


def learn(agent, rollout, memory):
    agent.rollout = SimpleNamespace(tensors=lambda: rollout)
    agent.learn(at_step_0(np.ones(2, bool)), memory)


def states_of(memory):
    """The memories of the seed that is compared [N, 2M] as the library has them: [1, N, units] each."""
    four = memory[S].unflatten(1, (4, -1))[..., :UNITS].unsqueeze(0).contiguous()
    return RNNStates((four[:, :, 0], four[:, :, 1]), (four[:, :, 2], four[:, :, 3]))


def learn_there(peer, rollout, memory, monkeypatch):
    """What the library does once it has collected the same."""
    r, buffer, states = {name: x[S] for name, x in rollout.items()}, peer.rollout_buffer, states_of(memory)
    buffer.reset()
    with torch.no_grad():
        for t in range(T):
            began, before = r["start"][t].float(), states
            _, value, _, states = peer.policy(r["obs"][t], states, began)
            last = peer.policy.predict_values(r["next_obs"][t], states.vf, torch.zeros(N))
            truncated = r["cut"][t] & ~r["terminated"][t]
            reward = r["reward"][t] + peer.gamma * last.ravel() * truncated
            obs, action = r["obs"][t].numpy(), r["action"][t].numpy().reshape(N, -1)
            buffer.add(obs, action, reward.numpy(), began.numpy(), value, r["log_prob"][t], lstm_states=before)
        buffer.compute_returns_and_advantage(last, r["cut"][-1].numpy().astype(float))
    monkeypatch.setattr(np.random, "randint", lambda size: 0)  # where the library cuts its sequences
    peer.train()
    monkeypatch.undo()


CASES = [{}, {"clip_range_vf": 0.1}, {"ent_coef": 0.1}, {"normalize_advantage": False}]


@pytest.mark.parametrize("kind", SPACES)
@pytest.mark.parametrize("changed", CASES, ids=lambda case: next(iter(case), "as it is"))
def test_one_rollout_leads_to_sb3_contribs_weights(kind, changed, monkeypatch):
    agent, peer = sides(kind, COMMON | changed)
    before = flat(peer)
    assert torch.equal(before, flat(agent))
    rollout, memory = rollout_of(agent, kind)
    learn(agent, rollout, memory)
    learn_there(peer, rollout, memory, monkeypatch)
    step = (flat(peer) - before).abs().max()
    assert step > 1e-4
    # Advantages are divided by the deviation of n − 1 there, of n here: at 256 steps 0.2 % more.
    torch.testing.assert_close(flat(agent), flat(peer), rtol=0, atol=float(step) * 0.01)
    assert (flat(agent) - flat(peer)).abs().max() < 1e-4


def test_the_policy_acts_as_sb3_contribs_with_the_same_memory():
    agent, peer = sides("discrete", COMMON)
    rng, states = np.random.default_rng(1), None
    play = agent.policy()
    for t in range(12):
        obs, start = rng.standard_normal((2, 6, OBS)).astype(np.float32), rng.random((2, 6)) < 0.3
        start |= t == 0
        expected, states = peer.policy.predict(obs[S], states, start[S], deterministic=True)
        assert play(obs, start)[S].tolist() == expected.tolist()
