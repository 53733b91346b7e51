"""Networks for stacked seeds: the shape is an object, the numbers are one flat tensor [L, P], a lane for each seed.

Clipping, Adam, Polyak averaging, checkpoints and dropping a seed are then single operations on rows. P and the columns
of each layer are multiples of 16 floats (one 64-byte register), or narrow products such as 256 → 6 at batch 1 would
give other bits in other stacks. No product, a gradient's included, has one row, one column or one term: libraries turn
such products over to routines for vectors, for one lane to others than for several, and those round otherwise.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, Literal

import numpy as np
import torch
from numpy.random import Generator
from torch import Tensor
from torch.nn.functional import pad

from rlbench.kit.activations import ACTIVATIONS
from rlbench.kit.kernel_choice import Watch, token, unseen, watched
from rlbench.seeding import SeedStreams

ALIGN = 16
# Numbers of one lane that go into a layer, from which a sum takes less than a product with sixteen columns for one output;
# in a graph it always does.
LONG = 1 << 15


def aligned(size: int) -> int:
    """`size` rounded up to a multiple of 16."""
    return -(-size // ALIGN) * ALIGN


class MLP:
    """A multilayer perceptron. dims: (inputs, hidden …, outputs); gains: of orthogonal initialisation, one a layer.

    init: "orthogonal" with zero biases (Saxe 2014; Huang 2022, detail 2), or "uniform", U(±1/√inputs) for weights and
    biases (torch's own default).
    """

    def __init__(
        self,
        dims: Sequence[int],
        activation: str = "relu",
        init: Literal["orthogonal", "uniform"] = "uniform",
        gains: Sequence[float] = (),
    ) -> None:
        self.layers = list(zip(dims, dims[1:]))
        self.activation = ACTIVATIONS[activation]
        self._init, self._gains = init, gains or [1.0] * len(self.layers)
        self._sizes = [size for a, b in self.layers for size in (a * aligned(b), aligned(b))]
        self._shapes = [(a, b, aligned(b) == b) for a, b in self.layers]
        self.size = sum(self._sizes)
        self._token = token()
        self._kept: tuple[Tensor | None, list[tuple[Tensor, Tensor]]] = (None, [])

    def init(self, streams: SeedStreams, name: str, copies: int = 1, device: str = "cpu") -> Tensor:
        """Fresh parameters [S·copies, P], seed-major, each seed's from its own stream `name`."""
        rows = [self._row(generator) for generator in streams.generators(name) for _ in range(copies)]
        return torch.tensor(np.stack(rows), dtype=torch.float32, device=device)

    def _row(self, generator: Generator) -> np.ndarray[Any, Any]:
        parts = []
        for (a, b), gain in zip(self.layers, self._gains):
            if self._init == "orthogonal":
                weight, bias = gain * _orthogonal(generator, a, b), np.zeros(b)
            else:
                weight, bias = (generator.uniform(-(a**-0.5), a**-0.5, shape) for shape in ((a, b), (b,)))
            extra = aligned(b) - b  # the padding stays zero: its gradients are
            parts += [np.pad(weight, ((0, 0), (0, extra))).ravel(), np.pad(bias, (0, extra))]
        return np.concatenate(parts)

    def __call__(self, params: Tensor, x: Tensor) -> Tensor:
        """[L, P or more], [L, B, inputs] → [L, B, outputs]. The parameters are the first P columns."""
        if not torch.compiler.is_compiling() and unseen((self._token, x.shape)):
            with Watch():
                return self._outputs(params, x)
        return self._outputs(params, x)

    def _outputs(self, params: Tensor, x: Tensor) -> Tensor:
        last, single = len(self.layers) - 1, x.shape[1] == 1
        if single:
            x = torch.cat((x, x), 1)  # of both rows the first is kept; an expanded one would be copied at greater cost
        for i, ((inputs, outputs, whole), (weight, bias)) in enumerate(zip(self._shapes, self._parts(params))):
            if inputs == 1:  # its gradient would have one row; what is added gives zeros
                x, weight = pad(x, (0, 1)), pad(weight, (0, 0, 0, 1))
            if outputs == 1 and (torch.compiler.is_compiling() or x.shape[1] * inputs >= LONG):
                x = _weighted_sum(x, weight, bias)
            else:
                x = torch.baddbmm(bias, x, weight)
            if single and i == last:
                x = _first_row(x, outputs)
            elif not whole:
                x = x[..., :outputs]
            if i < last:
                # Nobody else has what the product gave; of a part of it autograd would copy the whole.
                x = torch.relu_(x) if whole and self.activation is torch.relu else self.activation(x)
        return x

    def _parts(self, params: Tensor) -> list[tuple[Tensor, Tensor]]:
        """Weights and biases, views of `params`. Where no gradient is recorded those of the parameters seen last are kept:
        to make them takes half of the time of acting.
        """
        if torch.is_grad_enabled() or torch.compiler.is_compiling():
            return self._views(params)
        seen, views = self._kept
        if seen is not params:  # what is written into them shows in their views
            views = self._views(params)
            self._kept = (params, views)
        return views

    def _views(self, params: Tensor) -> list[tuple[Tensor, Tensor]]:
        mine = params if params.shape[1] == self.size else params[:, : self.size]
        parts = mine.split(self._sizes, 1)
        shapes = [(a, aligned(b)) for a, b in self.layers]
        return [(w.view(-1, *shape), bias.unsqueeze(1)) for w, bias, shape in zip(parts[::2], parts[1::2], shapes)]


def _first_row(x: Tensor, columns: int) -> Tensor:
    """[L, 2, columns or more] → [L, 1, columns]; without a gradient as one view, in less than half the time of two."""
    if torch.is_grad_enabled() or torch.compiler.is_compiling():
        return x[:, :1, :columns]
    return x.as_strided((x.shape[0], 1, columns), x.stride())


def _weighted_sum(x: Tensor, weight: Tensor, bias: Tensor) -> Tensor:
    """The first column [L, B, 1] of x · weight + bias, by loops that a graph joins to those around them: they and those of its
    gradients take less than products with sixteen columns, of which fifteen are padding.

    The column is drawn out by a sum over zeros, which a graph puts where it can be read in one go; as a slice its elements
    would be read from sixteen floats apart, again for each row of x.
    """
    first = torch.arange(ALIGN, device=weight.device) == 0
    column = (weight * first).sum(-1).unsqueeze(1)  # [L, 1, inputs]
    return (x * column).sum(-1, keepdim=True) + bias[..., :1]


def _orthogonal(generator: Generator, a: int, b: int) -> np.ndarray[Any, Any]:
    q, r = np.linalg.qr(generator.standard_normal((max(a, b), min(a, b))))
    q = q * np.sign(np.diag(r))  # makes the distribution uniform (Mezzadri 2007)
    return q if a >= b else q.T


@watched
def value_and_grad(loss: Callable[..., Any], params: Sequence[Tensor], *args: Tensor) -> tuple[Any, list[Tensor]]:
    """What `loss(*params, *args)` gives, and the gradient of its value for each of `params` [S, P].

    It gives its value [S], or a tuple of its value and whatever else it has computed on the way. Seeds share nothing, so the
    gradient of the sum over S is each seed's own.
    """

    def total(params: Sequence[Tensor]) -> tuple[Tensor, Any]:
        found = loss(*params, *args)
        return (found[0] if isinstance(found, tuple) else found).sum(), found

    if torch.compiler.is_compiling():
        grads, (_, found) = torch.func.grad_and_value(total, has_aux=True)(list(params))
        return found, list(grads)
    leaves = [p.detach().requires_grad_() for p in params]
    with torch.enable_grad():
        scalar, found = total(leaves)
    grads = torch.autograd.grad(scalar, leaves)
    return tuple(t.detach() for t in found) if isinstance(found, tuple) else found.detach(), list(grads)
