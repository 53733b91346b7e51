"""A network that mixes the values of all agents into one value, which never falls if an agent's value rises.

Other networks, the hypernetworks, compute its weights from the state; it uses the absolute values of these weights.
Source: Rashid et al. 2018, "QMIX", arXiv:1803.11485, section 4.1.
"""

from __future__ import annotations

import torch
from torch import Tensor

from rlbench.kit.activations import elu
from rlbench.kit.stacked_networks import MLP
from rlbench.seeding import SeedStreams


class MixingNetwork:
    """A mixing network with one hidden layer: [S, P], values [S, B, G], states [S, B, m] → mixed values [S, B].

    count: G, the number of agents. embed: units of the mixing network's hidden layer, whose activation is elu. hidden:
    units of the hidden layer in the two hypernetworks for weights. The first bias is linear in the state. The second
    bias comes from a hypernetwork with `embed` hidden units. size: P, the number of all parameters.
    """

    def __init__(self, count: int, state_size: int, embed: int = 32, hidden: int = 64) -> None:
        self._count, self._embed = count, embed
        self._networks = (
            MLP((state_size, hidden, embed * count)),
            MLP((state_size, embed)),
            MLP((state_size, hidden, embed)),
            MLP((state_size, embed, 1)),
        )
        self._sizes = [network.size for network in self._networks]
        self.size = sum(self._sizes)

    def init(self, streams: SeedStreams, name: str, device: str = "cpu") -> Tensor:
        """Draw parameters [S, P], each seed's from its own stream `name`."""
        return torch.cat([network.init(streams, name, device=device) for network in self._networks], 1)

    def __call__(self, params: Tensor, values: Tensor, state: Tensor) -> Tensor:
        parts = params.split(self._sizes, 1)
        first, bias, second, last_bias = (network(part, state) for network, part in zip(self._networks, parts))
        weight = first.abs().unflatten(-1, (self._embed, self._count))  # the last axis is summed: agents
        hidden = elu((weight * values.unsqueeze(-2)).sum(-1) + bias)  # [S, B, embed]
        return (hidden * second.abs()).sum(-1) + last_bias.squeeze(-1)
