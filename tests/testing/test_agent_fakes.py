"""The world of fakes in which multi-agent algorithms are put to the rules: its numbers, and that the rules use it."""

import dataclasses

import numpy as np
import pytest
from rlbench_random import Random

from rlbench.api import AlgorithmSpec
from rlbench.envs.multiagent.joint_env import JointEnv
from rlbench.plugins import load_plugins
from rlbench.testing.agent_fakes import FakeWorld
from rlbench.testing.fakes import BANDIT, CUT, SHAPES
from rlbench.testing.rules import RULES
from rlbench.testing.subject import Subject


def of_agents(algorithm=Random):
    """The random policy, as if it supported no single agent."""
    supports = dataclasses.replace(load_plugins().algorithm("random").supports, single_agent=False)
    return Subject(AlgorithmSpec("random", algorithm, supports), {}, 300, 300)


def test_each_agent_gets_its_share_of_what_its_own_copy_gives():
    env = JointEnv(FakeWorld(BANDIT, noise=0.0))
    env.reset(seed=0)
    _, reward, terminated, truncated, info = env.step([3, 0])
    assert reward == 0.5 and info["agent_rewards"].tolist() == [0.5, 0.0]
    assert terminated and not truncated


def test_an_agent_that_is_truncated_is_alive_in_the_successor_and_one_that_terminates_is_not():
    env = JointEnv(FakeWorld(CUT))
    env.reset(seed=0)
    obs, reward, terminated, truncated, _ = env.step([1, 0])
    assert env.layout.alive(obs).tolist() == [0, 1] and env.layout.observations(obs)[0].tolist() == [[0], [1]]
    assert reward == pytest.approx(1.1) and truncated and not terminated


def test_agents_of_the_walk_die_one_after_another():
    env = JointEnv(FakeWorld(SHAPES, [{}, {}, {"obs": 3, "actions": 2}], obs=5, actions=3))
    assert [(group.members, group.obs_size, group.num_actions) for group in env.layout.groups] == [
        ((0, 1), 5, 3),
        ((2,), 3, 2),
    ]
    seen, over, (obs, _) = [], False, env.reset(seed=1)
    while not over:
        obs, _, terminated, truncated, _ = env.step([0, 0, 0])
        seen.append(int(env.layout.alive(obs).sum()))
        over = terminated or truncated
    assert seen == sorted(seen, reverse=True) and {3, 2} <= set(seen)


def test_actions_of_other_agents_are_an_error():
    world = FakeWorld(BANDIT)
    world.reset(seed=0)
    with pytest.raises(RuntimeError, match=r"actions of \['agent_0'\], but the agents are \['agent_0', 'agent_1'\]"):
        world.step({"agent_0": np.int64(0)})


@pytest.mark.parametrize("rule", ["spaces", "budget", "repeatable", "acting", "stack-mates", "not-finite"])
def test_the_rules_put_an_algorithm_without_a_single_agent_to_several(rule):
    subject = of_agents()
    assert subject.play().algorithm.task.observation_space.layout.count == 3
    report = RULES[rule](subject)
    assert rule != "spaces" or report == "discrete and continuous and action-masks"


class Unchanged(Random):
    """Claims to have learned something, but acts at random."""

    def state(self):
        return {"nothing": np.zeros(len(self.streams.seeds))}

    def load_state(self, state):
        pass


def test_agents_that_act_at_random_get_half_of_the_best_return():
    with pytest.raises(AssertionError, match=r"returns 0\.[45]\d, 0\.[45]\d, 0\.[45]\d after 300 steps"):
        RULES["learns"](of_agents(Unchanged))
