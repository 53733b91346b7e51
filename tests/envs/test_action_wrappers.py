"""Actions of any space as counted numbers or as uniform draws: by hand, and beside Gymnasium's own spaces."""

import gymnasium
import numpy as np
import pytest
from gymnasium import spaces
from scipy import stats

from rlbench.api import Supports, Task
from rlbench.envs.action_wrappers import (
    ActionsAsChoices,
    ActionsAsDraws,
    ActionsAsOneChoice,
    ActionsFromZero,
    counts_of,
    draws_of,
)
from rlbench.seeding import SeedStreams
from rlbench.suites.compatibility import adapted, describe_wrappers, incompatibility, own_wrappers

VECTOR = spaces.Box(-1, 1, (2,))
WHOLE = spaces.Box(np.array([-2, 5], np.int8), np.array([1, 6], np.int8), dtype=np.int8)
NESTED = spaces.Dict({"move": spaces.Tuple((spaces.Discrete(3, start=-1), WHOLE)), "flags": spaces.MultiBinary(2)})
HYBRID = spaces.Tuple((spaces.Discrete(3, start=4), spaces.Box(np.float32([-1, 10]), np.float32([0, 30]))))
VALUE = Supports(discrete=True)
POLICY = Supports(discrete=True, continuous=True, multi_discrete=True, multi_binary=True, unbounded=True)
BOUNDED = Supports(continuous=True)
RANDOM = Supports(
    discrete=True, continuous=True, multi_discrete=True, multi_binary=True, any_actions=True, no_observations=True
)


class Takes(gymnasium.Env):
    """Keeps the action that it is given."""

    def __init__(self, actions):
        self.observation_space, self.action_space = VECTOR, actions

    def reset(self, *, seed=None, options=None):
        return np.zeros(2, np.float32), {}

    def step(self, action):
        self.given = action
        return np.zeros(2, np.float32), 0.0, False, False, {}


def given(wrapper, space, action):
    env = wrapper(Takes(space))
    env.reset()
    env.step(action)
    assert env.action_space == wrapper.shown(space) and env.action_space.contains(action)
    assert space.contains(env.unwrapped.given), env.unwrapped.given
    return env.unwrapped.given


@pytest.mark.parametrize(
    ("space", "counts"),
    [
        (spaces.Discrete(3, start=5), [3]),
        (spaces.MultiDiscrete([2, 3], start=[5, -1]), [2, 3]),
        (spaces.MultiDiscrete(np.array([[2, 3], [4, 5]])), [2, 3, 4, 5]),
        (spaces.MultiBinary((2, 2)), [2, 2, 2, 2]),
        (WHOLE, [4, 2]),
        (spaces.Box(0, 255, (2,), np.uint8), [256, 256]),
        (spaces.Box(-128, 127, (1,), np.int8), [256]),
        (NESTED, [2, 2, 3, 4, 2]),  # a Dict has its keys sorted
        (spaces.Tuple((spaces.Discrete(2), VECTOR)), None),
        (VECTOR, None),
        (spaces.Text(3), None),
    ],
    ids=str,
)
def test_the_numbers_of_an_action_are_counted(space, counts):
    assert counts_of(space) == counts


def test_choices_become_the_action_made_by_hand():
    found = given(ActionsAsChoices, NESTED, np.array([0, 1, 2, 3, 0]))
    assert found["flags"].tolist() == [0, 1] and found["move"][0] == 1 and found["move"][1].tolist() == [1, 5]
    assert found["flags"].dtype == np.int8 and found["move"][1].dtype == np.int8
    assert given(ActionsAsChoices, WHOLE, np.array([3, 1])).tolist() == [1, 6]
    assert given(ActionsAsChoices, spaces.Box(-128, 127, (1,), np.int8), np.array([255])).tolist() == [127]
    grid = spaces.MultiDiscrete(np.array([[2, 3], [4, 5]]), start=np.array([[0, 1], [0, -3]]))
    assert given(ActionsAsChoices, grid, np.array([1, 2, 3, 4])).tolist() == [[1, 3], [3, 1]]


@pytest.mark.parametrize("space", [spaces.MultiDiscrete([2, 3], start=[5, -1]), spaces.MultiBinary(3), WHOLE, NESTED])
def test_one_choice_reaches_every_action_once(space):
    env = ActionsAsOneChoice(Takes(space))
    env.reset()
    seen = []
    for action in range(int(env.action_space.n)):
        env.step(np.int64(action))
        assert space.contains(env.unwrapped.given)
        seen.append(str(env.unwrapped.given))
    assert len(set(seen)) == len(seen) == np.prod(counts_of(space))


def test_in_one_choice_the_last_number_changes_fastest():
    space = spaces.MultiDiscrete([2, 3], start=[5, -1])
    assert [given(ActionsAsOneChoice, space, np.int64(a)).tolist() for a in (0, 1, 3)] == [[5, -1], [5, 0], [6, -1]]


def test_discrete_actions_begin_at_zero():
    space = spaces.Discrete(3, start=-1)
    assert [given(ActionsFromZero, space, np.int64(action)) for action in range(3)] == [-1, 0, 1]


