"""Metrics of an update, such as the change of the policy, for learners to log."""

from __future__ import annotations

import torch
from torch import Tensor

from rlbench.kit.kernel_choice import watched
from rlbench.kit.returns import masked_mean


def policy_change(
    ratio: Tensor, log_ratio: Tensor, clip_range: Tensor, mask: Tensor | None = None
) -> dict[str, Tensor]:
    """Return metrics of a policy's distance from the acting policy: ratio, log_ratio [S, B] → [S] by name.

    ratio: the action's probability now, divided by its probability when it was taken. mask: 1 for the numbers that
    count [S, B], 0 for the others; None: all count.

    Returns: approx_kl, E[ratio − 1 − log ratio], an estimate of KL(acting policy ‖ policy) (Schulman 2020,
    "Approximating KL Divergence"); clip_fraction, the share of ratios that differ from 1 by more than clip_range.
    """
    clipped, change = ((ratio - 1).abs() > clip_range).float(), ratio - 1 - log_ratio
    if mask is None:
        return {"approx_kl": change.mean(-1), "clip_fraction": clipped.mean(-1)}
    return {"approx_kl": masked_mean(change, mask), "clip_fraction": masked_mean(clipped, mask)}


@watched
def explained_variance(error: Tensor, returns: Tensor, mask: Tensor | None = None) -> Tensor:
    """Return which share of the variance of each seed's returns the values explain: [S, …], [S, …] → [S].

    It is 1 − Var(error) / Var(returns), where the error is returns minus values. It is 0 if all returns are equal.
    mask: 1 for the numbers that count [S, …], 0 for the others; None: all count.
    """
    of_error, of_returns = (_variance(x.flatten(1), mask) for x in (error, returns))
    has_variance = of_returns > 0
    return torch.where(has_variance, 1 - of_error / torch.where(has_variance, of_returns, 1.0), 0.0)


def _variance(x: Tensor, mask: Tensor | None) -> Tensor:
    """Return the variance of the numbers whose mask is 1: x [S, B], mask [S, …] → [S]. mask None: of all numbers."""
    if mask is None:
        centred = x - x.mean(-1, keepdim=True)
        return (centred * centred).mean(-1)
    counts = mask.flatten(1)
    centred = x - masked_mean(x, counts).unsqueeze(1)
    return masked_mean(centred * centred, counts)
