"""Masks of actions in the observation: what is shown, and what is refused."""

import gymnasium
import numpy as np
import pytest
from gymnasium import spaces

from rlbench.api import RlbenchError, Supports, Task
from rlbench.envs.action_mask import ActionMaskInObservation, MaskedBox
from rlbench.suites.compatibility import adapted, incompatibility

STATES = spaces.Box(-2, 3, (2,))


class Reports(gymnasium.Env):
    """Gives the infos of a list, one after another; the last step ends the episode."""

    observation_space, action_space = STATES, spaces.Discrete(3)

    def __init__(self, *infos):
        self.infos = infos

    def reset(self, *, seed=None, options=None):
        self.at = 0
        return np.float32([0.5, -1]), self.infos[0]

    def step(self, action):
        self.at += 1
        return np.float32([self.at, -1]), 0.0, self.at == len(self.infos), False, dict([*self.infos, {}][self.at])


def masks(*allowed):
    return [{"action_mask": np.array(mask, np.int8)} for mask in allowed]


def test_the_mask_follows_the_state_until_the_episode_terminates():
    env = ActionMaskInObservation(Reports(*masks([1, 0, 1], [0, 1, 0])))
    shown = [env.reset()[0], env.step(2)[0], env.step(1)[0]]
    assert [obs.tolist() for obs in shown] == [[0.5, -1, 1, 0, 1], [1, -1, 0, 1, 0], [2, -1, 1, 1, 1]]
    assert all(obs.dtype == np.float32 and env.observation_space.contains(obs) for obs in shown)
    assert isinstance(env.observation_space, MaskedBox) and env.observation_space.masked == 3
    assert env.observation_space.low.tolist() == [-2, -2, 0, 0, 0]


@pytest.mark.parametrize(
    ("info", "words"),
    [
        ({}, "its reset gave no info['action_mask']; leave out `action_masks: true`"),
        ({"action_mask": [1, 1]}, "its reset gave the action mask [1, 1]; it needs 3 numbers, each 0 or 1"),
        ({"action_mask": [1, 2, 0]}, "its reset gave the action mask [1, 2, 0]; it needs 3 numbers, each 0 or 1"),
        ({"action_mask": [0, 0, 0]}, "its reset gave an action mask that allows no action"),
    ],
)
def test_a_mask_that_says_nothing_is_an_error_that_names_the_environment(info, words):
    with pytest.raises(RlbenchError) as error:
        ActionMaskInObservation(Reports(info)).reset()
    assert f"Reports: {words}" in str(error.value)
    env = ActionMaskInObservation(Reports(*masks([1, 1, 1]), info))
    env.reset()
    with pytest.raises(RlbenchError) as error:
        env.step(0)
    assert f"Reports: {words.replace('reset', 'step')}" in str(error.value)


def test_a_forbidden_action_never_reaches_the_environment():
    env = ActionMaskInObservation(Reports(*masks([1, 0, 1], [1, 1, 1])))
    env.reset()
    with pytest.raises(RlbenchError, match=r"Reports: action 1 was chosen, which info\['action_mask'\] forbids"):
        env.step(1)
    assert env.unwrapped.at == 0


class Told:
    """An algorithm as a plan knows it."""

    def __init__(self, **supports):
        self.name, self.supports = "it", Supports(discrete=True, **supports)


def planned(told, observations=STATES, actions=Reports.action_space, masks=True, **task):
    task, shown = adapted(Task("X-v0", 1, **task), (observations, actions), told.supports, masks=masks)
    return [w.name.partition(":")[2] for w in task.wrappers], incompatibility(told, *shown, masks)


def test_masks_are_added_last_and_only_if_the_suite_asks_for_them():
    able = Told(action_masks=True)
    assert planned(able) == (["ActionMaskInObservation"], "")
    assert planned(able, masks=False) == ([], "")
    nested = ["FlatObservation", "ActionsFromZero", "ActionMaskInObservation"]
    assert planned(able, spaces.Discrete(4), spaces.Discrete(3, start=1)) == (nested, "")


def test_an_algorithm_without_masks_is_skipped_with_what_to_do():
    assert "it takes no action masks: leave out action_masks" in planned(Told())[1]


@pytest.mark.parametrize(
    "other",
    [
        {"actions": spaces.MultiDiscrete([2, 3])},
        {"observations": spaces.Box(0, 255, (8, 8, 3), np.uint8)},
        {"backend": "envpool"},
    ],
    ids=str,
)
def test_masks_need_discrete_actions_a_vector_and_gymnasium(other):
    assert "action_masks needs discrete actions" in planned(Told(action_masks=True), **other)[1]


def test_random_needs_no_vector_for_a_mask():
    random = Told(action_masks=True, any_actions=True, no_observations=True, pixels=True)
    names, reason = planned(random, spaces.Box(0, 255, (8, 8, 3), np.uint8))
    assert (names, reason) == (["NoObservation", "ActionMaskInObservation"], "")
