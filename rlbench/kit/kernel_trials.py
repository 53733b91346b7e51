"""Trials of single kernels on this machine, to check whether a lane gets the same bits alone and in stacks.

A trial uses random numbers in tensors with the recorded shapes and strides (`rlbench.kit.kernel_choice`), and each
tensor has its own memory. It compares stacks of a few sizes and of the recorded size.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

import torch
from torch import Tensor

from rlbench.kit.kernel_choice import ADAM, BY_LANES, specs, tensors

STACKS = (2, 3, 4, 5, 8, 10)
MOST_FLOATS = 1 << 22  # limit for one trial's tensors, except at the recorded stack size, which is always tried


def same_bits(operation: str) -> bool:
    """Return whether an operation computes the same bits for a lane alone and in stacks.

    Return False, too, if the operation cannot be tried.
    """
    name, *arguments = json.loads(operation)
    if not arguments:
        return False
    library, packet, overload = name.split(".")
    with torch.no_grad():
        if packet == ADAM:
            return all(_adam_is_independent(spec["shape"][-1]) for spec in arguments[0][0])
        try:
            function = getattr(getattr(getattr(torch.ops, library), packet), overload)
            return _is_independent(function, packet in BY_LANES, *arguments)
        except (AttributeError, IndexError, RuntimeError, TypeError, ValueError):
            return False  # the recorded shapes do not suffice to call it


def _is_independent(function: Any, all_stacked: bool, args: Any, kwargs: Any) -> bool:
    """Return whether a function computes the same bits for a lane alone and in stacks.

    all_stacked: the first axis of every tensor is the lanes. If false, this holds only for tensors that have both the
    most axes and the recorded number of lanes. args, kwargs: as recorded.
    """
    described = list(specs((args, kwargs)))
    axes, generator = max(len(spec["shape"]) for spec in described), torch.Generator().manual_seed(0)
    lanes = max(spec["shape"][0] for spec in described if len(spec["shape"]) == axes)
    stacked = [s for s in described if all_stacked or (len(s["shape"]) == axes and s["shape"][0] == lanes)]
    largest = MOST_FLOATS // max(1, sum(torch.Size(s["shape"][1:]).numel() for s in stacked))
    sizes = {2, max(2, lanes), *(size for size in STACKS if size <= largest)}
    for spec in described:
        spec["lanes"] = lanes if any(spec is s for s in stacked) else 0
        spec["values"] = _values(spec, max(sizes), generator)

    def outcome(first: int, last: int) -> list[Tensor]:
        return list(tensors(function(*_with_values(args, first, last), **_with_values(kwargs, first, last))))

    alone = [outcome(i, i + 1) for i in range(max(sizes))]
    return all(
        together.shape[:1] == (size,) and all(_equal_bits(one[0], together[i]) for i, one in enumerate(each[:size]))
        for size in sizes
        for together, each in zip(outcome(0, size), zip(*alone))
    )


def _adam_is_independent(columns: int) -> bool:
    """Return whether the fused Adam kernel computes the same bits for a row alone, in a stack and in a list of rows."""
    generator, most = torch.Generator().manual_seed(0), max(STACKS)
    drawn = [torch.empty(most, columns).uniform_(-1, 1, generator=generator) for _ in range(4)]
    drawn[3].square_()

    def outcome(p: list[Tensor], g: list[Tensor], m: list[Tensor], v: list[Tensor]) -> Tensor:
        steps = [torch.full((1,), 3.0) for _ in p]
        torch._fused_adam_(
            p, g, m, v, [], steps, lr=1e-3, beta1=0.9, beta2=0.999, weight_decay=0.0, eps=1e-8, amsgrad=False,
            maximize=False,
        )  # fmt: skip
        return torch.stack([torch.cat([t.view(-1, columns) for t in results]) for results in (p, m, v)], 1)

    alone = torch.cat([outcome(*([t[i : i + 1].clone()] for t in drawn)) for i in range(most)])
    stacks = [outcome(*([t[:size].clone()] for t in drawn)) for size in STACKS]
    rows = outcome(*(list(t.clone().unbind(0)) for t in drawn))
    return all(_equal_bits(alone[: len(together)], together) for together in (*stacks, rows))


def _equal_bits(one: Tensor, other: Tensor) -> bool:
    """Return whether two tensors are equal bit for bit; all NaNs count as equal."""
    if one.shape != other.shape:
        return False
    one, other = one.contiguous(), other.contiguous()
    if not one.is_floating_point():
        return torch.equal(one, other)
    bits = torch.int64 if one.dtype == torch.float64 else torch.int32 if one.dtype == torch.float32 else torch.int16
    same = torch.equal(one.view(bits), other.view(bits))
    return same or bool(((one.view(bits) == other.view(bits)) | ((one != one) & (other != other))).all())


def _with_values(value: Any, first: int, last: int) -> Any:
    """Return described arguments with their values, for the lanes from `first` up to `last`."""
    if isinstance(value, list):
        return [_with_values(part, first, last) for part in value]
    if not isinstance(value, dict):
        return value
    if "torch" in value:
        return getattr(torch, value["torch"])
    if "stride" not in value:
        return {name: _with_values(part, first, last) for name, part in value.items()}
    values = value["values"]
    return _lay_out(values[first:last], value["stride"], value["lanes"]) if value["lanes"] else values.clone()


def _values(spec: Mapping[str, Any], most: int, generator: torch.Generator) -> Tensor:
    """Draw a random tensor of the described shape; a stacked one has `most` seeds.

    Axes that were expanded (stride 0) are expanded here too.
    """
    shape = [most, *spec["shape"][1:]] if spec["lanes"] else spec["shape"]
    values = torch.empty(_shape_in_memory(shape, spec["stride"], spec["lanes"]), dtype=getattr(torch, spec["dtype"]))
    if values.is_floating_point():
        values.uniform_(-2, 2, generator=generator)
    else:
        values.random_(0, 2, generator=generator)
    return values.expand(shape)


def _shape_in_memory(shape: Sequence[int], stride: Sequence[int], lanes: int) -> list[int]:
    """Return the shape in memory, with 1 for expanded axes. The stride of a single lane is ignored."""
    return [1 if not step and (i or lanes > 1) else size for i, (size, step) in enumerate(zip(shape, stride))]


def _lay_out(values: Tensor, stride: list[int], lanes: int) -> Tensor:
    """Copy values into new memory, with the recorded strides adapted to the number of lanes of `values`."""
    shape = _shape_in_memory(values.shape, stride, lanes)
    extent = 1 + sum((size - 1) * step for size, step in zip(shape[1:], stride[1:]))
    if lanes > 1 and 0 < stride[0] < extent:  # another axis has a larger stride than the lanes
        steps = [step * len(values) // lanes if step > stride[0] else step for step in stride]
    else:
        steps = [max(stride[0], extent), *stride[1:]]
    length = 1 + sum((size - 1) * step for size, step in zip(shape, steps))
    copy = torch.empty(max(length, 1), dtype=values.dtype).as_strided(shape, steps)
    return copy.copy_(values[tuple(slice(0, size) for size in shape)]).expand(values.shape)
