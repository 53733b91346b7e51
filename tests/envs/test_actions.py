"""An environment gets its action in the space's own form, and what it writes there reaches nobody else."""

import gymnasium
import numpy as np
import pytest
from gymnasium.spaces import Box, Discrete

from rlbench import Algorithm, SeedStreams, Task
from rlbench.envs.gymnasium_backend import GymnasiumBatch
from rlbench.envs.meter import Meter
from rlbench.envs.metered_batch import MeteredBatch
from rlbench.testing import play


class Writes(gymnasium.Env):
    """Rescales its action in place, as robot environments do. The observation is what it was given."""

    observation_space = Box(-10, 10, (1,), np.float32)
    action_space = Box(-1, 1, (1,), np.float32)

    def reset(self, *, seed=None, options=None):
        self.t = 0
        return np.zeros(1, np.float32), {}

    def step(self, action):
        self.t += 1
        given = action.copy()
        action *= 0.5
        action += 3
        return given, float(given[0]), False, self.t >= 20, {}


class Picks(gymnasium.Env):
    """Uses what a numpy.int64 has and an int lacks."""

    observation_space = Box(-10, 10, (1,), np.float32)
    action_space = Discrete(2)

    def reset(self, *, seed=None, options=None):
        self.t = 0
        return np.zeros(1, np.float32), {}

    def step(self, action):
        self.t += 1
        return np.zeros(1, np.float32), float(action.item()), False, self.t >= 20, {}


gymnasium.register("Writes-v0", entry_point=Writes, disable_env_checker=True)
gymnasium.register("Picks-v0", entry_point=Picks, disable_env_checker=True)


class Steady(Algorithm):
    """Always acts alike, with one array that it keeps."""

    def act(self, obs):
        shape = (*obs.shape[:2], *self.task.action_space.shape)
        if not hasattr(self, "kept") or self.kept.shape != shape:
            self.kept = np.full(shape, 0.25 if self.task.action_space.shape else 1, self.task.action_space.dtype)
        return self.kept

    def train(self, interaction):
        self.seen = []
        interaction.reset()
        while not interaction.finished:
            interaction.checkpoint()
            self.seen.append(interaction.step(self.act(interaction.obs)).action)

    def state(self):
        return {"none": np.zeros(len(self.streams.seeds))}


class Foreign(Steady):
    def train(self, interaction):
        env, action = interaction.make_env(), np.full(1, 0.25, np.float32)
        for _ in range(2):
            env.reset()
            for _ in range(20):
                env.step(action)
        self.seen = [action]


@pytest.mark.parametrize("algorithm", [Steady, Foreign])
def test_what_an_environment_writes_into_its_action_reaches_neither_the_algorithm_nor_the_scores(algorithm):
    played = play(algorithm, Steady.Config, "Writes-v0", [0], 40, final_episodes=3)
    assert all((action == 0.25).all() for action in played.algorithm.seen)
    assert [e.return_ for e in played.sink.episodes] == [5.0, 5.0]
    assert played.sink.evaluations[-1].returns == (5.0, 5.0, 5.0)


def test_an_environment_that_writes_into_its_action_comes_back_by_replay():
    def opened():
        return MeteredBatch(GymnasiumBatch(Task("Writes-v0", 100), 2), SeedStreams([0]), 2, Meter(100, [].append))

    batch, restored = opened(), opened()
    batch.reset()
    for k in range(7):
        batch.step(np.full((1, 2, 1), k / 10, np.float32))
    assert restored.load([batch.state(0)]) and (restored.obs == batch.obs).all()


def test_a_discrete_action_is_a_scalar_of_the_spaces_type_in_training_and_evaluation():
    played = play(Steady, Steady.Config, "Picks-v0", [0, 1], 40, final_episodes=2)
    assert {e.return_ for e in played.sink.episodes} == {20.0}
    assert played.sink.evaluations[-1].returns == (20.0, 20.0)
