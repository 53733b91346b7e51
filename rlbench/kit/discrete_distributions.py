"""Distributions over discrete actions for stacked seeds: one choice, several choices, or bits.

The parts of an action are independent given the state. So log-probabilities and entropies are sums over the parts. The
interface is `Distribution` in `distributions.py`.
"""

from __future__ import annotations

import numpy as np
import torch
from gymnasium.spaces import Discrete, MultiBinary, MultiDiscrete
from torch import Tensor

from rlbench.api import Array
from rlbench.kit.action_masks import FORBIDDEN
from rlbench.kit.replay import Field
from rlbench.seeding import SeedStreams


class Categorical:
    """A distribution over discrete actions. The outputs are logits."""

    extra = 0

    def __init__(self, space: Discrete) -> None:
        self.outputs, self.field = int(space.n), Field(dtype=torch.int64)
        self._start = int(space.start)

    def noise(self, streams: SeedStreams, name: str, count: int) -> Array:
        return streams.uniform(name, count).astype(np.float32)

    def sample(self, outputs: Tensor, extra: Tensor, noise: Tensor) -> Tensor:
        """Sample by inverting the cumulative distribution.

        The upper edge of the last action is left out, so that rounding cannot select an action after it.
        """
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


class MaskedCategorical(Categorical):
    """A distribution over the discrete actions that a mask allows. The logits of forbidden actions are FORBIDDEN."""

    def sample(self, outputs: Tensor, extra: Tensor, noise: Tensor) -> Tensor:
        """Sample like `Categorical`, and replace a forbidden action by the mode.

        A forbidden action can be sampled only if the noise is at an end of the unit interval. Noise of 0 selects the
        first action. Noise above all edges, which are rounded, selects the last action.
        """
        action = super().sample(outputs, extra, noise)
        logit = outputs.gather(-1, action.unsqueeze(-1)).squeeze(-1)
        return torch.where(logit == FORBIDDEN, self.mode(outputs, extra), action)


class Categoricals:
    """A product of categorical distributions, for MultiDiscrete actions.

    The outputs are the logits of the first part, then those of the second part, and so on. An action is [parts], with
    the choices of each part numbered from 0. `to_env` adds the starts of the space and restores its shape.
    """

    extra = 0

    def __init__(self, space: MultiDiscrete) -> None:
        self._counts = [int(n) for n in space.nvec.ravel()]
        self._parts = [Categorical(Discrete(n)) for n in self._counts]
        self.outputs, self.field = sum(self._counts), Field((len(self._parts),), torch.int64)
        self._start, self._dtype = np.asarray(space.start), space.dtype

    def noise(self, streams: SeedStreams, name: str, count: int) -> Array:
        return streams.uniform(name, count, len(self._parts)).astype(np.float32)

    def sample(self, outputs: Tensor, extra: Tensor, noise: Tensor) -> Tensor:
        parts = zip(self._parts, outputs.split(self._counts, -1), noise.unbind(-1))
        return torch.stack([part.sample(logits, extra, uniform) for part, logits, uniform in parts], -1)

    def log_prob(self, outputs: Tensor, extra: Tensor, action: Tensor) -> Tensor:
        parts = zip(self._parts, outputs.split(self._counts, -1), action.unbind(-1))
        return torch.stack([part.log_prob(logits, extra, chosen) for part, logits, chosen in parts], -1).sum(-1)

    def entropy(self, outputs: Tensor, extra: Tensor) -> Tensor:
        parts = zip(self._parts, outputs.split(self._counts, -1))
        return torch.stack([part.entropy(logits, extra) for part, logits in parts], -1).sum(-1)

    def mode(self, outputs: Tensor, extra: Tensor) -> Tensor:
        parts = zip(self._parts, outputs.split(self._counts, -1))
        return torch.stack([part.mode(logits, extra) for part, logits in parts], -1)

    def to_env(self, action: Tensor) -> Array:
        shaped = action.cpu().numpy().reshape(*action.shape[:2], *self._start.shape)
        return np.asarray(shaped + self._start, self._dtype)


class Bernoullis:
    """A product of Bernoulli distributions, for MultiBinary actions. The outputs are the log odds of each 1."""

    extra = 0

    def __init__(self, space: MultiBinary) -> None:
        self.outputs = int(np.prod(space.shape))
        self.field = Field((self.outputs,), torch.int64)
        self._shape, self._dtype = tuple(space.shape), space.dtype

    def noise(self, streams: SeedStreams, name: str, count: int) -> Array:
        return streams.uniform(name, count, self.outputs).astype(np.float32)

    def _log_probs(self, outputs: Tensor) -> Tensor:
        """Return the log-probabilities of 0 and 1 [S, B, bits, 2].

        They are a log-softmax over 0 and the log odds x, because the kit's softplus has no exact gradient at x = 0.
        """
        return torch.stack([torch.zeros_like(outputs), outputs], -1).log_softmax(-1)

    def sample(self, outputs: Tensor, extra: Tensor, noise: Tensor) -> Tensor:
        return (noise < self._log_probs(outputs)[..., 1].exp()).long()

    def log_prob(self, outputs: Tensor, extra: Tensor, action: Tensor) -> Tensor:
        return self._log_probs(outputs).gather(-1, action.unsqueeze(-1)).squeeze(-1).sum(-1)

    def entropy(self, outputs: Tensor, extra: Tensor) -> Tensor:
        log_probs = self._log_probs(outputs)
        return -(log_probs.exp() * log_probs).sum((-2, -1))

    def mode(self, outputs: Tensor, extra: Tensor) -> Tensor:
        return (outputs > 0).long()

    def to_env(self, action: Tensor) -> Array:
        return action.cpu().numpy().reshape(*action.shape[:2], *self._shape).astype(self._dtype)
