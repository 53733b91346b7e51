"""Environments come back bit for bit: reset with the episode's seed, replay its actions, go on."""

import numpy as np
import pytest
from support.transitions import arrays_of

from rlbench.api import EnvironmentFault, EpisodeRecord, Task
from rlbench.envs.gymnasium_backend import GymnasiumBatch
from rlbench.envs.meter import Meter
from rlbench.envs.metered_batch import MeteredBatch, ReplayMismatch
from rlbench.seeding import SeedStreams

TASKS = [
    "CartPole-v1",
    "Acrobot-v1",
    "MountainCar-v0",
    "MountainCarContinuous-v0",
    "Pendulum-v1",
    "LunarLander-v3",
    "InvertedPendulum-v5",
    "Hopper-v5",
]
SEEDS, NUM_ENVS = (4, 9), 2


def make(env_id, episodes: list[EpisodeRecord]):
    streams = SeedStreams(SEEDS)
    task = Task(env_id, 10_000)
    batch = MeteredBatch(
        GymnasiumBatch(task, len(SEEDS) * NUM_ENVS), streams, NUM_ENVS, Meter(task.steps, episodes.append)
    )
    return batch, streams


def walk(batch, streams, space, steps):
    """Random steps; everything the boundary showed."""
    seen = []
    for _ in range(steps):
        t = batch.step(streams.sample("explore", space, (len(SEEDS), NUM_ENVS)))
        seen.append([x.tobytes() for x in (*arrays_of(t), batch.obs, batch.start)])
    return seen


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
@pytest.mark.parametrize("env_id", TASKS)
def test_an_environment_comes_back_by_replay_bit_for_bit(env_id):
    episodes: list[EpisodeRecord] = []
    batch, streams = make(env_id, episodes)
    space = batch._envs.action_space
    batch.reset()
    walk(batch, streams, space, 237)  # several episodes behind, one open, for all but the longest tasks
    stored = [batch.state(i) for i in range(len(SEEDS))]
    draws = [streams.state(i) for i in range(len(SEEDS))]
    before, steps = len(episodes), batch._meter.steps
    expected = walk(batch, streams, space, 300)

    again: list[EpisodeRecord] = []
    restored, fresh_streams = make(env_id, again)
    fresh_streams.load(draws)
    restored._meter.steps = steps
    restored.load(stored)
    assert walk(restored, fresh_streams, space, 300) == expected
    assert again == episodes[before:]


def test_start_is_true_at_the_first_observation_of_an_episode_and_nowhere_else():
    batch, streams = make("CartPole-v1", [])
    batch.reset()
    assert batch.start.all() and batch.start.shape == (2, 2)
    for _ in range(60):
        t = batch.step(streams.sample("explore", batch._envs.action_space, (2, 2)))
        assert np.array_equal(batch.start, t.terminated | t.truncated)
    batch.reset()
    batch.park(1)
    assert batch.start.tolist() == [[True, True], [False, False]]


def test_an_environment_that_begins_its_next_episode_after_a_resume_is_at_a_start():
    batch, streams = make("CartPole-v1", [])
    batch.reset()
    walk(batch, streams, batch._envs.action_space, 5)
    states = [batch.state(i) for i in range(2)]
    states[1][1]["obs.0"][0] += 1  # it does not come back
    restored, _ = make("CartPole-v1", [])
    assert restored.load(states, approximate=True) is False
    assert restored.start.tolist() == [[False, False], [True, False]]


def test_an_environment_that_fails_after_an_inexact_resume_parks_its_seed_alone(monkeypatch):
    batch, streams = make("CartPole-v1", [])
    batch.reset()
    walk(batch, streams, batch._envs.action_space, 5)
    states = [batch.state(i) for i in range(2)]
    restored, streams = make("CartPole-v1", [])
    reset = restored._envs.reset

    def broken(lane, seed):
        if lane == 2:
            raise EnvironmentFault("the pole broke")
        return reset(lane, seed)

    monkeypatch.setattr(restored._envs, "reset", broken)
    restored._meter.steps = 20
    assert restored.load(states, approximate=True) is False
    assert restored.faults == {1: "the pole broke at step 20"} and restored.diverged_at == {1: 20}
    assert restored.active.tolist() == [True, False]
    walk(restored, streams, batch._envs.action_space, 5)
    assert restored.obs[1, 0].tolist() == states[1][1]["obs.0"].tolist()


