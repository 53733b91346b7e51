"""The number of evaluation environments of a seed: how many are made, and what they change."""

import dataclasses

import numpy as np
import pytest
from rlbench_dqn.dqn import DQN
from rlbench_random import Random

from rlbench.api import EvaluationProtocol, Run, RunGroup, Task, Wrapper
from rlbench.cli.environment_count import environment_count
from rlbench.envs.gymnasium_backend import GymnasiumBatch, reference_backend
from rlbench.runtime.evaluation import Evaluator, evaluation_environments
from rlbench.runtime.live_group import LiveGroup
from rlbench.runtime.record_sink import MemorySink
from rlbench.seeding import SeedStreams

WRAPPED = "gymnasium.wrappers:FlattenObservation"  # such a task is not vectorised


@pytest.mark.parametrize(
    "protocol, expected",
    [
        (EvaluationProtocol(0, 10, 100), 20),
        (EvaluationProtocol(0, 30, 5), 5),  # nothing is evaluated on a grid
        (EvaluationProtocol(9, 30, 5), 20),
        (EvaluationProtocol(0, 10, 100, environments=1), 1),
        (EvaluationProtocol(0, 10, 100, environments=50), 50),
        (EvaluationProtocol(0, 10, 30, environments=50), 30),
    ],
)
def test_there_are_as_many_as_asked_for_or_20_but_at_most_one_an_episode(protocol, expected):
    assert evaluation_environments(protocol) == expected


def trained(algorithm, config, **protocol):
    """Train two seeds. Returns: the sizes of the batches that were made, and the final returns [2, 6]."""
    sizes = []

    def make_batch(task, lanes):
        sizes.append(lanes)
        return GymnasiumBatch(task, lanes)

    task = Task("CartPole-v1", 200, EvaluationProtocol(0, 2, 6, **protocol))
    backend, sink = dataclasses.replace(reference_backend(), make_batch=make_batch), MemorySink()
    LiveGroup(RunGroup("x", {}, task, (3, 4)), algorithm, config, backend, sink).run()
    return sizes, [evaluation.returns for evaluation in sink.evaluations]


def test_a_seed_is_evaluated_in_the_number_of_environments_that_the_suite_gives():
    config = DQN.Config(batch_size=16, net_arch=(32,), learning_starts=50)
    one, returns_of_one = trained(DQN, config, environments=1)
    many, returns_of_many = trained(DQN, config)
    assert one == [2, 2] and many == [2, 12]  # two seeds, each with one environment for training
    assert returns_of_one == returns_of_many  # a policy without chance plays the same episodes


def test_a_policy_that_draws_numbers_draws_others_in_fewer_environments():
    assert trained(Random, Random.Config(), environments=1)[1] != trained(Random, Random.Config())[1]


@pytest.mark.parametrize("lanes", [1, 2, 3, 7])
def test_a_deterministic_policy_has_the_same_returns_in_any_number_of_environments(lanes):
    def returns(number):
        envs = GymnasiumBatch(Task("CartPole-v1", 1), 2 * number)
        policy = lambda obs, start: (obs[..., 2] > 0).astype(int)  # noqa: E731
        return Evaluator(envs, number, SeedStreams([0, 1])).play(policy, "final", 0, 7).returns

    assert np.array_equal(returns(lanes), returns(5))


def test_the_number_is_in_the_key_only_if_it_is_given():
    keys = [
        Run("x", {}, Task("E-v0", 1, EvaluationProtocol(environments=number)), 0).key for number in (None, 20, 1, None)
    ]
    assert keys[0] == keys[3] and len(set(keys)) == 3


def groups(seeds, wrappers=(WRAPPED,), **protocol):
    task = Task("CartPole-v1", 600, EvaluationProtocol(0, 10, 100, **protocol), wrappers=tuple(map(Wrapper, wrappers)))
    group = RunGroup("dqn", {"n_envs": 1}, task, tuple(range(seeds)))
    return [group] * seeds


def test_check_counts_the_environments_of_each_seed():
    (line,) = environment_count(groups(5), workers=2)
    assert line.startswith("105 environments will be made, at most 105 at a time; `evaluation: {environments: 1}`")
    assert environment_count(groups(5, environments=1), 2) == ["10 environments will be made, at most 10 at a time"]


def test_few_environments_are_not_worth_a_line():
    assert environment_count(groups(2), 2) == []
    assert environment_count([], 2) == []


def test_environments_that_are_rows_of_arrays_are_not_counted():
    assert environment_count(groups(5, wrappers=()), 2) == []


def test_groups_that_wait_have_no_environments_yet():
    one, other = groups(5), groups(4)
    assert "189 environments will be made, at most 105 at a time" in environment_count(one + other, workers=1)[0]
