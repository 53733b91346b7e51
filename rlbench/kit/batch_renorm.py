"""Networks with batch renormalisation for stacked seeds: each lane has its own minibatch, hence its own statistics.

As in SBX's CrossQ, a minibatch is normalised by its own mean and variance during the warm-up. Afterwards it is
normalised by the running mean and variance, as far as the limits of r and d allow. The gradient passes through the mean
and variance of the minibatch, but not through r and d. Sources: Ioffe 2017, arXiv:1702.03275; Bhatt et al. 2024,
arXiv:1902.05605.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import accumulate

import torch
from torch import Tensor
from torch.nn.functional import pad

from rlbench.kit.activations import ACTIVATIONS
from rlbench.kit.kernel_choice import watched
from rlbench.kit.stacked_networks import ALIGN, MLP, aligned
from rlbench.seeding import SeedStreams

EPS = 1e-3
R_MAX, D_MAX = 3.0, 5.0
TINY = 1e-20  # below this variance, the gradient of the standard deviation is set to 0, because it would be infinite


class BatchRenormMLP:
    """A multilayer perceptron that normalises its inputs and the activations of each hidden layer over a minibatch.

    One row of numbers [P] contains the weights of the linear layers, the scale and shift of each normalised layer, and
    the statistics: the running mean and variance of each normalised layer and the number of minibatches so far. So the
    statistics are saved, published and dropped together with the weights. Their gradient is zero, so Adam does not
    change them; `store` writes them.

    dims: (inputs, hidden …, outputs). momentum: the weight of the old running statistics when a minibatch is added.
    warmup: the number of minibatches before renormalisation begins.
    """

    def __init__(
        self, dims: Sequence[int], activation: str = "relu", momentum: float = 0.99, warmup: int = 100_000
    ) -> None:
        self._linear = [MLP(pair, init="lecun_normal") for pair in zip(dims, dims[1:])]
        self._activation, self._momentum, self._warmup = ACTIVATIONS[activation], momentum, warmup
        self._features = list(dims[:-1])
        self._pairs = [aligned(count) for count in self._features for _ in range(2)]
        self._starts = list(accumulate((linear.size for linear in self._linear), initial=0))
        self.learned = self._starts[-1] + sum(self._pairs)  # the statistics begin at this column
        self.size = self.learned + sum(self._pairs) + ALIGN

    def init(self, streams: SeedStreams, name: str, copies: int = 1, device: str = "cpu") -> Tensor:
        """Draw rows [S·copies, P], seed-major. The weights of each seed come from its own stream `name`.

        Scales and variances are 1; shifts, means and the number of minibatches are 0.
        """
        linear = [layer.init(streams, name, copies, device) for layer in self._linear]
        scale_shift = [1.0 - i % 2 for i in range(len(self._pairs))]
        constants = [*zip(self._pairs, scale_shift), *zip(self._pairs, reversed(scale_shift)), (ALIGN, 0.0)]
        lanes = len(linear[0])
        return torch.cat([*linear, *(torch.full((lanes, size), value, device=device) for size, value in constants)], 1)

    def __call__(self, rows: Tensor, x: Tensor) -> Tensor:
        """Compute [L, P], [L, B, inputs] → [L, B, outputs], normalised by the running statistics."""
        for i, (mean, variance) in enumerate(self._split(rows[:, self.learned :].detach())):
            x = self._layer(i, rows, (x - mean) / (variance + EPS).sqrt())
        return x

    def train(self, rows: Tensor, x: Tensor) -> tuple[Tensor, Tensor]:
        """Compute [L, P], [L, B, inputs] → [L, B, outputs] with normalisation over the minibatch, as in an update.

        Returns: the outputs, and the statistics after this minibatch, for `store`. `rows` are not changed.
        """
        old = rows[:, self.learned :].detach()
        count, after = old[:, -ALIGN:], []
        is_warm = count[:, :1].unsqueeze(1) >= self._warmup  # [L, 1, 1]
        for i, (mean, variance) in enumerate(self._split(old)):
            batch_mean = x.mean(1, keepdim=True)
            centred = x - batch_mean
            batch_variance = (centred * centred).mean(1, keepdim=True)
            shift, square = _renormalised(mean, variance, batch_mean, batch_variance)
            shift, square = torch.where(is_warm, shift, 0.0), torch.where(is_warm, square, batch_variance)
            for running, batch in ((mean, batch_mean), (variance, batch_variance)):
                moved = self._momentum * running + (1 - self._momentum) * batch.detach()
                after.append(pad(moved.squeeze(1), (0, -moved.shape[2] % ALIGN)))
            x = self._layer(i, rows, (centred + shift) / (square + EPS).sqrt())
        return x, torch.cat([*after, count + 1], 1)

    @watched
    def store(self, rows: Tensor, statistics: Tensor, active: Tensor) -> None:
        """Write the statistics of all lanes into rows [S, copies·P], for the seeds in `active` [S] bool."""
        lanes = rows.view(-1, self.size)
        is_active = active.repeat_interleave(len(lanes) // len(active)).unsqueeze(1)
        old = lanes[:, self.learned :]
        old.copy_(torch.where(is_active, statistics, old))

    def _layer(self, i: int, rows: Tensor, x: Tensor) -> Tensor:
        """Scale and shift the normalised `x`, then apply linear layer i and its activation."""
        scale, shift = self._split(rows[:, self._starts[-1] : self.learned])[i]
        x = self._linear[i](rows[:, self._starts[i] : self._starts[i + 1]], x * scale + shift)
        return self._activation(x) if i < len(self._linear) - 1 else x

    def _split(self, columns: Tensor) -> list[tuple[Tensor, Tensor]]:
        """Return two views [L, 1, features] for each normalised layer: scale and shift, or mean and variance."""
        parts = columns[:, : sum(self._pairs)].unsqueeze(1).split(self._pairs, 2)
        return [(a[..., :count], b[..., :count]) for a, b, count in zip(parts[::2], parts[1::2], self._features)]


def _renormalised(mean: Tensor, variance: Tensor, batch_mean: Tensor, batch_variance: Tensor) -> tuple[Tensor, Tensor]:
    """Return h and v [L, 1, features], so that (x − batch_mean + h) / √(v + EPS) is the renormalised x.

    The paper's form is (x − batch_mean)/σ · r + d with σ = √batch_variance, so h = dσ/r and v = (σ/r)². Within the
    limits R_MAX and D_MAX, r and d replace the minibatch's mean and variance by the running ones. r and d are constants
    for the gradient; h and v are not.
    """
    deviation = (variance + EPS).sqrt()
    r = ((batch_variance.detach() + EPS).sqrt() / deviation).clamp(1 / R_MAX, R_MAX)
    d = ((batch_mean.detach() - mean) / deviation).clamp(-D_MAX, D_MAX)
    return d * batch_variance.clamp(min=TINY).sqrt() / r, batch_variance / (r * r)
