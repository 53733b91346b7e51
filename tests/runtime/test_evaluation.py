"""Evaluation: paired episodes, a crossed grid, lanes, and no effect on training."""

import random

import numpy as np
import pytest
import torch
from rlbench_dqn.dqn import DQN
from rlbench_ppo.ppo import PPO
from rlbench_sb3.dqn import StableBaselinesDQN

from rlbench import Algorithm, EvaluationProtocol, Task
from rlbench.envs.gymnasium_backend import GymnasiumBatch
from rlbench.runtime.evaluation import Evaluator, evaluation_seeds
from rlbench.runtime.scheduled_evaluation import EvaluationSchedule
from rlbench.seeding import SeedStreams
from rlbench.testing import play
from rlbench.testing.fakes import CONSTANT, SHAPES

CASES = {
    "dqn": (DQN, DQN.Config(batch_size=16, net_arch=(32,), learning_starts=50, target_update_interval=20), [3, 4]),
    "ppo": (PPO, PPO.Config(n_envs=4, n_steps=16, batch_size=32, net_arch=(32,), n_epochs=2), [3, 4]),
    "sb3/dqn": (
        StableBaselinesDQN,
        StableBaselinesDQN.Config(learning_starts=50, batch_size=16, exploration_fraction=0.5),
        [3],
    ),
}


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("case", CASES.values(), ids=CASES.keys())
def test_training_is_the_same_with_evaluation_on_or_off(case):
    algorithm, config, seeds = case
    off = play(algorithm, config, "CartPole-v1", seeds, 600, every=0)
    on = play(algorithm, config, "CartPole-v1", seeds, 600, every=48, episodes=3)
    for seed in seeds:
        a, b = off.of_seed(seed), on.of_seed(seed)
        assert a["episodes"] == b["episodes"] and len(a["episodes"]) > 5
        assert a["learned"] == b["learned"]
        assert [e for e in b["evaluations"] if e.kind == "final"] == a["evaluations"]
        assert len(b["evaluations"]) > 10


def test_the_grid_is_crossed_not_hit():
    """N = 8, every 700: 704, 1400, 2104, …"""
    grid = EvaluationSchedule(700, 3000)
    crossed = [(grid.cross(steps), steps) for steps in range(8, 3001, 8)]
    assert [pair for pair in crossed if pair[0] is not None] == [(700, 704), (1400, 1400), (2100, 2104), (2800, 2800)]


@pytest.mark.parametrize(
    ("every", "budget", "points"), [(10, 30, [10, 20, 30]), (0, 30, []), (40, 30, []), (4, 9, [4, 8])]
)
def test_the_grid_ends_with_the_budget(every, budget, points):
    grid = EvaluationSchedule(every, budget)
    assert [p for p in map(grid.cross, range(1, budget + 1)) if p is not None] == points


def test_an_episode_that_nothing_ends_is_cut_so_that_an_evaluation_always_ends(monkeypatch):
    """Episodes of 99 steps, cut after 7; 3 episodes in 2 lanes, so one lane plays two of them."""
    monkeypatch.setattr("rlbench.runtime.evaluation.MAX_EPISODE_STEPS", 7)
    streams = SeedStreams([0, 1])
    evaluator = Evaluator(GymnasiumBatch(Task(CONSTANT, 1, kwargs={"length": 99}), 4), 2, streams)
    played = evaluator.play(lambda obs, start: np.zeros(obs.shape[:2], int), "final", 0, 3)
    assert played.lengths.tolist() == [[7, 7, 7]] * 2 and evaluator.batch_steps == 14


def test_records_hold_the_nominal_and_the_actual_step():
    config = PPO.Config(n_envs=8, n_steps=16, batch_size=64, net_arch=(16,), n_epochs=1)
    played = play(PPO, config, "CartPole-v1", [0], 2400, every=700)
    assert [(e.kind, e.nominal_step, e.step) for e in played.sink.evaluations] == [
        ("grid", 700, 704),
        ("grid", 1400, 1400),
        ("grid", 2100, 2104),
        ("final", 2400, 2400),
    ]


def evaluator(seeds, lanes, env_id="CartPole-v1", **kwargs):
    streams = SeedStreams(seeds)
    task = Task(env_id, 1, EvaluationProtocol(), kwargs)
    return Evaluator(GymnasiumBatch(task, len(seeds) * lanes), lanes, streams), streams


def by_position(obs, start):
    return (obs[..., 2] > 0).astype(np.int64)


def test_evaluation_equals_a_plain_loop_over_the_same_episode_seeds():
    found = evaluator([0, 1], 4)[0].play(by_position, "grid", 0, 10)
    env, seeds = GymnasiumBatch(Task("CartPole-v1", 1), 1), evaluation_seeds("grid", "training")
    expected = []
    for k in range(10):
        obs, total, over = env.reset(0, seeds[k]), 0.0, False
        while not over:
            next_obs, reward, terminated, truncated = env.step([0], [int(obs[2] > 0)])
            obs, total, over = next_obs[0], total + reward[0], terminated[0] or truncated[0]
        expected.append(total)
    assert found.returns[0].tolist() == found.returns[1].tolist() == expected
    assert found.lengths.tolist() == found.returns.astype(int).tolist() and found.finite.all()


