"""What a plugin registers: updates for each environment step, which decide whether compiling pays."""

from types import SimpleNamespace

import pytest

from rlbench import updates_from_replay


@pytest.mark.parametrize(("gradient_steps", "train_every", "found"), [(8, 16, 0.5), (1, 1, 1.0), (-1, 4, 1.0)])
def test_a_replay_is_learned_from_so_often_for_each_step_and_as_often_as_stepped_below_zero(
    gradient_steps, train_every, found
):
    assert updates_from_replay(SimpleNamespace(gradient_steps=gradient_steps, train_every=train_every)) == found
