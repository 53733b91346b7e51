"""The switch between an eager function and one compiled graph, and the number of seeds per call."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from types import MethodType
from typing import Any, cast

import torch
from torch import Tensor
from torch.utils._pytree import tree_leaves, tree_map

from rlbench.api import Device
from rlbench.kit.denormals import without_denormals
from rlbench.kit.kernel_choice import watched

# From this many floats in one layer's activations, more seeds per call gain nothing. Together with weights and
# gradients they fill a core's cache (1 MB); ten seeds of 256 × 256 in one call would go through memory at every
# product.
BLOCK_FLOATS = 1 << 17


def is_cpu(device: Device) -> bool:
    """Return whether the device is a CPU."""
    return device.name.startswith("cpu")


def compiled(function: Callable[..., Any], device: Device) -> Callable[..., Any]:
    """Return `function` of tensors without gradient recording; with `device.compile`, as one graph per shape.

    Automatic dynamic shapes are off, so a second shape in one process compiles a second graph. Numbers that change
    between calls must be tensors.
    """
    if not device.compile:
        return watched(without_denormals(torch.no_grad()(function)))
    # On a CPU, the calls of the graph's kernels become C++ too. In small networks they take longer than the kernels.
    options: dict[str, Any] = {"cpp_wrapper": True} if is_cpu(device) else {}
    return without_denormals(torch.no_grad()(torch.compile(function, fullgraph=True, dynamic=False, options=options)))


def seeds_at_a_time(seeds: int, batch: int, hidden: Sequence[int], device: Device) -> int:
    """Return the number of seeds for which one call computes gradients.

    On a CPU, the seeds are divided into blocks of equal size, so that one graph serves all of them. The size is the
    smallest at which the activations of the widest hidden layer [size, batch, max(hidden)] have at least BLOCK_FLOATS
    numbers. Blocks have at least two seeds, because a graph for a single seed gives other bits than a graph for
    several. On an accelerator, one block holds all seeds.
    """
    if is_cpu(device):
        floats = batch * max(hidden, default=1)
        for size in range(2, seeds):
            if seeds % size == 0 and size * floats >= BLOCK_FLOATS:
                return size
    return seeds


def in_blocks(function: Callable[..., Any], size: int) -> Callable[..., Any]:
    """Return `function` of tensors [S, …], which may be in lists and dicts, called for `size` seeds at a time.

    The result is the same, because seeds share nothing. But each call overwrites the tensors of the call before. What
    is no tensor has a method `joined`, which makes one of those of all blocks.
    """
    buffers: list[Any] = []  # reusing memory is faster than allocating it

    def blockwise(*args: Any) -> Any:
        seeds = next(t.shape[0] for t in tree_leaves(args))
        if seeds <= size:
            return function(*args)
        firsts = range(0, seeds, size)
        parts = [function(*tree_map(lambda t, first=first: t[first : first + size], args)) for first in firsts]
        if not buffers:
            buffers.append(tree_map(lambda *blocks: _joined(blocks, None), *parts))
            return buffers[0]
        return tree_map(lambda out, *blocks: _joined(blocks, out), buffers[0], *parts)

    return blockwise


def _joined(blocks: tuple[Any, ...], out: Any) -> Any:
    return torch.cat(blocks, out=out) if isinstance(blocks[0], Tensor) else blocks[0].joined(blocks)


def compile_methods(device: Device, *methods: Callable[..., Any], seeds_at_a_time: int | None = None) -> None:
    """Replace methods of objects by their `compiled` forms, called `in_blocks` of `seeds_at_a_time` seeds if given.

    Raises: AttributeError for a function that is not the method of an object.
    """
    for method in methods:
        bound = cast(MethodType, method)
        function = compiled(bound, device)
        setattr(bound.__self__, bound.__name__, in_blocks(function, seeds_at_a_time) if seeds_at_a_time else function)
