"""Stages of curricula: when a seed moves on, which environment its episodes use, and what a resumed run goes on with."""

import json
from dataclasses import dataclass, replace

import numpy as np
import pytest
from support.staged_worlds import MARKED

from rlbench.api import (
    Algorithm,
    Curriculum,
    EpisodeRecord,
    EvaluationProtocol,
    RlbenchError,
    RunGroup,
    Stage,
    Task,
    setting,
)
from rlbench.envs.gymnasium_backend import reference_backend
from rlbench.runtime import checkpoint, task_samplers
from rlbench.runtime.curriculum_progress import CurriculumProgress
from rlbench.runtime.live_group import LiveGroup
from rlbench.runtime.record_sink import MemorySink
from rlbench.runtime.task_samplers import FLOOR, WINDOW, LearningProgressSampler, UniformSampler
from rlbench.seeding import SeedStreams
from rlbench.testing.group_training import Played


@dataclass(frozen=True)
class Config:
    n_envs: int = setting(1, "environments")


class Watcher(Algorithm):
    """Steps without a choice, and keeps the mark of each observation that it acts on [steps, S, N]."""

    Config = Config

    def train(self, interaction):
        interaction.reset()
        self.marks = []
        while not interaction.finished:
            interaction.checkpoint()
            self.marks.append(interaction.obs[..., 0].copy())
            interaction.step(np.zeros(interaction.obs.shape[:2], np.int64))

    def act(self, obs):
        self.evaluated_on = set(obs[..., 0].ravel().tolist())
        return np.zeros(obs.shape[:2], np.int64)


class Loner(Watcher):
    """The same by a loop of its own over single environments, which it resets in the middle of an episode too."""

    def train(self, interaction):
        envs, self.marks = [interaction.make_env(0, rank) for rank in range(self.config.n_envs)], []
        obs = [env.reset()[0] for env in envs]
        while not interaction.finished:
            self.marks.append(np.array([[seen[0] for seen in obs]]))
            for rank, env in enumerate(envs):
                obs[rank], _, terminated, _, _ = env.step(0)
                if terminated or (len(self.marks) == 3 and rank == 0):
                    obs[rank] = env.reset()[0]


def stage(mark, steps=None, mean_return=None, episodes=None, **kwargs):
    return Stage(MARKED, {"mark": mark, **kwargs}, steps=steps, mean_return=mean_return, episodes=episodes)


def task(*stages, steps=24, sampler="", target=None, every=0):
    kwargs = {"mark": 9, **(target or {})}
    return Task(MARKED, steps, EvaluationProtocol(every, 2, 2), kwargs, curriculum=Curriculum(tuple(stages), sampler))


def train(one, algorithm=Watcher, config=None, seeds=(0,), **options):
    config, sink = config or algorithm.Config(), MemorySink()
    group = RunGroup("watcher", {}, one, seeds, checkpoint_every=options.pop("checkpoint_every", 0))
    live = LiveGroup(group, algorithm, config, reference_backend(), sink, **options)
    outcome = live.run()
    return Played(sink, outcome, dict(live.algorithm.state()), live.algorithm, tuple(seeds))


def entered(trained, seed=0):
    return [(m.step, m.value) for m in trained.sink.metrics if m.name == "stage" and m.seed == seed]


def test_a_stage_of_steps_ends_with_the_episode_in_which_they_are_taken():
    trained = train(task(stage(1, steps=5, length=3), stage(2, steps=4, length=2)))
    # Episodes of 3 steps end at 3 and 6; of 2 steps, at 8 and 10; then those of the target, of 4 steps.
    assert entered(trained) == [(0, 1.0), (6, 2.0), (10, 3.0)]
    assert np.concatenate(trained.algorithm.marks).ravel().tolist() == [1] * 6 + [2] * 4 + [9] * 14
    assert [(e.step, e.length, e.return_) for e in trained.sink.episodes][:5] == [
        (3, 3, 3.0),
        (6, 3, 3.0),
        (8, 2, 2.0),
        (10, 2, 2.0),
        (14, 4, 4.0),
    ]
    assert trained.algorithm.evaluated_on == {9.0}


def test_a_stage_of_a_return_ends_once_enough_of_its_own_episodes_have_it():
    moved = train(task(stage(1, mean_return=2.0, episodes=3, length=2)))
    assert entered(moved) == [(0, 1.0), (6, 2.0)]  # never before the third episode
    assert entered(train(task(stage(1, mean_return=2.1, episodes=3, length=2)))) == [(0, 1.0)]


