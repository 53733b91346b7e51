"""The layout of several agents in one vector and one action."""

import numpy as np
import torch
from gymnasium.spaces import Box, Discrete

from rlbench.api import AgentGroup, AgentLayout

# Agents a and c observe two numbers and have two actions; b observes one and has three.
LAYOUT = AgentLayout(
    ("a", "b", "c"), (AgentGroup((0, 2), 2, Discrete(2)), AgentGroup((1,), 1, Discrete(3))), True, state_size=2
)
#                   a: 2   c: 2   b: 1 | masks of a, c, b     | alive   | state
VECTOR = np.array([1, 2, 5, 6, 9, 1, 0, 1, 1, 0, 1, 1, 1, 0, 1, 7, 8], np.float32)


def test_a_vector_holds_observations_masks_the_living_and_the_state_in_this_order():
    assert LAYOUT.size == 17 and LAYOUT.count == 3 and LAYOUT.is_discrete
    first, second = LAYOUT.observations(VECTOR)
    assert first.tolist() == [[1, 2], [5, 6]] and second.tolist() == [[9]]
    masks = LAYOUT.masks(VECTOR)
    assert masks[0].tolist() == [[1, 0], [1, 1]] and masks[1].tolist() == [[0, 1, 1]]
    assert LAYOUT.alive(VECTOR).tolist() == [1, 0, 1]
    assert LAYOUT.state(VECTOR).tolist() == [7, 8] and LAYOUT.central_size == 2


def test_parts_of_arrays_are_views_with_all_leading_axes_and_tensors_have_the_same_parts():
    vectors = np.arange(2 * 3 * 17, dtype=np.float32).reshape(2, 3, 17)
    parts = LAYOUT.observations(vectors)
    assert [part.shape for part in parts] == [(2, 3, 2, 2), (2, 3, 1, 1)]
    assert all(np.shares_memory(part, vectors) for part in parts)
    for array, tensor in zip(parts, LAYOUT.observations(torch.from_numpy(vectors))):
        assert (array == tensor.numpy()).all()
    assert LAYOUT.alive(torch.from_numpy(vectors)).shape == (2, 3, 3)


def test_without_a_state_of_its_own_all_observations_are_the_state():
    layout = AgentLayout(LAYOUT.agents, LAYOUT.groups)
    assert layout.size == 5 + 3 and layout.masks(VECTOR) == [] and layout.central_size == 5
    assert layout.state(VECTOR[:8]).tolist() == [1, 2, 5, 6, 9]


def test_discrete_actions_of_groups_become_one_action_in_the_order_of_agents_and_back():
    action = LAYOUT.joint_action([np.array([[0, 1]]), np.array([[2]])])
    assert action.tolist() == [[0, 2, 1]]
    assert LAYOUT.parted_action(action[0]) == [0, 2, 1]
    by_group = LAYOUT.by_group(action)
    assert by_group[0].tolist() == [[0, 1]] and by_group[1].tolist() == [[2]]
    assert torch.cat([torch.from_numpy(part) for part in by_group], -1)[..., LAYOUT.order].tolist() == [[0, 2, 1]]


def test_continuous_actions_of_different_sizes_become_one_action_in_the_order_of_agents_and_back():
    groups = AgentGroup((0, 2), 2, Box(-1, 1, (1,))), AgentGroup((1,), 1, Box(-1, 1, (2,)))
    layout = AgentLayout(("a", "b", "c"), groups)
    action = layout.joint_action([np.array([[[0.1], [0.3]]]), np.array([[[0.7, 0.8]]])])
    assert action.tolist() == [[0.1, 0.7, 0.8, 0.3]] and layout.action_starts == (0, 1, 3, 4)
    assert [part.tolist() for part in layout.parted_action(action[0])] == [[0.1], [0.7, 0.8], [0.3]]
