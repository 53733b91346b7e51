"""The policies of all agents of a task, for policy gradients: one network for each group of agents, or for each agent.

Values of all agents have two orders. Stored values and values of the environment are [S, B, G], in the order of the
agents. Values in a loss are [S, B·G], in the order of the networks' rows. So no gradient changes its layout in memory
on its way back; its last bits would depend on the layout.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor

from rlbench.api import Array
from rlbench.kit.action_masks import ActionMask
from rlbench.kit.agents import Agents, GroupInputs
from rlbench.kit.distributions import Actor, policy_for
from rlbench.kit.replay import Field
from rlbench.seeding import SeedStreams


class AgentPolicies:
    """The policies of all agents. Their parameters are one tensor [S, P], group after group.

    An agent's policy gets only the agent's own observation and action mask from the environment's vector.

    share: the members of a group share one network, whose inputs include a member's one-hot id. If false, each member
    has its own network. hidden, activation: as in `Actor`, for every network.
    field: the shape and dtype of the actions of all agents [A], for storage: group after group, member after member.
    """

    def __init__(self, agents: Agents, share: bool, hidden: Sequence[int], activation: str) -> None:
        self._agents, groups = agents, agents.groups
        self.inputs = [GroupInputs(group, share) for group in groups]
        masks = [ActionMask(group.num_actions if agents.layout.has_masks else 0) for group in groups]
        self._dists = [policy_for(group.action_space, mask) for group, mask in zip(groups, masks)]
        self._actors = [
            Actor(dist, inputs.size, hidden, activation, mask)
            for dist, inputs, mask in zip(self._dists, self.inputs, masks)
        ]
        self._action_sizes = [len(group.members) * group.action_size for group in groups]
        self.field = Field((sum(self._action_sizes),), self._dists[0].field.dtype)
        self._sizes = [actor.size * inputs.copies for actor, inputs in zip(self._actors, self.inputs)]

    def init(self, streams: SeedStreams, name: str, log_std: float = 0.0, device: str = "cpu") -> Tensor:
        """Draw parameters [S, P], each seed's from its own stream `name`. log_std: initial log σ of a Gaussian."""
        seeds = len(streams.seeds)
        drawn = [
            actor.init(streams, name, log_std, device, inputs.copies).view(seeds, -1)
            for actor, inputs in zip(self._actors, self.inputs)
        ]
        return torch.cat(drawn, 1) if len(drawn) > 1 else drawn[0]

    # -- orders ----------------------------------------------------------------------------------------------------
    def rows(self, values: Tensor) -> Tensor:
        """Reorder values of all agents [S, B, G] to the order of the networks' rows [S, B·G]."""
        return self.joined(
            [inputs.fold(part) for inputs, part in zip(self.inputs, self._agents.layout.by_group(values))]
        )

    def joined(self, rows: Sequence[Tensor]) -> Tensor:
        """Join the rows of all groups, each [S·copies, rows], to [S, B·G], one group after another."""
        flat = [part.reshape(len(part) // inputs.copies, -1) for inputs, part in zip(self.inputs, rows)]
        return torch.cat(flat, 1) if len(flat) > 1 else flat[0]

    def by_agent(self, rows: Tensor) -> Tensor:
        """Reorder values from the order of the networks' rows [S, B·G] to the order of the agents [S, B, G]."""
        batch = rows.shape[1] // self._agents.count
        parts = rows.split([inputs.members * batch for inputs in self.inputs], 1)
        return self._agents.ordered(
            [
                inputs.unfold(part.reshape(len(part) * inputs.copies, -1), batch)
                for inputs, part in zip(self.inputs, parts)
            ]
        )

    # -- policies; B observations of each seed -----------------------------------------------------------------------
    def noise(self, streams: SeedStreams, name: str, count: int) -> list[Array]:
        """Draw the noise for `count` samples of each seed: one array [S, count · members, …] for each group."""
        return [dist.noise(streams, name, count * inputs.members) for dist, inputs in zip(self._dists, self.inputs)]

    def sample(self, params: Tensor, obs: Tensor, noise: Sequence[Tensor]) -> tuple[Tensor, Tensor]:
        """Return sampled actions [S, B, A] and their log-probabilities [S, B, G]; obs [S, B, size]."""
        actions, log_probs = [], []
        outputs = self._outputs(params, obs)
        for dist, inputs, (out, extra), numbers in zip(self._dists, self.inputs, outputs, noise):
            shaped = numbers.view(*obs.shape[:2], inputs.members, *numbers.shape[2:])
            action = dist.sample(out, extra, inputs.fold(shaped))
            log_probs.append(dist.log_prob(out, extra, action))
            actions.append(inputs.unfold(action, obs.shape[1]).flatten(2))
        return self._cat(actions), self.by_agent(self.joined(log_probs))

    def mode(self, params: Tensor, obs: Tensor) -> Tensor:
        """Return the most probable actions [S, B, A]; obs [S, B, size]."""
        modes = [dist.mode(*outputs) for dist, outputs in zip(self._dists, self._outputs(params, obs))]
        return self._cat([inputs.unfold(mode, obs.shape[1]).flatten(2) for inputs, mode in zip(self.inputs, modes)])

    def evaluate(self, params: Tensor, obs: Tensor, action: Tensor) -> tuple[Tensor, Tensor]:
        """Return the log-probabilities of actions [S, B, A], and the entropies. Both are [S, B·G], in row order."""
        log_probs, entropies = [], []
        outputs, parts = self._outputs(params, obs), action.split(self._action_sizes, 2)
        for dist, inputs, (out, extra), part in zip(self._dists, self.inputs, outputs, parts):
            taken = inputs.fold(part.reshape(*part.shape[:2], inputs.members, *dist.field.shape))
            log_probs.append(dist.log_prob(out, extra, taken))
            entropies.append(dist.entropy(out, extra))
        return self.joined(log_probs), self.joined(entropies)

    def to_env(self, action: Tensor) -> Array:
        """Convert actions [S, B, A] to the form that the environment accepts."""
        layout, given = self._agents.layout, []
        for group, dist, part in zip(self._agents.groups, self._dists, action.split(self._action_sizes, 2)):
            lead = *part.shape[:2], len(group.members)
            shown = dist.to_env(part.reshape(part.shape[0], -1, *dist.field.shape))
            given.append(shown.reshape(lead if layout.is_discrete else (*lead, group.action_size)))
        return np.asarray(layout.joint_action(given))

    def _outputs(self, params: Tensor, obs: Tensor) -> list[tuple[Tensor, Tensor]]:
        """Return the parameters of each group's distributions, in row order; obs [S, B, size]."""
        layout = self._agents.layout
        masks, outputs = layout.masks(obs), []
        parts = params.split(self._sizes, 1) if len(self._sizes) > 1 else [params]
        for i, (actor, inputs, observed) in enumerate(zip(self._actors, self.inputs, layout.observations(obs))):
            rows = inputs.rows(observed)
            if masks:  # where `Actor` expects it
                rows = torch.cat([rows, inputs.fold(masks[i])], -1)
            outputs.append(actor(inputs.parameters(parts[i]), rows))
        return outputs

    @staticmethod
    def _cat(parts: list[Tensor]) -> Tensor:
        return torch.cat(parts, -1) if len(parts) > 1 else parts[0]
