"""Generalised advantage estimation for stacked seeds.

Source: Schulman et al. 2016, arXiv:1506.02438, eq. 16. Truncated steps bootstrap; terminated steps do not.
"""

from __future__ import annotations

from torch import Tensor

from rlbench.kit.kernel_choice import watched


@watched
def gae(reward: Tensor, discount: Tensor, value: Tensor, next_value: Tensor, cut: Tensor, lam: float) -> Tensor:
    """Estimate advantages Â_t = δ_t + γ_t λ (1 − cut_t) Â_{t+1}, with δ_t = r_t + γ_t V(s_{t+1}) − V(s_t).

    Args: reward, value, next_value [S, T, N], next_value of the true successor; discount [S, T, N], γ·(1 − terminated);
        cut [S, T, N] bool, the episode ended after step t; lam in [0, 1].
    Returns: advantages [S, T, N], contiguous.
    Raises: ValueError if the shapes differ.
    """
    if not reward.shape == discount.shape == value.shape == next_value.shape == cut.shape:
        raise ValueError(f"shapes differ: {[tuple(x.shape) for x in (reward, discount, value, next_value, cut)]}")
    advantage = (
        (reward + discount * next_value - value).transpose(0, 1).contiguous()
    )  # [T, S, N], so that each step is contiguous
    keep = (discount * lam * ~cut).transpose(0, 1).contiguous()
    for t in range(len(advantage) - 2, -1, -1):
        advantage[t] += keep[t] * advantage[t + 1]
    return advantage.transpose(0, 1).contiguous()  # otherwise the order of sums over it would depend on the stack