@pytest.mark.parametrize("parked", [[], [0]])
def test_a_resume_after_which_every_seed_fails_is_refused_so_that_the_group_can_start_again(monkeypatch, parked):
    batch, streams = make("CartPole-v1", [])
    batch.reset()
    for seed_index in parked:
        batch.park(seed_index)
    walk(batch, streams, batch._envs.action_space, 5)
    states = [batch.state(i) for i in range(2)]
    restored, _ = make("CartPole-v1", [])

    def broken(lane, seed):
        raise EnvironmentFault("the pole broke")

    monkeypatch.setattr(restored._envs, "reset", broken)
    with pytest.raises(ReplayMismatch, match="the pole broke"):
        restored.load(states, approximate=True)


@pytest.mark.parametrize("fails", ["reset", "step", "answer"])
def test_an_environment_that_fails_in_its_replay_does_not_come_back(monkeypatch, fails):
    """The fault happens once, and the observations after it are those that were stored."""
    batch, streams = make("CartPole-v1", [])
    batch.reset()
    walk(batch, streams, batch._envs.action_space, 5)
    states = [batch.state(i) for i in range(2)]
    episodes: list[EpisodeRecord] = []
    restored, streams = make("CartPole-v1", episodes)
    env, begun, taken = restored._envs._envs[2], [], []
    reset, step = env.reset, env.step

    def first(seed):
        begun.append(seed)
        obs, info = reset(seed=seed)
        return (obs * np.nan if fails == "reset" and len(begun) == 1 else obs), info

    def once(action):
        taken.append(action)
        if len(taken) == 3 and fails == "step":
            step(action)
            raise RuntimeError("a socket closed")
        obs, reward, *rest = step(action)
        return obs, None if len(taken) == 3 and fails == "answer" else reward, *rest

    monkeypatch.setattr(env, "reset", first)
    restored._envs._steps[2] = once
    assert restored.load(states, approximate=True) is False
    assert restored.faults == {} and restored.start.tolist() == [[False, False], [True, False]]
    walk(restored, streams, batch._envs.action_space, 60)
    assert {e.rank for e in episodes if e.seed == 9} == {0, 1} and all(np.isfinite(e.return_) for e in episodes)


def test_a_restored_environment_can_be_stored_and_restored_again():
    batch, streams = make("Pendulum-v1", [])
    space = batch._envs.action_space
    batch.reset()
    walk(batch, streams, space, 30)
    once, _ = make("Pendulum-v1", [])
    once.load([batch.state(i) for i in range(2)])
    for (numbers, arrays), (same_numbers, same_arrays) in zip(
        [batch.state(i) for i in range(2)], [once.state(i) for i in range(2)]
    ):
        assert numbers == same_numbers
        assert {k: v.tobytes() for k, v in arrays.items()} == {k: v.tobytes() for k, v in same_arrays.items()}


def test_an_environment_that_does_not_come_back_is_noticed():
    batch, streams = make("CartPole-v1", [])
    batch.reset()
    walk(batch, streams, batch._envs.action_space, 5)
    states = [batch.state(i) for i in range(2)]
    states[1][1]["obs.0"][0] = np.nextafter(states[1][1]["obs.0"][0], np.float32(9))  # one last bit
    restored, _ = make("CartPole-v1", [])
    with pytest.raises(ReplayMismatch, match="environment 0 of seed 9"):
        restored.load(states)


def test_every_episode_is_reset_with_its_own_recorded_seed():
    episodes: list[EpisodeRecord] = []
    batch, streams = make("CartPole-v1", episodes)
    batch.reset()
    walk(batch, streams, batch._envs.action_space, 200)
    seeds = [e.reset_seed for e in episodes]
    assert len(seeds) > 20 and len(set(seeds)) == len(seeds)
    replayed = GymnasiumBatch(Task("CartPole-v1", 1), 1)
    alone, other = replayed.reset(0, seeds[0]).tobytes(), replayed.reset(0, seeds[1]).tobytes()
    assert alone != other and replayed.reset(0, seeds[0]).tobytes() == alone


def test_an_environment_whose_observation_is_a_number_comes_back_too():
    batch, streams = make("FrozenLake-v1", [])
    space = batch._envs.action_space
    batch.reset()
    walk(batch, streams, space, 60)
    stored, draws = [batch.state(i) for i in range(2)], [streams.state(i) for i in range(2)]
    assert stored[0][1]["obs.0"].shape == ()
    expected = walk(batch, streams, space, 40)
    restored, fresh = make("FrozenLake-v1", [])
    fresh.load(draws)
    restored.load(stored)
    assert walk(restored, fresh, space, 40) == expected
