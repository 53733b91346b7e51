"""Whether this processor's kernels give a lane the same bits alone as in stacks: which are used, and a trial of each.

A library picks a kernel, and the way through it, by the sizes of whole tensors and by the processor. `watched` functions
note, at their first call with other shapes, the operations that they and their gradients consist of; each can then be tried
on numbers of its own (`rlbench.kit.kernel_trials`). The run itself is left alone: nothing is called twice.

Not seen: what a plugin computes outside the kit's functions and `compiled` ones, compiled graphs, numpy, and whether an
algorithm keeps its seeds apart, which is the rule `stack_mates` of `rlbench test-plugin`.
"""

from __future__ import annotations

import functools
import itertools
import json
from collections.abc import Callable, Iterator, Mapping
from typing import Any, TypeVar

import torch
from torch import Tensor
from torch.utils._python_dispatch import TorchDispatchMode

Function = TypeVar("Function", bound=Callable[..., Any])

# Operations whose first axis is the lanes; of the others those that torch marks as pointwise are tried.
BY_LANES = {
    "baddbmm", "bmm", "cumsum", "logsumexp", "mean", "prod", "sum", "var", "_log_softmax",
    "_log_softmax_backward_data", "_softmax", "_softmax_backward_data",
}  # fmt: skip
ADAM = "_fused_adam_"
# Those that round nothing: they make, move, choose or count. A gather's gradient adds each number to a zero.
# `sum` of everything is that of the seeds' losses in `value_and_grad`, of which the gradient alone is used.
EXACT = {
    "all", "amax", "amin", "any", "arange", "argmax", "argmin", "cat", "constant_pad_nd", "copy_", "empty",
    "empty_like", "empty_strided", "fill_", "flip", "full", "full_like", "gather", "index", "index_select",
    "masked_fill", "masked_fill_", "max", "min", "new_empty", "new_empty_strided", "new_full", "new_ones",
    "new_zeros", "nonzero", "ones", "ones_like", "repeat", "scalar_tensor", "scatter", "scatter_add",
    "select_backward", "select_scatter", "slice_backward", "slice_scatter", "sort", "stack", "tril", "triu",
    "unfold_backward", "value_selecting_reduction_backward", "zero_", "zeros", "zeros_like",
    "_local_scalar_dense", "_to_copy",
}  # fmt: skip

_used: dict[str, None] = {}
_seen: set[Any] = set()
_tokens = itertools.count()
_inside = False  # a watched function is being called


class Watch(TorchDispatchMode):
    """Notes every operation that may round."""

    def __torch_dispatch__(self, function: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        name, pointwise = function.overloadpacket.__name__, torch.Tag.pointwise in function.tags
        moves = function.is_view or name in EXACT or str(function) == "aten.sum.default"
        if not moves and any(t.is_floating_point() and t.dim() for t in tensors((args, kwargs))):
            known = pointwise or name in BY_LANES or name == ADAM
            given = [_described(args), _described(kwargs or {})] if known else []
            _used[json.dumps([str(function), *given], default=str)] = None
        return function(*args, **(kwargs or {}))


def watched(function: Function) -> Function:
    """`function` of tensors [L, …], whose operations are noted once for the shapes of its first two and its last argument
    (of a list's or dict's first). What it calls is noted with it.
    """
    own = token()

    @functools.wraps(function)
    def call(*args: Any, **kwargs: Any) -> Any:
        global _inside
        if torch.compiler.is_compiling() or _inside:
            return function(*args, **kwargs)
        new = unseen((own, *map(_shape, args[:2]), _shape(args[-1])))
        _inside = True
        try:
            if not new:
                return function(*args, **kwargs)
            with Watch():
                return function(*args, **kwargs)
        finally:
            _inside = False

    return call  # type: ignore[return-value]


def token() -> int:
    """A number for one watched object: its id may be another's later."""
    return next(_tokens)


def unseen(key: Any) -> bool:
    """Whether this is the first time since `forget`, outside all watched functions."""
    if _inside or key in _seen:
        return False
    _seen.add(key)
    return True


def forget() -> None:
    """Begin anew: what is used by the next group is not what was used by the last."""
    _used.clear()
    _seen.clear()


def used() -> list[str]:
    """The operations noted so far, each with the shapes, strides and numbers it was given, as JSON."""
    return list(_used)


def in_words(use: str) -> str:
    """An operation and the shapes of its tensors, as in "bmm [10, 2, 64] [10, 64, 16]"."""
    name, *given = json.loads(use)
    return " ".join([name.split(".")[1], *(str(spec["shape"]) for spec in specs(given))])


def _shape(value: Any) -> Any:
    """Of a tensor, or the first in a list or dict; of a function its name."""
    if type(value) is Tensor:  # asked at every call
        return value.shape
    if isinstance(value, Mapping):
        return _shape(next(iter(value.values()), None))
    if isinstance(value, (list, tuple)):
        return _shape(value[0]) if value else None
    return getattr(value, "__qualname__", None)


def tensors(value: Any) -> Iterator[Tensor]:
    if isinstance(value, Tensor):
        yield value
    elif isinstance(value, (list, tuple, dict)):
        for part in value.values() if isinstance(value, dict) else value:
            yield from tensors(part)


def specs(value: Any) -> Iterator[dict[str, Any]]:
    if isinstance(value, dict) and "stride" in value:
        yield value
    elif isinstance(value, (list, tuple, dict)):
        for part in value.values() if isinstance(value, dict) else value:
            yield from specs(part)


def _described(value: Any) -> Any:
    if isinstance(value, Tensor):
        return {"shape": list(value.shape), "stride": list(value.stride()), "dtype": str(value.dtype)[6:]}
    if isinstance(value, dict):
        return {name: _described(part) for name, part in value.items()}
    if isinstance(value, (list, tuple)):
        return [_described(part) for part in value]
    return {"torch": str(value)[6:]} if isinstance(value, (torch.dtype, torch.memory_format, torch.layout)) else value