def test_draws_become_the_action_made_by_hand():
    choice, box = given(ActionsAsDraws, HYBRID, np.array([0.7, 0.25, 0.5]))
    assert choice == 6 and box.tolist() == [-0.75, 20] and box.dtype == np.float32
    assert draws_of(spaces.Tuple((spaces.Discrete(2), spaces.Box(0, np.inf, (1,))))) is None


def test_the_ends_of_the_unit_interval_are_possible_actions():
    for number in (0.0, 1.0):
        choice, box = given(ActionsAsDraws, HYBRID, np.full(3, number))
        assert choice == (6 if number else 4) and box.tolist() == ([0, 30] if number else [-1, 10])


def test_uniform_numbers_draw_each_part_uniformly_and_apart():
    drawn = SeedStreams([0]).sample("x", ActionsAsDraws.shown(HYBRID), (1, 20_000))[0]
    env = ActionsAsDraws(Takes(HYBRID))
    env.reset()
    seen = []
    for unit in drawn:
        env.step(unit)
        seen.append([float(env.unwrapped.given[0]), *env.unwrapped.given[1].tolist()])
    choices, low, high = np.array(seen).T
    assert stats.chisquare(np.bincount(choices.astype(int) - 4)).pvalue > 0.001
    assert stats.kstest(low, stats.uniform(-1, 1).cdf).pvalue > 0.001
    assert stats.kstest(high, stats.uniform(10, 20).cdf).pvalue > 0.001
    assert np.abs(np.corrcoef([choices, low, high])[np.triu_indices(3, 1)]).max() < 0.03


@pytest.mark.parametrize("wrapper", [ActionsAsChoices, ActionsAsOneChoice, ActionsAsDraws, ActionsFromZero])
def test_a_space_that_a_wrapper_does_not_read_is_refused(wrapper):
    with pytest.raises(TypeError, match="actions"):
        wrapper(Takes(spaces.Sequence(spaces.Discrete(2))))


TWO, BITS = spaces.MultiDiscrete([2, 3]), spaces.MultiBinary(4)
MANY = spaces.MultiDiscrete([64, 64])
HALF = spaces.Box(0, np.inf, (2,))
NONE = "not"


class Told:
    """An algorithm as a plan knows it."""

    def __init__(self, supports):
        self.name, self.supports = "it", supports


@pytest.mark.parametrize(
    ("space", "value", "policy", "bounded", "random"),
    [
        (spaces.Discrete(3), "", "", NONE, ""),
        (spaces.Discrete(3, start=2), "ActionsFromZero", "ActionsFromZero", NONE, "ActionsFromZero"),
        (TWO, "ActionsAsOneChoice", "", NONE, ""),
        (BITS, "ActionsAsOneChoice", "", NONE, ""),
        (WHOLE, "ActionsAsOneChoice", "ActionsAsChoices", NONE, ""),
        (NESTED, "ActionsAsOneChoice", "ActionsAsChoices", NONE, "ActionsAsDraws"),
        (MANY, NONE, "", NONE, ""),
        (spaces.Box(0, 10**6, (2,), np.int64), NONE, NONE, NONE, ""),
        (HYBRID, NONE, NONE, NONE, "ActionsAsDraws"),
        (VECTOR, NONE, "", "", ""),
        (HALF, NONE, "", NONE, NONE),
        (spaces.Tuple((spaces.Discrete(2), HALF)), NONE, NONE, NONE, NONE),
        (spaces.Text(3), NONE, NONE, NONE, NONE),
    ],
    ids=str,
)
def test_each_algorithm_gets_a_form_that_it_takes_or_a_reason(space, value, policy, bounded, random):
    """By kind: the dqn family; ppo and its like; sac and its like; random. "": as it is."""
    for supports, expected in ((VALUE, value), (POLICY, policy), (BOUNDED, bounded), (RANDOM, random)):
        task, shown = adapted(Task("X-v0", 1), (VECTOR, space), supports)
        reason = incompatibility(Told(supports), *shown)
        assert bool(reason) == (expected == NONE), (supports, reason)
        assert [w.name.partition(":")[2] for w in task.wrappers] == [expected] * (expected not in ("", NONE))
        assert bool(task.wrappers) == bool(describe_wrappers(task)) and own_wrappers(task) == ()


@pytest.mark.parametrize(
    ("space", "supports", "reason"),
    [
        (MANY, VALUE, "actions have 4,096 combinations, but it takes at most 1,024 as one choice"),
        (
            spaces.Box(0, 10**6, (2,), np.int64),
            POLICY,
            "actions have 2,000,002 choices in all, but it takes at most 10",
        ),
        (TWO, BOUNDED, "actions are MultiDiscrete, but it supports continuous actions"),
        (WHOLE, BOUNDED, "actions are Box of integers, but it supports continuous actions"),
        (HALF, BOUNDED, "actions are unbounded, but it needs bounds"),
        (HALF, RANDOM, "actions are unbounded, so none can be drawn uniformly"),
        (spaces.Tuple((HALF,)), RANDOM, "actions are Tuple with a part that cannot be drawn uniformly"),
        (HYBRID, POLICY, "actions are Tuple, but it supports discrete or continuous or multi-discrete"),
    ],
)
def test_a_reason_says_what_is_missing(space, supports, reason):
    _, shown = adapted(Task("X-v0", 1), (VECTOR, space), supports)
    assert reason in incompatibility(Told(supports), *shown)
