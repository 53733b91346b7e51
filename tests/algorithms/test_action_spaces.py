"""Actions of several numbers and masks of actions, through whole runs: exact optima, and the promises of every run."""

import numpy as np
import pytest
from rlbench_a2c.a2c import A2C
from rlbench_double_dqn.double_dqn import DoubleDQN
from rlbench_dqn.dqn import DQN
from rlbench_dueling_dqn.dueling_dqn import DuelingDQN
from rlbench_per_dqn.per_dqn import PERDQN
from rlbench_ppo.ppo import PPO
from rlbench_qrdqn.qrdqn import QRDQN
from rlbench_rainbow.rainbow import Rainbow
from rlbench_random import Random
from rlbench_recurrent_ppo.recurrent_ppo import RecurrentPPO
from rlbench_reinforce.reinforce import Reinforce

from rlbench.api import EnvironmentFault, Wrapper
from rlbench.api.algorithm import NoConfig
from rlbench.envs.action_mask import ActionMaskInObservation
from rlbench.envs.action_wrappers import ActionsAsChoices, ActionsAsOneChoice
from rlbench.testing import play
from rlbench.testing.action_fakes import FACTORS, FORBIDDING
from rlbench.testing.conformance import check_independence, check_resume
from rlbench.testing.fakes import SHAPES

FAMILY = [DQN, DoubleDQN, DuelingDQN, PERDQN, QRDQN, Rainbow]
ON_POLICY = [
    (PPO, PPO.Config(n_envs=4, n_steps=16, batch_size=32, n_epochs=4, learning_rate="lin_1e-2")),
    (A2C, A2C.Config(n_envs=4, n_steps=4, learning_rate="lin_1e-2", use_rms_prop=False, ent_coef=0.01)),
    (Reinforce, Reinforce.Config(n_steps=32, episodes=8, memory=64, learning_rate="lin_2e-2")),
]
QUICK = {"net_arch": (32,), "learning_starts": 200, "learning_rate": 3e-3, "train_freq": 2, "exploration_fraction": 0.8}
QUICK["target_update_interval"] = 100
SMALL = {"net_arch": (32,), "learning_starts": 30, "buffer_size": 110, "batch_size": 33, "target_update_interval": 7}
MORE = {DuelingDQN: {"multi_step_returns": 3}, PERDQN: {"multi_step_returns": 3}, QRDQN: {"n_quantiles": 5}}
MORE[Rainbow] = {"n_atoms": 5, "stream_hidden": 16}
VALUE = [(a, a.Config(**SMALL, **MORE.get(a, {}))) for a in FAMILY]
WALKERS = [
    (PPO, PPO.Config(n_envs=3, n_steps=11, batch_size=33, n_epochs=2, net_arch=(32,), normalize_obs=True)),
    (A2C, A2C.Config(n_envs=3, n_steps=5, net_arch=(20, 33))),
    (Reinforce, Reinforce.Config(n_envs=1, n_steps=12, memory=36, net_arch=(32,))),
]
ONE_SEQUENCE = {"n_envs": 3, "n_steps": 11, "batch_size": 11, "n_epochs": 2, "net_arch": (20,), "lstm_hidden_size": 17}
RECURRENT = RecurrentPPO, RecurrentPPO.Config(**ONE_SEQUENCE, normalize_obs=True, target_kl=0.01)
by_name = {"ids": lambda value: getattr(value, "__name__", None)}


def named(*wrappers):
    return [Wrapper(f"{wrapper.__module__}:{wrapper.__name__}") for wrapper in wrappers]


def final_returns(played):
    """Mean returns of the seeds' final policies."""
    last = {record.seed: float(np.mean(record.returns)) for record in played.sink.evaluations}
    return [last[seed] for seed in played.seeds]


# -- exact optima --------------------------------------------------------------------------------------------------------
@pytest.mark.slow
@pytest.mark.parametrize(("algorithm", "config"), ON_POLICY, **by_name)
@pytest.mark.parametrize("kind", ["multi_discrete", "multi_binary"])
def test_the_best_numbers_are_found_together(algorithm, config, kind):
    played = play(algorithm, config, FACTORS, [0, 1, 2], 8_000, kwargs={"kind": kind}, final_episodes=50)
    assert final_returns(played) == [1.0] * 3


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["multi_discrete", "multi_binary", "integers", "tuple"])
def test_the_best_numbers_are_found_as_one_choice(kind):
    config, wrappers = DQN.Config(**QUICK), named(ActionsAsOneChoice)
    played = play(DQN, config, FACTORS, [0, 1, 2], 3_000, kwargs={"kind": kind}, final_episodes=50, wrappers=wrappers)
    assert final_returns(played) == [1.0] * 3


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["integers", "tuple"])
def test_the_best_numbers_of_other_spaces_are_found_as_choices(kind):
    algorithm, config = ON_POLICY[0]
    wrappers = named(ActionsAsChoices)
    played = play(
        algorithm, config, FACTORS, [0, 1, 2], 8_000, kwargs={"kind": kind}, final_episodes=50, wrappers=wrappers
    )
    assert final_returns(played) == [1.0] * 3