def test_all_environments_of_a_seed_move_on_at_their_next_reset_and_none_within_an_episode():
    trained = train(task(stage(1, steps=4, length=2), stage(2, steps=6, length=5), steps=40), config=Config(n_envs=2))
    assert entered(trained) == [(0, 1.0), (4, 2.0), (14, 3.0)]
    marks = np.stack(trained.algorithm.marks)[:, 0]  # [steps, lanes]
    assert marks.tolist() == [[1, 1]] * 2 + [[2, 2]] * 5 + [[9, 9]] * 13
    # An episode that began in the stage before does not count towards the return of the next.
    progress = CurriculumProgress(
        Curriculum((stage(1, steps=1), stage(2, mean_return=5.0, episodes=1))), SeedStreams([7]), lambda *_: None
    )
    assert [progress.begin(0, rank) for rank in (0, 1)] == [0, 0]
    ended = EpisodeRecord(7, 2, 0, 0, 0, 1.0, 1, "terminated")
    progress.ended(ended)
    assert progress.begin(0, 0) == 1
    progress.ended(ended._replace(step=4, rank=1, return_=100.0))
    assert progress.begin(0, 1) == 1
    progress.ended(ended._replace(step=6, rank=1, return_=100.0))
    assert progress.begin(0, 1) == 2


def test_a_loop_over_single_environments_has_stages_too_and_what_it_abandons_counts_only_as_time():
    # The third step of rank 0 is the first of its second episode, which is abandoned after it.
    of_steps = train(task(stage(1, steps=3, length=2), steps=12), Loner)
    assert [e.end for e in of_steps.sink.episodes[:2]] == ["terminated", "abandoned"]
    assert entered(of_steps) == [(0, 1.0), (3, 2.0)]
    assert np.concatenate(of_steps.algorithm.marks).ravel().tolist() == [1] * 3 + [9] * 9
    of_returns = train(task(stage(1, mean_return=2.0, episodes=2, length=2), steps=12), Loner)
    assert entered(of_returns) == [(0, 1.0), (5, 2.0)]


def random_stages(sampler=""):
    first, second = stage(1, mean_return=3.0, episodes=3, length=2, swing=2.0), stage(2, steps=30, length=3)
    others = (replace(first, mean_return=None, episodes=None),) if sampler else (first, second)
    return task(*others, steps=240, target={"swing": 1.0}, every=60, sampler=sampler)


class Learner(Watcher):
    """Learns which of two actions has paid more, by reward and observation, and explores from its own stream."""

    def __init__(self, *arguments):
        super().__init__(*arguments)
        self.paid = np.zeros((len(self.streams.seeds), 2))

    def train(self, interaction):
        interaction.reset()
        while not interaction.finished:
            interaction.checkpoint()
            explored = self.streams.integers("explore", 2, interaction.num_envs)
            actions = np.where(explored, explored, self.paid.argmax(1)[:, None])
            step = interaction.step(actions)
            for action in (0, 1):
                self.paid[:, action] += ((step.reward + 0.01 * step.obs.sum(-1)) * (actions == action)).sum(1)

    def act(self, obs):
        return np.broadcast_to(self.paid.argmax(1)[:, None], obs.shape[:2])

    def state(self):
        return {"paid": self.paid.copy()}

    def load_state(self, state):
        self.paid = np.array(state["paid"])


LEARNER = Config(n_envs=2)
SAMPLERS = {"": None, "uniform": UniformSampler, "learning_progress": LearningProgressSampler}


@pytest.mark.parametrize("sampler", SAMPLERS)
def test_a_seed_does_not_depend_on_its_stack_and_resumes_with_the_same_bits(sampler, tmp_path, monkeypatch):
    one, options = random_stages(sampler), {"make_sampler": SAMPLERS[sampler]}
    alone, stacked = (train(one, Learner, LEARNER, seeds, **options) for seeds in ((3,), (7, 3)))
    assert alone.of_seed(3) == stacked.of_seed(3)
    steps = {seed: dict(entered(stacked, seed)) for seed in stacked.seeds}
    if not sampler:
        assert steps[3] != steps[7]  # they move on at different steps
        assert all(max(times.values()) == 3 for times in steps.values())
    # Checkpoints of every stage are resumed, some in the middle of an episode.
    monkeypatch.setattr(checkpoint, "KEPT", 99)
    monkeypatch.setattr(checkpoint, "sync", lambda path: None)  # the process is not killed
    kept = {**options, "resumable": True, "checkpoint_every": 14}
    full, seen = train(one, Learner, LEARNER, (3, 8), checkpoints=tmp_path / "full", **kept), []
    for path in checkpoint.complete(tmp_path / "full")[:0:-2]:
        states = [checkpoint.load(path, seed) for seed in (3, 8)]
        resumed = train(one, Learner, LEARNER, (3, 8), restore=states, checkpoints=tmp_path / path.name, **kept)
        seen += [open_ for state in states for open_ in state.numbers["curriculum"]["open"].values()]
        positions = states[0].numbers["positions"]
        for table in ("episodes", "evaluations", "metrics"):
            before = getattr(full.sink, table)[: positions[table]]
            setattr(resumed.sink, table, before + getattr(resumed.sink, table))
        for seed in (3, 8):
            assert resumed.of_seed(seed) == full.of_seed(seed)
    assert set(seen) == set(range(2 if sampler else 3))


