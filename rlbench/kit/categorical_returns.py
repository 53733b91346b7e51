"""Distributions of returns over fixed atoms, as in C51. Source: Bellemare et al. 2017, arXiv:1707.06887."""

from __future__ import annotations

import torch
from torch import Tensor

TINY = 1e-30  # below this probability, m log m counts as 0


def equidistant(first: float, last: float, count: int) -> Tensor:
    """Return `count` equidistant atoms from first to last [N].

    Raises: ValueError if they are not finite, or not strictly rising in float32.
    """
    atoms = torch.linspace(first, last, count)
    if not (atoms.isfinite().all() and (atoms.diff() > 0).all()):
        raise ValueError(f"{first} to {last} should be a finite range, wide enough for {count} numbers of float32")
    return atoms


def projected(probability: Tensor, values: Tensor, atoms: Tensor) -> Tensor:
    """Project a distribution onto `atoms`: split each value's probability linearly between the two nearest atoms.

    probability, values: [..., M]. atoms: [N], rising and equidistant. A value beyond the first or last atom counts as
    that atom. Returns: probabilities of the atoms [..., N] (eq. 7).
    """
    # Atoms have whole numbers as places, so that a value's two shares add up to 1; differences of atoms are rounded.
    last = len(atoms) - 1
    place = ((values - atoms[0]) * (last / (atoms[-1] - atoms[0]))).clamp(0, last).unsqueeze(-2)  # [..., 1, M]
    index = torch.arange(len(atoms), device=atoms.device, dtype=atoms.dtype).unsqueeze(-1)
    share = (1 - (place - index).abs()).clamp(min=0)  # [..., N, M]
    return (share * probability.unsqueeze(-2)).sum(-1)


def divergence(target: Tensor, log_probability: Tensor) -> Tensor:
    """Return the Kullback-Leibler divergence KL(target ‖ prediction): [..., N], [..., N] → [...]."""
    return (target * (target.clamp(min=TINY).log() - log_probability)).sum(-1)
