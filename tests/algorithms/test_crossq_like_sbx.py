"""crossq's update is SBX's: from the same weights, statistics, minibatch and draws, to the same ones (extra `sbx`)."""

from types import SimpleNamespace

import gymnasium
import numpy as np
import pytest
import torch
from rlbench_crossq.crossq import CrossQ
from support.continuous_updates import agent_of, inputs, step

sbx = pytest.importorskip("sbx", reason="the extra `sbx` is not installed")
import flax.linen  # noqa: E402
import jax  # noqa: E402
from sbx.common.distributions import TanhTransformedDistribution  # noqa: E402
from stable_baselines3.common.logger import Logger  # noqa: E402

ROUNDING = 1e-7
S = 1  # the seed that is compared, of three
PARAMS = {"gamma": 0.9, "learning_rate": 1e-3, "batch_size": 12, "buffer_size": 100, "learning_starts": 20}
LAYERS = {"net_arch": (16, 20), "critic_net_arch": (33, 16)}


def tree_of(network, row, outputs):
    """One network's row [P] as the library's parameters and statistics. outputs: the sizes of the last layers."""
    params, statistics = {}, {}
    pairs = [network._split(row[None, start:]) for start in (network._starts[-1], network.learned)]
    for i, ((scale, shift), (mean, variance)) in enumerate(zip(*pairs)):
        params[f"BatchRenorm_{i}"] = {"scale": scale[0, 0].numpy(), "bias": shift[0, 0].numpy()}
        statistics[f"BatchRenorm_{i}"] = {"mean": mean[0, 0].numpy(), "var": variance[0, 0].numpy()}
    for i, (linear, start) in enumerate(zip(network._linear, network._starts)):
        ((weight, bias),) = linear._views(row[None, start : start + linear.size])
        inputs, units = linear.layers[0]
        sizes = outputs if i == len(network._linear) - 1 else (units,)
        ends = np.cumsum((0, *sizes))
        for k, (first, last) in enumerate(zip(ends, ends[1:])):
            kernel = weight[0, :inputs, first:last].numpy()
            params[f"Dense_{i + k}"] = {"kernel": kernel, "bias": bias[0, 0, first:last].numpy()}
    return (*(jax.tree.map(np.array, tree) for tree in (params, statistics)), int(row[-16]))  # copies


def trees_of(agent):
    """The library's trees of the actor, and of both critics in one."""
    actor = tree_of(agent.actor_net, agent.actor[S], (agent.dim, agent.dim))
    critics = [tree_of(agent.critic_net, row, (1,)) for row in agent.critic[S].view(2, -1)]
    both = [jax.tree.map(lambda *rows: np.stack(rows), *trees) for trees in zip(*critics)]
    return {"actor": actor, "qf": ({"VmapCritic_0": both[0]}, {"VmapCritic_0": both[1]}, both[2])}


def filled(template, given, steps):
    """A tree of the library's statistics with the given ones; r_max and d_max stay, the minibatches are `steps`."""
    if not isinstance(template, dict):
        return template
    return {
        name: np.full(np.shape(part), steps) if name == "steps" else given[name] if name in ("mean", "var")
        else filled(part, given[name], steps) if isinstance(part, dict) else part
        for name, part in template.items()
    }  # fmt: skip


def peer_of(agent, **params):
    """The library's algorithm with the weights and statistics of seed S."""
    env = gymnasium.Env()
    env.observation_space, env.action_space = agent.task.observation_space, agent.task.action_space
    layers = {"pi": list(LAYERS["net_arch"]), "qf": list(LAYERS["critic_net_arch"])}
    activation = {"relu": flax.linen.relu, "tanh": flax.linen.tanh}[agent.config.activation_fn]
    more = {"renorm_warmup_steps": agent.config.renorm_warmup_steps, "activation_fn": activation}
    peer = sbx.CrossQ("MlpPolicy", env, policy_kwargs={"net_arch": layers, **more}, **params)
    for name, (weights, statistics, steps) in trees_of(agent).items():
        state = getattr(peer.policy, f"{name}_state")
        assert jax.tree.map(np.shape, state.params) == jax.tree.map(np.shape, weights)
        given = filled(state.batch_stats, statistics, steps)
        setattr(peer.policy, f"{name}_state", state.replace(params=weights, batch_stats=given))
    return peer


def learn_once(peer, batch, normal, monkeypatch):
    """One update of the library's, without compilation, from seed S of a minibatch and of the draws."""
    drawn = [normal[S, 0].numpy(), normal[S, 1].numpy()]

    def sample(self, seed=None):
        inner = self.distribution
        return self.bijector.forward(inner.mean() + inner.stddev() * drawn.pop(0))

    data = {
        name: values[S].unsqueeze(-1) if values.dim() == 2 else values[S] for name, values in batch._asdict().items()
    }
    samples = SimpleNamespace(
        observations=data["obs"], actions=data["action"], next_observations=data["next_obs"],
        dones=(data["discount"] == 0).float(), rewards=data["reward"], discounts=None,
    )  # fmt: skip
    monkeypatch.setattr(TanhTransformedDistribution, "sample", sample)
    monkeypatch.setattr(peer.replay_buffer, "sample", lambda size, env=None: samples)
    peer._logger = Logger(None, [])
    with jax.disable_jit():
        peer.train(1, 12)
    monkeypatch.undo()