def test_a_sampler_draws_a_task_for_each_episode_and_the_shares_are_recorded():
    drawn = []

    class Alternating(UniformSampler):
        def choose(self, generator):
            drawn.append(len(drawn) % 2)
            return drawn[-1]

    one = task(Stage(MARKED, {"mark": 1, "length": 2}), steps=24, sampler="mine", every=12)
    trained = train(one, make_sampler=Alternating)
    # Episodes of 2 and 4 steps in turn: the fifth begins at step 12, where the shares of those before it are recorded.
    assert [e.length for e in trained.sink.episodes] == [2, 4] * 4
    shares = [(m.step, m.name, m.value) for m in trained.sink.metrics]
    assert shares == [
        (12, "share_of_task_1", 0.6),
        (12, "share_of_task_2", 0.4),
        (24, "share_of_task_1", 0.5),
        (24, "share_of_task_2", 0.5),
    ]

    class Outside(UniformSampler):
        def choose(self, generator):
            return 2

    with pytest.raises(RlbenchError, match=r"the sampler 'mine' chose the task 2; there are 0 to 1"):
        train(one, make_sampler=Outside)
    with pytest.raises(RlbenchError, match="'mine' is not loaded"):
        train(one)


def test_learning_progress_is_what_an_obvious_loop_computes():
    rng, sampler, history = np.random.default_rng(3), LearningProgressSampler(3), [[], [], []]
    for _ in range(200):
        task_index, value = int(rng.integers(3)), float(rng.normal())
        sampler.update(task_index, value)
        history[task_index].append(value)
        progress = []
        for values in history:
            enough = len(values) >= 2 * WINDOW
            newest, before = values[-WINDOW:], values[-2 * WINDOW : -WINDOW]
            progress.append(abs(np.mean(newest) - np.mean(before)) if enough else 0.0)
        total = sum(progress)
        expected = [FLOOR / 3 + (1 - FLOOR) * p / total for p in progress] if total else [1 / 3] * 3
        assert sampler.probabilities() == pytest.approx(expected, rel=1e-12)
    copy = LearningProgressSampler(3)
    copy.load(json.loads(json.dumps(sampler.state())))
    chosen, again = (np.random.Generator(np.random.PCG64(5)) for _ in range(2))
    picks = [sampler.choose(chosen) for _ in range(3_000)]
    assert picks == [copy.choose(again) for _ in range(3_000)]
    counts = np.bincount(picks, minlength=3) / 3_000
    assert counts == pytest.approx(expected, abs=0.04)  # four deviations of a share of a half
    assert [spec.load()(2).state() for spec in task_samplers.rlbench_samplers()] == [{}, {"returns": [[], []]}]


def test_a_task_without_a_curriculum_has_the_key_and_the_records_that_it_had():
    from rlbench.api import Run, canonical, group_as_dict, group_from_dict

    plain, staged = replace(task(), curriculum=None), random_stages("uniform")
    assert "curriculum" not in canonical(plain)
    key = Run("random", {}, Task("CartPole-v1", 400, EvaluationProtocol(100, 5, 5)), 0).key
    assert key == "e2bcfc733dadd16c3759b08b733d2e1a2e88fabf72ff9879756e2b88eace752e"
    keys = {Run("random", {}, one, 0).key for one in (plain, task(stage(1, steps=3)), task(stage(1, steps=4)), staged)}
    assert len(keys) == 4
    group = RunGroup("random", {}, staged, (0,))
    assert group_from_dict(json.loads(json.dumps(group_as_dict(group)))) == group
