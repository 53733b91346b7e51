"""Seeds of one stack whose settings differ in numbers get the numbers of a stack of their own setting."""

from dataclasses import dataclass
from types import SimpleNamespace

import pytest
import torch
from gymnasium.spaces import Box
from rlbench_dqn.dqn import DQN
from rlbench_ppo.ppo import PPO
from rlbench_sac.sac import SAC

from rlbench.api import AlgorithmSpec, Device, PerSeed, Supports
from rlbench.kit import Adam, RMSprop, Schedule, TorchAlgorithm
from rlbench.plugins.config_model import config_of_each_seed
from rlbench.plugins.resolution import describe
from rlbench.seeding import SeedStreams
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


def test_a_step_size_of_each_seed_moves_its_row_on_an_accelerator_as_it_would_all_rows():
    rates = [7.3e-3, 3e-4, 2.1e-4]
    start, gradients, everyone = torch.randn(3, 64), torch.randn(4, 3, 64), torch.ones(3, dtype=torch.bool)

    def after(rate):
        params = start.clone()
        optimizer = Adam([params], rate)
        for gradient in gradients:
            optimizer.step.add_(1)
            optimizer._written_out([params], [gradient], everyone)  # what `apply` calls there
        return params

    each = after(torch.tensor(rates, dtype=torch.float64).numpy())
    for row, rate in enumerate(rates):
        assert torch.equal(each[row], after(rate)[row])


def test_a_subclass_claims_nothing_by_what_its_base_claims():
    class Smaller(PPO):
        @dataclass(frozen=True)
        class Config(PPO.Config):
            pass

    described = [describe(AlgorithmSpec("it", a, Supports(discrete=True)), {}) for a in (PPO, Smaller)]
    assert [entry["per_seed"] for entry in described] == [list(PPO.per_seed), []]


def test_a_config_needs_no_hyperparameter_that_only_the_base_reads():
    class Plain(TorchAlgorithm):
        per_seed = ("rate", "left_out")

        def parts(self):
            return {}

        def act(self, obs):
            return obs

        def train(self, interaction):
            interaction.reset()

    task = SimpleNamespace(observation_space=Box(-1, 1, (2,)))
    plain = Plain(SimpleNamespace(rate=PerSeed((0.5, 0.25))), task, SeedStreams((0, 1)), Device("cpu", False))
    assert plain.factor("rate").tolist() == [0.5, 0.25]


def test_schedules_of_each_seed_are_those_of_single_seeds():
    rates = PerSeed([1e-3, "lin_0.01"])
    both = Schedule.parse(rates, 100)
    assert both.start.tolist() == [1e-3, 0.01]
    assert both(25).tolist() == [Schedule.parse(rate, 100)(25) for rate in rates] == [1e-3, 0.0075]
