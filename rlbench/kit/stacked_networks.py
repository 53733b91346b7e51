"""Networks for stacked seeds: an object contains the shapes, and one flat tensor [L, P] the parameters of all lanes.

So clipping, Adam, Polyak averaging, checkpoints and dropping a seed are single operations on rows. P and the columns of
each layer are multiples of 16 floats (one 64-byte register). Otherwise narrow products, such as 256 → 6 at batch 1,
would have different bits in different stacks. Every product, also in gradients, has at least two rows, two columns and
two terms. Smaller products are computed by vector routines, which round differently for one lane and for several lanes.
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
from rlbench.kit.kernel_choice import OperationRecorder, is_new, token, watched
from rlbench.kit.regularization import dropout_masks, layer_norm
from rlbench.seeding import SeedStreams

ALIGN = 16
# With this many input numbers per lane or more, a sum computes a single output faster than a product with sixteen
# columns. In a compiled graph, the sum is always faster.
LONG = 1 << 15
Initialization = Literal["orthogonal", "uniform", "lecun_normal"]


def aligned(size: int) -> int:
    """Round `size` up to a multiple of 16."""
    return -(-size // ALIGN) * ALIGN


class MLP:
    """A multilayer perceptron.

    dims: (inputs, hidden …, outputs). init: "orthogonal" with zero biases (Saxe 2014; Huang 2022, detail 2); "uniform",
    U(±1/√inputs) for weights and biases (torch's default); or "lecun_normal", a normal distribution of variance
    1/inputs, truncated at two standard deviations, with zero biases (flax's default). gains: the gain of the orthogonal
    initialisation for each layer. layer_norm: normalise before each activation; scales and shifts are parameters.
    dropout: the probability with which `masks` drops a unit of a hidden layer, before the normalisation.
    """

    def __init__(
        self,
        dims: Sequence[int],
        activation: str = "relu",
        init: Initialization = "uniform",
        gains: Sequence[float] = (),
        layer_norm: bool = False,
        dropout: float = 0.0,
    ) -> None:
        self.layers = list(zip(dims, dims[1:]))
        self.activation = ACTIVATIONS[activation]
        self._init, self._gains = init, gains or [1.0] * len(self.layers)
        self._sizes = [size for a, b in self.layers for size in (a * aligned(b), aligned(b))]
        self._shapes = [(a, b, aligned(b) == b) for a, b in self.layers]
        self._products = sum(self._sizes)
        self._hidden = [b for _, b in self.layers[:-1]]
        self._norm_sizes = [aligned(b) for b in self._hidden for _ in range(2)] if layer_norm else []
        self._dropout = dropout
        self.size = self._products + sum(self._norm_sizes)
        self._token = token()
        self._cache: tuple[Tensor | None, list[tuple[Tensor, Tensor]]] = (None, [])

    def init(self, streams: SeedStreams, name: str, copies: int = 1, device: str = "cpu") -> Tensor:
        """Draw parameters [S·copies, P], seed-major, each seed's from its own stream `name`."""
        rows = [self.drawn_row(generator) for generator in streams.generators(name) for _ in range(copies)]
        return torch.tensor(np.stack(rows), dtype=torch.float32, device=device)

    def drawn_row(self, generator: Generator) -> np.ndarray[Any, Any]:
        """Draw the parameters [P] of one network."""
        parts = []
        for (a, b), gain in zip(self.layers, self._gains):
            weight, bias = drawn_weights(generator, a, b, self._init, gain)
            extra = aligned(b) - b  # the padding stays zero, because its gradients are zero
            parts += [np.pad(weight, ((0, 0), (0, extra))).ravel(), np.pad(bias, (0, extra))]
        parts += [np.full(size, 1.0 - i % 2) for i, size in enumerate(self._norm_sizes)]  # scale 1, shift 0
        return np.concatenate(parts)

    def masks(self, streams: SeedStreams, name: str, copies: int, batch: int, device: str = "cpu") -> list[Tensor]:
        """Draw a dropout mask [S, copies, batch, units] for each hidden layer, each seed's from its own stream `name`.

        If dropout is 0, nothing is drawn and the list is empty.
        """
        shapes = [(copies, batch, units) for units in self._hidden]
        return [mask.to(device) for mask in dropout_masks(streams, name, self._dropout, shapes)]

    def __call__(self, params: Tensor, x: Tensor, masks: Sequence[Tensor] = ()) -> Tensor:
        """Compute [L, P or more], [L, B, inputs] → [L, B, outputs]. The parameters are the first P columns.

        masks: a factor [S, copies, B, units] for each hidden layer with L = S · copies, as from `masks`; empty: no
        dropout.
        """
        if not torch.compiler.is_compiling() and is_new((self._token, x.shape)):
            with OperationRecorder():
                return self._outputs(params, x, masks)
        return self._outputs(params, x, masks)

    def _outputs(self, params: Tensor, x: Tensor, masks: Sequence[Tensor]) -> Tensor:
        last, single, norms = len(self.layers) - 1, x.shape[1] == 1, self._norms(params)
        if single:
            x = torch.cat((x, x), 1)  # the first row is kept; an expanded row would be copied more slowly
        for i, ((inputs, outputs, unpadded), (weight, bias)) in enumerate(zip(self._shapes, self._parts(params))):
            if inputs == 1:  # its gradient would have one row; the padding gives zeros
                x, weight = pad(x, (0, 1)), pad(weight, (0, 0, 0, 1))
            if outputs == 1 and (torch.compiler.is_compiling() or x.shape[1] * inputs >= LONG):
                x = _weighted_sum(x, weight, bias)
            else:
                x = torch.baddbmm(bias, x, weight)
            if single and i == last:
                x = _first_row(x, outputs)
            elif not unpadded:
                x = x[..., :outputs]
            if i < last:
                if masks:
                    x = x * masks[i].flatten(0, -3)
                if norms:
                    x = layer_norm(x, *norms[i])
                # Nothing else uses the product, so relu_ may overwrite it. For a slice, autograd would copy all of it.
                x = torch.relu_(x) if unpadded and self.activation is torch.relu else self.activation(x)
        return x

    def _parts(self, params: Tensor) -> list[tuple[Tensor, Tensor]]:
        """Return the weights and biases as views of `params`.

        If `params` are not differentiated, cache their views, because creating views takes half the time of acting.
        """
        if params.requires_grad or torch.compiler.is_compiling():
            return self._views(params)
        cached, views = self._cache
        if cached is not params:  # views stay valid if the same tensor is changed in place
            views = self._views(params)
            self._cache = (params, views)
        return views

    def _views(self, params: Tensor) -> list[tuple[Tensor, Tensor]]:
        own = params if params.shape[1] == self._products else params[:, : self._products]
        parts = own.split(self._sizes, 1)
        shapes = [(a, aligned(b)) for a, b in self.layers]
        return [(w.view(-1, *shape), bias.unsqueeze(1)) for w, bias, shape in zip(parts[::2], parts[1::2], shapes)]

    def _norms(self, params: Tensor) -> list[tuple[Tensor, Tensor]]:
        """Return scale and shift [L, 1, units] of each hidden layer as views of `params`; empty without layer_norm."""
        if not self._norm_sizes:
            return []
        parts = params[:, self._products : self.size].unsqueeze(1).split(self._norm_sizes, 2)
        return [(a[..., :units], b[..., :units]) for a, b, units in zip(parts[::2], parts[1::2], self._hidden)]


def _first_row(x: Tensor, columns: int) -> Tensor:
    """Return the first row: [L, 2, columns or more] → [L, 1, columns].

    If no gradient is needed, one call makes the view, in less than half the time of two slices.
    """
    if torch.is_grad_enabled() or torch.compiler.is_compiling():
        return x[:, :1, :columns]
    return x.as_strided((x.shape[0], 1, columns), x.stride())


def _weighted_sum(x: Tensor, weight: Tensor, bias: Tensor) -> Tensor:
    """Return the first column [L, B, 1] of x · weight + bias, computed with sums instead of a product.

    A compiled graph fuses the loops of these sums, and of their gradients, with the loops around them. So the sums take
    less time than products with sixteen columns, of which fifteen are padding. A masked sum extracts the column,
    because a graph stores its result contiguously. The elements of a slice would be sixteen floats apart and would be
    read again for each row of x.
    """
    first = torch.arange(ALIGN, device=weight.device) == 0
    column = (weight * first).sum(-1).unsqueeze(1)  # [L, 1, inputs]
    return (x * column).sum(-1, keepdim=True) + bias[..., :1]


def drawn_weights(
    generator: Generator, inputs: int, outputs: int, init: Initialization, gain: float
) -> tuple[np.ndarray[Any, Any], np.ndarray[Any, Any]]:
    """Draw the weights [inputs, outputs] and biases [outputs] of a layer. gain: for the orthogonal initialisation."""
    if init == "orthogonal":
        return gain * _orthogonal(generator, inputs, outputs), np.zeros(outputs)
    if init == "lecun_normal":
        return _cut_normal(generator, (inputs, outputs)) * inputs**-0.5, np.zeros(outputs)
    limit = inputs**-0.5
    return generator.uniform(-limit, limit, (inputs, outputs)), generator.uniform(-limit, limit, outputs)


def _orthogonal(generator: Generator, a: int, b: int) -> np.ndarray[Any, Any]:
    q, r = np.linalg.qr(generator.standard_normal((max(a, b), min(a, b))))
    q = q * np.sign(np.diag(r))  # makes the distribution uniform (Mezzadri 2007)
    return q if a >= b else q.T


def _cut_normal(generator: Generator, shape: tuple[int, ...]) -> np.ndarray[Any, Any]:
    """Draw from a normal distribution that is truncated at two standard deviations and scaled to variance 1."""
    values = generator.standard_normal(shape)
    while (beyond := np.abs(values) > 2).any():
        values[beyond] = generator.standard_normal(beyond.sum())
    return values / 0.8796256610342398  # the standard deviation of the truncated distribution


@watched
def value_and_grad(loss: Callable[..., Any], params: Sequence[Tensor], *args: Tensor) -> tuple[Any, list[Tensor]]:
    """Return the result of `loss(*params, *args)` and the gradient of its value for each of `params` [S, P].

    loss: returns its value [S], or a tuple of its value, a function that returns tensors by name, and further tensors.
    A compiled graph calls this function itself and returns the function's tensors in its place. Seeds share nothing, so
    the gradient of the sum over S contains each seed's own gradient.
    """

    def total(params: Sequence[Tensor]) -> tuple[Tensor, Any]:
        result = loss(*params, *args)
        if isinstance(result, tuple) and torch.compiler.is_compiling():
            result = result[0], result[1](), *result[2:]
        return (result[0] if isinstance(result, tuple) else result).sum(), result

    if torch.compiler.is_compiling():
        grads, (_, result) = torch.func.grad_and_value(total, has_aux=True)(list(params))
        return result, list(grads)
    leaves = [p.detach().requires_grad_() for p in params]
    with torch.enable_grad():
        scalar, result = total(leaves)
    grads = torch.autograd.grad(scalar, leaves)
    if isinstance(result, tuple):
        return tuple(further.detach() if isinstance(further, Tensor) else further for further in result), list(grads)
    return result.detach(), list(grads)
