"""Whose work a stack is: stacks written down by hand, the innermost function first."""

from pathlib import Path

import numpy
import pytest
import torch

import rlbench
from rlbench.profiling.parts import PARTS, attribute
from rlbench.profiling.sampler import Function

OWN = str(Path(rlbench.__file__).parent)
SITE = str(Path(torch.__file__).parents[1])


def own(place):
    file, name = place.split(":")
    return Function(f"{OWN}/{file}", name)


def site(place):
    file, name = place.split(":")
    return Function(f"{SITE}/{file}", name)


def mine(name):
    return Function("/home/me/mine.py", name)


BASE = (
    own("runtime/live_group.py:LiveGroup._train"),
    own("runtime/live_group.py:LiveGroup.run"),
    own("executors/attempt.py:_run"),
)
TRAIN = (mine("Mine.train"), *BASE)
STEP = (own("envs/metered_batch.py:MeteredBatch.step"), own("runtime/live_interaction.py:LiveInteraction.step"))
GYM = (
    site("gymnasium/envs/classic_control/cartpole.py:CartPoleEnv.step"),
    site("gymnasium/core.py:Wrapper.step"),
    own("envs/gymnasium_backend.py:GymnasiumBatch.step"),
)
EVALUATION = (
    own("runtime/evaluation.py:Evaluator.play"),
    own("runtime/scheduled_evaluation.py:EvaluationRunner.evaluate"),
    own("runtime/live_interaction.py:LiveInteraction.advance"),
)
IMPORT = Function("<frozen importlib._bootstrap>", "_load")


@pytest.mark.parametrize(
    ("part", "stack"),
    [
        ("environment", (*GYM, *STEP, *TRAIN)),
        ("environment", (mine("Physics.update"), mine("MyEnv.step"), *GYM[1:], *STEP, *TRAIN)),  # a user's environment
        ("environment", (mine("MyBatch.step"), *STEP, *TRAIN)),  # a backend of its own, without Gymnasium
        ("environment", (mine("MyEnv.step"), own("envs/metered_env.py:MeteredEnv.step"), *TRAIN)),
        (
            "environment",
            (
                own("envs/dynamics.py:squared"),
                own("envs/acrobot.py:Acrobot.step"),
                own("envs/vectorized_classic.py:Lanes.step"),
                *STEP,
                *TRAIN,
            ),
        ),
        ("environment", (own("envs/vectorized_classic.py:Lanes.step"), *STEP, *TRAIN)),
        ("harness", (GYM[-1], *STEP, *TRAIN)),
        ("harness", (*STEP, *TRAIN)),
        ("harness", (own("results/jsonl_records.py:JsonlSink.episode"), *STEP, *TRAIN)),
        (
            "acting",
            (site("torch/nn/functional.py:linear"), own("kit/stacked_networks.py:MLP.__call__"), mine("act"), *TRAIN),
        ),
        ("acting", (mine("Mine.policy.<locals>.sampled"), mine("Mine.choose_action"), *TRAIN)),
        ("acting", (own("seeding.py:SeedStreams.sample"), *TRAIN)),
        (
            "update",
            (
                own("kit/stacked_networks.py:MLP.__call__"),
                mine("Mine.policy"),
                mine("Mine.loss"),
                mine("learn"),
                *TRAIN,
            ),
        ),
        ("update", (mine("Mine.update_critic"), mine("Mine.act_and_learn"), *TRAIN)),
        ("update", (Function("/tmp/torchinductor_me/ab/cab.py", "call"), mine("Mine.update"), *TRAIN)),
        ("update", (own("kit/optimizers.py:Adam.apply"), *TRAIN)),
        ("update", (site("torch/autograd/__init__.py:grad"), *TRAIN)),
        ("replay", (Function(numpy.__file__, "where"), own("kit/replay.py:Replay.sample"), mine("Mine.learn"), *TRAIN)),
        ("replay", (mine("ReplayBuffer.sample"), mine("Mine.learn"), *TRAIN)),
        ("replay", (site("stable_baselines3/common/buffers.py:RolloutBuffer.get"), *TRAIN)),
        (
            "harness",
            (own("kit/replay.py:Replay.state"), mine("Mine.state"), own("runtime/live_group.py:states"), *TRAIN),
        ),
        ("evaluation", (*GYM, *EVALUATION, *TRAIN)),
        ("evaluation", (mine("Mine.act"), *EVALUATION, *TRAIN)),
        ("compiling", (IMPORT, site("torch/_dynamo/convert_frame.py:_compile"), mine("Mine.act"), *EVALUATION, *TRAIN)),
        ("imports", (site("torch/_dynamo/convert_frame.py:<module>"), IMPORT, mine("Mine.learn"), *TRAIN)),
        ("other", TRAIN),
        ("other", (mine("Mine.activation"), *TRAIN)),
        ("other", (mine("Mine.__init__"), own("runtime/live_group.py:LiveGroup.__init__"))),
        ("harness", BASE),
        ("other", ()),
    ],
)
def test_a_stack_is_the_work_of(part, stack):
    stepped = (*GYM, *STEP, *TRAIN)  # in any run the algorithm's loop is seen to step
    found = attribute({stepped: 1.0, stack: 2.0} if stack != stepped else {stack: 3.0})
    assert found[part] == (3.0 if part == "environment" else 2.0)


def test_a_function_inside_which_environments_are_stepped_is_a_loop_even_if_it_is_called_learn():
    library = (site("stable_baselines3/common/on_policy_algorithm.py:OnPolicyAlgorithm.learn"), mine("learn"), *TRAIN)
    steps = (*GYM[:2], site("stable_baselines3/common/vec_env/dummy_vec_env.py:DummyVecEnv.step_wait"))
    collecting = (site("stable_baselines3/common/on_policy_algorithm.py:OnPolicyAlgorithm.collect_rollouts"), *library)
    found = attribute(
        {
            (*steps, own("envs/metered_env.py:MeteredEnv.step"), *collecting): 1.0,
            (site("stable_baselines3/common/policies.py:ActorCriticPolicy.forward"), *collecting): 2.0,
            (site("torch/optim/adam.py:adam"), site("stable_baselines3/ppo/ppo.py:PPO.train"), *library): 4.0,
            (site("stable_baselines3/common/base_class.py:BaseAlgorithm._setup_learning"), *library): 8.0,
        }
    )
    assert found == {"environment": 1.0, "acting": 2.0, "update": 4.0, "other": 8.0}


def test_what_is_put_to_parts_adds_up_and_keeps_their_order():
    stacks = {(*GYM, *STEP, *TRAIN): 0.25, (mine("act"), *TRAIN): 0.5, TRAIN: 0.125}
    found = attribute(stacks)
    assert sum(found.values()) == sum(stacks.values()) and list(found) == [p for p in PARTS if p in found]
