"""The one switch between a function as it is and the same function as one compiled graph; and in how many seeds at a time
it is called.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from types import MethodType
from typing import Any, cast

import torch
from torch.utils._pytree import tree_leaves, tree_map

from rlbench.api import Device
from rlbench.kit.kernel_choice import watched

# Floats of one layer's activations from which more seeds at a time gain nothing: with their weights and gradients they are
# what a core's own cache holds (1 MB), and ten seeds of 256 × 256 at once go through memory at every product.
BLOCK_FLOATS = 1 << 17


def on_processor(device: Device) -> bool:
    return device.name.startswith("cpu")


def compiled(function: Callable[..., Any], device: Device) -> Callable[..., Any]:
    """`function` of tensors without gradient recording; with `device.compile`, as one graph for exactly its shapes.

    Automatic dynamic shapes are off: a second shape in one process compiles a second graph. Numbers that change
    between calls must be tensors.
    """
    if not device.compile:
        return watched(torch.no_grad()(function))
    # On a processor the calls of a graph's kernels are C++ too: small networks wait for them more than for the kernels.
    options: dict[str, Any] = {"cpp_wrapper": True} if on_processor(device) else {}
    return torch.no_grad()(torch.compile(function, fullgraph=True, dynamic=False, options=options))


def seeds_at_a_time(seeds: int, batch: int, hidden: Sequence[int], device: Device) -> int:
    """How many of the seeds a gradient is computed for at a time: the fewest in equal blocks (one graph serves them all)
    whose activations [batch, the widest of hidden] fill a core's cache. All of them on an accelerator.

    Two at least: a graph for one seed alone gives other bits than one for several.
    """
    if on_processor(device):
        floats = batch * max(hidden, default=1)
        for size in range(2, seeds):
            if seeds % size == 0 and size * floats >= BLOCK_FLOATS:
                return size
    return seeds


def in_blocks(function: Callable[..., Any], size: int) -> Callable[..., Any]:
    """`function` of tensors [S, …], in lists and dicts too, to tensors [S, …], called for `size` of the seeds at a time.

    Seeds share nothing, so it gives what the function itself gives; but each call writes over what the last one gave.
    """
    kept: list[Any] = []  # memory that is new is slower than memory that is written again

    def blockwise(*args: Any) -> Any:
        seeds = next(t.shape[0] for t in tree_leaves(args))
        if seeds <= size:
            return function(*args)
        firsts = range(0, seeds, size)
        parts = [function(*tree_map(lambda t, first=first: t[first : first + size], args)) for first in firsts]
        if kept:
            tree_map(lambda out, *blocks: torch.cat(blocks, out=out), kept[0], *parts)
        else:
            kept.append(tree_map(lambda *blocks: torch.cat(blocks), *parts))
        return kept[0]

    return blockwise


def compile_methods(device: Device, *methods: Callable[..., Any], seeds_at_a_time: int | None = None) -> None:
    """Put `compiled` of each of these methods of an object into the object's own place for it; `in_blocks` of so many
    seeds, where given.

    Raises: AttributeError for a function that is not an object's method.
    """
    for method in methods:
        bound = cast(MethodType, method)
        function = compiled(bound, device)
        setattr(bound.__self__, bound.__name__, in_blocks(function, seeds_at_a_time) if seeds_at_a_time else function)
