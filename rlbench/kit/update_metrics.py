"""Numbers that tell how an update went, for learners to log."""

from __future__ import annotations

import torch
from torch import Tensor

from rlbench.kit.kernel_choice import watched


def policy_change(ratio: Tensor, log_ratio: Tensor, clip_range: Tensor) -> dict[str, Tensor]:
    """Return how far a policy is from the one that acted, for each seed: ratio, log_ratio [S, B] → [S] by name.

    ratio: of the action's probabilities, now and when it was taken. approx_kl: E[ratio − 1 − log ratio], an estimate of
    KL(acting policy ‖ policy) (Schulman 2020, "Approximating KL Divergence"). clip_fraction: the share of ratios that
    differ from 1 by more than clip_range.
    """
    clipped = ((ratio - 1).abs() > clip_range).float().mean(-1)
    return {"approx_kl": (ratio - 1 - log_ratio).mean(-1), "clip_fraction": clipped}


@watched
def explained_variance(error: Tensor, returns: Tensor) -> Tensor:
    """Return the share of each seed's variance of returns that the values explain: [S, …], [S, …] → [S].

    It is 1 − Var(error) / Var(returns), where the error is returns minus values, and 0 if all returns are equal.
    """
    centred = [x.flatten(1) - x.flatten(1).mean(-1, keepdim=True) for x in (error, returns)]
    of_error, of_returns = ((x * x).mean(-1) for x in centred)
    has_variance = of_returns > 0
    return torch.where(has_variance, 1 - of_error / torch.where(has_variance, of_returns, 1.0), 0.0)
