"""The backend against the book, and what rlbench relies on: lanes that share nothing, episodes that come back."""

import numpy as np
import pytest
from windy_grid import make_batch, make_env, rlbench_env_backends

from rlbench import Algorithm, RlbenchError, Task
from rlbench.api import Wrapper
from rlbench.testing import play

UP, DOWN, LEFT, RIGHT = range(4)
CALM, GUSTY = Task("WindyGrid-v0", 100), Task("WindyGrid-v0", 100, kwargs={"gusts": True})


class AtRandom(Algorithm):
    """Random actions, which need no more than the streams."""

    def act(self, obs):
        return self.streams.sample("evaluate", self.task.action_space, obs.shape[:2])

    def train(self, interaction):
        interaction.reset()
        while not interaction.finished:
            interaction.step(self.streams.sample("explore", self.task.action_space, interaction.obs.shape[:2]))


def walk(batch, lane, seed, actions=40):
    """The cells that a lane shows on a way into the wind, where it stays before the goal's column."""
    shown = [batch.reset(lane, seed).argmax()]
    for t in range(actions):
        obs, *_ = batch.step([lane], [RIGHT if t < 5 else (LEFT, RIGHT)[t % 2]])
        shown.append(obs[0].argmax())
    return shown


def test_the_shortest_way_of_the_book_takes_fifteen_steps():
    env, rewards = make_env(CALM), []
    env.reset(seed=0)
    for action in [RIGHT] * 9 + [DOWN] * 4 + [LEFT] * 2:
        _, reward, terminated, truncated, _ = env.step(action)
        rewards.append(reward)
        assert terminated == (len(rewards) == 15) and not truncated
    assert sum(rewards) == -15


def test_an_episode_depends_on_its_seed_alone_whatever_the_lanes_did():
    fresh, used = make_batch(GUSTY, 1), make_batch(GUSTY, 3)
    walk(used, 0, seed=1)
    used.reset(1, 2)
    walk(used, 2, seed=9, actions=10)  # given up
    assert walk(used, 2, seed=7) == walk(fresh, 0, seed=7) != walk(fresh, 0, seed=8)


def test_lanes_stepped_together_go_as_each_would_alone():
    together, alone = make_batch(GUSTY, 3), make_batch(GUSTY, 3)
    for lane in range(3):
        together.reset(lane, lane)
        alone.reset(lane, lane)
    for t in range(30):
        lanes, actions = [[0, 1, 2], [2, 0]][t % 2], [RIGHT, UP, DOWN][: 3 - t % 2]
        obs, *_ = together.step(lanes, actions)
        assert np.array_equal(obs, np.concatenate([alone.step([i], [a])[0] for i, a in zip(lanes, actions)]))


def test_an_episode_is_cut_after_two_hundred_steps_and_does_not_end():
    batch = make_batch(CALM, 1)
    batch.reset(0, 0)
    for t in range(200):
        _, _, terminated, truncated = batch.step([0], [LEFT])
        assert not terminated[0] and truncated[0] == (t == 199)


def test_a_run_does_not_depend_on_its_stack_mates():
    (backend,) = rlbench_env_backends()
    runs = [
        play(AtRandom, None, GUSTY.env_id, seeds, 500, kwargs=GUSTY.kwargs, backend=backend) for seeds in ((3,), (7, 3))
    ]
    one, other = (run.of_seed(3) for run in runs)
    assert one["episodes"] and one == other


@pytest.mark.parametrize(
    ("task", "said"),
    [
        (Task("CartPole-v1", 100), "has WindyGrid-v0 alone, not CartPole-v1"),
        (Task("WindyGrid-v0", 100, kwargs={"gust": True}), "has no argument 'gust'"),
        (Task("WindyGrid-v0", 100, wrappers=(Wrapper("a:B"),)), "takes no wrappers"),
    ],
)
def test_what_it_would_not_do_is_refused(task, said):
    with pytest.raises(RlbenchError, match=said):
        make_env(task)
