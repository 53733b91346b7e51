"""Distributions of returns over fixed atoms, as in C51. Source: Bellemare et al. 2017, arXiv:1707.06887."""

from __future__ import annotations

from torch import Tensor

TINY = 1e-30  # below this probability, m log m counts as 0


def projected(probability: Tensor, values: Tensor, atoms: Tensor) -> Tensor:
    """Move a distribution onto `atoms`: each value's probability goes to the two nearest, in proportion to nearness.

    probability, values: [..., M]. atoms: [N], rising, equally far apart. Values beyond the first or last atom count as
    that atom. Returns: probabilities of the atoms [..., N] (eq. 7).
    """
    values = values.clamp(atoms[0], atoms[-1]).unsqueeze(-2)  # [..., 1, M]
    share = (1 - (values - atoms.unsqueeze(-1)).abs() / (atoms[1] - atoms[0])).clamp(min=0)  # [..., N, M]
    return (share * probability.unsqueeze(-2)).sum(-1)


def divergence(target: Tensor, log_probability: Tensor) -> Tensor:
    """Return the Kullback-Leibler divergence KL(target ‖ prediction): [..., N], [..., N] → [...]."""
    return (target * (target.clamp(min=TINY).log() - log_probability)).sum(-1)
