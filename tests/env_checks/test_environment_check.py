"""The check of one environment refuses the action masks that a run refuses, in the same words."""

import re

import gymnasium
import numpy as np
import pytest
from gymnasium import spaces

from rlbench import Task
from rlbench.api import EnvironmentFault, RlbenchError
from rlbench.env_checks.environment_check import check_environment
from rlbench.envs.action_mask import ActionMaskInObservation


class Masking(gymnasium.Env):
    """Gives one mask at its reset and another at each step."""

    observation_space, action_space = spaces.Box(0, 1, (1,), np.float32), spaces.Discrete(3)

    def __init__(self, first, then):
        self.first, self.then = first, then

    def reset(self, *, seed=None, options=None):
        super().reset(seed=seed)
        return np.zeros(1, np.float32), {"action_mask": self.first}

    def step(self, action):
        return np.zeros(1, np.float32), 0.0, False, False, {"action_mask": self.then}


def check(*masks):
    return check_environment(Task("Masking-v0", 10), lambda _: Masking(*masks))


@pytest.mark.parametrize(
    "mask", [[0.5, 0.0, 0.0], [1, 2, 0], [-1, 0, 0], [np.nan, 1.0, 0.0], [1, 1], [[1, 1, 1]], None]
)
def test_a_mask_is_refused_in_the_words_of_a_run(mask):
    for call, masks in (("reset", (mask, [1, 1, 1])), ("step", ([1, 1, 1], mask))):
        words = re.escape(
            f"its {call} gave the action mask {mask}; it needs 3 numbers, each 0 or 1, one for each action"
        )
        with pytest.raises(EnvironmentFault, match=f"^{words}$"):
            check(*masks)
        env = ActionMaskInObservation(Masking(*masks))
        with pytest.raises(RlbenchError, match=words):
            env.reset()
            env.step(0)


def test_a_mask_that_allows_no_action_is_refused_and_any_type_of_0_and_1_is_taken():
    with pytest.raises(EnvironmentFault, match="^its reset gave an action mask that allows no action$"):
        check([0, 0, 0], [1, 1, 1])
    assert check([True, False, True], [0.0, 1.0, 0.0]).gives_masks
