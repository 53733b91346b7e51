"""Networks for images: convolutions, then a multilayer perceptron, for stacked seeds like `MLP`.

The convolutions of each seed are calls of their own. So its bits are the same alone and in any stack, whatever a
library does with a batch, and on a CPU it takes no longer than one grouped convolution for all seeds.

Sources: Mnih et al. 2015 ("Nature") for images of 36 × 36 pixels and more; Young & Tian 2019, "MinAtar",
arXiv:1903.03176, for smaller ones.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import numpy as np
import torch
import torch.nn.functional as F
from numpy.random import Generator
from torch import Tensor

from rlbench.kit.kernel_choice import OperationRecorder, is_new, token
from rlbench.kit.stacked_networks import MLP, Initialization, aligned, drawn_weights
from rlbench.seeding import SeedStreams

SMALLEST_FOR_NATURE = 36  # pixels; smaller images leave nothing after its three layers


class Convolution(NamedTuple):
    """One layer without padding: the channels it takes and gives, the width of its kernels, and their distance."""

    inputs: int
    outputs: int
    kernel: int
    stride: int

    def width_after(self, width: int) -> int:
        """Return the width of the image that the layer makes of one with this width."""
        return (width - self.kernel) // self.stride + 1


class ImageShape(NamedTuple):
    """The shape of images [channels, height, width] of bytes, as the inputs of a network."""

    channels: int
    height: int
    width: int

    @classmethod
    def of(cls, space: Any) -> ImageShape | None:
        """Return the shape of a space of images; None for any other space."""
        shape = getattr(space, "shape", None) or ()
        return cls(*shape) if len(shape) == 3 and space.dtype == np.uint8 else None

    def convolutions(self) -> list[Convolution]:
        """Return the layers for images of this shape. Raises: ValueError if they are too small for any."""
        if min(self.height, self.width) >= SMALLEST_FOR_NATURE:
            return [Convolution(self.channels, 32, 8, 4), Convolution(32, 64, 4, 2), Convolution(64, 64, 3, 1)]
        if min(self.height, self.width) >= 4:
            return [Convolution(self.channels, 16, 3, 1)]
        raise ValueError(f"images of {self.height} × {self.width} pixels are too small; give them as one vector")


Inputs = int | ImageShape
"""What a network takes: a vector of so many numbers, or images."""


def network(
    inputs: Inputs,
    layers: Sequence[int],
    activation: str = "relu",
    init: Initialization = "uniform",
    gains: Sequence[float] = (),
) -> MLP | ImageNetwork:
    """Return a network for stacked seeds. layers: (hidden …, outputs). The other arguments are those of `MLP`."""
    if isinstance(inputs, int):
        return MLP((inputs, *layers), activation, init, gains)
    return ImageNetwork(inputs, layers, activation, init, gains)


class ImageNetwork:
    """Convolutions with ReLU, then an MLP over their outputs. Images are bytes, scaled from 0 … 255 to 0 … 1.

    dims: (hidden …, outputs). It has the interface of `MLP`, whose flat rows [L, P] begin with the convolutions here.
    """

    def __init__(
        self,
        shape: ImageShape,
        dims: Sequence[int],
        activation: str = "relu",
        init: Initialization = "uniform",
        gains: Sequence[float] = (),
    ) -> None:
        if not dims:
            raise ValueError("net_arch needs at least one layer for images")
        self._shape, self._init, self._convolutions = shape, init, shape.convolutions()
        height, width = shape.height, shape.width
        for layer in self._convolutions:
            height, width = layer.width_after(height), layer.width_after(width)
        self.features = self._convolutions[-1].outputs * height * width
        self._mlp = MLP((self.features, *dims), activation, init, gains)
        self.layers = self._mlp.layers
        kernels = [layer.outputs * layer.inputs * layer.kernel**2 for layer in self._convolutions]
        biases = [layer.outputs for layer in self._convolutions]
        self._sizes = [aligned(size) for pair in zip(kernels, biases) for size in pair]
        self._numbers = [size for pair in zip(kernels, biases) for size in pair]
        self.size = sum(self._sizes) + self._mlp.size
        self._token = token()

    @property
    def activation(self) -> Callable[[Tensor], Tensor]:
        """The activation function of the hidden layers; that of the convolutions is always ReLU."""
        return self._mlp.activation

    @activation.setter
    def activation(self, function: Callable[[Tensor], Tensor]) -> None:
        self._mlp.activation = function

    def init(self, streams: SeedStreams, name: str, copies: int = 1, device: str = "cpu") -> Tensor:
        """Draw parameters [S·copies, P], seed-major, each seed's from its own stream `name`."""
        generators = [g for g in streams.generators(name) for _ in range(copies)]
        rows = [np.concatenate([self._row(g), self._mlp.drawn_row(g)]) for g in generators]
        return torch.tensor(np.stack(rows), dtype=torch.float32, device=device)

    def _row(self, generator: Generator) -> np.ndarray[Any, Any]:
        parts = []
        for layer in self._convolutions:
            inputs = layer.inputs * layer.kernel**2
            weight, bias = drawn_weights(generator, inputs, layer.outputs, self._init, 2**0.5)
            parts += [weight.T.ravel(), bias]  # [outputs, inputs · kernel · kernel], as a convolution takes it
        return np.concatenate([np.pad(part, (0, aligned(part.size) - part.size)) for part in parts])

    def __call__(self, params: Tensor, x: Tensor) -> Tensor:
        """Compute [L, P or more], bytes [L, B, channels · height · width] → [L, B, outputs]."""
        if not torch.compiler.is_compiling() and is_new((self._token, x.shape)):
            with OperationRecorder():
                return self._outputs(params, x)
        return self._outputs(params, x)

    def _outputs(self, params: Tensor, x: Tensor) -> Tensor:
        end = sum(self._sizes)
        rows = params[:, :end].unbind(0)
        features = torch.stack([self._convolved(row, images) for row, images in zip(rows, x.unbind(0))])
        return self._mlp(params[:, end : self.size], features)

    def _convolved(self, row: Tensor, images: Tensor) -> Tensor:
        """Return the features [B, features] of one seed's images [B, channels · height · width]."""
        x = images.view(-1, *self._shape).to(row.dtype) / 255.0
        parts = [part[:size] for part, size in zip(row.split(self._sizes), self._numbers)]
        for layer, weight, bias in zip(self._convolutions, parts[::2], parts[1::2]):
            kernels = weight.view(layer.outputs, layer.inputs, layer.kernel, layer.kernel)
            x = F.relu(F.conv2d(x, kernels, bias, stride=layer.stride))
        return x.flatten(1)
