"""Checks of the backend against the book, and of independent lanes and reproducible episodes."""

import numpy as np
import pytest
from windy_grid import make_batch, make_env, rlbench_env_backends

from rlbench import Algorithm, RlbenchError, Task
from rlbench.api import Wrapper
from rlbench.testing import play

UP, DOWN, LEFT, RIGHT = range(4)
CALM, GUSTY = Task("WindyGrid-v0", 100), Task("WindyGrid-v0", 100, kwargs={"gusts": True})


class RandomActions(Algorithm):
    """Random actions from the streams."""

    def act(self, obs):
        return self.streams.sample("evaluate", self.task.action_space, obs.shape[:2])

    def train(self, interaction):
        interaction.reset()
        while not interaction.finished:
            interaction.step(self.streams.sample("explore", self.task.action_space, interaction.obs.shape[:2]))


def walk(batch, lane, seed, actions=40):
    """Return the cells of a lane that walks into the wind and stays left of the goal's column."""
    cells = [batch.reset(lane, seed).argmax()]
    for t in range(actions):
        obs, *_ = batch.step([lane], [RIGHT if t < 5 else (LEFT, RIGHT)[t % 2]])
        cells.append(obs[0].argmax())
    return cells


def test_the_shortest_way_of_the_book_takes_fifteen_steps():
    env, rewards = make_env(CALM), []
    env.reset(seed=0)
    for action in [RIGHT] * 9 + [DOWN] * 4 + [LEFT] * 2:
        _, reward, terminated, truncated, _ = env.step(action)
        rewards.append(reward)
        assert terminated == (len(rewards) == 15) and not truncated
    assert sum(rewards) == -15


def test_an_episode_depends_only_on_its_seed():
    fresh, used = make_batch(GUSTY, 1), make_batch(GUSTY, 3)
    walk(used, 0, seed=1)
    used.reset(1, 2)
    walk(used, 2, seed=9, actions=10)  # abandoned
    assert walk(used, 2, seed=7) == walk(fresh, 0, seed=7) != walk(fresh, 0, seed=8)


def test_lanes_stepped_together_equal_lanes_stepped_alone():
    together, alone = make_batch(GUSTY, 3), make_batch(GUSTY, 3)
    for lane in range(3):
        together.reset(lane, lane)
        alone.reset(lane, lane)
    for t in range(30):
        lanes, actions = [[0, 1, 2], [2, 0]][t % 2], [RIGHT, UP, DOWN][: 3 - t % 2]
        obs, *_ = together.step(lanes, actions)
        assert np.array_equal(obs, np.concatenate([alone.step([i], [a])[0] for i, a in zip(lanes, actions)]))


def test_an_episode_is_truncated_after_two_hundred_steps():
    batch = make_batch(CALM, 1)
    batch.reset(0, 0)
    for t in range(200):
        _, _, terminated, truncated = batch.step([0], [LEFT])
        assert not terminated[0] and truncated[0] == (t == 199)


def test_a_run_does_not_depend_on_its_stack_mates():
    (backend,) = rlbench_env_backends()
    runs = [
        play(RandomActions, None, GUSTY.env_id, seeds, 500, kwargs=GUSTY.kwargs, backend=backend)
        for seeds in ((3,), (7, 3))
    ]
    one, other = (run.of_seed(3) for run in runs)
    assert one["episodes"] and one == other


@pytest.mark.parametrize(
    ("task", "message"),
    [
        (Task("CartPole-v1", 100), "has only WindyGrid-v0, not CartPole-v1"),
        (Task("WindyGrid-v0", 100, kwargs={"gust": True}), "has no argument 'gust'"),
        (Task("WindyGrid-v0", 100, wrappers=(Wrapper("a:B"),)), "takes no wrappers"),
    ],
)
def test_unsupported_tasks_are_refused(task, message):
    with pytest.raises(RlbenchError, match=message):
        make_env(task)
