"""Networks for images: against torch's own layers, alone and in stacks, and what they refuse."""

import numpy as np
import pytest
import torch
from gymnasium.spaces import Box
from support.torch_modules import image_module_of, part_modules_of

from rlbench import SeedStreams
from rlbench.kit import ImagesAndNumbers, ImageShape, network, value_and_grad
from rlbench.kit.kernel_choice import forget, operations

SMALL, GRAY, NATURE = ImageShape(3, 6, 5), ImageShape(1, 4, 4), ImageShape(4, 44, 40)
# Small images are computed in another way from 64 of a seed on.
SIZES = [(SMALL, 4), (SMALL, 63), (SMALL, 64), (SMALL, 130), (GRAY, 4), (GRAY, 70), (NATURE, 4)]


def images_of(shape, seeds, batch):
    generator = torch.Generator().manual_seed(5)
    size = shape.channels * shape.height * shape.width
    return torch.randint(256, (seeds, batch, size), generator=generator, dtype=torch.uint8)


@pytest.mark.parametrize(("shape", "batch"), SIZES)
def test_outputs_and_gradients_are_those_of_torchs_own_layers(shape, batch):
    net = network(shape, (12, 3))
    params, x = net.init(SeedStreams([1, 2]), "init"), images_of(shape, 2, batch)
    target = torch.randn(2, batch, 3, generator=torch.Generator().manual_seed(1))
    loss, (grads,) = value_and_grad(lambda p: ((net(p, x) - target) ** 2).mean((1, 2)), [params])
    for seed in range(2):
        module = image_module_of(net, params[seed])
        own = ((module(x[seed].view(-1, *shape).float() / 255) - target[seed]) ** 2).mean()
        own.backward()
        assert torch.allclose(own, loss[seed], rtol=1e-5)
        theirs = torch.cat([p.grad.ravel() for p in module.parameters()])
        mine = torch.cat([p.detach().ravel() for p in image_module_of(net, grads[seed]).parameters()])
        assert torch.allclose(theirs, mine, rtol=1e-4, atol=1e-6) and theirs.abs().max() > 1e-3


@pytest.mark.parametrize(("shape", "batch"), SIZES)
def test_a_seeds_bits_are_the_same_alone_and_in_a_stack(shape, batch):
    net = network(shape, (16, 2), init="orthogonal")
    params, x = net.init(SeedStreams([1, 2, 3]), "init"), images_of(shape, 3, batch)

    def both(rows):
        loss, (grads,) = value_and_grad(lambda p, x: net(p, x).square().sum((1, 2)), [params[rows]], x[rows])
        return torch.cat([loss.unsqueeze(1), grads], 1)

    stacked = both(slice(None))
    for seed in range(3):
        assert torch.equal(both(slice(seed, seed + 1))[0], stacked[seed])


def test_what_is_computed_without_a_gradient_is_the_same_within_rounding():
    net = network(SMALL, (16, 2))
    params, x = net.init(SeedStreams([1, 2, 3]), "init"), images_of(SMALL, 3, 150)
    assert torch.allclose(net(params, x), net(params.detach().requires_grad_(), x), rtol=1e-5, atol=1e-6)


def test_images_and_numbers_are_read_apart_from_the_bytes_of_one_observation():
    inputs = ImagesAndNumbers((SMALL, NATURE), 3)
    net = network(inputs, (12, 2))
    params = net.init(SeedStreams([1, 2]), "init")
    images = [images_of(shape, 2, 4) for shape in inputs.images]
    numbers = torch.randn(2, 4, 3, generator=torch.Generator().manual_seed(2))
    x = torch.cat([*images, numbers.view(torch.uint8)], 2)
    assert x.shape[2] == inputs.size
    target = torch.randn(2, 4, 2, generator=torch.Generator().manual_seed(1))
    loss, (grads,) = value_and_grad(lambda p: ((net(p, x) - target) ** 2).mean((1, 2)), [params])
    for seed in range(2):
        modules = part_modules_of(net, params[seed])
        features = [m(i[seed].view(-1, *s).float() / 255) for m, i, s in zip(modules, images, inputs.images)]
        own = ((modules[-1](torch.cat([*features, numbers[seed]], 1)) - target[seed]) ** 2).mean()
        own.backward()
        assert torch.allclose(own, loss[seed], rtol=1e-5)
        for module, gradient in zip(modules, part_modules_of(net, grads[seed])):
            for theirs, mine in zip(module.parameters(), gradient.parameters()):
                assert torch.allclose(theirs.grad, mine, rtol=1e-4, atol=1e-6) and theirs.grad.abs().max() > 1e-4


def test_convolutions_are_not_among_the_operations_whose_bits_have_to_be_tried():
    forget()
    net = network(NATURE, (16, 2))
    value_and_grad(lambda p, x: net(p, x).sum((1, 2)), [net.init(SeedStreams([1, 2]), "init")], images_of(NATURE, 2, 3))
    assert operations() and not any("convolution" in operation for operation in operations())


def test_padding_between_layers_stays_zero():
    net = network(SMALL, (7, 3))
    params = net.init(SeedStreams([1]), "init")
    _, (grads,) = value_and_grad(lambda p: net(p, images_of(SMALL, 1, 4)).sum((1, 2)), [params])
    kernel = 16 * 3 * 9
    assert -(-kernel // 16) * 16 == kernel  # 432 numbers and 16 biases need no padding here
    numbers = sum(p.numel() for p in image_module_of(net, params[0]).parameters())
    assert (params[0] != 0).sum() <= numbers and (grads[0] != 0).sum() <= numbers


def test_a_vector_gets_an_mlp_and_too_small_images_or_no_layers_are_refused():
    assert type(network(4, (8, 2))).__name__ == "MLP"
    assert ImageShape.of(Box(0, 255, (3, 6, 5), np.uint8)) == SMALL
    assert ImageShape.of(Box(-1, 1, (3, 6, 5), np.float32)) is None and ImageShape.of(Box(-1, 1, (4,))) is None
    with pytest.raises(ValueError, match="images of 3 × 3 pixels are too small"):
        network(ImageShape(1, 3, 3), (8, 2))
    with pytest.raises(ValueError, match="net_arch needs at least one layer for images"):
        network(SMALL, ())
