"""Layouts of several agents, vectors of them, and learners before their first step."""

import numpy as np
import torch
from gymnasium.spaces import Discrete
from torch import nn

from rlbench import Device, SeedStreams
from rlbench.api import AgentGroup, AgentLayout, TaskInfo, Transition
from rlbench.envs.multiagent.joint_space import JointVectors, joint_actions

TWINS = AgentLayout(("a", "b"), (AgentGroup((0, 1), 1, Discrete(3)),), has_masks=True)
# The members of the first group stand first and last, so the order of groups is not that of agents.
UNEQUAL = AgentLayout(
    ("a", "b", "c"), (AgentGroup((0, 2), 3, Discrete(4)), AgentGroup((1,), 2, Discrete(2))), state_size=5
)


def untrained(algorithm, layout, seeds=(3, 7), team_reward=True, **params):
    """A learner before its first step, its target another network than its online one."""
    params = {"net_arch": (16,), "learning_starts": 30, "buffer_size": 64, "batch_size": 9, **params}
    task = TaskInfo("none", JointVectors(layout), joint_actions(layout), 1, 1000, team_reward)
    agent, other = (
        algorithm(algorithm.Config(**params), task, SeedStreams(s), Device()) for s in (seeds, [s + 100 for s in seeds])
    )
    agent.target.copy_(other.online)
    return agent


def vector(layout, observed=1.0, alive=None, masks=None):
    """One vector in which all agents that are alive observe the same number. alive: [G]. masks: for the one group."""
    v = np.zeros(layout.size, np.float32)
    alive = np.ones(layout.count) if alive is None else np.asarray(alive)
    for group, part in zip(layout.groups, layout.observations(v)):
        part[:] = observed * alive[list(group.members)][:, None]
    for part in layout.masks(v):
        part[:] = 1 if masks is None else masks
    layout.alive(v)[:] = alive
    if layout.state_size:
        layout.state(v)[:] = observed
    return v


def transition(obs, next_obs, action, rewards, terminated=False, truncated=False):
    """One transition of one seed, from vectors [size], an action [G] and each agent's reward [G]."""
    rewards = np.asarray(rewards, np.float64)[None, None]
    return Transition(
        obs=obs[None, None],
        action=np.asarray(action)[None, None],
        reward=rewards.sum(-1),
        next_obs=next_obs[None, None],
        terminated=np.full((1, 1), terminated),
        truncated=np.full((1, 1), truncated),
        agent_rewards=rewards,
    )


def random_vectors(layout, shape, seed=0):
    """Vectors [*shape, size] with random numbers, in which each agent is alive with 70 %, at least one of them."""
    g = np.random.default_rng(seed)
    v = g.standard_normal((*shape, layout.size)).astype(np.float32)
    alive = (g.random((*shape, layout.count)) < 0.7).astype(np.float32)
    alive[..., 0] = np.maximum(alive[..., 0], alive.sum(-1) == 0)
    layout.alive(v)[:] = alive
    for i, group in enumerate(layout.groups):
        layout.observations(v)[i][:] *= alive[..., list(group.members)][..., None]
    for mask in layout.masks(v):
        mask[:] = g.random(mask.shape) < 0.6
        mask[..., 0] = 1
    return v


def module(dims, row):
    """The network with these sizes as torch's own modules, from the first numbers of a row of parameters."""
    layers = []
    for a, b in zip(dims, dims[1:]):
        width, linear = -(-b // 16) * 16, nn.Linear(a, b)
        weight, bias, row = row[: a * width], row[a * width : a * width + width], row[a * width + width :]
        linear.weight.data, linear.bias.data = weight.view(a, width)[:, :b].T.clone(), bias[:b].clone()
        layers += [linear, nn.ReLU()]
    return nn.Sequential(*layers[:-1])


def tables(agent, online, target):
    """Give the agents of TWINS these values of their actions [2, 3], whatever they observe. agent: without layers."""
    for params, values in ((agent.online, online), (agent.target, target)):
        params[:, : agent.values.size] = 0
        params[:, : 3 * 16].view(-1, 3, 16)[:, 1:, :3] = torch.tensor(values)  # inputs: the number, then the id
