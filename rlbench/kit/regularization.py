"""Layer normalisation and dropout in the hidden layers of stacked networks.

Both consist of elementwise operations and means over the last axis, so a lane has the same bits in any stack. Dropout
draws nothing during a call: its masks are arguments, which are drawn from the streams of the seeds. Sources: Ba, Kiros
& Hinton 2016, arXiv:1607.06450; Srivastava et al. 2014 (scaled while training, as in torch).
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor

from rlbench.seeding import SeedStreams

EPS = 1e-5  # torch's default


def layer_norm(x: Tensor, scale: Tensor, shift: Tensor) -> Tensor:
    """Normalise [L, B, units] to mean 0 and variance 1 over the units, then apply scale and shift [L, 1, units]."""
    centred = x - x.mean(-1, keepdim=True)
    variance = (centred * centred).mean(-1, keepdim=True)
    return centred / (variance + EPS).sqrt() * scale + shift


def dropout_masks(streams: SeedStreams, name: str, rate: float, shapes: Sequence[tuple[int, ...]]) -> list[Tensor]:
    """Draw one mask [S, *shape] for each of `shapes`, each seed's from its own stream `name`.

    rate: the probability that a number of a mask is 0. All other numbers are 1 / (1 − rate), so that the expectation is
    1. With rate 0, nothing is drawn and the list is empty.
    """
    if not rate:
        return []
    generators, kept = streams.generators(name), np.float32(1 / (1 - rate))
    drawn = (np.stack([g.random(shape, np.float32) for g in generators]) for shape in shapes)
    return [torch.from_numpy(np.where(numbers < rate, np.float32(0), kept)) for numbers in drawn]
