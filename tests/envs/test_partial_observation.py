import gymnasium
import numpy as np
import pytest

from rlbench import PartialObservation
from rlbench.api import Task, Wrapper
from rlbench.envs.gymnasium_backend import make_env


def test_cartpole_without_velocities_shows_positions_and_their_bounds():
    wrapper = Wrapper("rlbench:PartialObservation", {"keep": [0, 2]})
    env, whole = make_env(Task("CartPole-v1", 1, wrappers=(wrapper,))), gymnasium.make("CartPole-v1")
    assert np.array_equal(env.reset(seed=3)[0], whole.reset(seed=3)[0][[0, 2]])
    assert np.array_equal(env.step(1)[0], whole.step(1)[0][[0, 2]])
    assert np.array_equal(env.observation_space.high, whole.observation_space.high[[0, 2]])
    assert env.observation_space.contains(env.step(0)[0])


@pytest.mark.parametrize("keep", [[], [4], [-1], [0, 0], [True], [0.0]])
def test_places_that_a_vector_does_not_have_are_refused(keep):
    with pytest.raises(ValueError, match="keep should list different places from 0 to 3, got"):
        PartialObservation(gymnasium.make("CartPole-v1"), keep)


def test_observations_that_are_no_vectors_are_refused():
    with pytest.raises(ValueError, match="needs observations that are vectors, not Discrete"):
        PartialObservation(gymnasium.make("FrozenLake-v1"), [0])
