"""Generalised advantage estimation for stacked seeds, and the normalisation of its results.

Truncated steps bootstrap; terminated steps do not. Source: Schulman et al. 2016, arXiv:1506.02438, eq. 16.
"""

from __future__ import annotations

from torch import Tensor

from rlbench.kit.kernel_choice import watched


@watched
def gae(
    reward: Tensor, discount: Tensor, value: Tensor, next_value: Tensor, cut: Tensor, lam: float | Tensor
) -> Tensor:
    """Estimate advantages Â_t = δ_t + γ_t λ (1 − cut_t) Â_{t+1}, with δ_t = r_t + γ_t V(s_{t+1}) − V(s_t).

    Args: reward, value, next_value [S, T, N], next_value of the true successor; discount [S, T, N], γ·(1 − terminated);
        cut [S, T, N] bool, the episode ended after step t; lam in [0, 1], or [S, 1, 1].
    Returns: advantages [S, T, N], contiguous.
    Raises: ValueError if the shapes differ.
    """
    if not reward.shape == discount.shape == value.shape == next_value.shape == cut.shape:
        raise ValueError(f"shapes differ: {[tuple(x.shape) for x in (reward, discount, value, next_value, cut)]}")
    advantage = (
        (reward + discount * next_value - value).transpose(0, 1).contiguous()
    )  # [T, S, N], so that each step is contiguous
    keep = (discount * lam * ~cut).transpose(0, 1).contiguous().unbind()
    steps = [advantage[t] for t in range(len(keep))]  # not `unbind`: autograd forbids changing its views in place
    for t in range(len(steps) - 2, -1, -1):
        steps[t] += keep[t] * steps[t + 1]
    return advantage.transpose(0, 1).contiguous()  # in other layouts, the order of sums would depend on the stack


def masked_mean(x: Tensor, mask: Tensor) -> Tensor:
    """Return each seed's mean of the numbers whose mask is 1: x, mask [S, B] → [S]. It is 0 if no mask is 1."""
    return (x * mask).sum(-1) / mask.sum(-1).clamp(min=1)


def standardize(x: Tensor, mask: Tensor | None = None) -> Tensor:
    """Shift and scale each seed's numbers to mean 0 and standard deviation 1: [S, B] → [S, B].

    mask: 1 for the numbers that count, 0 for the others; None: all count.
    """
    if mask is None:
        centred = x - x.mean(-1, keepdim=True)
        return centred / ((centred * centred).mean(-1, keepdim=True).sqrt() + 1e-8)
    centred = x - masked_mean(x, mask).unsqueeze(1)
    return centred / (masked_mean(centred * centred, mask).sqrt().unsqueeze(1) + 1e-8)
