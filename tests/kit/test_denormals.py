"""Denormal numbers: written as 0 inside the kit's functions, and nowhere else."""

import numpy as np
import pytest
import torch

from rlbench import Device
from rlbench.kit import Adam, compiled
from rlbench.kit.denormals import flushes, without_denormals

SMALL = 1e-39  # below the smallest normal float32, 1.2e-38


def halved(x):
    return x * 0.5


def test_they_are_0_inside_a_function_of_the_kit_and_kept_outside_it():
    x = torch.tensor([[SMALL]])
    assert halved(x).item() > 0 and compiled(halved, Device())(x).item() == 0
    assert halved(x).item() > 0 and np.float32(SMALL) * np.float32(0.5) > 0 and not flushes()


def test_an_error_and_a_thread_that_flushes_already_leave_everything_as_it_was():
    @without_denormals
    def fails():
        raise ValueError("no")

    with pytest.raises(ValueError, match="no"):
        fails()
    assert not flushes()
    torch.set_flush_denormal(True)
    try:
        without_denormals(halved)(torch.ones(1))
        assert flushes()
    finally:
        torch.set_flush_denormal(False)


def test_adams_averages_never_become_denormal_and_move_no_parameter():
    """They end at 0, or, where a kernel adds a share of a difference, at the smallest normal numbers."""
    params = [torch.ones(1, 16)]
    adam, active = Adam(params, 1e-3), torch.ones(1, dtype=torch.bool)
    adam.square[0].fill_(1.2e-38)
    adam.mean[0].fill_(1.2e-38)
    for _ in range(200):
        adam.apply(params, [torch.zeros(1, 16)], active)
    for average in (adam.square[0], adam.mean[0]):
        assert ((average == 0) | (average >= torch.finfo(torch.float32).tiny)).all()
    assert (params[0] == 1).all()
