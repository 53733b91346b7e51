"""A number that is not finite parks its seed and nobody else. From an algorithm, its run has diverged; from an environment, failed."""

import math
import re
from dataclasses import replace

import numpy as np
import pytest
from rlbench_dqn.dqn import DQN
from rlbench_ppo.ppo import PPO

from rlbench import Algorithm
from rlbench.api import EnvironmentFault, RlbenchError
from rlbench.envs.gymnasium_backend import make_batch, reference_backend
from rlbench.runtime.evaluation import evaluation_seeds
from rlbench.seeding import EpisodeSeeds, SeedStreams
from rlbench.testing import play
from rlbench.testing.fakes import SHAPES, Shapes

DQN_CONFIG = DQN.Config(batch_size=8, net_arch=(16,), learning_starts=10, target_update_interval=5)
PPO_CONFIG = PPO.Config(n_envs=2, n_steps=8, batch_size=8, net_arch=(16,), n_epochs=2)


def reset_seed(seed, episode, rank=0):
    return EpisodeSeeds(SeedStreams([seed]).sequence("environment", 0, rank), "training")[episode]


@pytest.mark.parametrize("bad", [math.nan, math.inf])
@pytest.mark.parametrize(("algorithm", "config"), [(DQN, DQN_CONFIG), (PPO, PPO_CONFIG)], ids=["dqn", "ppo"])
def test_a_bad_number_in_one_seed_leaves_the_others_bits_alone(algorithm, config, bad):
    kwargs = {"bad_seeds": [reset_seed(8, 2)], "bad": bad, "end": 0.1}
    played = play(algorithm, config, SHAPES, [7, 8, 9], 320, kwargs=kwargs, every=64)
    for seed in (7, 9):
        alone = play(algorithm, config, SHAPES, [seed], 320, kwargs=kwargs, every=64)
        assert played.of_seed(seed) == alone.of_seed(seed)
    at = step_of_fault(played, 8, rf"seed 8: its step gave an? \w+ that is not finite \({bad}\) at step (\d+)")
    assert played.outcome.diverged_at == {} and 8 not in played.outcome.final and 0 < at < 320
    assert all(e.step <= at for e in played.sink.episodes if e.seed == 8)
    assert all(e.step <= at for e in played.sink.evaluations if e.seed == 8)
    assert all(math.isfinite(e.return_mean) for e in played.sink.evaluations)


def step_of_fault(played, seed, pattern):
    """Return the step in the words that a seed failed with, and require that no other seed failed."""
    assert set(played.outcome.failed) == {seed}
    return int(re.fullmatch(pattern, played.outcome.failed[seed])[1])


class Breaks(Algorithm):
    """Gives a non-finite action for the second seed at step 5."""

    def train(self, interaction):
        self.seen = []
        interaction.reset()
        while not interaction.finished:
            actions = np.zeros((*interaction.obs.shape[:2], 2), np.float32)
            if interaction.steps >= 5:
                actions[1:] = np.nan
            self.seen.append((interaction.step(actions), interaction.active.copy()))

    def act(self, obs):
        return np.zeros((*obs.shape[:2], 2), np.float32)


def test_a_non_finite_action_never_reaches_an_environment():
    Shapes.taken = 0
    played = play(Breaks, None, SHAPES, [1, 2], 12, kwargs={"dims": 2}, final_episodes=1)
    assert Shapes.taken == 12 + 5 + 2 * sum(
        e.lengths[0] for e in played.sink.evaluations
    )  # a parked one is not stepped
    assert played.outcome.diverged_at == {2: 5}
    parked = [t for t, active in played.algorithm.seen if not active[1]]
    assert len(parked) == 7
    assert all((t.next_obs[1] == parked[0].obs[1]).all() and (t.reward[1] == 0).all() for t in parked)
    assert not any((t.terminated[1] | t.truncated[1]).any() for t in parked)
    assert np.isfinite(np.concatenate([t.next_obs for t, _ in played.algorithm.seen], None)).all()


def test_a_group_whose_seeds_have_all_failed_ends():
    with pytest.raises(EnvironmentFault, match=r"its step gave .* that is not finite .* at step 4$"):
        play(Breaks, None, SHAPES, [1], 1_000, kwargs={"dims": 2, "bad_seeds": [reset_seed(1, 0)]})


class Chooses(Breaks):
    """Gives choices as floats, of which the second seed's is none from step 5 on."""

    def train(self, interaction):
        interaction.reset()
        while not interaction.finished:
            actions = np.ones(interaction.obs.shape[:2])
            actions[1:] = np.nan if interaction.steps >= 5 else self.other
            interaction.step(actions)

    def act(self, obs):
        return np.zeros(obs.shape[:2], np.int64)


def test_a_choice_that_is_not_finite_parks_its_seed_and_leaves_the_others_theirs():
    Chooses.other = 0.0
    played = play(Chooses, None, "CartPole-v1", [1, 2], 12, final_episodes=1)
    assert played.outcome.diverged_at == {2: 5} and played.outcome.steps == 12


def test_half_a_choice_is_refused():
    Chooses.other = 0.5
    with pytest.raises(RlbenchError, match=r"actions such as 0.5; discrete actions must be integers"):
        play(Chooses, None, "CartPole-v1", [1, 2], 12, final_episodes=1)


