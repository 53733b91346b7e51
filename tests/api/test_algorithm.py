"""What the harness reads off a Config: environments of a seed, and updates for each step, which decide whether compiling pays."""

from types import SimpleNamespace

import pytest

from rlbench import updates_from_replay
from rlbench.api import environments_of


@pytest.mark.parametrize(
    ("gradient_steps", "train_freq", "n_envs", "found"),
    [(8, 16, 1, 0.5), (1, 1, 1, 1.0), (-1, 4, 1, 1.0), (-1, 4, 8, 1.0), (2, 4, 8, 1 / 16)],
)
def test_a_replay_is_learned_from_so_often_for_each_step_and_as_often_as_stepped_below_zero(
    gradient_steps, train_freq, n_envs, found
):
    config = SimpleNamespace(gradient_steps=gradient_steps, train_freq=train_freq, n_envs=n_envs)
    assert updates_from_replay(config) == found


@pytest.mark.parametrize(
    ("fields", "found"), [({"n_envs": 8}, 8), ({"num_envs": 4}, 4), ({"n_envs": 8, "num_envs": 4}, 8), ({"lr": 1}, 1)]
)
def test_environments_of_a_seed_are_read_from_n_envs_else_num_envs_else_there_is_one(fields, found):
    assert environments_of(fields) == environments_of(SimpleNamespace(**fields)) == found
