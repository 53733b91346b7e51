"""A Gaussian squashed into (−1, 1) by tanh, with the exact density of the squashed action.

Source: Haarnoja et al. 2018, arXiv:1801.01290, appendix C. With a = tanh(u) the density loses Σ log(1 − tanh²(u)), which is
−∞ in float32 from |u| = 9 on; 2(log 2 − u − softplus(−2u)) is the same number and stays finite.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor

from rlbench.kit.activations import softplus
from rlbench.kit.kernel_choice import watched


@watched
def squashed_gaussian(mean: Tensor, log_std: Tensor, noise: Tensor) -> tuple[Tensor, Tensor]:
    """The action tanh(u) at u = mean + e^log_std · noise, and the logarithm of its density there.

    The density is that of the normalised action. An environment whose dimensions reach h_i to either side has another
    one, log p − Σ log h_i. That constant has no gradient and is left out, so a target entropy of −1 a dimension means the
    same whatever the units of the actions are.

    Args: mean, log_std, noise (standard normal) [S, B, A].
    Returns: action [S, B, A] in [−1, 1], log-density [S, B]; both differentiable in mean and log_std.
    """
    u = mean + log_std.exp() * noise
    normal = -0.5 * noise * noise - log_std - 0.5 * math.log(2 * math.pi)
    squash = 2.0 * (math.log(2.0) - u - softplus(-2.0 * u))  # log(1 − tanh²(u))
    return torch.tanh(u), (normal - squash).sum(-1)
