"""Several agents behind the meter: what is recorded of each, alone and stacked, interrupted, and when one fails."""

import numpy as np
import pytest
from rlbench_random import Random
from support.scripted_worlds import Walk

from rlbench.api import Algorithm, EnvBackendSpec, RunGroup, Task
from rlbench.envs.multiagent.joint_control import JointControl
from rlbench.envs.multiagent.multiagent_backends import PETTINGZOO, rlbench_env_backends
from rlbench.runtime.live_group import LiveGroup
from rlbench.runtime.record_sink import MemorySink
from rlbench.testing.group_training import play

BACKEND: EnvBackendSpec = next(spec for spec in rlbench_env_backends() if spec.name == PETTINGZOO)
WALK = "support.scripted_worlds:Walk"


def trained(seeds=(0, 1), **more):
    return play(Random, None, WALK, seeds, 60, backend=BACKEND, every=20, final_episodes=3, **more)


def test_the_returns_of_the_agents_add_up_to_the_teams_in_training_and_evaluation():
    sink = trained().sink
    assert sink.episodes and sink.evaluations
    for episode in sink.episodes:
        assert len(episode.agent_returns) == 2 and sum(episode.agent_returns) == pytest.approx(episode.return_)
    for evaluation in sink.evaluations:
        assert np.sum(evaluation.agent_returns, axis=1) == pytest.approx(evaluation.returns)
        assert np.shape(evaluation.agent_returns) == (len(evaluation.returns), 2)


def test_a_step_counts_once_whatever_the_number_of_agents():
    outcome = trained().outcome
    assert outcome.steps == 60
    assert {episode.length for episode in trained().sink.episodes} == {7}


def test_a_seeds_records_do_not_depend_on_its_stack():
    both, alone = trained((3, 5)), trained((5,))
    assert both.of_seed(5) == alone.of_seed(5)


def test_a_wrapper_that_shows_all_agents_as_one_keeps_what_each_is_paid():
    from rlbench.api import Wrapper

    sink = trained(wrappers=[Wrapper(f"{JointControl.__module__}:{JointControl.__name__}")]).sink
    assert all(sum(e.agent_returns) == pytest.approx(e.return_) and len(e.agent_returns) == 2 for e in sink.episodes)


class Recorder(Algorithm):
    """Keeps every transition."""

    def train(self, interaction):
        interaction.reset()
        self.seen = []
        while not interaction.finished:
            interaction.checkpoint()
            self.seen.append(interaction.step(np.ones((*interaction.obs.shape[:2], 2), int)))

    def act(self, obs):
        return np.ones((*obs.shape[:2], 2), int)


def live(seeds, kwargs=None, steps=30, checkpoints=None, restore=(), algorithm=Recorder):
    task = Task(WALK, steps, kwargs=kwargs or {}, backend=PETTINGZOO)
    group = RunGroup("recorder", {}, task, tuple(seeds), checkpoint_every=10)
    sink = MemorySink()
    return LiveGroup(
        group, algorithm, None, BACKEND, sink, resumable=True, checkpoints=checkpoints, restore=restore
    ), sink


def test_a_transition_has_the_teams_reward_and_each_agents():
    group, _ = live((0, 1))
    group.run()
    for transition in group.algorithm.seen:
        assert transition.agent_rewards.shape == (2, 1, 2) and transition.agent_rewards.dtype == np.float32
        assert transition.agent_rewards.sum(-1) == pytest.approx(transition.reward, rel=1e-6)
    first = group.algorithm.seen[0]
    assert first.agent_rewards[0, 0] == pytest.approx(-np.abs(first.next_obs[0, 0, [0, 1]]))  # the walk's own rule


def test_a_resumed_run_records_the_same_returns_of_agents(tmp_path):
    whole, sink = live((0, 1))
    whole.run()
    saved = []

    class Interrupted(Recorder):
        def train(self, interaction):
            interaction.reset()
            while interaction.steps < 17:  # in the middle of an episode of 7 steps
                interaction.step(np.ones((*interaction.obs.shape[:2], 2), int))
            saved.extend(group.states())
            raise KeyboardInterrupt

    group, first = live((0, 1), algorithm=Interrupted)
    with pytest.raises(KeyboardInterrupt):
        group.run()
    resumed, second = live((0, 1), restore=saved)
    resumed.run()
    assert first.episodes + second.episodes == sink.episodes and resumed.agents == ("agent_0", "agent_1")


def test_a_reward_of_one_agent_that_is_not_a_number_ends_its_seed_alone(monkeypatch):
    class Poisoned(Walk):
        def reset(self, seed=None, options=None):
            answer = super().reset(seed, options)
            self.poison = 3 if seed in bad else None
            return answer

    import support.scripted_worlds as worlds

    clean = trained((0, 1))
    bad = {episode.reset_seed for episode in clean.sink.episodes if episode.seed == 1 and episode.episode == 1}
    monkeypatch.setattr(worlds, "Walk", Poisoned)
    poisoned = trained((0, 1))
    assert poisoned.of_seed(0) == clean.of_seed(0)
    assert list(poisoned.outcome.failed) == [1] and "not finite" in poisoned.outcome.failed[1]


def test_random_play_is_the_same_whether_a_task_asks_for_greedy_or_sampled_policies():
    from rlbench.api import EvaluationProtocol

    def final(mode):
        task = Task(WALK, 14, EvaluationProtocol(0, 1, 4, mode), backend=PETTINGZOO)
        sink = MemorySink()
        LiveGroup(RunGroup("random", {}, task, (0,)), Random, None, BACKEND, sink).run()
        return sink.evaluations[-1].returns

    assert final("greedy") == final("sampled")


def test_returns_of_agents_begin_at_0_in_each_episode_that_a_lane_plays():
    from rlbench.api import EvaluationProtocol

    task = Task(WALK, 14, EvaluationProtocol(0, 1, 4, environments=1), backend=PETTINGZOO)
    sink = MemorySink()
    LiveGroup(RunGroup("random", {}, task, (0,)), Random, None, BACKEND, sink).run()
    (final,) = sink.evaluations
    assert np.sum(final.agent_returns, axis=1) == pytest.approx(final.returns) and len(final.returns) == 4
