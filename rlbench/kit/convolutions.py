"""Convolutional layers of stacked seeds. A seed's bits are the same alone and in any stack.

Small images have one layer. For few images, it is one product of patches and kernels for all seeds. For many images,
each seed's convolution is a separate call, because the patches would not fit into the caches.
Larger images have three layers, and each seed's convolutions are separate calls. So a seed's bits cannot depend on how
a library handles the batch. On a CPU these calls take no longer than one grouped convolution for all seeds.

Sources: Mnih et al. 2015 ("Nature") for images of 36 × 36 pixels and more; Young & Tian 2019, "MinAtar",
arXiv:1903.03176, for smaller ones.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
import torch
import torch.nn.functional as F
from numpy.random import Generator
from torch import Tensor

from rlbench.kit.stacked_networks import Initialization, aligned, drawn_weights

SMALLEST_FOR_NATURE = 36  # pixels; after three layers, smaller images have no outputs left
SMALLEST = 4
# With this many small images per seed or more, convolutions are faster than products. Forward and backward, ten seeds
# with 32, 64 and 256 images of four channels take 2.5, 4.0 and 11.4 ms by convolutions, 1.8, 4.2 and 17.9 by products.
MANY = 64


class ImageShape(NamedTuple):
    """The shape of byte images [channels, height, width] that are a network's inputs."""

    channels: int
    height: int
    width: int

    @property
    def size(self) -> int:
        """The number of bytes of an image."""
        return self.channels * self.height * self.width

    @classmethod
    def of(cls, space: Any) -> ImageShape | None:
        """Return the shape of the images in a space; None if it is no space of byte images."""
        shape = getattr(space, "shape", None) or ()
        return cls(*shape) if len(shape) == 3 and space.dtype == np.uint8 else None


def convolutions(shape: ImageShape) -> PatchLayer | NatureLayers:
    """Return the layers for images of this shape. Raises: ValueError if the images are too small for a layer."""
    if min(shape.height, shape.width) < SMALLEST:
        raise ValueError(f"images of {shape.height} × {shape.width} pixels are too small; give them as one vector")
    return (NatureLayers if min(shape.height, shape.width) >= SMALLEST_FOR_NATURE else PatchLayer)(shape)


class PatchLayer:
    """MinAtar's layer: 16 kernels of 3 × 3, then ReLU. size: parameters of a seed; features: outputs per image.

    The parameters are those of an MLP layer [9 · channels, 16] whose input is a patch. A patch is ordered by row, then
    pixel, then channel. Features are ordered by place in the image, then by kernel.
    """

    KERNEL, OUTPUTS = 3, 16

    def __init__(self, shape: ImageShape) -> None:
        self.shape = shape
        self.places = (shape.height - self.KERNEL + 1) * (shape.width - self.KERNEL + 1)
        self.inputs = shape.channels * self.KERNEL**2
        self.features = self.places * self.OUTPUTS
        self.size = (self.inputs + 1) * self.OUTPUTS

    def drawn_row(self, generator: Generator, init: Initialization) -> np.ndarray[Any, Any]:
        """Draw the parameters [size] of one seed."""
        weight, bias = drawn_weights(generator, self.inputs, self.OUTPUTS, init, 2**0.5)
        return np.concatenate([weight.ravel(), bias])

    def __call__(self, params: Tensor, images: Tensor) -> Tensor:
        """Compute [L, size], images [L, B, C, H, W] of bytes → [L, B, features]."""
        lanes, batch = images.shape[:2]
        # Contiguous with the channels last, a row of a patch is one piece of memory, which one copy operation copies.
        pixels = scaled(images.permute(0, 1, 3, 4, 2).contiguous(), params.dtype)  # [L, B, H, W, C]
        weight, bias = params.split([self.inputs * self.OUTPUTS, self.OUTPUTS], 1)
        outputs = self._convolved if batch >= MANY else self._multiplied
        return outputs(pixels, weight, bias).reshape(lanes, batch, self.features)

    def _multiplied(self, pixels: Tensor, weight: Tensor, bias: Tensor) -> Tensor:
        """Return the outputs of all seeds by one product: pixels [L, B, H, W, C] → [L, B · places, 16]."""
        windows = pixels.unfold(2, self.KERNEL, 1).unfold(3, self.KERNEL, 1)  # [L, B, H', W', C, 3, 3]
        patches = windows.permute(0, 1, 2, 3, 5, 6, 4).reshape(len(pixels), -1, self.inputs)
        return torch.relu_(torch.baddbmm(bias.unsqueeze(1), patches, weight.view(-1, self.inputs, self.OUTPUTS)))

    def _convolved(self, pixels: Tensor, weight: Tensor, bias: Tensor) -> Tensor:
        """Return the outputs by one convolution for each seed: pixels [L, B, H, W, C] → [L, B, H', W', 16].

        ReLU and its gradient are computed right after each seed's convolution, while its outputs are in the cache.
        """
        kernels = weight.view(-1, self.KERNEL, self.KERNEL, self.shape.channels, self.OUTPUTS).permute(0, 4, 3, 1, 2)
        rows = zip(pixels.permute(0, 1, 4, 2, 3).unbind(0), kernels.unbind(0), bias.unbind(0))
        return torch.stack([torch.relu_(F.conv2d(*row)).permute(0, 2, 3, 1) for row in rows])


class NatureLayers:
    """The three layers of Mnih et al. 2015, each followed by ReLU. size: parameters of a seed; features: per image."""

    def __init__(self, shape: ImageShape) -> None:
        self.shape = shape
        # outputs, inputs, kernel and stride of each layer
        self.layers = [(32, shape.channels, 8, 4), (64, 32, 4, 2), (64, 64, 3, 1)]
        height, width = shape.height, shape.width
        for _, _, kernel, stride in self.layers:
            height, width = (height - kernel) // stride + 1, (width - kernel) // stride + 1
        self.features = 64 * height * width
        numbers = [(outputs * inputs * kernel**2, outputs) for outputs, inputs, kernel, _ in self.layers]
        self._numbers = [number for pair in numbers for number in pair]
        self._sizes = [aligned(number) for number in self._numbers]
        self.size = sum(self._sizes)

    def drawn_row(self, generator: Generator, init: Initialization) -> np.ndarray[Any, Any]:
        """Draw the parameters [size] of one seed."""
        parts = []
        for outputs, inputs, kernel, _ in self.layers:
            weight, bias = drawn_weights(generator, inputs * kernel**2, outputs, init, 2**0.5)
            parts += [weight.T.ravel(), bias]  # [outputs, inputs · kernel · kernel], the order of a convolution
        return np.concatenate([np.pad(part, (0, aligned(part.size) - part.size)) for part in parts])

    def __call__(self, params: Tensor, images: Tensor) -> Tensor:
        """Compute [L, size], images [L, B, C, H, W] of bytes → [L, B, features]."""
        return torch.stack([self._of_seed(row, own) for row, own in zip(params.unbind(0), images.unbind(0))])

    def _of_seed(self, row: Tensor, images: Tensor) -> Tensor:
        x = scaled(images, row.dtype)
        parts = [part[:number] for part, number in zip(row.split(self._sizes), self._numbers)]
        for (outputs, inputs, kernel, stride), weight, bias in zip(self.layers, parts[::2], parts[1::2]):
            x = F.relu(F.conv2d(x, weight.view(outputs, inputs, kernel, kernel), bias, stride=stride))
        return x.flatten(1)


def scaled(images: Tensor, dtype: torch.dtype) -> Tensor:
    """Convert bytes to numbers in 0 … 1."""
    return images.to(dtype).div_(255.0)
