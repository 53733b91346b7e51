"""A record of the operations that a run uses, to check whether a lane gets the same bits alone and in stacks.

A library chooses a kernel, and a path through it, by the sizes of whole tensors and by the processor. At the first call
with new shapes, a `watched` function records its own operations and those of its gradients. Each operation can then be
tried on random numbers (`rlbench.kit.kernel_trials`). Recording does not affect the run: nothing is called twice.

Not recorded: what a plugin computes outside the kit's functions and `compiled` functions; compiled graphs; numpy. Nor
does the record show whether an algorithm keeps its seeds apart. The rule `stack-mates` of `rlbench test-plugin` checks
that.
"""

from __future__ import annotations

import functools
import itertools
import json
from collections.abc import Callable, Iterator, Mapping
from typing import Any, TypeVar, cast

import torch
from torch import Tensor
from torch.utils._python_dispatch import TorchDispatchMode

Function = TypeVar("Function", bound=Callable[..., Any])

# Operations whose first axis is the lanes. Only these and operations that torch marks as pointwise are tried.
BY_LANES = {
    "baddbmm", "bmm", "cumsum", "logsumexp", "mean", "prod", "sum", "var", "_log_softmax",
    "_log_softmax_backward_data", "_softmax", "_softmax_backward_data", "huber_loss", "huber_loss_backward",
    "mse_loss", "mse_loss_backward",
}  # fmt: skip
ADAM = "_fused_adam_"
# Operations that cannot round: they create, move, select or count numbers, or add a number to zero, as the gradient of
# a gather does. A `sum` over everything is the sum of the seeds' losses in `value_and_grad`; only its gradient is used.
EXACT = {
    "all", "amax", "amin", "any", "arange", "argmax", "argmin", "cat", "constant_pad_nd", "copy_", "empty",
    "empty_like", "empty_strided", "fill_", "flip", "full", "full_like", "gather", "index", "index_select",
    "masked_fill", "masked_fill_", "max", "min", "new_empty", "new_empty_strided", "new_full", "new_ones",
    "new_zeros", "nonzero", "ones", "ones_like", "repeat", "scalar_tensor", "scatter", "scatter_add",
    "select_backward", "select_scatter", "slice_backward", "slice_scatter", "sort", "stack", "tril", "triu",
    "unfold_backward", "_unsafe_view", "value_selecting_reduction_backward", "zero_", "zeros", "zeros_like",
    "_local_scalar_dense", "_to_copy",
}  # fmt: skip

_operations: dict[str, None] = {}
_seen: set[Any] = set()
_tokens = itertools.count()
_inside = False  # whether a watched function is running


class _Recording:
    """The recorder's handling of an operation, in a base class of its own.

    If a mode's own class defines `__torch_dispatch__`, torch hides the method from its compiler, and for that imports
    the compiler at the first call. This import takes a second and 70 MB in each process. torch does not hide an
    inherited method. It need not be hidden, because nothing is compiled while the recorder is on.
    """

    def __torch_dispatch__(self, function: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        name, pointwise = function.overloadpacket.__name__, torch.Tag.pointwise in function.tags
        is_exact = function.is_view or name in EXACT or str(function) == "aten.sum.default" or _of_one_seed(name, args)
        if not is_exact and any(t.is_floating_point() and t.dim() for t in tensors((args, kwargs))):
            can_try = pointwise or name in BY_LANES or name == ADAM
            arguments = [_describe(args), _describe(kwargs or {})] if can_try else []
            _operations[json.dumps([str(function), *arguments], default=str)] = None
        return function(*args, **(kwargs or {}))


class OperationRecorder(_Recording, TorchDispatchMode):
    """A dispatch mode that records every operation that may round."""


def _of_one_seed(name: str, args: Any) -> bool:
    """Return whether an operation computes only one seed: a convolution with one set of weights for the whole batch."""
    return name in ("convolution", "convolution_backward") and _groups_of(name, args) == 1


def _groups_of(name: str, args: Any) -> int:
    return int(args[8] if name == "convolution" else args[9])


def watched(function: Function) -> Function:
    """Return a function that calls `function` on tensors [L, …] and records its operations.

    It records once per combination of shapes of the first two arguments and the last one. The shape of a list or dict
    is that of its first entry. Operations of functions that it calls are recorded too.
    """
    watch_token = token()

    @functools.wraps(function)
    def call(*args: Any, **kwargs: Any) -> Any:
        global _inside
        if torch.compiler.is_compiling() or _inside:
            return function(*args, **kwargs)
        new = is_new((watch_token, *map(_shape, args[:2]), _shape(args[-1])))
        _inside = True
        try:
            if not new:
                return function(*args, **kwargs)
            with OperationRecorder():
                return function(*args, **kwargs)
        finally:
            _inside = False

    return cast(Function, call)


def token() -> int:
    """Return a number for one watched object. Unlike the object's `id`, it is never used for another object."""
    return next(_tokens)


def is_new(key: Any) -> bool:
    """Return whether `key` is new since `forget`, and remember it. Inside a watched function, return False."""
    if _inside or key in _seen:
        return False
    _seen.add(key)
    return True


def forget() -> None:
    """Clear the record. Call this before a group, because each group uses other operations."""
    _operations.clear()
    _seen.clear()


def operations() -> list[str]:
    """Return the recorded operations, each as JSON: name, shapes and strides of tensors, and all other arguments."""
    return list(_operations)


def summary(operation: str) -> str:
    """Return an operation's name and the shapes of its tensors, as in "bmm [10, 2, 64] [10, 64, 16]"."""
    name, *arguments = json.loads(operation)
    return " ".join([name.split(".")[1], *(str(spec["shape"]) for spec in specs(arguments))])


def _shape(value: Any) -> Any:
    """Return the shape of a tensor, or of the first entry of a list or dict; for a function, return its name."""
    if type(value) is Tensor:  # first, because this runs at every call
        return value.shape
    if isinstance(value, Mapping):
        return _shape(next(iter(value.values()), None))
    if isinstance(value, (list, tuple)):
        return _shape(value[0]) if value else None
    return getattr(value, "__qualname__", None)


def tensors(value: Any) -> Iterator[Tensor]:
    """Yield the tensors in nested lists, tuples and dicts."""
    if isinstance(value, Tensor):
        yield value
    elif isinstance(value, (list, tuple, dict)):
        for part in value.values() if isinstance(value, dict) else value:
            yield from tensors(part)


def specs(value: Any) -> Iterator[dict[str, Any]]:
    """Yield the descriptions of tensors in the arguments of a recorded operation."""
    if isinstance(value, dict) and "stride" in value:
        yield value
    elif isinstance(value, (list, tuple, dict)):
        for part in value.values() if isinstance(value, dict) else value:
            yield from specs(part)


def _describe(value: Any) -> Any:
    """Return an argument as JSON values. A tensor becomes its shape, stride and dtype."""
    if isinstance(value, Tensor):
        return {"shape": list(value.shape), "stride": list(value.stride()), "dtype": str(value.dtype)[6:]}
    if isinstance(value, dict):
        return {name: _describe(part) for name, part in value.items()}
    if isinstance(value, (list, tuple)):
        return [_describe(part) for part in value]
    return {"torch": str(value)[6:]} if isinstance(value, (torch.dtype, torch.memory_format, torch.layout)) else value
