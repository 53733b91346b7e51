"""Actions that an environment would take silently, and that are none of its space."""

import numpy as np
import pytest
from gymnasium.spaces import Box, Discrete, MultiBinary

from rlbench.api import RlbenchError
from rlbench.envs.action_checks import as_taken

TORQUES = Box(-1, 1, (2,))


@pytest.mark.parametrize("kind", [float, np.float16, bool, np.int8, np.uint64])
def test_whole_discrete_actions_are_taken_as_integers_whatever_their_type(kind):
    taken = as_taken(np.array([[0, 1]], kind), Discrete(2), "act returned")
    assert taken.dtype.kind in "iu" and taken.tolist() == [[0, 1]]


def test_numbers_of_other_spaces_stay_as_they_are():
    for actions, space in ((np.full((1, 3, 2), 0.5), TORQUES), (np.ones((1, 3, 2), bool), MultiBinary(2))):
        assert as_taken(actions, space, "act returned") is actions


@pytest.mark.parametrize(
    ("actions", "space", "said"),
    [
        (np.array([[0.0, 1.5]]), Discrete(2), "act returned actions such as 1.5; discrete actions must be integers"),
        (np.array([[0, 1j]]), Discrete(2), "act returned actions of type complex128, which are not numbers"),
        (np.array([["a", "b"]]), Discrete(2), "of type <U1, which are not numbers"),
        (np.array([[None, 1]]), Discrete(2), "of type object, which are not numbers"),
        (np.array([[[0], [1]]]), Discrete(2), r"shape \(1, 2, 1\); the shape of one action in Discrete\(2\) is \(\)"),
        (np.zeros((1, 2, 3)), TORQUES, r"of shape \(1, 2, 3\); the shape of one action in Box.* is \(2,\)"),
        (np.zeros((1, 2)), TORQUES, r"of shape \(1, 2\); the shape of one action"),
    ],
)
def test_actions_that_are_none_of_the_space_are_refused(actions, space, said):
    with pytest.raises(RlbenchError, match=said):
        as_taken(actions, space, "act returned")
