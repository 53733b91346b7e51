"""Stochastic policies for stacked seeds: categorical over discrete actions, Gaussian over continuous ones.

Both have one form, so that an algorithm reads the same for either. Sources: Williams 1992; Schulman et al. 2017; Huang et
al. 2022, details 1 to 3 of continuous actions. A Gaussian's actions are clipped to their bounds where they meet the
environment, and their log-probability is that of the unclipped action, as in CleanRL and Stable-Baselines3.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any, Protocol

import numpy as np
import torch
from gymnasium.spaces import Box, Discrete
from torch import Tensor

from rlbench.api import Array
from rlbench.kit.activations import ACTIVATIONS
from rlbench.kit.replay import Field
from rlbench.kit.stacked_networks import MLP, aligned
from rlbench.seeding import SeedStreams


class Distribution(Protocol):
    """A distribution over actions, given a network's outputs [S, B, outputs] and parameters of its own [S, extra]."""

    outputs: int
    """Numbers that a network gives for each state."""
    extra: int
    """Numbers that it has besides, the same in every state; 0 or a multiple of 16."""
    field: Field
    """An action's shape and dtype, for storage."""

    def noise(self, streams: SeedStreams, name: str, count: int) -> Array:
        """What `sample` needs for `count` actions of each seed, from the stream `name`: float32 [S, count, …]."""
        ...

    def sample(self, outputs: Tensor, extra: Tensor, noise: Tensor) -> Tensor:
        """Actions [S, B, *action]."""
        ...

    def log_prob(self, outputs: Tensor, extra: Tensor, action: Tensor) -> Tensor:
        """[S, B], of actions as `sample` gives them."""
        ...

    def entropy(self, outputs: Tensor, extra: Tensor) -> Tensor:
        """[S, B], in nats."""
        ...

    def mode(self, outputs: Tensor, extra: Tensor) -> Tensor:
        """The likeliest actions [S, B, *action]."""
        ...

    def to_env(self, action: Tensor) -> Array:
        """The same actions as the environment takes them [S, B, *space.shape]: a fresh array."""
        ...


class Categorical:
    """Discrete actions; the outputs are logits."""

    extra = 0

    def __init__(self, space: Discrete) -> None:
        self.outputs, self.field = int(space.n), Field(dtype=torch.int64)
        self._start = int(space.start)

    def noise(self, streams: SeedStreams, name: str, count: int) -> Array:
        return streams.uniform(name, count).astype(np.float32)

    def sample(self, outputs: Tensor, extra: Tensor, noise: Tensor) -> Tensor:
        """By inverting the distribution function. Rounding cannot lead past the last action: its edge is not looked at."""
        edges = outputs.log_softmax(-1).exp().cumsum(-1)[..., :-1]
        return (noise.unsqueeze(-1) > edges).sum(-1)

    def log_prob(self, outputs: Tensor, extra: Tensor, action: Tensor) -> Tensor:
        return outputs.log_softmax(-1).gather(-1, action.unsqueeze(-1)).squeeze(-1)

    def entropy(self, outputs: Tensor, extra: Tensor) -> Tensor:
        log_probs = outputs.log_softmax(-1)
        return -(log_probs.exp() * log_probs).sum(-1)

    def mode(self, outputs: Tensor, extra: Tensor) -> Tensor:
        return outputs.argmax(-1)

    def to_env(self, action: Tensor) -> Array:
        return action.cpu().numpy() + self._start


