"""A gradient computed for a few of the seeds at a time."""

import pytest
import torch

from rlbench import Device
from rlbench.kit import compile_methods, gradient_of, in_blocks, seeds_at_a_time


@pytest.mark.parametrize(
    ("seeds", "batch", "hidden", "size"),
    [
        (10, 256, (256, 256), 2),  # 2 · 256 · 256 floats are 2^17
        (9, 256, (256, 256), 3),  # equal blocks: two do not divide nine
        (5, 256, (256, 256), 5),
        (2, 256, (256, 256), 2),
        (1, 256, (256, 256), 1),
        (10, 512, (256, 256), 2),  # one seed would fill it, but two at least
        (20, 64, (64, 256), 10),  # the widest layer counts; 8 · 64 · 256 are 2^17
        (10, 64, (64, 64), 10),
        (10, 64, (), 10),
    ],
)
def test_as_few_seeds_at_a_time_as_fill_a_cores_cache(seeds, batch, hidden, size):
    assert seeds_at_a_time(seeds, batch, hidden, Device()) == size
    assert seeds_at_a_time(seeds, batch, hidden, Device("cuda:0")) == seeds


def test_blocks_give_what_the_function_gives_for_all_seeds_at_once():
    calls = []

    def halves(params, batch):
        calls.append(len(params[0]))
        return [params[0] * batch["x"].sum(-1, keepdim=True), params[1] + 1]

    params = [torch.rand(6, 4), torch.rand(6, 2, 3)]
    batch = {"x": torch.rand(6, 5)}
    whole, parts = halves(params, batch), in_blocks(halves, 2)(params, batch)
    assert calls == [6, 2, 2, 2]
    assert all(torch.equal(a, b) for a, b in zip(whole, parts, strict=True))
    in_blocks(halves, 6)(params, batch)
    assert calls[4:] == [6]


def test_a_second_call_gives_its_own_numbers():
    double = in_blocks(lambda x: 2 * x, 2)
    assert double(torch.ones(4)).tolist() == [2, 2, 2, 2] and double(torch.arange(4.0)).tolist() == [0, 2, 4, 6]


def test_a_method_can_be_called_for_two_seeds_at_a_time():
    class Doubling:
        def double(self, x):
            sizes.append(len(x))
            return 2 * x

    one, sizes = Doubling(), []
    compile_methods(Device(), one.double, seeds_at_a_time=2)
    assert one.double(torch.arange(4.0)).tolist() == [0, 2, 4, 6] and sizes == [2, 2]


def test_what_is_logged_of_a_gradient_in_blocks_is_that_of_all_seeds_and_is_computed_only_then():
    computed = []

    def loss(params, x):
        value = (params * x).square().sum(-1)

        def metrics():
            computed.append(len(value))
            return {"loss": value}

        return value, metrics

    params, x = torch.rand(6, 16), torch.rand(6, 16)
    (whole,), logged = gradient_of(loss, Device())([params], x)
    blocks = gradient_of(loss, Device(), seeds_at_a_time=2, name="q")
    for _ in range(2):  # the second call reuses the buffers of the first
        (parts,), in_parts = blocks([params], x)
        assert torch.equal(whole, parts) and computed == []
        found, expected = in_parts(), logged()
        assert torch.equal(found["loss"], expected["loss"])
        assert torch.equal(found["q_grad_norm"], expected["grad_norm"])
        assert in_parts.name == "q" and computed == [2, 2, 2, 6]
        computed.clear()
