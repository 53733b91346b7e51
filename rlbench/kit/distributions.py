"""Stochastic policies for stacked seeds: one interface for all action spaces, the Gaussian, and the policy network.

With this interface, an algorithm need not distinguish action spaces. `discrete_distributions.py` has the distributions
of discrete actions. A Gaussian's actions are clipped to the bounds of the space only when they are passed to the
environment. Their log-probability is that of the unclipped action, as in CleanRL and Stable-Baselines3. Sources:
Williams 1992; Schulman et al. 2017; Huang et al. 2022, details 1 to 3 of continuous actions.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any, Protocol

import numpy as np
import torch
from gymnasium.spaces import Box, Discrete, MultiBinary, MultiDiscrete
from torch import Tensor

from rlbench.api import Array
from rlbench.kit.action_masks import NO_MASK, ActionMask
from rlbench.kit.activations import ACTIVATIONS
from rlbench.kit.discrete_distributions import Bernoullis, Categorical, Categoricals, MaskedCategorical
from rlbench.kit.image_networks import Inputs, network
from rlbench.kit.replay import Field
from rlbench.kit.stacked_networks import MLP, aligned
from rlbench.seeding import SeedStreams


class Distribution(Protocol):
    """A distribution over actions, from network outputs [S, B, outputs] and state-independent numbers [S, extra]."""

    outputs: int
    """The number of network outputs per state."""
    extra: int
    """The number of parameters that are the same in every state; 0 or a multiple of 16."""
    field: Field
    """The shape and dtype of an action, for storage."""

    def noise(self, streams: SeedStreams, name: str, count: int) -> Array:
        """Draw the noise for `count` samples of each seed from the stream `name`: float32 [S, count, …]."""
        ...

    def sample(self, outputs: Tensor, extra: Tensor, noise: Tensor) -> Tensor:
        """Return actions [S, B, *action]."""
        ...

    def log_prob(self, outputs: Tensor, extra: Tensor, action: Tensor) -> Tensor:
        """Return the log-probabilities [S, B] of actions in the form that `sample` returns."""
        ...

    def entropy(self, outputs: Tensor, extra: Tensor) -> Tensor:
        """Return the entropies [S, B] in nats."""
        ...

    def mode(self, outputs: Tensor, extra: Tensor) -> Tensor:
        """Return the most probable actions [S, B, *action]."""
        ...

    def to_env(self, action: Tensor) -> Array:
        """Return the actions in the environment's form [S, B, *space.shape], as a new array."""
        ...


class Gaussian:
    """A distribution over continuous actions, independent in each dimension.

    The outputs are means. The state-independent parameters are log σ, padded to a multiple of 16.
    """

    def __init__(self, space: Box) -> None:
        self.outputs = int(np.prod(space.shape))
        self.extra, self.field = aligned(self.outputs), Field((self.outputs,))
        self._space = space

    def noise(self, streams: SeedStreams, name: str, count: int) -> Array:
        return streams.normal(name, count, self.outputs)

    def _expand(self, extra: Tensor, batch: int) -> Tensor:
        """Expand [S, extra] to [S, batch, A].

        The padding is removed after the expansion, so that the gradient is a sum over whole vector registers.
        """
        return extra.unsqueeze(1).expand(-1, batch, -1)[..., : self.outputs]

    def sample(self, outputs: Tensor, extra: Tensor, noise: Tensor) -> Tensor:
        return outputs + self._expand(extra.exp(), outputs.shape[1]) * noise

    def log_prob(self, outputs: Tensor, extra: Tensor, action: Tensor) -> Tensor:
        """Return Σ −z²/2 − log σ − log √(2π), with z = (a − μ)/σ."""
        z = (action - outputs) * self._expand((-extra).exp(), outputs.shape[1])
        log_std = self._expand(extra, outputs.shape[1])
        return (-0.5 * z * z - log_std - 0.5 * math.log(2 * math.pi)).sum(-1)

    def entropy(self, outputs: Tensor, extra: Tensor) -> Tensor:
        """Return the sum of log σ + log √(2πe) over the dimensions of the action; it is the same in every state."""
        return (self._expand(extra, outputs.shape[1]) + 0.5 * math.log(2 * math.pi * math.e)).sum(-1)

    def mode(self, outputs: Tensor, extra: Tensor) -> Tensor:
        return outputs.clone()

    def to_env(self, action: Tensor) -> Array:
        shaped = action.cpu().numpy().reshape(*action.shape[:2], *self._space.shape)
        return np.clip(shaped.astype(self._space.dtype), self._space.low, self._space.high)


