"""The action values of several agents: one network for each group of agents, or for each agent.

The parameters of all groups are one tensor [S, P], like those of a single network.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from rlbench.kit.action_masks import FORBIDDEN
from rlbench.kit.agents import Agents, GroupInputs
from rlbench.kit.stacked_networks import MLP
from rlbench.seeding import SeedStreams


class AgentValues:
    """Networks of action values: [S, P], [S, B, size] → one tensor [S, B, members, actions] for each group.

    The value of a forbidden action is FORBIDDEN. hidden: units of the hidden layers. shared: whether the agents of a
    group share a network. size: P, the number of parameters of all networks of one seed.
    """

    def __init__(self, agents: Agents, hidden: Sequence[int], activation: str, shared: bool) -> None:
        self._agents = agents
        self._inputs = [GroupInputs(group, shared) for group in agents.groups]
        self._networks = [
            MLP((inputs.size, *hidden, group.num_actions), activation)
            for inputs, group in zip(self._inputs, agents.groups)
        ]
        self._sizes = [inputs.copies * network.size for inputs, network in zip(self._inputs, self._networks)]
        self.size = sum(self._sizes)

    def init(self, streams: SeedStreams, name: str, device: str = "cpu") -> Tensor:
        """Draw parameters [S, P], each seed's from its own stream `name`."""
        rows = [
            network.init(streams, name, inputs.copies, device).reshape(len(streams.seeds), -1)
            for inputs, network in zip(self._inputs, self._networks)
        ]
        return torch.cat(rows, 1)

    def __call__(self, params: Tensor, obs: Tensor) -> list[Tensor]:
        """Return each group's values [S, B, members, actions], from parameters [S, P or more] and obs [S, B, size]."""
        layout, batch, values = self._agents.layout, obs.shape[1], []
        parts = params[:, : self.size].split(self._sizes, 1)
        for inputs, network, part, observed in zip(self._inputs, self._networks, parts, layout.observations(obs)):
            values.append(inputs.unfold(network(inputs.parameters(part), inputs.rows(observed)), batch))
        masks = layout.masks(obs)
        return [value.masked_fill(mask == 0, FORBIDDEN) for value, mask in zip(values, masks)] if masks else values

    def greedy(self, values: list[Tensor]) -> Tensor:
        """Return each agent's action with the highest value [S, B, G]."""
        return self._agents.ordered([value.argmax(-1) for value in values])

    def of_actions(self, values: list[Tensor], action: Tensor) -> Tensor:
        """Return the value of each agent's action [S, B, G], given all agents' actions [S, B, G]."""
        actions = self._agents.layout.by_group(action)
        chosen = [value.gather(-1, a.unsqueeze(-1)).squeeze(-1) for value, a in zip(values, actions)]
        return self._agents.ordered(chosen)
