"""Observations of any space as one vector: by hand, beside Gymnasium's own flattening, and through a whole run."""

import gymnasium
import numpy as np
import pytest
from gymnasium import spaces
from gymnasium.spaces.utils import flatten, flatten_space
from scipy import stats

from rlbench.api import Supports, Task, Wrapper
from rlbench.envs.flat_observation import FlatObservation, NoObservation, readable_part
from rlbench.seeding import SeedStreams
from rlbench.suites.compatibility import adapted, incompatibility
from rlbench.testing import play

GRID = spaces.Dict(
    {
        "mission": spaces.Text(12),
        "image": spaces.Box(0, 255, (2, 2, 1), np.uint8),
        "direction": spaces.Discrete(4),
    }
)
FLAT = "rlbench.envs.flat_observation:FlatObservation"


class Shows(gymnasium.Env):
    """Shows one given observation after another."""

    def __init__(self, space, values=(), actions=None):
        self.observation_space, self.values = space, values
        self.action_space = spaces.Discrete(2) if actions is None else actions

    def reset(self, *, seed=None, options=None):
        self.at = 0
        return self.values[0], {}

    def step(self, action):
        self.at, self.given = (self.at + 1) % len(self.values), action
        return self.values[self.at], 0.0, False, False, {}


@pytest.mark.parametrize(
    ("space", "value", "vector"),
    [
        (spaces.Discrete(3), 1, [0, 1, 0]),
        (spaces.Discrete(3, start=5), 7, [0, 0, 1]),
        (spaces.MultiDiscrete([2, 3]), np.array([1, 0]), [0, 1, 1, 0, 0]),
        (spaces.MultiBinary(3), np.array([1, 0, 1], np.int8), [1, 0, 1]),
        (spaces.Box(-5, 5, (2,), np.int8), np.array([-5, 3], np.int8), [-5, 3]),
        (spaces.Box(-1, 1, (2, 2)), np.array([[0.1, 0.2], [0.3, 0.4]], np.float32), [0.1, 0.2, 0.3, 0.4]),
        (spaces.Tuple((spaces.Discrete(2), spaces.Text(3), spaces.Box(0, 9, (1,)))), (1, "a", [4.0]), [0, 1, 4]),
        (
            GRID,
            {"mission": "go", "image": np.arange(4, dtype=np.uint8).reshape(2, 2, 1), "direction": 2},
            [0, 0, 1, 0, 0, 1, 2, 3],  # direction before image: the keys are sorted
        ),
    ],
)
def test_an_observation_becomes_the_vector_computed_by_hand(space, value, vector):
    env = FlatObservation(Shows(space, [value, value]))
    shown, _ = env.reset()
    assert shown.dtype == env.observation_space.dtype == np.float32
    assert shown == pytest.approx(vector) and env.step(0)[0] == pytest.approx(vector)
    assert env.observation_space.shape == shown.shape and FlatObservation.shown(space) == env.observation_space


def test_without_text_it_is_gymnasiums_own_flattening():
    nested = spaces.Dict({"b": GRID["image"], "a": spaces.Tuple((spaces.Discrete(3), spaces.MultiBinary(2)))})
    nested.seed(0)
    for _ in range(20):
        value = nested.sample()
        shown = FlatObservation(Shows(nested, [value])).reset()[0]
        assert (shown == flatten(nested, value)).all() and len(shown) == flatten_space(nested).shape[0]


@pytest.mark.parametrize(
    "space",
    [
        spaces.Text(5),
        spaces.Sequence(spaces.Discrete(2)),
        spaces.Graph(spaces.Discrete(2), None),
        spaces.Dict({"only": spaces.Text(5)}),
        spaces.Dict({"a": spaces.Discrete(2), "b": spaces.Sequence(spaces.Discrete(2))}),
        spaces.Tuple((spaces.Text(3),)),
    ],
)
def test_what_is_no_fixed_count_of_numbers_cannot_be_read(space):
    assert readable_part(space) is None
    with pytest.raises(TypeError, match="cannot be written as a vector"):
        FlatObservation(Shows(space))
    (task, shown), supports = adapted(Task("X-v0", 1), (space, spaces.Discrete(2)), Supports(discrete=True)), None
    assert task.wrappers == () and shown[0] is space and supports is None
    task, shown = adapted(Task("X-v0", 1), (space, spaces.Discrete(2)), Supports(discrete=True, no_observations=True))
    assert [w.name.partition(":")[2] for w in task.wrappers] == ["NoObservation"] and shown[0].shape == (1,)
    assert NoObservation(Shows(space, ["?"])).reset()[0].tolist() == [0]


