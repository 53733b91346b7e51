"""No product that the kit forms has one row, one column or one term: held by shapes, so on any processor."""

from dataclasses import replace
from itertools import product

import pytest
import torch
from torch.utils._python_dispatch import TorchDispatchMode

from rlbench.kit import MLP, value_and_grad
from rlbench.plugins import load_plugins
from rlbench.seeding import SeedStreams
from rlbench.testing import play
from rlbench.testing.fakes import SHAPES
from rlbench.testing.subject import Subject

ALGORITHMS = ["dqn", "double_dqn", "dueling_dqn", "per_dqn", "reinforce", "a2c", "ppo", "ddpg", "td3", "sac", "crossq"]
ALGORITHMS += ["qrdqn", "tqc", "rainbow", "recurrent_ppo", "iql", "vdn", "qmix", "ippo", "mappo"]
SMALLEST = {"n_envs": 1, "batch_size": 1, "n_steps": 4, "learning_starts": 4, "episodes": 1}
SMALLEST |= {"net_arch": (16, 1), "stream_hidden": 1, "mixing_embed_dim": 1, "hypernet_hidden_dim": 1}
SMALLEST |= {"n_quantiles": 1, "n_critics": 1, "top_quantiles_to_drop_per_net": 0, "n_atoms": 2}


class Products(TorchDispatchMode):
    """Keeps (rows, terms, columns) of every product that is formed meanwhile, in gradients too."""

    def __init__(self):
        super().__init__()
        self.sizes = []

    def __torch_dispatch__(self, function, types, args=(), kwargs=None):
        name = function.overloadpacket.__name__
        if name in ("bmm", "mm", "baddbmm", "addmm", "addbmm"):
            left, right = args[-2:]
            self.sizes.append((left.shape[-2], left.shape[-1], right.shape[-1]))
        assert name not in ("mv", "addmv", "dot", "vdot", "linear", "ger", "addr"), f"{name}: a product of vectors"
        return function(*args, **(kwargs or {}))


def smallest(algorithm):
    """Its configuration where every size that may be one is."""
    fields = algorithm.Config.__dataclass_fields__
    wanted = SMALLEST | ({"net_arch": (16, 2)} if "stream_hidden" in fields else {})  # it refuses one
    if "lstm_hidden_size" in fields:  # a sequence is not cut
        wanted |= {"lstm_hidden_size": 1, "batch_size": wanted["n_steps"]}
    return algorithm.Config(**{name: value for name, value in wanted.items() if name in fields})


@pytest.mark.parametrize("num_seeds", [1, 3])
@pytest.mark.parametrize("name", ALGORITHMS)
def test_whole_runs_form_no_product_of_one_row_column_or_term(name, num_seeds):
    spec = load_plugins().algorithm(name)
    algorithm, products = spec.load(), Products()
    kinds = [{"actions": 2}] * spec.supports.discrete + [{"dims": 1}] * spec.supports.continuous
    config = smallest(algorithm)
    configs = [replace(config, share_parameters=False), config] if hasattr(config, "share_parameters") else [config]
    for kind, config in product(kinds, configs):
        env_id, kwargs, backend = Subject(spec, {}).environment(SHAPES, {"obs": 1, "end": 0.3, **kind})
        with products:
            play(algorithm, config, env_id, range(num_seeds), 16, kwargs=kwargs, every=8, backend=backend)
    assert len(products.sizes) > 20 and min(map(min, products.sizes)) >= 2


@pytest.mark.parametrize("dims", [(1, 1), (3, 1, 2), (17, 32, 6), (1, 16, 1)])
@pytest.mark.parametrize("batch", [1, 2])
def test_a_networks_gradients_by_parameters_and_inputs_are_those_of_slow_sums(dims, batch):
    network, x = MLP(dims, "tanh"), torch.randn(2, batch, dims[0], generator=torch.Generator().manual_seed(0))
    params = network.init(SeedStreams(range(2)), "init")

    def slow(params, x):
        for i, (weight, bias) in enumerate(network._views(params)):
            x = (x.unsqueeze(-1) * weight.unsqueeze(1)).sum(2) + bias
            x = x[..., : network.layers[i][1]]
            x = torch.tanh(x) if i < len(network.layers) - 1 else x
        return x

    def found(function):
        def loss(params, x):
            return (function(params, x) ** 2).flatten(1).sum(-1)

        return [*value_and_grad(loss, [params, x])[1], function(params, x)]

    with Products() as products:
        ours = found(network)
    assert all(torch.allclose(a, b, atol=1e-6) for a, b in zip(ours, found(slow), strict=True))
    assert min(map(min, products.sizes)) >= 2


@pytest.mark.parametrize("dims", [(4, 64, 64, 2), (17, 256, 256, 6), (1, 16), (5, 1, 17), (3, 100, 1)])
@pytest.mark.parametrize("batch", [1, 2, 33, 100])
def test_a_networks_gradients_have_the_same_bits_in_any_stack(dims, batch):
    network, x = MLP(dims, "tanh"), torch.randn(5, batch, dims[0], generator=torch.Generator().manual_seed(0))
    params = network.init(SeedStreams(range(5)), "init")

    def gradients(lanes):
        def loss(params, x):
            return (network(params, x) ** 2).flatten(1).sum(-1)

        return value_and_grad(loss, [params[lanes].clone(), x[lanes].clone()])[1]

    stacked = gradients(slice(0, 5))
    for s in range(5):
        assert all(torch.equal(alone[0], all_[s]) for alone, all_ in zip(gradients(slice(s, s + 1)), stacked))
