"""Compilation of functions to one graph if the device asks for it, and calls for blocks of seeds."""

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

# If one layer's activations have this many floats, more seeds per call save no time. With weights and gradients, they
# fill a core's cache (1 MB). Ten seeds of 256 × 256 in one call would read from main memory at every product.
BLOCK_FLOATS = 1 << 17


def is_cpu(device: Device) -> bool:
    """Return whether the device is a CPU."""
    return device.name.startswith("cpu")


def compiled(function: Callable[..., Any], device: Device) -> Callable[..., Any]:
    """Return a function of tensors without gradient recording. If `device.compile`, compile it to one graph per shape.

    Automatic dynamic shapes are off, so a second shape in one process compiles a second graph. Numbers that change
    between calls must be tensors.
    """
    if not device.compile:
        return watched(without_denormals(torch.no_grad()(function)))
    # On a CPU, compile the calls of the kernels to C++ too. In small networks, calls take longer than the kernels.
    options: dict[str, Any] = {"cpp_wrapper": True} if is_cpu(device) else {}
    return without_denormals(torch.no_grad()(torch.compile(function, fullgraph=True, dynamic=False, options=options)))


def seeds_at_a_time(seeds: int, batch: int, hidden: Sequence[int], device: Device) -> int:
    """Return the number of seeds for which one call should compute gradients.

    On a CPU, the seeds are divided into blocks of equal size, so that all blocks use the same graph. The size is the
    smallest at which the activations of the widest hidden layer [size, batch, max(hidden)] have at least BLOCK_FLOATS
    numbers. Blocks have at least two seeds, because a graph for a single seed computes other bits than a graph for
    several seeds. On an accelerator, one block contains all seeds.
    """
    if is_cpu(device):
        floats = batch * max(hidden, default=1)
        for size in range(2, seeds):
            if seeds % size == 0 and size * floats >= BLOCK_FLOATS:
                return size
    return seeds


def in_blocks(function: Callable[..., Any], size: int) -> Callable[..., Any]:
    """Return a function that calls `function` for `size` seeds at a time and joins the results.

    Arguments and results are tensors [S, …], also in lists and dicts. The result is that of one call for all seeds,
    because seeds share nothing. But each call overwrites the tensors that the previous call returned. A result that is
    no tensor needs a static method `joined`, which joins the results of all blocks.
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
    """Replace methods of objects by their `compiled` forms.

    seeds_at_a_time: call the methods for blocks of this many seeds (`in_blocks`); None: for all seeds at once.
    Raises: AttributeError for a function that is not the method of an object.
    """
    for method in methods:
        bound = cast(MethodType, method)
        function = compiled(bound, device)
        setattr(bound.__self__, bound.__name__, in_blocks(function, seeds_at_a_time) if seeds_at_a_time else function)
