"""The gradients of iql, vdn and qmix against the same losses written with plain torch, for one seed after the other."""

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from rlbench_iql.iql import IQL
from rlbench_qmix.qmix import QMIX
from rlbench_vdn.vdn import VDN
from support.several_agents import TWINS, UNEQUAL, random_vectors, untrained

from rlbench.kit import Batch


def layers(dims, row, x):
    """What a network computes [rows, outputs], and what is left of the row of parameters."""
    for i, (a, b) in enumerate(zip(dims, dims[1:])):
        width = -(-b // 16) * 16
        x = x @ row[: a * width].view(a, width)[:, :b] + row[a * width : a * width + b]
        x, row = (torch.relu(x) if i < len(dims) - 2 else x), row[(a + 1) * width :]
    return x, row


def values_of(layout, row, vectors):
    """Each agent's values [rows, actions], by its number, and what is left of the row. Networks are shared."""
    values, observed, masks = {}, layout.observations(vectors), layout.masks(vectors)
    for i, group in enumerate(layout.groups):
        several = len(group.members) > 1
        for k, agent in enumerate(group.members):
            x = observed[i][:, k]
            if several:
                x = torch.cat([x, F.one_hot(torch.full((len(x),), k), len(group.members)).float()], 1)
            dims = (x.shape[1], 16, group.num_actions)
            values[agent], left = layers(dims, row, x)
            if masks:
                values[agent] = torch.where(masks[i][:, k] > 0, values[agent], -1e8)
        row = left
    return values, row


def mixed(row, q, state):
    """QMIX's mixture [rows] of q [rows, G] with 8 units, and hypernetworks of 12 units."""
    (m, count), outputs = (state.shape[1], q.shape[1]), []
    for dims in (m, 12, 8 * count), (m, 8), (m, 12, 8), (m, 8, 1):
        x, row = layers(dims, row, state)
        outputs.append(x)
    assert not len(row)
    first, bias, second, last = outputs
    hidden = F.elu(torch.einsum("bg,beg->be", q, first.abs().view(-1, 8, count)) + bias)
    return (hidden * second.abs()).sum(1) + last[:, 0]


def chosen(values, actions):
    return torch.stack([values[agent].gather(1, actions[:, agent : agent + 1])[:, 0] for agent in sorted(values)], 1)


def plain_loss(algorithm, layout, online, target, b):
    """The loss of one seed, with double-Q targets; b: fields [rows, …]."""
    alive, next_alive = layout.alive(b.obs), layout.alive(b.next_obs)
    q_values, rest = values_of(layout, online, b.obs)
    q = chosen(q_values, b.action)
    with torch.no_grad():
        choosing, _ = values_of(layout, online, b.next_obs)
        best = torch.stack([choosing[agent].argmax(1) for agent in sorted(choosing)], 1)
        next_values, target_rest = values_of(layout, target, b.next_obs)
        next_q = chosen(next_values, best)
        if algorithm is VDN:
            next_q = (next_q * next_alive).sum(1)
        elif algorithm is QMIX:
            next_q = mixed(target_rest, next_q * next_alive, layout.state(b.next_obs))
        y = b.reward + b.discount * next_q
    if algorithm is IQL:
        return ((q - y) ** 2 * alive).sum() / alive.sum()
    total = (q * alive).sum(1) if algorithm is VDN else mixed(rest, q * alive, layout.state(b.obs))
    return ((total - y) ** 2).mean()


@pytest.mark.parametrize("layout", [TWINS, UNEQUAL], ids=["twins", "unequal"])
@pytest.mark.parametrize("algorithm", [IQL, VDN, QMIX])
def test_gradients_are_those_of_plain_torch(algorithm, layout):
    sizes = {"mixing_embed_dim": 8, "hypernet_hidden_dim": 12} if algorithm is QMIX else {}
    agent = untrained(algorithm, layout, max_grad_norm=1e9, **sizes)
    g, (seeds, size, count) = np.random.default_rng(4), (2, 11, layout.count)
    obs, next_obs = (random_vectors(layout, (seeds, size), seed) for seed in (5, 6))
    action = agent.agents.random_actions(g.random((seeds, size, count)), obs)
    shape = (seeds, size, count) if algorithm is IQL else (seeds, size)
    reward, discount = g.standard_normal(shape).astype(np.float32), g.random(shape).astype(np.float32)
    batch = Batch(*map(torch.from_numpy, (obs, action, reward, next_obs, discount)))
    (grads,), logged = agent.td_gradient([agent.online], agent.target, batch)
    for seed in range(seeds):
        row = agent.online[seed].clone().requires_grad_()
        loss = plain_loss(algorithm, layout, row, agent.target[seed], Batch(*(field[seed] for field in batch)))
        expected = torch.autograd.grad(loss, row)[0]
        assert logged()["td_loss"][seed].item() == pytest.approx(loss.item(), rel=1e-4)
        torch.testing.assert_close(grads[seed], expected, rtol=1e-3, atol=1e-5)
        assert (expected != 0).float().mean() > 0.1