MASKS = named(ActionMaskInObservation)


@pytest.mark.slow
@pytest.mark.parametrize("algorithm", [*FAMILY, PPO], **by_name)
def test_the_best_allowed_action_is_found_and_no_forbidden_one_is_tried(algorithm):
    more = {QRDQN: {"n_quantiles": 20}, Rainbow: {"v_min": 0, "v_max": 3}}.get(algorithm, {})
    given = {name: value for name, value in (QUICK | more).items() if name in algorithm.Config.__dataclass_fields__}
    config = ON_POLICY[0][1] if algorithm is PPO else algorithm.Config(**given)
    played = play(algorithm, config, FORBIDDING, [0, 1, 2], 4_000, final_episodes=1_000, wrappers=MASKS)
    assert np.mean(final_returns(played)) == pytest.approx(14 / 9, abs=0.03)


def test_random_draws_among_the_allowed_actions():
    played = play(Random, NoConfig(), FORBIDDING, [0, 1, 2], 400, final_episodes=1_000, wrappers=MASKS)
    assert np.mean(final_returns(played)) == pytest.approx(1.0, abs=0.03)


def test_without_the_mask_a_forbidden_action_is_tried():
    with pytest.raises(EnvironmentFault, match="is forbidden"):
        play(Random, NoConfig(), FORBIDDING, [0], 400)


def test_an_algorithm_that_ignores_the_mask_is_told():
    with pytest.raises(EnvironmentFault, match="which info\\['action_mask'\\] forbids"):
        play(A2C, A2C.Config(n_envs=4), FORBIDDING, [0], 400, wrappers=MASKS)


# -- the promises --------------------------------------------------------------------------------------------------------
CASES = {
    "several choices": ({"obs": 17, "actions": [2, 5, 3]}, ()),
    "one part": ({"obs": 3, "actions": [6]}, ()),
    "bits": ({"obs": 17, "bits": 3}, ()),
    "one bit": ({"obs": 3, "bits": 1}, ()),
    "no bounds": ({"obs": 17, "dims": 3, "bound": np.inf}, ()),
}
ONE_CHOICE = {
    "several choices as one": ({"obs": 17, "actions": [2, 5, 3]}, named(ActionsAsOneChoice)),
    "bits as one choice": ({"obs": 17, "bits": 3}, named(ActionsAsOneChoice)),
}
MASKED = {
    "masks": ({"obs": 17, "actions": 6, "masked": True}, MASKS),
    "masks, 3 numbers": ({"obs": 3, "actions": 3, "masked": True}, MASKS),
}
RUNS = [
    pytest.param(algorithm, config, *case, id=f"{algorithm.__name__}, {name}")
    for algorithms, cases in (
        (WALKERS, CASES),
        (VALUE[:1], ONE_CHOICE),
        ([*VALUE, WALKERS[0], (Random, NoConfig())], MASKED),
        ([RECURRENT], {name: (CASES | MASKED)[name] for name in ("several choices", "one bit", "no bounds", "masks")}),
        ([(Random, NoConfig())], {name: CASES[name] for name in ("several choices", "bits")}),
    )
    for algorithm, config in algorithms
    for name, case in cases.items()
]


@pytest.mark.parametrize(("algorithm", "config", "kwargs", "wrappers"), RUNS)
def test_a_run_does_not_depend_on_its_stack_mates(algorithm, config, kwargs, wrappers):
    check_independence(algorithm, config, SHAPES, 132, kwargs, wrappers)


@pytest.mark.parametrize(("algorithm", "config", "kwargs", "wrappers"), RUNS)
def test_a_resumed_run_is_the_uninterrupted_one(algorithm, config, kwargs, wrappers, tmp_path):
    assert 0 < check_resume(algorithm, config, SHAPES, 132, tmp_path, kwargs, wrappers=wrappers) < 132


@pytest.mark.parametrize(("algorithm", "config"), [VALUE[0], WALKERS[0], RECURRENT], **by_name)
def test_a_seed_whose_environment_fails_under_masks_is_parked_alone(algorithm, config):
    kwargs = {"obs": 5, "actions": 5, "masked": True, "end": 0.02}
    alone = play(algorithm, config, SHAPES, [3], 132, kwargs=kwargs, wrappers=MASKS).of_seed(3)
    first = play(algorithm, config, SHAPES, [7], 132, kwargs=kwargs, wrappers=MASKS).sink.episodes[0].reset_seed
    for after in (0, 3):
        bad = kwargs | {"bad_seeds": [first], "bad_after": after}
        played = play(algorithm, config, SHAPES, [3, 7], 132, kwargs=bad, wrappers=MASKS)
        assert set(played.outcome.failed) == {7} and played.of_seed(3) == alone