def policy_for(space: Any, mask: ActionMask = NO_MASK) -> Distribution:
    """Return the distribution for an action space. The numbers of an action are independent given the state.

    mask: the mask of Discrete actions in observations.
    Raises: TypeError if the space is not Discrete, MultiDiscrete, MultiBinary or a Box of floats.
    """
    if isinstance(space, Discrete):
        return MaskedCategorical(space) if mask.size else Categorical(space)
    if isinstance(space, MultiDiscrete):
        return Categoricals(space)
    if isinstance(space, MultiBinary):
        return Bernoullis(space)
    if isinstance(space, Box) and np.issubdtype(space.dtype, np.floating):
        return Gaussian(space)
    raise TypeError(f"no policy for actions in {space}; use Discrete, MultiDiscrete, MultiBinary or a Box of floats")


class Actor:
    """A policy network over flat observations.

    Its parameters are one tensor [S, P]; the state-independent parameters of the distribution are at the end.
    size: P. width: size of the last hidden layer, whose outputs (`features`) a critic may use too. The initialisation
    is orthogonal with gain √2, and 0.01 in the last layer, so the first policy is nearly the same in every state (Huang
    2022, detail 2). inputs: the number of the network's inputs, or images and numbers. mask: the action mask in
    observations.
    """

    def __init__(
        self,
        distribution: Distribution,
        inputs: Inputs,
        hidden: Sequence[int],
        activation: str,
        mask: ActionMask = NO_MASK,
    ) -> None:
        outputs = distribution.outputs
        self._mask = mask
        gains = [*[2**0.5] * len(hidden), 0.01]
        self._network = network(inputs, (*hidden, outputs), activation, "orthogonal", gains)
        if not hidden and not isinstance(inputs, int):
            raise ValueError("net_arch needs at least one layer for images")
        self.width = hidden[-1] if hidden else self._network.layers[0][0]
        self._body, self._head = network(inputs, hidden), MLP((self.width, outputs))
        self._body.activation = self._activation = ACTIVATIONS[activation]
        self._sizes = [self._body.size, self._head.size, distribution.extra]
        self.size = sum(self._sizes)

    def init(
        self, streams: SeedStreams, name: str, log_std: float = 0.0, device: str = "cpu", copies: int = 1
    ) -> Tensor:
        """Draw parameters [S·copies, P], seed-major, each seed's from its own stream `name`.

        log_std: initial log σ of a Gaussian.
        """
        rows = self._network.init(streams, name, copies, device)
        extra = torch.full((len(rows), self._sizes[2]), log_std, device=device)
        return torch.cat([rows, extra], 1)

    def features(self, params: Tensor, obs: Tensor) -> Tensor:
        """Return the last hidden layer: [S, P], [S, B, obs] → [S, B, width]."""
        state = self._mask.state(obs)
        if not self._body.layers:
            return state
        return self._activation(self._body(params[:, : self._sizes[0]], state))

    def head(self, params: Tensor, features: Tensor, obs: Tensor) -> tuple[Tensor, Tensor]:
        """Return the network outputs [S, B, outputs] and the state-independent parameters [S, extra] of a distribution.

        params: [S, P]. features: [S, B, width], from `features`. obs: [S, B, obs], for their action masks.
        """
        _, head, extra = params.split(self._sizes, 1)
        return self._mask.apply(self._head(head, features), obs), extra

    def __call__(self, params: Tensor, obs: Tensor) -> tuple[Tensor, Tensor]:
        """Return what `head` returns, from observations [S, B, obs]. params: [S, P or more]; the first P are used."""
        return self.of_features(params, self._mask.state(obs), obs)

    def of_features(self, params: Tensor, features: Tensor, obs: Tensor) -> tuple[Tensor, Tensor]:
        """Return what `head` returns, from other network inputs [S, B, inputs], such as an LSTM's outputs.

        obs: [S, B, obs], for their action masks.
        """
        end = self._network.size
        return self._mask.apply(self._network(params, features), obs), params[:, end : end + self._sizes[2]]