@pytest.mark.parametrize("lanes", [1, 3, 10])
def test_the_number_of_lanes_does_not_change_what_is_played(lanes):
    assert (
        evaluator([5], lanes)[0].play(by_position, "final", 0, 10).returns
        == evaluator([5], 4)[0].play(by_position, "final", 0, 10).returns
    ).all()


def test_a_return_too_large_to_be_reckoned_with_is_not_finite(monkeypatch):
    """Every reward is a finite number, and each is 1e100 here: the second step makes one that squares cannot hold."""
    playing, _ = evaluator([0, 1], 2, CONSTANT, length=2)
    step = playing._envs.step
    monkeypatch.setattr(playing._envs, "step", lambda slots, actions: _with_reward(step(slots, actions), slots))
    played = playing.play(lambda obs, start: np.zeros(obs.shape[:2], int), "final", 0, 2)
    assert played.finite.tolist() == [True, False]


def _with_reward(stepped, slots):
    obs, _, terminated, truncated = stepped
    return obs, np.array([1e100 if slot >= 2 else 1.0 for slot in slots]), terminated, truncated


def test_grid_final_and_tuning_episodes_are_different_ones():
    kinds = [("grid", "training"), ("final", "training"), ("grid", "tuning"), ("final", "tuning")]
    seeds = [{evaluation_seeds(kind, space)[k] for k in range(100)} for kind, space in kinds]
    assert all(len(s) == 100 for s in seeds) and len(set().union(*seeds)) == 400


def test_a_policy_is_told_where_episodes_start():
    starts = []

    def policy(obs, start):
        starts.append(start.copy())
        return np.zeros(obs.shape[:2], np.int64)

    evaluator([0, 1], 2, CONSTANT, length=3)[0].play(policy, "grid", 0, 5)
    told = np.stack(starts)  # [T, S, E]
    assert told[:, 0, 0].tolist() == [True, False, False] * 3
    assert told[:, 0, 1].tolist() == [True, False, False] * 2 + [False] * 3  # lane 1 has two episodes, then is masked


def test_draws_in_evaluation_come_from_the_seed_and_the_step_alone():
    def sampled(streams):
        return lambda obs, start: streams.integers("evaluate", 2, obs.shape[1])

    returns = {}
    for seeds in ([5], [2, 5]):
        played, streams = evaluator(seeds, 3, SHAPES)
        returns[len(seeds)] = [
            played.play(sampled(streams), "grid", step, 6).returns[-1].tolist() for step in (10, 20, 10)
        ]
    assert returns[1] == returns[2]
    assert returns[1][0] == returns[1][2] != returns[1][1]


class TouchesTraining(Algorithm):
    def train(self, interaction):
        interaction.reset()
        while not interaction.finished:
            interaction.step(self.streams.integers("explore", 2, 1))

    def act(self, obs):
        return self.streams.integers("explore", 2, obs.shape[1])


def test_a_policy_that_draws_from_a_training_stream_is_refused():
    with pytest.raises(RuntimeError, match=r"stream 'explore' was used during evaluation"):
        play(TouchesTraining, None, "CartPole-v1", [0], 20, every=10)


def test_a_policy_that_does_not_exist_is_refused():
    with pytest.raises(ValueError, match="no 'sampled' policy"):
        TouchesTraining(None, None, SeedStreams([0]), None).policy("sampled")


class DrawsGlobally(Algorithm):
    """As a foreign library may: the process-wide generators, in training and in evaluation."""

    def train(self, interaction):
        self.drawn = []
        interaction.reset()
        while not interaction.finished:
            self.drawn.append((random.random(), np.random.random(), float(torch.rand(()))))
            interaction.step(np.zeros(interaction.obs.shape[:2], np.int64))

    def act(self, obs):
        random.random(), np.random.random(), torch.rand(3)
        return np.zeros(obs.shape[:2], np.int64)


def test_evaluation_leaves_the_process_wide_generators_as_they_were():
    off, on, other = (
        play(DrawsGlobally, None, "CartPole-v1", [seed], 50, every=every) for seed, every in ((1, 0), (1, 10), (2, 0))
    )
    assert on.algorithm.drawn == off.algorithm.drawn
    assert other.algorithm.drawn[0] != off.algorithm.drawn[0]  # they are seeded from the run


def test_the_training_clock_stands_still_during_evaluation(monkeypatch):
    """One second a training action, a thousand an evaluation action, by a clock of our own."""
    now = [0.0]
    monkeypatch.setattr("rlbench.runtime.training_clock.time.perf_counter", lambda: now[0])

    class Slow(Algorithm):
        def train(self, interaction):
            interaction.reset()
            while not interaction.finished:
                now[0] += 1
                interaction.step(np.zeros((1, 1), np.int64))

        def act(self, obs):
            now[0] += 1000
            return np.zeros(obs.shape[:2], np.int64)

    played = play(Slow, None, "CartPole-v1", [0], 50, every=10)
    assert [e.wall_seconds for e in played.sink.evaluations] == [10, 20, 30, 40, 50, 50]
    assert played.outcome.wall_seconds == 50 and played.outcome.elapsed_seconds > 5000