@pytest.mark.parametrize(
    "space",
    [
        spaces.Box(-1, 1, (4,)),
        spaces.Box(-1, 1, (4,), np.float64),
        spaces.Box(-1, 1, ()),
        spaces.Box(0, 255, (8, 8, 3), np.uint8),
    ],
)
def test_vectors_of_floats_and_images_are_left_alone(space):
    task, shown = adapted(Task("X-v0", 1), (space, spaces.Discrete(2)), Supports(discrete=True))
    assert task.wrappers == () and shown[0] is space


def test_another_backends_spaces_and_the_suites_own_wrappers_stay():
    mine = (Wrapper("my:Own"),)
    task, _ = adapted(Task("X-v0", 1, wrappers=mine), (spaces.Discrete(2), spaces.Discrete(2)), Supports())
    assert [w.name for w in task.wrappers] == ["my:Own", FLAT]  # outermost, so that it sees what the suite's show
    other = Task("X-v0", 1, backend="envpool")
    assert adapted(other, (spaces.Discrete(2), spaces.Discrete(2)), Supports())[0] == other


@pytest.mark.parametrize(
    ("space", "low", "count"),
    [(spaces.MultiDiscrete([2, 3], start=[5, -1]), (5, -1), (2, 3)), (spaces.MultiBinary(2), (0, 0), (2, 2))],
)
def test_random_draws_every_combination_equally_often(space, low, count):
    drawn = SeedStreams([0]).sample("x", space, (1, 30_000)).reshape(-1, 2)
    assert drawn.dtype == space.dtype and space.contains(drawn[0])
    cells = np.ravel_multi_index((drawn - low).astype(int).T, count)
    assert stats.chisquare(np.bincount(cells, minlength=np.prod(count))).pvalue > 0.001


class Told:
    """An algorithm as a plan knows it."""

    def __init__(self, name, **supports):
        self.name, self.supports = name, Supports(**supports)


@pytest.mark.parametrize(
    ("observations", "actions", "reason"),
    [
        (spaces.Box(0, 255, (8, 8, 3), np.uint8), spaces.Discrete(2), r"images of shape (8, 8, 3)"),
        (spaces.Text(3), spaces.Discrete(2), "observations are Text"),
        (spaces.Box(-1, 1, (2,)), spaces.Text(3), "actions are Text"),
    ],
)
def test_what_does_not_fit_is_skipped_with_a_reason(observations, actions, reason):
    assert reason in incompatibility(Told("dqn", discrete=True), observations, actions)
    everything = Told("random", discrete=True, multi_discrete=True, pixels=True)
    if "Text" not in reason:
        assert incompatibility(everything, observations, actions) == ""


@pytest.mark.parametrize("env_id", ["FrozenLake-v1", "Blackjack-v1"])
def test_a_seed_is_the_same_alone_and_in_a_stack_on_flat_observations(env_id, monkeypatch):
    from rlbench_dqn.dqn import DQN

    from rlbench.envs import gymnasium_backend

    make = gymnasium_backend.make_env
    monkeypatch.setattr(gymnasium_backend, "make_env", lambda task: FlatObservation(make(task)))
    config = DQN.Config(net_arch=(16,), batch_size=8, learning_starts=20)
    alone, stacked = [play(DQN, config, env_id, seeds, 120, every=60).of_seed(3) for seeds in ([3], [1, 3, 5])]
    assert alone == stacked and alone["episodes"]
