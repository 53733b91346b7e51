"""Steps, returns and episode ends are counted where `env.step` happens, once each."""

from dataclasses import replace

import gymnasium
import numpy as np
import pytest
from gymnasium.wrappers import Autoreset
from support.transitions import arrays_of

from rlbench import Algorithm, BudgetExceeded, Task
from rlbench.api import RlbenchError
from rlbench.envs.gymnasium_backend import make_env, rlbench_env_backends
from rlbench.testing import play
from rlbench.testing.fakes import CONSTANT, SHAPES, Constant


class Tap(Algorithm):
    """Takes action 0 for ever, and keeps what it was shown."""

    class Config:
        num_envs = 2

    def train(self, interaction):
        self.transitions = []
        interaction.reset()
        while not interaction.finished:
            self.transitions.append(interaction.step(np.zeros(interaction.obs.shape[:2], np.int64)))

    def act(self, obs):
        return np.zeros(obs.shape[:2], np.int64)


def test_counted_steps_are_the_steps_the_environments_took():
    Constant.taken = 0
    played = play(Tap, Tap.Config, CONSTANT, [0, 1, 2], 60, kwargs={"length": 7}, final_episodes=1)
    evaluation = 3 * 7
    assert played.outcome.steps == 60
    assert Constant.taken == 3 * 60 + evaluation


def test_no_fake_transition_follows_an_episode_end():
    """A vector environment's default autoreset inserts one step with reward 0 after each end; ours has none."""
    played = play(Tap, Tap.Config, CONSTANT, [0], 40, kwargs={"length": 5})
    rewards = np.concatenate([t.reward for t in played.algorithm.transitions], axis=None)
    assert (rewards == 1).all()
    assert {e.length for e in played.sink.episodes} == {5}
    assert {e.return_ for e in played.sink.episodes} == {5.0}
    assert sum(e.length for e in played.sink.episodes) == 40


def test_a_wrapper_that_resets_by_itself_adds_no_fake_transition():
    gymnasium.register("test/Resetting-v0", lambda: Autoreset(make_env(Task(CONSTANT, 1, kwargs={"length": 3}))))
    played = play(Tap, Tap.Config, "test/Resetting-v0", [0], 12, final_episodes=1)
    assert [e.length for e in played.sink.episodes if e.rank == 0] == [3, 3]


def test_the_next_observation_is_the_true_successor_and_never_a_reset():
    played = play(Tap, Tap.Config, "CartPole-v1", [0], 400)
    for t, following in zip(played.algorithm.transitions, played.algorithm.transitions[1:]):
        ended = (t.terminated | t.truncated)[0]
        same = (t.next_obs == following.obs).all(-1)[0]
        assert (same == ~ended).all()
        outside = np.abs(t.next_obs[0, :, 2]) > 12 * np.pi / 180
        assert (outside == t.terminated[0]).all()  # the pole has fallen in the successor, not in the reset


def test_arrays_are_the_callers_to_keep():
    played = play(Tap, Tap.Config, SHAPES, [0, 1], 40)
    before = [[array.copy() for array in arrays_of(t)] for t in played.algorithm.transitions]
    play(Tap, Tap.Config, SHAPES, [0, 1], 40)
    for t, copy in zip(played.algorithm.transitions, before):
        assert all((a == b).all() for a, b in zip(arrays_of(t), copy))
    firsts = [t.obs.tobytes() for t in played.algorithm.transitions]
    assert len(set(firsts)) == len(firsts)


def test_a_step_beyond_the_budget_is_refused():
    class Greedy(Tap):
        def train(self, interaction):
            super().train(interaction)
            with pytest.raises(BudgetExceeded, match="10 of 10"):
                interaction.step(np.zeros((1, 2), np.int64))

    assert play(Greedy, Tap.Config, CONSTANT, [0], 10).outcome.steps == 10


class Deaf(Tap):
    """Swallows whatever it is told."""

    def train(self, interaction):
        env = interaction.make_env() if self.foreign else None
        (env or interaction).reset()
        while True:
            try:
                env.step(0) if env else interaction.step(np.zeros(interaction.obs.shape[:2], np.int64))
            except RlbenchError:
                if env:
                    env.reset()


@pytest.mark.parametrize("foreign", [False, True])
def test_a_loop_that_swallows_the_refusals_ends_all_the_same_and_its_budget_is_kept(foreign):
    Deaf.foreign, Constant.taken = foreign, 0
    with pytest.raises(RlbenchError, match="100 more were requested; 20 of 20 environment steps"):
        play(Deaf, Deaf.Config, CONSTANT, [0], 20, kwargs={"length": 5}, final_episodes=0)
    assert Constant.taken == 20


