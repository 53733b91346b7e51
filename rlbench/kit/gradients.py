"""The gradient of a loss as a function: clipped, compiled where the device compiles, for blocks of seeds."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from types import FunctionType
from typing import Any

from torch import Tensor

from rlbench.api import Device
from rlbench.kit.compilation import compiled, in_blocks
from rlbench.kit.optimizers import clip, norm_of
from rlbench.kit.stacked_networks import value_and_grad

Loss = tuple[Tensor, dict[str, Tensor]]
"""A loss of each seed [S], and by name what else is computed on the way to it, such as numbers [S] to log."""


def gradient_of(
    loss: Callable[..., Any],
    device: Device,
    max_norm: float | None = None,
    *,
    scale: Tensor | None = None,
    seeds_at_a_time: int | None = None,
    norm_name: str = "grad_norm",
) -> Callable[..., Any]:
    """Return the function (params, *args) → gradients of `loss(*params, *args)` by each of the list `params` [S, P].

    Only `params` are differentiated: a target that the loss computes from other parameters needs no detaching.

    loss: returns its value [S], or that and further results, a dict of tensors [S, …] by name. With these, the function
    returns the gradients and the results, which then contain `norm_name`: the norm of each seed's gradient before
    clipping [S]. max_norm: of each seed's gradient over all parameters. scale: a factor [P] of
    every seed's gradient, before clipping. seeds_at_a_time: the number of seeds per call; None: all.
    """

    def gradient(params: Sequence[Tensor], *args: Any) -> Any:
        result, grads = value_and_grad(loss, params, *args)
        if scale is not None:
            grads = [g * scale for g in grads]
        if not isinstance(result, tuple):
            return grads if max_norm is None else clip(grads, max_norm)
        norm = norm_of(grads)
        return grads if max_norm is None else clip(grads, max_norm, norm), {**result[1], norm_name: norm}

    # A code object of its own for each loss: torch allows eight graphs for one, however many functions share it.
    code = gradient.__code__.replace(co_name=f"gradient_of_{getattr(loss, '__name__', 'loss')}")
    own = FunctionType(code, gradient.__globals__, code.co_name, None, gradient.__closure__)
    function = compiled(own, device)
    return _in_blocks(function, seeds_at_a_time) if seeds_at_a_time else function


def _in_blocks(function: Callable[..., Any], size: int) -> Callable[..., Any]:
    """Return `function` called `in_blocks`, with further results that the next call does not overwrite."""
    blockwise = in_blocks(function, size)

    def call(*args: Any) -> Any:
        result = blockwise(*args)
        if not isinstance(result, tuple):
            return result
        return result[0], {name: further.clone() for name, further in result[1].items()}

    return call
