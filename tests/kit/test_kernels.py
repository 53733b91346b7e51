"""Which kernels a run uses, and the trial of each of them."""

import json
import subprocess
import sys

import pytest
import torch

from rlbench.kit import MLP, Adam, clip, kernel_choice, same_bits, softplus, stacked_networks, value_and_grad, watched
from rlbench.plugins import load_plugins
from rlbench.seeding import SeedStreams
from rlbench.testing import play
from rlbench.testing.fakes import SHAPES
from rlbench.testing.subject import Subject

GENERATOR = torch.Generator()
SMALL = {
    "n_envs": 2,
    "batch_size": 8,
    "n_steps": 8,
    "learning_starts": 16,
    "net_arch": (20, 16),
    "tau": 0.1,
    "target_update_interval": 5,
    "episodes": 1,
}
ALGORITHMS = [
    "dqn",
    "double_dqn",
    "dueling_dqn",
    "per_dqn",
    "reinforce",
    "a2c",
    "ppo",
    "ddpg",
    "td3",
    "sac",
    "mbpo",
    "crossq",
    "recurrent_ppo",
    "iql",
    "vdn",
    "qmix",
    "qrdqn",
    "tqc",
    "rainbow",
    "ippo",
    "mappo",
]


@pytest.fixture(autouse=True)
def _anew():
    kernel_choice.forget()
    yield
    kernel_choice.forget()


def rand(*shape):
    return torch.randn(*shape, generator=GENERATOR)


def played(name, seeds=(3, 4)):
    spec = load_plugins().algorithm(name)
    algorithm = spec.load()
    fields = algorithm.Config.__dataclass_fields__
    config = algorithm.Config(**{key: value for key, value in SMALL.items() if key in fields})
    kind = {"dims": 2} if name in ("ddpg", "td3", "sac", "tqc", "mbpo", "crossq") else {"actions": 3}
    env_id, kwargs, backend = Subject(spec, {}).environment(SHAPES, {"obs": 5, "end": 0.2, **kind})
    return play(algorithm, config, env_id, seeds, 64, kwargs=kwargs, every=30, backend=backend)


def outcomes(function, *args):
    """What the trial of each operation says that `function` uses."""
    kernel_choice.forget()
    watched(function)(*args)
    return {kernel_choice.summary(use).split()[0]: same_bits(use) for use in kernel_choice.operations()}


@pytest.mark.parametrize("seeds", [(3,), (3, 4, 5)], ids=["alone", "stacked"])
@pytest.mark.parametrize("name", ALGORITHMS)
def test_every_kernel_of_an_algorithm_that_comes_along_is_noted_and_can_be_tried(name, seeds):
    played(name, seeds)
    names = {json.loads(use)[0].split(".")[1] for use in kernel_choice.operations()}
    assert {"baddbmm", "bmm", "_fused_adam_" if name != "a2c" else "addcdiv_"} <= names
    assert not [use for use in kernel_choice.operations() if len(json.loads(use)) == 1]


@pytest.mark.parametrize("name", ALGORITHMS)
def test_being_watched_changes_no_bit(name, monkeypatch):
    one = played(name)
    monkeypatch.setattr(kernel_choice, "is_new", lambda key: False)
    monkeypatch.setattr(stacked_networks, "is_new", lambda key: False)
    other = played(name)
    assert all(one.of_seed(seed) == other.of_seed(seed) for seed in (3, 4))


def test_a_function_is_noted_once_for_its_shapes():
    double = watched(lambda x: 2.0 * x)
    for rows in (3, 3, 4):
        double(rand(2, rows))
    assert [kernel_choice.summary(use) for use in kernel_choice.operations()] == ["mul [2, 3]", "mul [2, 4]"]
    kernel_choice.forget()
    double(rand(2, 3))
    assert len(kernel_choice.operations()) == 1


def test_a_networks_gradients_are_noted_with_it():
    network = MLP((5, 16, 3))
    params = network.init(SeedStreams((0, 1)), "init").requires_grad_()
    watched(lambda params, x: network(params, x).sum(-1).sum(-1).sum().backward())(params, rand(2, 4, 5))
    names = [kernel_choice.summary(use).split()[0] for use in kernel_choice.operations()]
    assert names.count("baddbmm") == 2 and "bmm" in names and "threshold_backward" in names