def test_start_before_reset_says_what_to_do():
    class Eager(Tap):
        def train(self, interaction):
            interaction.start  # noqa: B018 - reading it is what is tried

    with pytest.raises(RlbenchError, match=r"call interaction.reset\(\) before you read interaction.start"):
        play(Eager, Tap.Config, CONSTANT, [0], 40)


def test_a_step_before_reset_says_what_to_do():
    class Hasty(Tap):
        def train(self, interaction):
            interaction.step(np.zeros((1, 2), np.int64))

    with pytest.raises(RlbenchError, match="call interaction.reset"):
        play(Hasty, Tap.Config, CONSTANT, [0], 10)


def test_episode_seeds_do_not_depend_on_the_environments_around():
    alone = play(Tap, Tap.Config, SHAPES, [5], 60)
    stacked = play(Tap, Tap.Config, SHAPES, [1, 5, 2], 60)
    assert alone.of_seed(5) == stacked.of_seed(5)


class Foreign(Algorithm):
    """A library's loop: makes its environment, passes seeds of its own, resets in the middle."""

    def train(self, interaction):
        env = interaction.make_env()
        env.reset(seed=123)
        while True:
            for _ in range(3):
                env.step(0)
            env.reset(seed=123)  # abandons the episode

    def act(self, obs):
        return np.zeros(obs.shape[:2], np.int64)


def test_a_foreign_loop_is_metered_to_the_step_and_its_seeds_are_ignored():
    Constant.taken, Constant.resets = 0, []
    played = play(Foreign, None, CONSTANT, [0], 10, kwargs={"length": 7}, final_episodes=1)
    assert played.outcome.steps == 10
    assert Constant.taken == 10 + 7
    assert [(e.end, e.length, e.step) for e in played.sink.episodes] == [
        ("abandoned", 3, 3),
        ("abandoned", 3, 6),
        ("abandoned", 3, 9),
    ]
    assert 123 not in Constant.resets and len(set(Constant.resets)) == len(Constant.resets)


def test_make_env_needs_a_group_of_one_seed():
    with pytest.raises(RlbenchError, match="stackable=False"):
        play(Foreign, None, CONSTANT, [0, 1], 10)


def test_the_backend_says_what_it_is():
    backend = rlbench_env_backends()[0]
    assert backend.replayable and backend.version() == f"gymnasium {gymnasium.__version__}"


def test_a_foreign_loop_cannot_change_its_task_or_play_on_after_the_end():
    class Tricks(Foreign):
        def train(self, interaction):
            env = interaction.make_env()
            with pytest.raises(RlbenchError, match="call reset before"):
                env.step(0)
            plain, _ = env.reset()
            options, _ = env.reset(options={"low": 0.0, "high": 1e-9})
            assert (abs(plain) > 1e-3).any() and (abs(options) > 1e-3).any()
            over = False
            while not over:
                _, _, terminated, truncated, _ = env.step(0)
                over = terminated or truncated
            with pytest.raises(RlbenchError, match="call reset before"):
                env.step(0)
            with pytest.raises(RlbenchError, match="exists already"):
                interaction.make_env(rank=0)
            for index, rank in ((1, 0), (0, -1)):
                with pytest.raises(RlbenchError, match="no environment"):
                    interaction.make_env(index, rank)
            while True:
                env.reset()
                env.step(0)

    assert play(Tricks, None, "CartPole-v1", [0], 100).outcome.steps == 100


def test_an_algorithm_may_write_into_what_it_was_given():
    class Scribbles(Tap):
        def train(self, interaction):
            self.transitions = []
            interaction.reset()
            while not interaction.finished:
                t = interaction.step(np.zeros(interaction.obs.shape[:2], np.int64))
                self.transitions.append(replace(t, next_obs=t.next_obs.copy()))
                t.next_obs[:] = 7
                t.action[:] = 9

    tidy, scribbled = (play(a, Tap.Config, SHAPES, [0], 60, every=20) for a in (Tap, Scribbles))
    assert tidy.sink.episodes == scribbled.sink.episodes
    for a, b in zip(tidy.algorithm.transitions, scribbled.algorithm.transitions):
        assert (a.next_obs == b.next_obs).all() and (a.obs == b.obs).all()


def test_only_stacked_loops_can_be_saved(tmp_path):
    class Saves(Foreign):
        def train(self, interaction):
            interaction.save, interaction.save_every = print, 1
            interaction.schedule_save()
            env = interaction.make_env()
            env.reset()
            env.step(0)
            interaction.checkpoint()

    with pytest.raises(RlbenchError, match="resumable=False"):
        play(Saves, None, CONSTANT, [0], 10)
