"""A function that computes a loss's gradient: clipped, compiled if the device asks for it, and in blocks of seeds."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from types import FunctionType
from typing import Any

import torch
from torch import Tensor

from rlbench.api import Device
from rlbench.kit.compilation import compiled, in_blocks
from rlbench.kit.optimizers import clip, norm_of
from rlbench.kit.per_seed import Number, factor
from rlbench.kit.stacked_networks import value_and_grad

Metrics = Callable[[], dict[str, Tensor]]
Loss = tuple[Tensor, Metrics]
"""A loss of each seed [S], and a function that returns metrics [S] of the loss to log, by name."""


class UpdateMetrics:
    """The metrics of an update, computed when this object is called, because most updates are not logged.

    name: the name of the gradient, such as "critic"; "" if the learner has only one gradient.
    """

    __slots__ = ("_compute", "name")

    def __init__(self, name: str, compute: Metrics) -> None:
        self.name, self._compute = name, compute

    def __call__(self) -> Mapping[str, Tensor]:
        with torch.no_grad():
            return self._compute()

    @staticmethod
    def joined(blocks: Sequence[UpdateMetrics]) -> UpdateMetrics:
        """Return the metrics of all seeds, joined from the metrics of blocks of seeds."""

        def compute() -> dict[str, Tensor]:
            parts = [block() for block in blocks]
            return {name: torch.cat([part[name] for part in parts]) for name in parts[0]}

        return UpdateMetrics(blocks[0].name, compute)


def gradient_of(
    loss: Callable[..., Any],
    device: Device,
    max_norm: Number | None = None,
    *,
    scale: Tensor | None = None,
    seeds_at_a_time: int | None = None,
    name: str = "",
) -> Callable[..., Any]:
    """Return the function (params, *args) → gradients of `loss(*params, *args)` by each of the list `params` [S, P].

    Only `params` are differentiated: a target that the loss computes from other parameters needs no detaching.

    loss: returns its value [S], or a tuple of its value, a function that computes metrics (see Loss), and any further
    tensors. If `loss` returns a tuple, the function returns the gradients, an UpdateMetrics and the further tensors.
    The metrics then contain the norm of each seed's gradient before clipping, as "grad_norm" or "<name>_grad_norm".
    max_norm: the limit for the norm of each seed's gradient over all parameters; None: no clipping. scale: a factor [P]
    for every seed's gradient, before clipping. seeds_at_a_time: the number of seeds per call; None: all seeds.
    """
    compiles, limit = device.compile, None if max_norm is None else factor(max_norm, 1, device.name)
    if compiles and isinstance(limit, float):
        limit = torch.tensor(limit, device=device.name)
    norm_name = f"{name}_grad_norm" if name else "grad_norm"

    def gradient(params: Sequence[Tensor], *args: Any) -> Any:
        result, grads = value_and_grad(loss, params, *args)
        if scale is not None:
            grads = [g * scale for g in grads]
        if not isinstance(result, tuple):
            return grads if limit is None else clip(grads, limit)
        metrics, norm = result[1], None
        if limit is not None:
            norm = norm_of(grads)
            grads = clip(grads, limit, norm)

        def with_norm() -> dict[str, Tensor]:
            found = metrics if torch.compiler.is_compiling() else metrics()  # a graph has called `metrics`
            return {**found, norm_name: norm_of(grads) if norm is None else norm}

        if compiles:  # a graph returns tensors alone
            return (grads, {key: metric.detach() for key, metric in with_norm().items()}, *result[2:])
        return (grads, UpdateMetrics(name, with_norm), *result[2:])

    # Give each loss its own code object: torch allows eight graphs per code object, and losses would share one.
    code = gradient.__code__.replace(co_name=f"gradient_of_{getattr(loss, '__name__', 'loss')}")
    own = FunctionType(code, gradient.__globals__, code.co_name, None, gradient.__closure__)
    function = compiled(own, device)
    blockwise = in_blocks(function, seeds_at_a_time) if seeds_at_a_time else function
    if not compiles:
        return blockwise

    def call(*args: Any) -> Any:
        result = blockwise(*args)
        if not isinstance(result, tuple):
            return result

        def copies() -> dict[str, Tensor]:
            return {key: metric.clone() for key, metric in result[1].items()}  # the next call may overwrite them

        return (result[0], UpdateMetrics(name, copies), *result[2:])

    return call
