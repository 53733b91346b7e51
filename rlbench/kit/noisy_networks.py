"""Noisy networks for stacked seeds: each weight is a mean plus a learned scale times noise, for exploration.

The noise is an argument of the call. It is drawn from the streams of the seeds and is the same for a whole minibatch.
Source: Fortunato et al. 2018, "Noisy Networks for Exploration", arXiv:1706.10295, with factorised Gaussian noise (eq.
10 and 11).
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor
from torch.nn.functional import pad

from rlbench.kit.kernel_choice import watched
from rlbench.kit.stacked_networks import MLP, aligned
from rlbench.seeding import SeedStreams


class NoisyMLP:
    """A multilayer perceptron whose layers are all noisy. A row [2P] contains the weights' means, then their scales.

    dims: (inputs, hidden …, outputs). scale: σ₀; the initial scale of a weight is σ₀ / √inputs, where inputs is the
    number of inputs of its layer. size: 2P. factors: how many normal numbers of each seed `noise` needs.
    """

    def __init__(self, dims: Sequence[int], activation: str = "relu", scale: float = 0.5) -> None:
        self._mlp, self._scale = MLP(dims, activation), scale
        self.size = 2 * self._mlp.size
        self.factors = sum(inputs + outputs for inputs, outputs in self._mlp.layers)

    def init(self, streams: SeedStreams, name: str, device: str = "cpu") -> Tensor:
        """Draw parameters [S, 2P], each seed's from its own stream `name`. Means are uniform, as in `MLP`."""
        means = self._mlp.init(streams, name, device=device)
        scales = []
        for inputs, outputs in self._mlp.layers:
            row = torch.zeros(inputs + 1, aligned(outputs), device=device)  # weights, then biases; the padding stays 0
            row[:, :outputs] = self._scale * inputs**-0.5
            scales.append(row.view(-1))
        return torch.cat([means, torch.cat(scales).expand(len(means), -1)], 1)

    @watched
    def noise(self, normal: Tensor) -> Tensor:
        """Return noise [S, P] for `__call__`, from standard normal numbers [S, factors].

        A weight from input i to output j has the noise f(εᵢ) · f(εⱼ), and the bias of output j has f(εⱼ), where
        f(ε) = sgn(ε) √|ε|.
        """
        factors = normal.sign() * normal.abs().sqrt()
        parts = []
        for inputs, outputs in self._mlp.layers:
            left, factors = factors[:, :inputs], factors[:, inputs:]
            right, factors = factors[:, :outputs], factors[:, outputs:]
            right = pad(right, (0, aligned(outputs) - outputs))
            parts += [(left.unsqueeze(2) * right.unsqueeze(1)).flatten(1), right]
        return torch.cat(parts, 1)

    def __call__(self, params: Tensor, x: Tensor, noise: Tensor | None = None) -> Tensor:
        """Compute [S, 2P], [S, B, inputs] → [S, B, outputs]. noise: [S, P]; None: use the mean weights alone."""
        if noise is None:
            return self._mlp(params, x)  # which takes the first P columns
        mean, scale = params.split(self._mlp.size, 1)
        return self._mlp(mean + scale * noise, x)
