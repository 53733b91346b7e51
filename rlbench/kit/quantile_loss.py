"""Quantile regression: the loss that fits numbers to the quantiles of a distribution, given samples of it.

It uses the Huber function instead of the absolute error, as in Dabney et al. 2018, arXiv:1710.10044, eq. 9 and 10.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor


def quantile_huber_loss(quantiles: Tensor, targets: Tensor) -> Tensor:
    """Return the loss of each quantile, averaged over the targets: [..., Q], [..., T] → [..., Q].

    Quantile i of Q has the level τᵢ = (i + ½) / Q. A target above the quantile has the weight τᵢ, a target below it
    1 − τᵢ. Errors beyond 1 count linearly. The leading axes of quantiles and targets are broadcast.
    """
    count = quantiles.shape[-1]
    tau = (torch.arange(count, device=quantiles.device, dtype=quantiles.dtype) + 0.5) / count
    estimate, target = torch.broadcast_tensors(quantiles.unsqueeze(-1), targets.unsqueeze(-2))  # [..., Q, T]
    tau = tau.unsqueeze(-1)
    weight = torch.where(target < estimate, 1 - tau, tau)
    total = (weight * F.huber_loss(estimate, target, reduction="none")).sum(-1)
    return total / targets.shape[-1]  # the gradient of a mean would divide for every pair
