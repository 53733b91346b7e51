"""Observations of wrong lengths that add up to the right total are a fault of each, and are never mixed."""

import gymnasium
import numpy as np
from gymnasium.spaces import Box, Discrete

from rlbench import Task
from rlbench.envs.gymnasium_backend import GymnasiumBatch


class Uneven(gymnasium.Env):
    """Its instances give 3, 5 and 4 numbers instead of 4, in turn."""

    observation_space, action_space = Box(-1, 1, (4,), np.float32), Discrete(2)
    made = 0

    def __init__(self):
        self.length = (3, 5, 4)[Uneven.made % 3]
        Uneven.made += 1

    def reset(self, *, seed=None, options=None):
        return np.zeros(4, np.float32), {}

    def step(self, action):
        return np.full(self.length, 0.5, np.float32), 1.0, False, False, {}


gymnasium.register("Uneven-v0", entry_point=Uneven, disable_env_checker=True)


def test_wrong_lengths_that_add_up_are_faults_of_their_own_lanes():
    Uneven.made = 0
    batch = GymnasiumBatch(Task("Uneven-v0", 1), 3)
    for lane in range(3):
        batch.reset(lane, lane)
    obs, reward, *_ = batch.step([0, 1, 2], [0, 0, 0])
    assert np.isnan(reward).tolist() == [True, True, False]
    assert obs[2].tolist() == [0.5] * 4
    assert batch.fault(0) == "its step gave an observation of shape (3,); its space has shape (4,)"
    assert batch.fault(2) == ""
