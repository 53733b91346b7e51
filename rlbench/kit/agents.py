"""The agents of a task, for multi-agent algorithms: their rewards, actions, and observations as inputs of networks.

Agents with equal spaces form a group. The members of a group share one network, which gets the agent's one-hot id as
well (Gupta et al. 2017), or each member has its own network. Either way, a group's parameters are one tensor [S, P],
which is updated like that of a single network.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from rlbench.api import AgentGroup, AgentLayout, Array, TaskInfo, Transition

if TYPE_CHECKING:  # an algorithm without networks needs no torch
    from torch import Tensor


def layout_of(observation_space: Any) -> AgentLayout | None:
    """Return the layout of the agents in an observation space's vectors; None if the space is of a single agent."""
    layout: AgentLayout | None = getattr(observation_space, "layout", None)
    return layout


class Agents:
    """The agents of a task.

    layout: the parts of the environment's vectors. count: G, the number of agents. groups: agents with equal spaces.
    team_reward: whether every agent learns from the sum of all rewards, instead of its own reward.
    """

    def __init__(self, task: TaskInfo) -> None:
        layout = layout_of(task.observation_space)
        if layout is None:
            raise TypeError(f"{task.env_id} has a single agent")
        self.layout, self.count, self.groups = layout, layout.count, layout.groups
        self.team_reward = task.team_reward
        # Computed here, because a compiled graph cannot compute a cached property.
        self._order, _ = layout.order, layout.size

    def rewards(self, t: Transition) -> Array:
        """Return the reward that each agent learns from [S, N, G]: the sum of all rewards, or its own reward."""
        if t.agent_rewards is None:
            raise TypeError("the transition has no rewards of agents")
        if not self.team_reward:
            return t.agent_rewards
        return np.repeat(t.reward[..., None], self.count, -1)

    def discounts(self, t: Transition, gamma: float) -> Array:
        """Return the factor of each agent's next value [S, N, G]: 0 after its death or after termination, else gamma.

        After a truncation the factor is gamma, because the agents that were alive are still alive in the successor.
        """
        alive = self.layout.alive(t.next_obs) > 0
        return np.where(alive & ~t.terminated[..., None], np.float32(gamma), np.float32(0))

    def random_actions(self, uniform: Array, obs: Array) -> Array:
        """Return discrete actions [S, N, G], each drawn uniformly from the allowed actions.

        uniform: a random number in [0, 1) for each action [S, N, G]. obs: [S, N, size].
        """
        by_group, masks, drawn = self.layout.by_group(uniform), self.layout.masks(obs), []
        for i, (group, numbers) in enumerate(zip(self.groups, by_group)):
            if not masks:
                drawn.append((numbers * group.num_actions).astype(np.int64))
                continue
            allowed = masks[i] != 0  # [S, N, members, actions]
            rank = (numbers * allowed.sum(-1)).astype(np.int64)
            action = (np.cumsum(allowed, -1) <= rank[..., None]).sum(-1)
            drawn.append(np.minimum(action, group.num_actions - 1))
        return np.asarray(self.layout.joint_action(drawn))

    def ordered(self, values: list[Tensor]) -> Tensor:
        """Join the values of each group's members [..., members] to one tensor [..., G], in the order of the agents."""
        import torch

        places = torch.cat(values, -1).unbind(-1)
        return torch.stack([places[place] for place in self._order], -1)


class GroupInputs:
    """The conversion between values of a group's members and the input and output rows of the group's networks.

    shared: all members share one network. If there are several members, a member's one-hot id is appended to the
    inputs. If false, each member has its own network. copies: networks per seed, 1 or the number of members.
    size: the number of inputs of a network.
    """

    def __init__(self, group: AgentGroup, shared: bool, obs_size: int | None = None) -> None:
        self.members, self.shared = len(group.members), shared
        self.copies = 1 if shared else self.members
        self._has_ids = shared and self.members > 1
        observed = group.obs_size if obs_size is None else obs_size
        self.size = observed + (self.members if self._has_ids else 0)

    def rows(self, observed: Tensor) -> Tensor:
        """Return the networks' inputs [S · copies, rows, size] from the members' observations [S, B, members, n]."""
        import torch

        seeds, batch = observed.shape[:2]
        if self._has_ids:
            ids = torch.eye(self.members, dtype=observed.dtype, device=observed.device)
            observed = torch.cat([observed, ids.expand(seeds, batch, -1, -1)], -1)
        return self.fold(observed)

    def fold(self, values: Tensor) -> Tensor:
        """Convert values of the members [S, B, members, …] to rows of their networks [S · copies, rows, …]."""
        rest = values.shape[3:]
        if self.shared:
            return values.reshape(values.shape[0], -1, *rest)
        # Contiguous, because a single seed would get a view, and kernels compute differently on another layout.
        return values.transpose(1, 2).reshape(-1, values.shape[1], *rest).contiguous()

    def unfold(self, rows: Tensor, batch: int) -> Tensor:
        """Convert rows of the networks [S · copies, rows, …] to values of the members [S, batch, members, …]."""
        if self.shared:
            return rows.reshape(rows.shape[0], batch, self.members, *rows.shape[2:])
        return rows.reshape(-1, self.members, batch, *rows.shape[2:]).transpose(1, 2)

    def parameters(self, params: Tensor) -> Tensor:
        """Reshape a group's parameters [S, copies · P] to one row for each network [S · copies, P]."""
        if self.copies == 1:  # the same tensor, whose views a network keeps
            return params
        return params.reshape(params.shape[0] * self.copies, -1)
