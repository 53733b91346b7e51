"""The promise: a run's numbers do not depend on its stack-mates, bit for bit."""

import pytest
from rlbench_a2c.a2c import A2C
from rlbench_double_dqn.double_dqn import DoubleDQN
from rlbench_dqn.dqn import DQN
from rlbench_ppo.ppo import PPO

from rlbench.kit import kernel_choice, same_bits
from rlbench.testing import play
from rlbench.testing.conformance import check_resume
from rlbench.testing.fakes import SHAPES

SEED = 3
STACKS = ([SEED], [7, SEED, 11, 5], [5, 11, SEED])


REPLAY = {"buffer_size": 110, "target_update_interval": 7}


def dqn(batch_size, n_envs=1, net_arch=(32,), **more):
    sizes = {"batch_size": batch_size, "n_envs": n_envs, "net_arch": net_arch, "learning_starts": 20 * n_envs}
    return DQN, DQN.Config(**sizes, **REPLAY, gradient_steps=-1, **more)


def ppo(batch_size, n_envs, n_steps, net_arch=(32,), **more):
    sizes = {"batch_size": batch_size, "n_envs": n_envs, "n_steps": n_steps, "net_arch": net_arch}
    return PPO, PPO.Config(**sizes, n_epochs=2, **more)


def double_dqn(batch_size):
    return DoubleDQN, DoubleDQN.Config(batch_size=batch_size, net_arch=(32,), learning_starts=20, **REPLAY)


CASES = {
    "double_dqn, observation 17, 3 actions, batch 33": (*double_dqn(33), 17, 3, 120),
    "dqn, observation 17, 1 action, batch 1": (*dqn(1), 17, 1, 120),
    "dqn, observation 17, 3 actions, batch 33": (*dqn(33), 17, 3, 120),
    "dqn, observation 17, 6 actions, batch 100": (*dqn(100), 17, 6, 120),
    "dqn, observation 4, 2 actions, hidden 100": (*dqn(64, 2, (100, 100), activation_fn="tanh"), 4, 2, 120),
    "dqn, 256-256, batch 1, mse, soft targets": (*dqn(1, 1, (256, 256), loss="mse", tau=0.1), 17, 6, 90),
    "ppo, observation 17, 1 action, N 1, batch 1": (*ppo(1, 1, 20), 17, 1, 60),
    "ppo, observation 17, 3 actions, N 3, batch 33": (*ppo(33, 3, 11), 17, 3, 99),
    "ppo, observation 17, 6 actions, N 1, batch 100": (*ppo(100, 1, 100), 17, 6, 200),
    "ppo, observation 3, 6 actions, N 5, hidden 100, relu": (
        *ppo(20, 5, 12, (100,), activation_fn="relu", ent_coef=0.01),
        3,
        6,
        120,
    ),
    "ppo, 64-64, N 8": (*ppo(64, 8, 16, (64, 64), clip_range="lin_0.2"), 4, 2, 256),
}


@pytest.mark.parametrize("case", CASES.values(), ids=CASES.keys())
def test_a_run_does_not_depend_on_its_stack_mates(case):
    algorithm, config, obs, actions, steps = case
    runs = [
        play(algorithm, config, SHAPES, seeds, steps, kwargs={"obs": obs, "actions": actions}, every=50)
        for seeds in STACKS
    ]
    alone, *stacked = [run.of_seed(SEED) for run in runs]
    assert len(alone["episodes"]) > 0 and len(alone["evaluations"]) > 0
    for other in stacked:
        assert other == alone


@pytest.mark.parametrize(
    "name", ["dqn, 256-256, batch 1, mse, soft targets", "ppo, observation 17, 6 actions, N 1, batch 100"]
)
def test_what_trials_say_of_a_whole_run_is_so(name):
    """On any processor: a run is the same in every stack, or it is not said to be."""
    algorithm, config, obs, actions, steps = CASES[name]
    found, claimed = [], []
    for seeds in STACKS:
        kernel_choice.forget()
        kwargs = {"obs": obs, "actions": actions}
        found.append(play(algorithm, config, SHAPES, seeds, steps, kwargs=kwargs, every=50).of_seed(SEED))
        claimed.append(bool(kernel_choice.operations()) and all(map(same_bits, kernel_choice.operations())))
    assert found[0] == found[1] == found[2] or not any(claimed)


@pytest.mark.slow
@pytest.mark.timeout(600)
@pytest.mark.filterwarnings("ignore")  # inductor's own
@pytest.mark.parametrize(
    "case",
    [(*dqn(33), 17, 3, 60), (*ppo(33, 3, 11), 17, 3, 66), (A2C, A2C.Config(n_envs=3, n_steps=4), 17, 3, 60)],
    ids=["dqn", "ppo", "a2c"],
)
def test_compiled_runs_agree_in_every_stack_of_two_or_more(case):
    algorithm, config, obs, actions, steps = case
    stacks = ([7, SEED], [SEED, 11, 5], [5, SEED, 7])
    runs = [
        play(algorithm, config, SHAPES, seeds, steps, kwargs={"obs": obs, "actions": actions}, compile=True)
        for seeds in stacks
    ]
    first, *others = [run.of_seed(SEED) for run in runs]
    for other in others:
        assert other == first


@pytest.mark.slow
@pytest.mark.timeout(600)
@pytest.mark.filterwarnings("ignore")  # inductor's own
def test_compiled_runs_go_on_from_a_checkpoint_to_the_same_bits(tmp_path):
    algorithm, config = ppo(16, 2, 8, (16,))
    assert 0 < check_resume(algorithm, config, SHAPES, 160, tmp_path, {"obs": 5, "actions": 3}, compile=True) < 160
