"""The kit's parts against something independent: torch's own modules, slow loops, hand-computed numbers."""

import numpy as np
import pytest
import torch
from support.torch_modules import module_of
from torch import nn

from rlbench import Device, SeedStreams
from rlbench.kit import (
    MLP,
    Adam,
    Every,
    Field,
    Replay,
    Rollout,
    clip,
    compile_methods,
    compiled,
    decay,
    gae,
    pack,
    parse_schedule,
    polyak,
    sigmoid,
    softplus,
    unpack,
    value_and_grad,
)
from rlbench.kit.stacked_networks import LONG

GENERATOR = torch.Generator().manual_seed(0)


def rand(*shape):
    return torch.randn(*shape, generator=GENERATOR)


@pytest.mark.parametrize("activation", ["tanh", "relu"])
@pytest.mark.parametrize(
    ("dims", "batch"),
    [((17, 32, 6), 5), ((4, 100, 33, 1), 5), ((3, 2), 5), ((17, 64, 1), LONG // 64), ((4, 33, 1), LONG)],
)
def test_an_mlp_is_the_network_torch_builds_of_its_parameters(dims, batch, activation):
    """A layer of one output is a sum where what goes into it is long."""
    mlp = MLP(dims, activation, "orthogonal")
    params, x = mlp.init(SeedStreams([1, 2, 3]), "init") + 0.1, rand(3, batch, dims[0])  # biases that are not 0
    assert params.shape == (3, mlp.size) and mlp.size % 16 == 0
    for s in range(3):
        peer = module_of(mlp, params[s], nn.Tanh if activation == "tanh" else nn.ReLU)
        assert torch.allclose(mlp(params, x)[s], peer(x[s]), atol=1e-5)


@torch.no_grad()
def test_an_mlp_follows_its_parameters_wherever_it_is_called_with_them_and_whatever_stands_beside_them():
    mlp, x = MLP((4, 20, 3), "tanh"), rand(2, 5, 4)
    first, second = mlp.init(SeedStreams([1, 2]), "init"), mlp.init(SeedStreams([3, 4]), "init")
    found = [mlp(params, x) for params in (first, second, first, first)]
    assert torch.equal(found[0], found[2]) and torch.equal(found[0], found[3]) and not torch.equal(found[0], found[1])
    first.copy_(second)  # an optimiser's step, a target that follows, a checkpoint taken back
    assert torch.equal(mlp(first, x), found[1])
    assert torch.equal(mlp(torch.cat([second, rand(2, 16)], 1), x), found[1])


@pytest.mark.parametrize(("outputs", "batch"), [(3, 7), (1, LONG // 20 + 1)])
def test_gradients_per_seed_are_those_of_each_seed_alone(outputs, batch):
    mlp = MLP((4, 20, outputs), "tanh")
    params, x, y = mlp.init(SeedStreams([1, 2]), "init"), rand(2, batch, 4), rand(2, batch, outputs)
    loss, (grad,) = value_and_grad(lambda p, x, y: ((mlp(p, x) - y) ** 2).mean((-2, -1)), [params], x, y)
    for s in range(2):
        module = module_of(mlp, params[s])
        alone = ((module(x[s]) - y[s]) ** 2).mean()
        alone.backward()
        assert torch.allclose(loss[s], alone, atol=1e-6)
        assert grad[s].norm().item() == pytest.approx(
            torch.cat([p.grad.ravel() for p in module.parameters()]).norm().item(), rel=1e-5
        )
        assert grad[s].count_nonzero() <= sum(p.numel() for p in module.parameters())  # the padding learns nothing


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore")  # inductor's own
@pytest.mark.parametrize(("outputs", "activation"), [(1, "relu"), (3, "tanh")])
def test_a_graph_gives_the_values_and_gradients_of_the_functions_it_is_made_of(outputs, activation):
    mlp = MLP((4, 20, 16, outputs), activation)
    args = [mlp.init(SeedStreams([1, 2, 3]), "init")], rand(3, 9, 4), rand(3, 9, outputs)

    def loss(params, x, y):
        return ((mlp(params, x) - y) ** 2).mean((-2, -1))

    def both(params, x, y):
        return value_and_grad(loss, params, x, y)

    plain, graph = (compiled(both, Device(compile=compile))(*args) for compile in (False, True))
    for a, b in ((plain[0], graph[0]), (plain[1][0], graph[1][0])):
        assert torch.allclose(a, b, rtol=1e-5, atol=1e-7)
    assert graph[1][0].count_nonzero() <= 3 * sum(a * b + b for a, b in mlp.layers)  # the padding learns nothing


def test_orthogonal_layers_are_orthogonal_with_their_gain():
    mlp = MLP((8, 32, 4), "tanh", "orthogonal", [2**0.5, 0.01])
    module = module_of(mlp, mlp.init(SeedStreams([0]), "init")[0])
    first, last = module[0].weight, module[2].weight
    assert torch.allclose(first.T @ first, 2 * torch.eye(8), atol=1e-5)
    assert torch.allclose(last @ last.T, 1e-4 * torch.eye(4), atol=1e-7)


def test_initial_parameters_depend_on_the_seed_alone():
    mlp = MLP((4, 16, 2))
    alone, stacked = (mlp.init(SeedStreams(seeds), "init") for seeds in ([3], [7, 3]))
    assert torch.equal(alone[0], stacked[1]) and not torch.equal(stacked[0], stacked[1])


@pytest.mark.parametrize("eps", [1e-8, 1e-5])
def test_adam_is_torchs_adam_for_each_seed(eps):
    params = [rand(3, 32), rand(3, 16)]
    peers = [[nn.Parameter(p[s].clone()) for p in params] for s in range(3)]
    ours, theirs = Adam(params, 1e-2, eps), [torch.optim.Adam(p, 1e-2, eps=eps) for p in peers]
    for step in range(20):
        ours.set_lr(1e-2 / (step + 1))
        grads = [rand(3, 32), rand(3, 16)]
        ours.apply(params, grads, torch.ones(3, dtype=torch.bool))
        for s in range(3):
            theirs[s].param_groups[0]["lr"] = 1e-2 / (step + 1)
            for p, g in zip(peers[s], grads):
                p.grad = g[s]
            theirs[s].step()
    for s in range(3):
        for p, q in zip(params, peers[s]):
            assert torch.allclose(p[s], q, atol=1e-6)


def test_a_seed_is_updated_alike_in_one_call_with_the_others_and_row_by_row():
    """Once a seed has stood still, rows are updated one by one; the others must not notice."""
    for size in (16, 48, 4_752):
        start, grads = rand(5, size), [rand(5, size) for _ in range(6)]
        together, apart = [start.clone()], [start.clone()]
        a, b = Adam(together, 1e-2), Adam(apart, 1e-2)
        for i, g in enumerate(grads):
            a.apply(together, [g.clone()], torch.ones(5, dtype=torch.bool))
            b.apply(apart, [g.clone()], torch.tensor([True, True, i != 2, True, True]))
        same = [torch.equal(p, q) for p, q in zip(together[0], apart[0])]
        assert same == [True, True, False, True, True]


def test_what_accelerators_compute_agrees_with_the_fused_kernel_to_a_relative_1e_5():
    start = 1 + rand(3, 32).abs()  # away from 0, near which a difference of roundings is any part of a number
    grads = [rand(3, 32) for _ in range(10)]
    fused, written = [start.clone()], [start.clone()]
    a, b = Adam(fused, 1e-3), Adam(written, 1e-3)
    for i, g in enumerate(grads):
        active = torch.tensor([True, i != 4, True])
        a.apply(fused, [g.clone()], active)
        b.step.add_(active)
        b._written_out(written, [g], active)
    assert torch.allclose(fused[0], written[0], rtol=1e-5)


def test_an_inactive_seed_keeps_its_bits_whatever_its_gradient():
    params = [rand(3, 16)]
    optimizer = Adam(params, 0.1)
    optimizer.apply(params, [rand(3, 16)], torch.tensor([True, True, True]))
    before, moments = params[0].clone(), [t.clone() for t in optimizer.state().values()]
    grad = rand(3, 16)
    grad[1] = float("nan")
    optimizer.apply(params, [grad], torch.tensor([True, False, True]))
    assert torch.equal(params[0][1], before[1]) and torch.isfinite(params[0]).all()
    assert not torch.equal(params[0][0], before[0])
    assert all(torch.equal(new[1], old[1]) for new, old in zip(optimizer.state().values(), moments))
    assert optimizer.step.tolist() == [2, 1, 2]
    optimizer.apply(params, [grad], torch.tensor([False, False, False]))
    assert optimizer.step.tolist() == [2, 1, 2]


def test_a_stack_that_goes_on_from_unequal_steps_counts_each_seeds_own():
    params, again = [rand(2, 16)], [torch.zeros(2, 16)]
    first, second = Adam(params, 1e-2), Adam(again, 1e-2)
    first.apply(params, [rand(2, 16)], torch.tensor([True, False]))
    again[0].copy_(params[0])
    second.load_state({k: v.clone() for k, v in first.state().items()})
    grad, on = rand(2, 16), torch.ones(2, dtype=torch.bool)
    first.apply(params, [grad.clone()], on)
    second.apply(again, [grad.clone()], on)
    assert torch.equal(params[0], again[0]) and second.step.tolist() == [2, 1]


@pytest.mark.parametrize("active", [[True, True, True], [True, False, True]])
def test_a_target_follows_by_its_share_where_the_seed_learns(active):
    target, online = torch.zeros(3, 16), torch.full((3, 16), 8.0)
    polyak(target, online, 0.25, torch.tensor(active))
    assert target[:, 0].tolist() == [2.0 if on else 0.0 for on in active]


def test_clipping_is_per_seed_and_over_all_tensors():
    grads = [torch.tensor([[3.0, 0.0], [0.3, 0.0]]), torch.tensor([[0.0, 4.0], [0.0, 0.4]])]
    clipped = clip(grads, 1.0)
    assert torch.allclose(clipped[0], torch.tensor([[0.6, 0.0], [0.3, 0.0]]), atol=1e-6)  # norm 5 → 1; norm 0.5 stays
    assert torch.allclose(clipped[1], torch.tensor([[0.0, 0.8], [0.0, 0.4]]), atol=1e-6)


def slow_gae(reward, discount, value, next_value, cut, lam):
    advantage = np.zeros_like(reward)
    for s, t, n in np.ndindex(reward.shape):
        weight = 1.0
        for k in range(t, reward.shape[1]):
            advantage[s, t, n] += weight * (reward[s, k, n] + discount[s, k, n] * next_value[s, k, n] - value[s, k, n])
            if cut[s, k, n]:
                break
            weight *= discount[s, k, n] * lam
    return advantage


@pytest.mark.parametrize("lam", [0.0, 0.9, 1.0])
def test_gae_is_the_sum_it_stands_for(lam):
    rng = np.random.default_rng(0)
    shape = (2, 9, 3)
    reward, value, next_value = rng.standard_normal((3, *shape))
    terminated, truncated = rng.random((2, *shape)) < 0.2
    arguments = (reward, 0.9 * ~terminated, value, next_value, terminated | truncated)
    found = gae(*(torch.from_numpy(x) for x in arguments), lam)
    assert found.numpy() == pytest.approx(slow_gae(*arguments, lam))


def test_gae_bootstraps_at_truncation_but_not_at_termination():
    one = torch.ones(1, 1, 2)
    discount = torch.tensor([[[0.0, 0.5]]])  # terminated, truncated
    cut = torch.ones(1, 1, 2, dtype=torch.bool)
    assert gae(one, discount, 0 * one, 10 * one, cut, 0.9).tolist() == [[[1.0, 6.0]]]


@pytest.mark.parametrize("num_envs", [1, 3])
def test_sums_over_advantages_have_the_same_bits_in_any_stack(num_envs):
    values = torch.from_numpy(np.random.default_rng(0).standard_normal((3, 3, 33, num_envs)).astype(np.float32))
    never = torch.zeros(3, 33, num_envs, dtype=torch.bool)

    def sums(rows):
        reward, value, next_value = values[:, rows]
        return gae(reward, torch.full_like(reward, 0.9), value, next_value, never[rows], 0.95).flatten(1).sum(-1)

    together = sums(slice(0, 3))
    assert all(torch.equal(sums(slice(i, i + 1))[0], together[i]) for i in range(3))


def test_gae_can_be_differentiated():
    value, one = torch.zeros(1, 3, 1, requires_grad=True), torch.ones(1, 3, 1)
    gae(one, 0.5 * one, value, one, one > 1, 0.8).sum().backward()
    assert value.grad.flatten().tolist() == pytest.approx([-1, -1.4, -1.56])  # each advantage counts V(s_t) with −0.4ᵏ


def test_gae_refuses_shapes_that_differ():
    one = torch.ones(1, 2, 2)
    with pytest.raises(ValueError, match="shapes differ"):
        gae(one, one, one, one[:, :1], one > 0, 0.9)


@pytest.mark.parametrize("x", [torch.linspace(-100, 100, 999), torch.tensor([-1e4, 0.0, 1e4])])
def test_written_out_activations_are_the_functions_they_name(x):
    assert torch.allclose(softplus(x), nn.functional.softplus(x), atol=1e-6)
    assert torch.allclose(sigmoid(x), torch.sigmoid(x), atol=1e-6)


@pytest.mark.parametrize("function", [softplus, sigmoid, torch.tanh, torch.relu])
@pytest.mark.parametrize("shape", [(1, 1), (1, 3), (33, 6), (100, 17), (7, 100)])
def test_an_activations_bits_do_not_depend_on_the_stack(function, shape):
    x = rand(7, *shape)
    stacked = function(x)
    assert all(torch.equal(function(x[s : s + 1].clone())[0], stacked[s]) for s in range(7))


@pytest.mark.parametrize(
    ("inputs", "outputs", "batch"), [(256, 6, 1), (17, 3, 33), (4, 1, 1), (100, 1, 100), (64, 2, 8), (1, 17, 33)]
)
def test_a_layers_bits_do_not_depend_on_the_stack(inputs, outputs, batch):
    mlp, x = MLP((inputs, outputs)), rand(5, batch, inputs)
    params = mlp.init(SeedStreams(range(5)), "init")
    stacked = mlp(params, x)
    for s in range(5):
        assert torch.equal(mlp(params[s : s + 1].clone(), x[s : s + 1].clone())[0], stacked[s])


def rows(first, count, seeds=2):
    values = np.arange(first, first + count, dtype=np.float32)
    return np.stack([values + 100 * s for s in range(seeds)])  # [S, N]


@pytest.mark.parametrize("per_step", [1, 2, 3])
def test_replay_holds_the_newest_transitions(per_step):
    replay = Replay(2, 7, x=Field(), y=Field((2,)))
    for first in range(0, 24, per_step):
        x = rows(first, per_step)
        replay.add(x=x, y=np.stack([x, -x], -1))
    everything = replay.sample(torch.arange(7).expand(2, 7))
    assert sorted(everything["x"][0].tolist()) == list(range(17, 24))
    assert torch.equal(everything["x"][1], everything["x"][0] + 100)
    assert torch.equal(everything["y"], torch.stack([everything["x"], -everything["x"]], -1))


def test_replay_comes_back_from_its_state():
    replay, again = (Replay(2, 5, x=Field()) for _ in range(2))
    for i in range(3):
        replay.add(x=rows(i, 1))
    unpack({"replay": again}, pack({"replay": replay}, 2))
    for i in range(3, 9):
        replay.add(x=rows(i, 1))
        again.add(x=rows(i, 1))
    assert again.size == 5 and torch.equal(again.state()["x"], replay.state()["x"])


def test_a_rollout_keeps_steps_in_order():
    rollout = Rollout(2, 3, 4, x=Field())
    for t in range(3):
        assert not rollout.full
        rollout.add(x=rows(10 * t, 4))
    assert rollout.full
    assert rollout.tensors()["x"].shape == (2, 3, 4)
    assert rollout.tensors()["x"][1, 2].tolist() == [120, 121, 122, 123]


def test_pack_and_unpack_keep_tensors_objects_and_counts():
    def parts():
        return {"t": torch.zeros(2, 3), "n": np.zeros((2, 1)), "every": Every(10)}

    first, second = parts(), parts()
    first["t"][:], first["n"][:] = 5, 7
    first["every"].due(35)
    packed = pack(first, 2)
    assert {k: len(v) for k, v in packed.items()} == {"t": 2, "n": 2, "every.passed": 2}
    unpack(second, packed)
    assert torch.equal(second["t"], first["t"]) and second["n"].tolist() == [[7], [7]]
    assert second["every"].due(35) == 0 and second["every"].due(40) == 1


def test_every_counts_the_multiples_it_crosses():
    every = Every(10)
    assert [every.due(steps) for steps in (4, 8, 12, 16, 20, 24, 55)] == [0, 0, 1, 0, 1, 0, 3]


def test_decay_follows_its_shape():
    assert [decay(1.0, 0.2, 100, s) for s in (0, 50, 100, 200)] == pytest.approx([1.0, 0.6, 0.2, 0.2])
    assert [decay(1.0, 0.01, 100, s, "exponential") for s in (0, 50, 100)] == pytest.approx([1.0, 0.1, 0.01])
    assert decay(3.0, 0.0, 100, 70, "constant") == 3.0 and decay(1.0, 0.5, 0, 0) == 0.5
    with pytest.raises(ValueError, match="known: constant"):
        decay(1, 0, 1, 0, "cosine")


def test_a_setting_that_may_fall_is_a_number_and_the_shape_of_its_decay():
    assert parse_schedule(3e-4) == parse_schedule("0.0003") == (3e-4, "constant")
    number, shape = parse_schedule("lin_0.0003")
    assert [decay(number, 0.0, 100, s, shape) for s in (0, 50, 100)] == pytest.approx([3e-4, 1.5e-4, 0.0])
    with pytest.raises(ValueError):
        parse_schedule("linear")


def test_methods_are_compiled_in_their_objects_place_and_in_no_others():
    """Each under its own name; without a device that compiles they only stop recording gradients."""

    class Doubling:
        def double(self, x):
            return 2 * x

        def triple(self, x):
            return 3 * x

    one, other = Doubling(), Doubling()
    compile_methods(Device(), one.double, one.triple)
    x = torch.ones(1, requires_grad=True)
    assert (one.double(x).item(), one.triple(x).item()) == (2, 3)
    assert not one.double(x).requires_grad and not one.triple(x).requires_grad and other.double(x).requires_grad
    with pytest.raises(AttributeError):
        compile_methods(Device(), lambda x: x)


def test_compiled_is_the_function_itself_when_it_is_off():
    def double(x):
        assert not torch.is_grad_enabled()
        return 2 * x

    assert compiled(double, Device())(torch.ones(2)).tolist() == [2, 2]
