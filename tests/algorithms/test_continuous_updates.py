"""The updates of ddpg, td3 and sac against torch's own modules, optimisers and distributions."""

import math

import pytest
import torch
from rlbench_ddpg.ddpg import DDPG
from rlbench_sac.sac import SAC
from rlbench_td3.td3 import TD3
from support.continuous_updates import agent_of, inputs, small, step
from support.torch_modules import module_of, set_masks
from torch import nn
from torch.distributions import Normal, TransformedDistribution
from torch.distributions.transforms import TanhTransform

FIRST_ALPHA = {"auto": 1.0, "auto_0.5": 0.5, 0.3: 0.3}


# -- one update against torch's own modules, optimisers and distributions ---------------------------------------------
class Peer:
    """One seed of the same algorithm, written on nn.Module, autograd and torch.optim, as the papers have it."""

    def __init__(self, agent, s):
        c, self.config, self.agent = agent.config, agent.config, agent
        twins = 1 if isinstance(agent, DDPG) else 2
        self.actor, self.target_actor = (module_of(agent.actor_net, agent.actor[s], nn.ReLU) for _ in range(2))
        rows = agent.critic[s].view(twins, -1)
        self.critics, self.targets = ([module_of(agent.critic_net, row, nn.ReLU) for row in rows] for _ in range(2))
        self.log_alpha = nn.Parameter(torch.tensor(math.log(FIRST_ALPHA[getattr(c, "ent_coef", "auto")])))
        self.actor_adam = torch.optim.Adam(self.actor.parameters(), c.learning_rate)
        self.alpha_adam = torch.optim.Adam([self.log_alpha], c.learning_rate)
        parameters = [p for critic in self.critics for p in critic.parameters()]
        self.critic_adam = torch.optim.Adam(parameters, c.critic_learning_rate or c.learning_rate)

    def draw(self, obs, normal):
        mean, log_std = self.actor(obs).split(self.agent.dim, -1)
        std = log_std.clamp(self.config.log_std_min, self.config.log_std_max).exp()
        squashed = TransformedDistribution(Normal(mean, std), TanhTransform(cache_size=1))
        action = torch.tanh(mean + std * normal)
        return action, squashed.log_prob(action).sum(-1)

    def least(self, critics, obs, action, masks):
        self.drop(critics, masks)
        return torch.stack([critic(torch.cat([obs, action], -1))[:, 0] for critic in critics]).min(0).values

    def drop(self, critics, masks):
        """masks: [critics, B, units] for each hidden layer; empty: drop nothing."""
        for i, critic in enumerate(critics):
            set_masks(critic, [mask[i] for mask in masks])

    def next_value(self, obs, normal, masks):
        if isinstance(self.agent, SAC):
            action, log_prob = self.draw(obs, normal[0])
            return self.least(self.targets, obs, action, masks) - self.log_alpha.exp() * log_prob
        action = torch.tanh(self.target_actor(obs))
        if isinstance(self.agent, TD3):
            action = (action + (0.2 * normal).clamp(-0.5, 0.5)).clamp(-1, 1)
        return self.least(self.targets, obs, action, masks)

    def actor_loss(self, obs, normal, masks):
        if isinstance(self.agent, SAC):
            action, log_prob = self.draw(obs, normal[1])
            value = self.least(self.critics, obs, action, masks)
            return (self.log_alpha.exp().detach() * log_prob - value).mean(), log_prob.detach()
        return -self.critics[0](torch.cat([obs, torch.tanh(self.actor(obs))], -1)).mean(), None

    def step(self, b, normal, masks=((), (), ())):
        """masks: of the critics in their loss, of the targets, of the critics in the actor's loss."""
        with torch.no_grad():
            goal = b["reward"] + b["discount"] * self.next_value(b["next_obs"], normal, masks[1])
        self.drop(self.critics, masks[0])
        x = torch.cat([b["obs"], b["action"]], -1)
        scale = 0.5 if isinstance(self.agent, SAC) else 1.0
        self.apply(self.critic_adam, scale * sum(nn.functional.mse_loss(q(x)[:, 0], goal) for q in self.critics))
        loss, log_prob = self.actor_loss(b["obs"], normal, masks[2])
        self.apply(self.actor_adam, loss)
        if isinstance(self.agent, SAC) and self.config.ent_coef != 0.3:
            target_entropy = -self.agent.dim
            self.apply(self.alpha_adam, -(self.log_alpha * (log_prob + target_entropy)).mean())
        for target, online in zip([self.target_actor, *self.targets], [self.actor, *self.critics]):
            for p, q in zip(target.parameters(), online.parameters()):
                p.data = (1 - self.config.tau) * p.data + self.config.tau * q.data

    def apply(self, optimizer, loss):
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()


def assert_same(module, mlp, row):
    for p, q in zip(module.parameters(), module_of(mlp, row).parameters(), strict=True):
        assert torch.allclose(p, q, atol=2e-5)


def masks_drawn_by(agent):
    """A list that gets what the critics' `masks` returns, in the order of its calls."""
    drawn, masks = [], agent.critic_net.masks
    agent.critic_net.masks = lambda *given: drawn.append(masks(*given)) or drawn[-1]
    return drawn


VARIANTS = {
    "ddpg": (DDPG, {"critic_learning_rate": 3e-2}),
    "td3": (TD3, {}),
    "sac": (SAC, {"ent_coef": "auto_0.5"}),
    "sac, fixed alpha, narrow": (SAC, {"ent_coef": 0.3, "log_std_min": -0.1, "log_std_max": 0.2}),
    "sac, layer norm": (SAC, {"ent_coef": "auto_0.5", "layer_norm": True}),
    "sac, layer norm and dropout": (
        SAC,
        {"ent_coef": "auto_0.5", "layer_norm": True, "dropout": 0.2, "net_arch": (16, 20), "batch_size": 12},
    ),
}


@pytest.mark.parametrize("case", VARIANTS.values(), ids=VARIANTS.keys())
def test_updates_are_those_of_torchs_modules_and_optimisers_for_each_seed(case):
    algorithm, more = case
    agent = agent_of(algorithm, small(algorithm, learning_rate=1e-2, **more))
    peers = [Peer(agent, s) for s in range(agent.num_seeds)]
    drawn = masks_drawn_by(agent)
    for k in range(5):
        batch, normal = inputs(agent, seed=k)
        drawn.clear()
        step(agent, batch, normal)
        for s, peer in enumerate(peers):
            masks = [[mask[s] for mask in masks] for masks in drawn] or ((), (), ())
            peer.step({name: values[s] for name, values in batch._asdict().items()}, normal[s], masks)
    for s, peer in enumerate(peers):
        assert_same(peer.actor, agent.actor_net, agent.actor[s])
        critic, target = agent.critic[s], (agent.target if algorithm is SAC else agent.target_critic)[s]
        for mine, others in ((critic, peer.critics), (target, peer.targets)):
            for row, other in zip(mine.view(len(others), -1), others):
                assert_same(other, agent.critic_net, row)
        if algorithm is SAC:
            assert float(agent.log_alpha[s, 0]) == pytest.approx(peer.log_alpha.item(), abs=1e-5)
            stays = float(agent.log_alpha[s, 0]) == pytest.approx(math.log(FIRST_ALPHA[agent.config.ent_coef]))
            assert stays == (agent.config.ent_coef == 0.3)
        else:
            assert_same(peer.target_actor, agent.actor_net, agent.target_actor[s])