def means_of(agent):
    """The first moments of our Adams, as the library's trees."""
    means = SimpleNamespace(**vars(agent))
    means.actor, means.critic = agent.actor_optimizer.mean[0], agent.critic_optimizer.mean[0]
    return {name: weights for name, (weights, *_) in trees_of(means).items()}


def assert_same(agent, peer, atol, updated=True):
    """Weights, statistics, gradients and the temperature.

    Some gradients are 0 but for rounding, such as that of the bias of a unit that is active in every row, because
    normalisation takes the bias away. Adam makes steps of any size up to the learning rate of them, so such weights
    are left out; their gradients are compared.
    """
    means = means_of(agent)
    for name, (weights, statistics, steps) in trees_of(agent).items():
        state = getattr(peer.policy, f"{name}_state")
        gradients = jax.tree.map(np.asarray, state.opt_state[0].mu)
        for mine, other, gradient in zip(*map(jax.tree.leaves, (weights, state.params, gradients)), strict=True):
            clear = np.abs(gradient) > ROUNDING if updated else np.full(gradient.shape, True)
            np.testing.assert_allclose(mine[clear], np.asarray(other)[clear], rtol=0, atol=atol)
            assert clear.mean() > 0.5
        theirs = filled(statistics, state_of(state.batch_stats), 0)
        for mine, other in zip(*map(jax.tree.leaves, ((means[name], statistics), (gradients, theirs))), strict=True):
            np.testing.assert_allclose(mine, other, rtol=0, atol=atol)
        assert {int(np.max(value)) for value in counts_of(state.batch_stats)} == {int(np.max(steps))}
    assert float(agent.log_alpha[S, 0].exp()) == pytest.approx(temperature_of(peer), abs=atol)


def state_of(tree):
    return {name: state_of(part) if isinstance(part, dict) else np.asarray(part) for name, part in tree.items()}


def counts_of(tree):
    for name, part in tree.items():
        yield from counts_of(part) if isinstance(part, dict) else [part] * (name == "steps")


def temperature_of(peer):
    return float(peer.ent_coef.apply({"params": peer.ent_coef_state.params}))


def moved(agent, steps):
    """Give weights and statistics that are not the initial ones, as after `steps` minibatches."""
    generator = torch.Generator().manual_seed(5)
    for network, rows in (
        (agent.actor_net, agent.actor),
        (agent.critic_net, agent.critic.view(-1, agent.critic_net.size)),
    ):
        for start in (network._starts[-1], network.learned):
            for first, second in network._split(rows[:, start:]):
                first.add_(0.3 * torch.randn(first.shape, generator=generator))
                second.add_(0.3 * torch.rand(second.shape, generator=generator))
        rows[:, -16] = steps
    return agent


CASES = {
    "in the warm-up": ({}, 7),
    "after the warm-up": ({"renorm_warmup_steps": 5}, 7),
    "at its end": ({"renorm_warmup_steps": 7}, 7),
    "tanh, fixed temperature": ({"activation_fn": "tanh", "ent_coef": 0.2}, 7),
}


@pytest.mark.slow
@pytest.mark.timeout(900)  # JAX compiles each operation by itself
@pytest.mark.parametrize("case", CASES.values(), ids=CASES.keys())
def test_an_update_is_the_librarys(case, monkeypatch):
    own, steps = case
    config = CrossQ.Config(**{**PARAMS, **LAYERS, "policy_delay": 1, **own})
    agent = moved(agent_of(CrossQ, config), steps)
    shared = {"ent_coef": np.float64(own["ent_coef"])} if "ent_coef" in own else {}  # it has `item`, which is called
    peer = peer_of(agent, policy_delay=1, **PARAMS, **shared)
    assert_same(agent, peer, 1e-7, updated=False)
    batch, normal = inputs(agent)
    before = agent.critic.clone(), agent.actor.clone()
    step(agent, batch, normal)
    learn_once(peer, batch, normal, monkeypatch)
    assert_same(agent, peer, 1e-5)
    assert all((now - was).abs().max() > 5e-4 for was, now in zip(before, (agent.critic, agent.actor)))


@pytest.mark.slow
@pytest.mark.timeout(900)  # JAX compiles each operation by itself
def test_seven_updates_with_delayed_actor_and_two_momenta_stay_the_librarys(monkeypatch):
    agent = moved(agent_of(CrossQ, CrossQ.Config(**PARAMS, **LAYERS, renorm_warmup_steps=4)), 0)
    peer = peer_of(agent, **PARAMS)
    for k in range(7):
        batch, normal = inputs(agent, seed=k)
        step(agent, batch, normal, due=False)
        learn_once(peer, batch, normal, monkeypatch)
    assert_same(agent, peer, 1e-4)
    assert agent.actor_optimizer.step.tolist() == [2] * 3