class BreaksInEvaluation(Breaks):
    def train(self, interaction):
        interaction.reset()
        while not interaction.finished:
            interaction.step(np.zeros((*interaction.obs.shape[:2], 2), np.float32))

    def act(self, obs):
        actions = np.zeros((*obs.shape[:2], 2), np.float32)
        actions[1] = np.nan
        return actions


def test_a_policy_that_is_not_finite_in_evaluation_has_diverged():
    played = play(BreaksInEvaluation, None, SHAPES, [1, 2, 3], 40, kwargs={"dims": 2}, every=20)
    assert played.outcome.diverged_at == {2: 20}
    assert {e.seed for e in played.sink.evaluations} == {1, 3}


class Foreign(Breaks):
    def train(self, interaction):
        env = interaction.make_env()
        env.reset()
        while True:
            _, _, terminated, truncated, _ = env.step(np.zeros(2, np.float32))
            if terminated or truncated:
                env.reset()


def test_a_foreign_loop_ends_when_its_environment_fails():
    with pytest.raises(EnvironmentFault, match=r"its step gave .* that is not finite .* at step 4$"):
        play(Foreign, None, SHAPES, [1], 1_000, kwargs={"dims": 2, "bad_seeds": [reset_seed(1, 0)], "end": 0.0})


@pytest.mark.parametrize(("algorithm", "seeds"), [(Breaks, [1]), (Breaks, [1, 2]), (Foreign, [1])])
def test_a_group_ends_when_each_of_its_evaluation_environments_fails_at_its_first_reset(algorithm, seeds):
    grid = evaluation_seeds("grid", "training")
    kwargs = {"dims": 2, "bad_seeds": [grid[0], grid[1]], "bad_after": 0}
    Shapes.taken = 0
    with pytest.raises(EnvironmentFault, match="its reset gave .* in the evaluation at step 4$"):
        play(algorithm, None, SHAPES, seeds, 100, kwargs=kwargs, every=4)
    assert Shapes.taken == 4 * len(seeds)  # no seed trains on, and no final policy is played


def test_a_group_whose_evaluation_environments_cannot_be_made_fails():
    made = []

    def make_once(task, lanes):
        made.append(lanes)
        if len(made) > 1:
            raise EnvironmentFault("the world has no agents")
        return make_batch(task, lanes)

    backend = replace(reference_backend(), make_batch=make_once)
    with pytest.raises(EnvironmentFault, match="the world has no agents"):
        play(Breaks, None, SHAPES, [1], 100, kwargs={"dims": 2}, every=4, final_episodes=0, backend=backend)


def test_a_seed_that_has_diverged_does_not_fail_in_a_later_evaluation_of_its_stack():
    grid = evaluation_seeds("grid", "training")
    kwargs = {"dims": 2, "bad_seeds": [grid[0], grid[1]], "bad_after": 0}
    played = play(Breaks, None, SHAPES, [1, 2], 100, kwargs=kwargs, every=8)
    assert step_of_fault(played, 1, r"seed 1: its reset gave .* in the evaluation at step (\d+)") == 8
    assert played.outcome.diverged_at == {2: 5}


@pytest.mark.parametrize("episode", [0, 1])
def test_a_first_observation_that_is_not_finite_parks_its_seed(episode):
    kwargs = {"bad_seeds": [reset_seed(8, episode)], "bad_after": 0, "end": 0.2}
    played = play(DQN, DQN_CONFIG, SHAPES, [7, 8], 60, kwargs=kwargs)
    at = step_of_fault(played, 8, r"seed 8: its reset gave an observation that is not finite .*at step (\d+)")
    assert (at == 0) == (episode == 0)
    assert played.of_seed(7) == play(DQN, DQN_CONFIG, SHAPES, [7], 60, kwargs=kwargs).of_seed(7)
    assert np.isfinite(played.algorithm.replay.state()["obs"].numpy()).all()


def test_a_group_whose_environments_all_fail_at_their_first_reset_says_so():
    kwargs = {"bad_seeds": [reset_seed(7, 0), reset_seed(8, 0)], "bad_after": 0}
    with pytest.raises(EnvironmentFault, match="seed 7: its reset gave an observation that is not finite.*seed 8: its"):
        play(DQN, DQN_CONFIG, SHAPES, [7, 8], 60, kwargs=kwargs)


class Logs(Algorithm):
    """Logs the step at every step."""

    def train(self, interaction):
        interaction.reset()
        while not interaction.finished:
            interaction.step(np.zeros(interaction.obs.shape[:2], np.int64))
            interaction.log(step=interaction.steps, both=np.arange(len(interaction.seeds)))

    def act(self, obs):
        return np.zeros(obs.shape[:2], np.int64)


def test_a_failed_seeds_records_do_not_depend_on_its_stack_mates_either():
    kwargs = {"bad_seeds": [reset_seed(8, 0)], "end": 0.002}  # with 0 an evaluation goes on to the longest episode
    stacked, alone = (play(Logs, None, SHAPES, seeds, 50, kwargs=kwargs) for seeds in ([7, 8], [8, 9]))
    for table in ("episodes", "evaluations"):
        assert stacked.of_seed(8)[table] == alone.of_seed(8)[table]
    steps = [[m.step for m in p.sink.metrics if m.seed == 8 and m.name == "step"] for p in (stacked, alone)]
    assert steps[0] == steps[1] == [1, 2, 3]
    assert [m.value for m in stacked.sink.metrics if m.seed == 7 and m.name == "step"] == list(range(1, 51))
