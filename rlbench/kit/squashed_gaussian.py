"""A Gaussian squashed into (−1, 1) by tanh, with the exact density of the squashed action.

With a = tanh(u), the log-density decreases by Σ log(1 − tanh²(u)). In float32 this logarithm is −∞ from |u| = 9 on. The
equal expression 2(log 2 − u − softplus(−2u)) stays finite. Source: Haarnoja et al. 2018, arXiv:1801.01290, appendix C.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor

from rlbench.kit.activations import softplus
from rlbench.kit.kernel_choice import watched


@watched
def squashed_gaussian(mean: Tensor, log_std: Tensor, noise: Tensor) -> tuple[Tensor, Tensor]:
    """Return the action tanh(u) at u = mean + e^log_std · noise, and its log-density.

    The density is that of the normalised action. If the dimensions of the environment's action have half-widths h_i,
    the log-density of that action is log p − Σ log h_i. This constant has no gradient and is left out. So a target
    entropy of −1 per dimension has the same meaning in all units of the actions.

    Args: mean, log_std, noise (standard normal) [S, B, A].
    Returns: action [S, B, A] in [−1, 1], log-density [S, B]; both differentiable in mean and log_std.
    """
    u = mean + log_std.exp() * noise
    normal = -0.5 * noise * noise - log_std - 0.5 * math.log(2 * math.pi)
    squash = 2.0 * (math.log(2.0) - u - softplus(-2.0 * u))  # log(1 − tanh²(u))
    return torch.tanh(u), (normal - squash).sum(-1)
