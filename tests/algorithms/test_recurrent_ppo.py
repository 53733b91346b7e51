"""recurrent_ppo remembers within an episode and not beyond it, in training, evaluation and after a resume."""

import gymnasium
import numpy as np
import pytest
import torch
from rlbench_recurrent_ppo.recurrent_ppo import RecurrentPPO
from support.on_policy_updates import built

from rlbench.testing import play
from rlbench.testing.fakes import SHAPES

SMALL = {"n_envs": 4, "n_steps": 8, "batch_size": 16, "n_epochs": 2, "net_arch": (16,), "lstm_hidden_size": 16}


class FirstCue(gymnasium.Env):
    """The first observation is the answer, +1 or −1; then come zeros, and the answer is due at the last of five steps."""

    observation_space = gymnasium.spaces.Box(-1, 1, (1,), np.float32)
    action_space = gymnasium.spaces.Discrete(2)

    def reset(self, *, seed=None, options=None):
        super().reset(seed=seed)
        self.answer, self.steps = int(self.np_random.integers(2)), 0
        return np.array([2 * self.answer - 1], np.float32), {}

    def step(self, action):
        self.steps += 1
        over = self.steps == 5
        return np.zeros(1, np.float32), float(over and action == self.answer), over, False, {}


gymnasium.register("FirstCue-v0", FirstCue)


def agent_of(seeds=(0, 1), **more):
    return built(RecurrentPPO, RecurrentPPO.Config(**SMALL | more), SHAPES, {"obs": 5, "actions": 3}, seeds=seeds)


def test_it_answers_what_it_saw_four_steps_ago():
    config = RecurrentPPO.Config(**SMALL | {"n_steps": 20, "batch_size": 80, "learning_rate": 0.01, "n_epochs": 8})
    played = play(RecurrentPPO, config, "FirstCue-v0", (1, 2), 4_000, every=4_000)
    assert [np.mean(record.returns) for record in played.sink.evaluations[-2:]] == [1.0, 1.0]


def test_each_episode_of_an_evaluation_has_a_memory_of_its_own():
    agent, rng = agent_of(), np.random.default_rng(0)
    obs = rng.standard_normal((6, 2, 3, 5)).astype(np.float32)
    starts = np.zeros((6, 2, 3), bool)
    starts[0], starts[3, :, 1] = True, True
    play_all = agent.policy()
    together = np.stack([play_all(o, s) for o, s in zip(obs, starts)])
    for lane, begin, end in ((0, 0, 6), (1, 0, 3), (1, 3, 6), (2, 0, 6)):
        fresh = agent.policy()
        alone = [fresh(obs[t, :, [lane]].swapaxes(0, 1), np.full((2, 1), t == begin)) for t in range(begin, end)]
        assert np.array_equal(np.stack(alone)[..., 0], together[begin:end, :, lane])


def test_evaluation_leaves_the_memory_of_training_alone():
    agent = agent_of()
    agent.memory = agent.memory + 0.5
    before = agent.memory.clone()
    agent.policy("sampled")(np.zeros((2, 4, 5), np.float32), np.ones((2, 4), bool))
    assert torch.equal(agent.memory, before)


def test_the_memory_is_emptied_where_an_episode_starts_and_kept_elsewhere():
    agent = agent_of((0,))
    before, obs = agent.memory + 0.5, np.zeros((1, 4, 5), np.float32)
    starts = np.array([[True, False, True, False]])
    agent.memory = before
    agent.choose(obs, starts)
    after = agent.memory
    for memory in (torch.zeros_like(before), before):
        agent.memory = memory
        agent.choose(obs, np.zeros((1, 4), bool))
        same = [torch.equal(after[0, lane], agent.memory[0, lane]) for lane in range(4)]
        assert same == [bool(start) == (not memory.any()) for start in starts[0]]


@pytest.mark.parametrize(
    ("given", "message"),
    [
        (
            {"n_envs": 4, "n_steps": 8, "batch_size": 12},
            "batch_size 12 cuts sequences: write n_steps = 8 times a divisor of n_envs = 4",
        ),
        ({"n_envs": 4, "n_steps": 8, "batch_size": 24}, "batch_size 24 cuts sequences"),
    ],
)
def test_minibatches_that_would_cut_a_sequence_are_refused(given, message):
    with pytest.raises(ValueError, match=message):
        RecurrentPPO.Config(**given)


def test_a_batch_size_beyond_the_rollout_means_all_of_it():
    RecurrentPPO.Config(n_envs=2, n_steps=8, batch_size=100)
