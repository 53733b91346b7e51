"""Measurements of algorithms whose work is known, and that measuring leaves the work as it is."""

import os
import signal
import threading

import gymnasium
import numpy as np
import pytest
from gymnasium.spaces import Box, Discrete
from rlbench_a3c.a3c import A3C
from rlbench_dqn.dqn import DQN
from rlbench_sb3.ppo import StableBaselinesPPO

from rlbench import Algorithm
from rlbench.profiling import Measurement, sample_child, unavailable
from rlbench.profiling.parts import CHILDREN, PARTS
from rlbench.testing import play
from rlbench.testing.fakes import SHAPES

HEAVY, LIGHT = 60_000, 300


def spin(count):
    """Burn processor time, as much for the same count."""
    number = 1
    for _ in range(count):
        number = number * 7 % 1_000_003
    return number


class Busy(gymnasium.Env):
    """Its steps take `count` rounds."""

    count = LIGHT

    def __init__(self):
        self.observation_space, self.action_space = Box(-1, 1, (2,), np.float32), Discrete(2)

    def reset(self, *, seed=None, options=None):
        super().reset(seed=seed)
        return np.ones(2, np.float32), {}

    def step(self, action):
        self.update()
        return np.ones(2, np.float32), 1.0, False, False, {}

    def update(self):  # of its physics: not an algorithm's
        spin(self.count)


gymnasium.register("test/Busy-v0", Busy, max_episode_steps=20)


class BusyReplay:
    count = LIGHT

    def add(self):
        spin(self.count)


class Worker(Algorithm):
    """Does each part for so many rounds a step."""

    counts = dict.fromkeys(("acting", "update", "evaluation"), LIGHT)

    def __init__(self, *arguments):
        super().__init__(*arguments)
        self.replay, self.evaluating = BusyReplay(), False

    def act(self, obs):
        spin(self.counts["evaluation"])
        return np.zeros(obs.shape[:2], int)

    def explore(self, obs):
        spin(self.counts["acting"])
        return np.zeros(obs.shape[:2], int)

    def learn(self):
        self.replay.add()
        self.gradient()

    def gradient(self):
        spin(self.counts["update"])

    def train(self, interaction):
        interaction.reset()
        while not interaction.finished:
            interaction.step(self.explore(interaction.obs))
            self.learn()


def measured(folder, *arguments, **options):
    measurement = Measurement(folder / "profile")
    try:
        played = play(*arguments, **options)
        seconds = measurement.finish()
    finally:
        measurement.abandon()
    return played, {part: spent / sum(seconds.values()) for part, spent in seconds.items()}


@pytest.mark.parametrize("part", ["environment", "acting", "replay", "update", "evaluation"])
def test_the_part_that_takes_the_time_is_found(part, tmp_path, monkeypatch):
    monkeypatch.setattr(Busy, "count", HEAVY if part == "environment" else LIGHT)
    monkeypatch.setattr(BusyReplay, "count", HEAVY if part == "replay" else LIGHT)
    monkeypatch.setattr(Worker, "counts", {p: HEAVY if p == part else LIGHT for p in Worker.counts})
    episodes = 3 if part == "evaluation" else 1  # which steps environments too
    _, shares = measured(tmp_path, Worker, None, "test/Busy-v0", [0], 60, final_episodes=episodes)
    assert shares.get(part, 0) > 0.5, shares
    assert sum(shares.values()) == pytest.approx(1) and set(shares) <= set(PARTS)
    assert not (tmp_path / "profile").exists() and "RLBENCH_PROFILE" not in os.environ


def test_a_call_into_c_counts_with_all_its_time_for_who_called_it(tmp_path, monkeypatch):
    numbers = np.linspace(0, 1, 400_000)  # one call that takes many times the interval
    monkeypatch.setattr(Worker, "gradient", lambda self: np.sort(-numbers, kind="heapsort"))
    _, shares = measured(tmp_path, Worker, None, "test/Busy-v0", [0], 40)
    assert shares.get("update", 0) > 0.5, shares


def test_numbers_are_the_same_with_and_without_bit_for_bit(tmp_path):
    config = DQN.Config(net_arch=(16,), learning_starts=20, batch_size=8)
    arguments = (DQN, config, SHAPES, [3, 5], 300)
    plain = play(*arguments, every=100)
    with_profile, shares = measured(tmp_path, *arguments, every=100)
    assert all(plain.of_seed(seed) == with_profile.of_seed(seed) for seed in (3, 5))
    assert shares["update"] > shares.get("replay", 0)  # so short a run may have no sample in the replay


def test_a_library_with_a_loop_of_its_own_is_told_apart(tmp_path):
    config = StableBaselinesPPO.Config(n_steps=64, batch_size=32, n_epochs=10)
    _, shares = measured(tmp_path, StableBaselinesPPO, config, "CartPole-v1", [0], 512)
    assert shares["update"] > shares["acting"] > shares["replay"] and shares["environment"] > 0
    assert shares.get("other", 0) < 0.2, shares


def test_worker_processes_are_sampled_from_their_first_environment_on(tmp_path):
    _, shares = measured(tmp_path, A3C, A3C.Config(n_workers=1, net_arch=(16,)), SHAPES, [0], 3000)
    assert shares["update"] > 0 and shares["acting"] > 0
    assert shares[CHILDREN] > 0  # until then they start up


def test_what_is_not_profiled_has_no_timer_and_samples_no_child():
    sample_child()
    assert signal.getitimer(signal.ITIMER_PROF) == (0.0, 0.0)


def test_a_handler_of_somebody_else_is_put_back(tmp_path):
    def theirs(number, frame):
        return None

    before = signal.signal(signal.SIGPROF, theirs)
    try:
        Measurement(tmp_path / "profile").abandon()
        assert signal.getsignal(signal.SIGPROF) is theirs
    finally:
        signal.signal(signal.SIGPROF, before)


def test_it_is_said_why_a_process_cannot_be_sampled(tmp_path):
    said = []
    thread = threading.Thread(target=lambda: said.append(unavailable()))
    thread.start()
    thread.join()
    measurement = Measurement(tmp_path / "profile")
    said.append(unavailable())
    measurement.abandon()
    assert said == [
        "only the main thread of a process can be sampled",
        "another profiler uses the timer of this process",
    ]
    assert unavailable() == ""