@pytest.mark.parametrize("lanes", [1, 4])
def test_what_reaches_over_lanes_or_cannot_be_tried_is_not_said_to_be_the_same(lanes):
    x = rand(lanes, 3, 17)
    assert outcomes(lambda x: x.cumsum(0), x) == {"cumsum": False}
    assert outcomes(lambda x: x.mean(), x) == {"mean": False}
    assert outcomes(lambda x: x[0] @ x[0].T, x) == {"mm": False}
    assert outcomes(lambda x: torch.nn.functional.layer_norm(x, [17]), x) == {"native_layer_norm": False}


@pytest.mark.parametrize("lanes", [1, 4])
def test_what_rounds_each_number_by_itself_has_the_same_bits_however_it_lies(lanes):
    x = rand(lanes, 3, 36)
    assert outcomes(lambda x: x[..., :17] * x[..., 17:34], x) == {"mul": True}
    assert outcomes(lambda x: x.transpose(0, 1) + 1.0, x) == {"add": True}
    assert outcomes(lambda x: x + x[:, :1, :1].expand(-1, 3, 36), x) == {"add": True}
    assert outcomes(lambda x, scale: x * scale, x, rand(36)) == {"mul": True}
    assert outcomes(lambda x: x.sqrt(), x) == {"sqrt": True}  # of negative numbers too


def test_a_kernel_whose_bits_depend_on_how_much_there_is_is_found(monkeypatch):
    real = torch.ops.aten.frac.default
    watched(torch.frac)(rand(2, 17))
    (use,) = kernel_choice.operations()
    assert same_bits(use)
    monkeypatch.setattr(torch.ops.aten.frac, "default", lambda x: real(x) * (1 + 1e-6 * (x.numel() > 40)))
    assert not same_bits(use)


def test_adam_is_tried_in_stacks_and_in_rows():
    params = rand(3, 32)
    adam, everyone = Adam([params], 0.1), torch.ones(3, dtype=torch.bool)
    adam.apply([params], [rand(3, 32)], everyone)
    adam.apply([params], [rand(3, 32)], torch.tensor([True, False, True]))
    adams = [use for use in kernel_choice.operations() if "_fused_adam_" in use]
    assert len(adams) == 2 and all(map(same_bits, adams))


@pytest.mark.parametrize("dims", [(4, 64, 64, 2), (17, 256, 6), (1, 32, 1), (5, 1, 17)])
@pytest.mark.parametrize("batch", [1, 2, 33])
def test_what_trials_say_of_a_network_and_its_gradients_is_so(dims, batch):
    network, x = MLP(dims, "tanh"), rand(5, batch, dims[0])
    params = network.init(SeedStreams(range(5)), "init")

    def gradients(lanes):
        def loss(params, x):
            return softplus(network(params, x)).flatten(1).mean(-1)

        mine = params[lanes].clone()
        by_params, by_inputs = value_and_grad(loss, [mine, x[lanes].clone()])[1]
        Adam([mine], 0.1).apply([mine], clip([by_params], 0.1), torch.ones(len(mine), dtype=torch.bool))
        return [mine, by_params, by_inputs]

    stacked = gradients(slice(0, 5))
    claimed = all(map(same_bits, kernel_choice.operations()))
    alone = [gradients(slice(s, s + 1)) for s in range(5)]
    assert not claimed or all(torch.equal(a[0], b[s]) for s, one in enumerate(alone) for a, b in zip(one, stacked))


def test_a_record_does_not_load_torchs_compiler():
    """Loading it takes a second and 70 MB in each process."""
    code = (
        "import sys, torch; from rlbench.kit import MLP, kernel_choice, value_and_grad;"
        "network = MLP([4, 8, 2], 'tanh'); params = [torch.zeros(2, network.size)];"
        "value_and_grad(lambda params, x: network(params, x).flatten(1).sum(-1), params, torch.zeros(2, 3, 4));"
        "print(len(kernel_choice.operations()) > 3, 'torch._dynamo' in sys.modules)"
    )
    ran = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert (ran.stdout.split(), ran.stderr) == (["True", "False"], "")