class Gaussian:
    """Continuous actions, independent in each dimension; the outputs are means, `extra` is log σ, padded to 16."""

    def __init__(self, space: Box) -> None:
        self.outputs = int(np.prod(space.shape))
        self.extra, self.field = aligned(self.outputs), Field((self.outputs,))
        self._space = space

    def noise(self, streams: SeedStreams, name: str, count: int) -> Array:
        return streams.normal(name, count, self.outputs)

    def _spread(self, extra: Tensor, batch: int) -> Tensor:
        """[S, extra] → [S, batch, A]. It is cut after the expansion, so that its gradient is a sum over whole registers."""
        return extra.unsqueeze(1).expand(-1, batch, -1)[..., : self.outputs]

    def sample(self, outputs: Tensor, extra: Tensor, noise: Tensor) -> Tensor:
        return outputs + self._spread(extra.exp(), outputs.shape[1]) * noise

    def log_prob(self, outputs: Tensor, extra: Tensor, action: Tensor) -> Tensor:
        """Σ −z²/2 − log σ − log √(2π), with z = (a − μ)/σ."""
        z = (action - outputs) * self._spread((-extra).exp(), outputs.shape[1])
        log_std = self._spread(extra, outputs.shape[1])
        return (-0.5 * z * z - log_std - 0.5 * math.log(2 * math.pi)).sum(-1)

    def entropy(self, outputs: Tensor, extra: Tensor) -> Tensor:
        """Σ log σ + log √(2πe), the same in every state."""
        return (self._spread(extra, outputs.shape[1]) + 0.5 * math.log(2 * math.pi * math.e)).sum(-1)

    def mode(self, outputs: Tensor, extra: Tensor) -> Tensor:
        return outputs.clone()

    def to_env(self, action: Tensor) -> Array:
        shaped = action.cpu().numpy().reshape(*action.shape[:2], *self._space.shape)
        return np.clip(shaped.astype(self._space.dtype), self._space.low, self._space.high)


def policy_for(space: Any) -> Categorical | Gaussian:
    """The distribution over the actions of a space. Raises: TypeError unless it is Discrete or a Box of floats."""
    if isinstance(space, Discrete):
        return Categorical(space)
    if isinstance(space, Box) and np.issubdtype(space.dtype, np.floating):
        return Gaussian(space)
    raise TypeError(f"no policy for actions in {space}; there is one for Discrete and for Box of floats")


class Actor:
    """A policy's network over flat observations; its parameters are one tensor [S, P], the distribution's own at the end.

    features, width: of the last hidden layer, for a critic that shares it. Initialisation is orthogonal with gain √2,
    and 0.01 in the last layer, so that the first policy is nearly the same in every state (Huang 2022, detail 2).
    """

    def __init__(self, distribution: Distribution, obs_size: int, hidden: Sequence[int], activation: str) -> None:
        widths, outputs = (obs_size, *hidden), distribution.outputs
        gains = [*[2**0.5] * len(hidden), 0.01]
        self.width = widths[-1]
        self._whole = MLP((*widths, outputs), activation, "orthogonal", gains)
        self._body, self._head = MLP(widths), MLP((self.width, outputs))
        self._body.activation = self._activation = ACTIVATIONS[activation]
        self._sizes = [self._body.size, self._head.size, distribution.extra]

    def init(self, streams: SeedStreams, name: str, log_std: float = 0.0, device: str = "cpu") -> Tensor:
        """Fresh parameters [S, P], each seed's from its own stream `name`; log_std: of a Gaussian at the start."""
        network = self._whole.init(streams, name, device=device)
        extra = torch.full((len(network), self._sizes[2]), log_std, device=device)
        return torch.cat([network, extra], 1)

    def features(self, params: Tensor, obs: Tensor) -> Tensor:
        """[S, P], [S, B, obs] → [S, B, width]."""
        if not self._body.layers:
            return obs
        return self._activation(self._body(params[:, : self._sizes[0]], obs))

    def head(self, params: Tensor, features: Tensor) -> tuple[Tensor, Tensor]:
        """[S, P], [S, B, width] → the distribution's outputs [S, B, outputs] and its own parameters [S, extra]."""
        _, head, extra = params.split(self._sizes, 1)
        return self._head(head, features), extra

    def __call__(self, params: Tensor, obs: Tensor) -> tuple[Tensor, Tensor]:
        """The head on the features; params [S, P or more], of which these are the first columns."""
        end = self._whole.size
        return self._whole(params, obs), params[:, end : end + self._sizes[2]]
