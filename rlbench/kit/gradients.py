"""The gradient of a loss as a function: clipped, compiled where the device compiles, for blocks of seeds."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from types import FunctionType
from typing import Any

from torch import Tensor

from rlbench.api import Device
from rlbench.kit.compilation import compiled, in_blocks
from rlbench.kit.optimizers import clip
from rlbench.kit.stacked_networks import value_and_grad


def gradient_of(
    loss: Callable[..., Any],
    device: Device,
    max_norm: float | None = None,
    *,
    scale: Tensor | None = None,
    seeds_at_a_time: int | None = None,
) -> Callable[..., Any]:
    """Return the function (params, *args) → gradients of `loss(*params, *args)` by each of the list `params` [S, P].

    Only `params` are differentiated: a target that the loss computes from other parameters needs no detaching.

    loss: returns its value [S], or a tuple of its value and further results. After a tuple, the function returns the
    gradients and the further results. max_norm: of each seed's gradient over all parameters. scale: a factor [P] of
    every seed's gradient, before clipping. seeds_at_a_time: the number of seeds per call; None: all.
    """

    def gradient(params: Sequence[Tensor], *args: Any) -> Any:
        result, grads = value_and_grad(loss, params, *args)
        if scale is not None:
            grads = [g * scale for g in grads]
        if max_norm is not None:
            grads = clip(grads, max_norm)
        return (grads, *result[1:]) if isinstance(result, tuple) else grads

    # A code object of its own for each loss: torch allows eight graphs for one, however many functions share it.
    code = gradient.__code__.replace(co_name=f"gradient_of_{getattr(loss, '__name__', 'loss')}")
    own = FunctionType(code, gradient.__globals__, code.co_name, None, gradient.__closure__)
    function = compiled(own, device)
    return in_blocks(function, seeds_at_a_time) if seeds_at_a_time else function
