"""Seeds of one stack whose settings differ in numbers get the numbers of a stack of their own setting."""

import pytest
import torch
from rlbench_dqn.dqn import DQN
from rlbench_ppo.ppo import PPO
from rlbench_sac.sac import SAC

from rlbench.api import PerSeed
from rlbench.kit import Adam, RMSprop, Schedule
from rlbench.plugins.config_model import config_of_each_seed
from rlbench.testing import play
from rlbench.testing.fakes import SHAPES

OFF_POLICY = {"net_arch": (16,), "learning_starts": 20, "batch_size": 16, "buffer_size": 64}
ROLLOUT = {"net_arch": (16,), "n_envs": 2, "n_steps": 16}
OF_PPO = {"gae_lambda": 0.7, "vf_coef": 0.3, "ent_coef": 0.013, "max_grad_norm": 0.013}
CASES = {
    DQN: (OFF_POLICY, {"learning_rate": 3e-3, "gamma": 0.9, "max_grad_norm": 0.013}),
    SAC: (OFF_POLICY, {"learning_rate": 3e-3, "gamma": 0.9}),
    PPO: (ROLLOUT | {"batch_size": 16}, {"learning_rate": 3e-3, "gamma": 0.9, "clip_range": "lin_0.3", **OF_PPO}),
}


def trained(algorithm, config, seeds, **options):
    kwargs = {"obs": 5, "dims": 3} if algorithm is SAC else {"obs": 5, "actions": 3}
    return play(algorithm, config, SHAPES, seeds, 128, kwargs=kwargs, **options)


@pytest.mark.slow
@pytest.mark.timeout(600)
@pytest.mark.filterwarnings("ignore")  # inductor's own
@pytest.mark.parametrize("algorithm", CASES)
def test_a_compiled_graph_of_several_settings_gives_each_its_own_numbers(algorithm):
    common, changes = CASES[algorithm]
    configs = [algorithm.Config(**common), algorithm.Config(**common | changes)]
    config = config_of_each_seed(configs, algorithm.per_seed, "it")
    assert {name for name in changes if isinstance(getattr(config, name), PerSeed)} == set(changes)
    together = trained(algorithm, config, (3, 4), compile=True)
    for seed, own in zip((3, 4), configs):
        assert together.of_seed(seed) == trained(algorithm, own, (seed, 20), compile=True).of_seed(seed)


@pytest.mark.parametrize("kind", [Adam, RMSprop])
def test_a_step_size_of_each_seed_moves_its_row_as_it_would_all_rows(kind):
    rates = [3e-3, 1e-2, 3e-3]
    start, gradients = torch.randn(3, 32), torch.randn(4, 3, 32)
    active = torch.tensor([[True] * 3, [True] * 3, [True, False, True], [True] * 3])

    def after(rate):
        params = start.clone()
        optimizer = kind([params], rate)
        for gradient, mask in zip(gradients, active):
            optimizer.set_lr(rate)
            optimizer.apply([params], [gradient], mask)
        return params

    each = after(torch.tensor(rates, dtype=torch.float64).numpy())
    for row, rate in enumerate(rates):
        assert torch.equal(each[row], after(rate)[row])


def test_schedules_of_each_seed_are_those_of_single_seeds():
    rates = PerSeed([1e-3, "lin_0.01"])
    both = Schedule.parse(rates, 100)
    assert both.start.tolist() == [1e-3, 0.01]
    assert both(25).tolist() == [Schedule.parse(rate, 100)(25) for rate in rates] == [1e-3, 0.0075]
