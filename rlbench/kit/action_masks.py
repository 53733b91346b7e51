"""Action masks: the part of an observation that says which discrete actions are allowed.

A task with `action_masks: true` appends the mask to the observation (rlbench/envs/action_mask.py). So the mask is
stored and replayed with the observation, and evaluation has it too. Networks get the state without the mask. Forbidden
actions get so low a value or logit that they are never chosen. Source: Huang & Ontañón 2022, "A Closer Look at Invalid
Action Masking in Policy Gradient Algorithms", arXiv:2006.14171.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from rlbench.api import Array

if TYPE_CHECKING:  # an algorithm without networks needs no torch
    from torch import Tensor

    from rlbench.kit.image_networks import ImageNetwork
    from rlbench.kit.stacked_networks import MLP
    from rlbench.seeding import SeedStreams

# Finite, because −∞ · 0 would be NaN. This product occurs in an entropy, and in a target after termination.
FORBIDDEN = -1e8


@dataclass(frozen=True)
class ActionMask:
    """The mask in an observation: the last `size` numbers are 1 where an action is allowed, else 0. size 0: no mask."""

    size: int = 0

    @classmethod
    def of(cls, observation_space: Any) -> ActionMask:
        """Return the mask of the observations in a space; its size is 0 if they have none."""
        return cls(int(getattr(observation_space, "masked", 0)))

    def state(self, obs: Tensor) -> Tensor:
        """Return flat observations without the mask: [..., obs] → [..., obs − size]."""
        return obs[..., : -self.size] if self.size else obs

    def apply(self, values: Tensor, obs: Tensor) -> Tensor:
        """Return values or logits [..., A], with FORBIDDEN for the actions that flat observations [..., obs] forbid."""
        return values.masked_fill(obs[..., -self.size :] == 0, FORBIDDEN) if self.size else values

    def random_actions(self, uniform: Array, obs: Array, num_actions: int) -> Array:
        """Return actions [S, N], each drawn uniformly from the allowed actions.

        uniform: a random number in [0, 1) for each action [S, N]. obs: [S, N, *obs]. If no action is allowed, as in a
        parked seed, return the last action.
        """
        if not self.size:
            return (uniform * num_actions).astype(np.int64)
        allowed = obs[..., -self.size :] != 0
        rank = (uniform * allowed.sum(-1)).astype(np.int64)  # the place of the chosen action among the allowed ones
        action = (np.cumsum(allowed, -1) <= rank[..., None]).sum(-1)
        return np.asarray(np.minimum(action, num_actions - 1))


NO_MASK = ActionMask()


class ActionValues:
    """A network of action values that sets those of forbidden actions to FORBIDDEN: [S, P], [S, B, obs] → [S, B, A].

    network: the network without masks. Its input is the state, which is the observation without the mask.
    """

    def __init__(self, network: MLP | ImageNetwork, mask: ActionMask) -> None:
        self.network, self._mask = network, mask

    def init(self, streams: SeedStreams, name: str, device: str = "cpu") -> Tensor:
        """Draw parameters [S, P], each seed's from its own stream `name`."""
        return self.network.init(streams, name, device=device)

    def __call__(self, params: Tensor, obs: Tensor) -> Tensor:
        return self._mask.apply(self.network(params, self._mask.state(obs)), obs)
