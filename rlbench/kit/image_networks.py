"""Networks for images: convolutions, then a multilayer perceptron, for stacked seeds like `MLP`."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import numpy as np
import torch
from torch import Tensor

from rlbench.kit.convolutions import ImageShape, convolutions
from rlbench.kit.kernel_choice import OperationRecorder, is_new, token
from rlbench.kit.stacked_networks import MLP, Initialization
from rlbench.seeding import SeedStreams


class ImagesAndNumbers(NamedTuple):
    """The inputs of a network that gets images and further numbers, as bytes: each image, then each float32 number."""

    images: tuple[ImageShape, ...]
    numbers: int

    @classmethod
    def of(cls, space: Any) -> ImagesAndNumbers | None:
        """Return the network inputs for observations in a space; None if the observations contain no images."""
        if image := ImageShape.of(space):
            return cls((image,), 0)
        shapes = getattr(space, "images", None)
        return cls(tuple(ImageShape(*shape) for shape in shapes), space.numbers) if shapes else None

    @property
    def size(self) -> int:
        """The number of bytes of an observation."""
        return sum(image.size for image in self.images) + 4 * self.numbers


# The number of images per seed and call if no gradient is needed. The activations of a whole rollout of images do not
# fit into the caches: in one call, the values of 1,024 MinAtar images of each of ten seeds take twice as long.
BLOCK = 64

Inputs = int | ImagesAndNumbers
"""The inputs of a network: the length of a vector, or images and numbers."""


def network(
    inputs: Inputs | ImageShape,
    layers: Sequence[int],
    activation: str = "relu",
    init: Initialization = "uniform",
    gains: Sequence[float] = (),
) -> MLP | ImageNetwork:
    """Return a network for stacked seeds. layers: (hidden …, outputs). For the other arguments see `MLP`."""
    if isinstance(inputs, int):
        return MLP((inputs, *layers), activation, init, gains)
    if isinstance(inputs, ImageShape):
        inputs = ImagesAndNumbers((inputs,), 0)
    return ImageNetwork(inputs, layers, activation, init, gains)


class ImageNetwork:
    """Convolutions with ReLU for each image, then an MLP over their features and the further numbers of the inputs.

    dims: (hidden …, outputs). The interface is that of `MLP`. The rows [L, P] begin with the convolutions' parameters.
    """

    def __init__(
        self,
        inputs: ImagesAndNumbers,
        dims: Sequence[int],
        activation: str = "relu",
        init: Initialization = "uniform",
        gains: Sequence[float] = (),
    ) -> None:
        if not dims:
            raise ValueError("net_arch needs at least one layer for images")
        self.convolutions = [convolutions(shape) for shape in inputs.images]
        features = sum(layers.features for layers in self.convolutions) + inputs.numbers
        self._init, self._numbers = init, inputs.numbers
        self.mlp = MLP((features, *dims), activation, init, gains)
        self.layers = self.mlp.layers
        self._sizes = [*(layers.size for layers in self.convolutions), self.mlp.size]
        self._bytes = [*(shape.size for shape in inputs.images), 4 * inputs.numbers]
        self.size = sum(self._sizes)
        self._token = token()
        self._cache: tuple[Tensor | None, Sequence[Tensor]] = (None, [])

    @property
    def activation(self) -> Callable[[Tensor], Tensor]:
        """The activation function of the hidden layers. The convolutions always have ReLU."""
        return self.mlp.activation

    @activation.setter
    def activation(self, function: Callable[[Tensor], Tensor]) -> None:
        self.mlp.activation = function

    def init(self, streams: SeedStreams, name: str, copies: int = 1, device: str = "cpu") -> Tensor:
        """Draw parameters [S·copies, P], seed-major, each seed's from its own stream `name`."""
        rows = []
        for generator in [g for g in streams.generators(name) for _ in range(copies)]:
            drawn = [layers.drawn_row(generator, self._init) for layers in self.convolutions]
            rows.append(np.concatenate([*drawn, self.mlp.drawn_row(generator)]))
        return torch.tensor(np.stack(rows), dtype=torch.float32, device=device)

    def __call__(self, params: Tensor, x: Tensor) -> Tensor:
        """Compute [L, P or more], bytes [L, B, …] → [L, B, outputs]. The bytes are those of `ImagesAndNumbers`."""
        if x.shape[1] > BLOCK and not (params.requires_grad or torch.compiler.is_compiling()):
            return torch.cat([self(params, block) for block in x.split(BLOCK, 1)], 1)
        if not torch.compiler.is_compiling() and is_new((self._token, x.shape)):
            with OperationRecorder():
                return self._outputs(params, x)
        return self._outputs(params, x)

    def _outputs(self, params: Tensor, x: Tensor) -> Tensor:
        *kernels, rest = self._parts(params)
        *images, numbers = x.split(self._bytes, 2)
        features = [
            layers(row, image.unflatten(2, layers.shape))
            for layers, row, image in zip(self.convolutions, kernels, images)
        ]
        if self._numbers:
            # A clone begins at an aligned address, so that four bytes can be read as one number.
            rows = numbers.clone(memory_format=torch.contiguous_format)
            features.append(rows.view(torch.float32).to(params.dtype))
        return self.mlp(rest, features[0] if len(features) == 1 else torch.cat(features, 2))

    def _parts(self, params: Tensor) -> Sequence[Tensor]:
        """Return each part's parameters as views of `params`. If not differentiated, they are cached as in `MLP`."""
        if params.requires_grad or torch.compiler.is_compiling():
            return self._views(params)
        cached, views = self._cache
        if cached is not params:
            views = self._views(params)
            self._cache = (params, views)
        return views

    def _views(self, params: Tensor) -> Sequence[Tensor]:
        views: Sequence[Tensor] = params[:, : self.size].split(self._sizes, 1)
        return views
