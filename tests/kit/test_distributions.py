"""Stochastic policies against torch.distributions, numerical integration and counted draws."""

import numpy as np
import pytest
import torch
from gymnasium.spaces import Box, Discrete, MultiBinary, MultiDiscrete, Tuple
from torch import distributions as peers

from rlbench import SeedStreams
from rlbench.kit import MLP, value_and_grad
from rlbench.kit.discrete_distributions import Bernoullis, Categorical, Categoricals
from rlbench.kit.distributions import Actor, Gaussian, policy_for

GENERATOR = torch.Generator().manual_seed(0)
LOW, HIGH = np.array([-1, 0, -3], np.float32), np.array([2, 5, -1], np.float32)
SPACES = (
    {"1 action": Discrete(1), "3 actions": Discrete(3), "6 actions": Discrete(6)}
    | {f"{d} dims": Box(-1, 1, (d,), np.float32) for d in (1, 3, 6)}
    | {"2 and 5 actions": MultiDiscrete([2, 5]), "3 bits": MultiBinary(3), "1 bit": MultiBinary(1)}
)


def rand(*shape):
    return torch.randn(*shape, generator=GENERATOR)


def gaussian(dims, seeds=2, batch=4):
    """A Gaussian over `dims` dimensions with its means [S, B, A] and its own parameters [S, 16]."""
    return Gaussian(Box(-1, 1, (dims,), np.float32)), rand(seeds, batch, dims), 0.5 * rand(seeds, 16)


def test_a_categoricals_numbers_are_torchs():
    dist, logits, action = Categorical(Discrete(5)), 3 * rand(2, 7, 5), torch.randint(5, (2, 7), generator=GENERATOR)
    peer, none = peers.Categorical(logits=logits), torch.zeros(2, 0)
    assert torch.allclose(dist.log_prob(logits, none, action), peer.log_prob(action), atol=1e-6)
    assert torch.allclose(dist.entropy(logits, none), peer.entropy(), atol=1e-6)
    assert torch.equal(dist.mode(logits, none), peer.mode)


def test_a_categorical_is_drawn_with_its_probabilities():
    dist, logits = Categorical(Discrete(4)), rand(2, 1, 4)
    draws = 40_000
    noise = torch.from_numpy(dist.noise(SeedStreams([1, 2]), "act", draws))
    action = dist.sample(logits.expand(2, draws, 4), torch.zeros(2, 0), noise)
    for s in range(2):
        share = torch.bincount(action[s], minlength=4) / draws
        assert torch.allclose(share, logits[s, 0].softmax(-1), atol=0.01)


@pytest.mark.parametrize("uniform", [0.0, 1.0])
def test_the_ends_of_the_unit_interval_give_possible_actions(uniform):
    """A number below 1 in float64 may be 1 in float32."""
    dist, logits = Categorical(Discrete(3)), torch.tensor([[[0.0, 0.0, -200.0]]])
    action = dist.sample(logits, torch.zeros(1, 0), torch.full((1, 1), uniform))
    assert 0 <= action.item() < 3 and torch.isfinite(dist.log_prob(logits, torch.zeros(1, 0), action)).all()


def test_discrete_actions_start_where_their_space_does():
    dist = policy_for(Discrete(3, start=5))
    assert dist.to_env(torch.tensor([[0, 2]])).tolist() == [[5, 7]]


NONE = torch.zeros(2, 0)


def test_a_product_of_categoricals_has_torchs_numbers_summed_over_its_parts():
    dist, logits = Categoricals(MultiDiscrete([2, 5, 3])), 3 * rand(2, 7, 10)
    action = torch.stack([torch.randint(n, (2, 7), generator=GENERATOR) for n in (2, 5, 3)], -1)
    parts = [peers.Categorical(logits=part) for part in logits.split([2, 5, 3], -1)]
    expected = sum(peer.log_prob(action[..., i]) for i, peer in enumerate(parts))
    assert torch.allclose(dist.log_prob(logits, NONE, action), expected, atol=1e-5)
    assert torch.allclose(dist.entropy(logits, NONE), sum(peer.entropy() for peer in parts), atol=1e-5)
    assert torch.equal(dist.mode(logits, NONE), torch.stack([peer.mode for peer in parts], -1))


def test_a_product_by_hand():
    """Probabilities 1/4, 3/4 and 1/2, 1/3, 1/6: (1, 2) has probability 3/4 · 1/6 = 1/8."""
    logits = torch.tensor([[[1, 3, 3, 2, 1]]]).log()
    dist, none = Categoricals(MultiDiscrete([2, 3])), torch.zeros(1, 0)
    assert dist.log_prob(logits, none, torch.tensor([[[1, 2]]])).exp().item() == pytest.approx(1 / 8)
    entropy = np.log(4) - 0.75 * np.log(3) + np.log(2) / 2 + np.log(3) / 3 + np.log(6) / 6
    assert dist.entropy(logits, none).item() == pytest.approx(entropy)
    assert dist.mode(logits, none).tolist() == [[[1, 0]]]


def test_bits_have_torchs_numbers_summed():
    dist, odds = Bernoullis(MultiBinary(4)), 3 * rand(2, 7, 4)
    action = torch.randint(2, (2, 7, 4), generator=GENERATOR)
    peer = peers.Independent(peers.Bernoulli(logits=odds), 1)
    assert torch.allclose(dist.log_prob(odds, NONE, action), peer.log_prob(action.float()), atol=1e-5)
    assert torch.allclose(dist.entropy(odds, NONE), peer.entropy(), atol=1e-5)
    assert torch.equal(dist.mode(odds, NONE), (odds > 0).long())


@pytest.mark.parametrize("bit", [0, 1])
def test_the_gradient_of_a_bit_is_exact_where_it_is_undecided(bit):
    """∂/∂x log p(a) = a − σ(x), which is ±1/2 at the x = 0 of a network that has learned nothing."""
    dist, action = Bernoullis(MultiBinary(1)), torch.full((1, 1, 1), bit)
    _, (grad,) = value_and_grad(lambda x: dist.log_prob(x, None, action).mean(-1), [torch.zeros(1, 1, 1)])
    assert grad.item() == bit - 0.5


@pytest.mark.parametrize("space", [MultiDiscrete([3, 2]), MultiBinary(2)], ids=str)
def test_every_combination_is_drawn_with_the_product_of_its_probabilities(space):
    dist, draws = policy_for(space), 40_000
    outputs = rand(2, 1, dist.outputs).expand(2, draws, dist.outputs)
    noise = torch.from_numpy(dist.noise(SeedStreams([1, 2]), "act", draws))
    action = dist.sample(outputs, NONE, noise)
    for combination in np.ndindex(3 if isinstance(space, MultiDiscrete) else 2, 2):
        chosen = torch.tensor(combination)
        share = (action == chosen).all(-1).float().mean(1)
        expected = dist.log_prob(outputs[:, :1], NONE, chosen.expand(2, 1, 2)).exp()[:, 0]
        assert torch.allclose(share, expected, atol=0.01)


@pytest.mark.parametrize(
    ("space", "inside", "given"),
    [
        (MultiDiscrete([2, 3], start=[5, -1]), [1, 0], [6, -1]),
        (MultiDiscrete(np.full((2, 2), 3)), [0, 1, 2, 0], [[0, 1], [2, 0]]),
        (MultiDiscrete([4], dtype=np.int8), [3], [3]),
        (MultiBinary(3), [1, 0, 1], [1, 0, 1]),
        (MultiBinary((2, 2)), [1, 0, 0, 1], [[1, 0], [0, 1]]),
    ],
    ids=str,
)
def test_several_choices_take_the_start_shape_and_dtype_of_their_space(space, inside, given):
    found = policy_for(space).to_env(torch.tensor([[inside]]))
    assert found.tolist() == [[given]] and found.dtype == space.dtype and space.contains(found[0, 0])


@pytest.mark.parametrize("dims", [1, 3, 6])
def test_a_gaussians_numbers_are_torchs(dims):
    dist, mean, extra = gaussian(dims)
    action = rand(2, 4, dims)
    peer = peers.Independent(peers.Normal(mean, extra[:, None, :dims].exp()), 1)
    assert torch.allclose(dist.log_prob(mean, extra, action), peer.log_prob(action), atol=1e-5)
    assert torch.allclose(dist.entropy(mean, extra), peer.entropy(), atol=1e-5)
    assert torch.equal(dist.mode(mean, extra), mean)


def test_a_gaussians_density_integrates_to_one_and_its_entropy_is_the_integral():
    dist, mean, extra = gaussian(1, seeds=1, batch=1)
    x = torch.linspace(-12, 12, 200_001, dtype=torch.float64)
    log_prob = dist.log_prob(mean.double().expand(1, len(x), 1), extra.double(), x.view(1, -1, 1))[0]
    assert torch.trapezoid(log_prob.exp(), x).item() == pytest.approx(1, abs=1e-6)
    entropy = torch.trapezoid(-log_prob.exp() * log_prob, x).item()
    assert dist.entropy(mean, extra).item() == pytest.approx(entropy, abs=1e-5)


def test_a_gaussian_is_drawn_with_its_means_and_deviations():
    dist, mean, extra = gaussian(3, batch=1)
    noise = torch.from_numpy(dist.noise(SeedStreams([1, 2]), "act", 40_000).copy())
    action = dist.sample(mean.expand(2, 40_000, 3), extra, noise)
    deviation = extra[:, :3].exp()
    assert torch.allclose(action.mean(1), mean[:, 0], atol=0.02 * deviation.max().item())
    assert torch.allclose(action.std(1) / deviation, torch.ones(2, 3), atol=0.02)
    assert np.corrcoef(action[0].T.numpy())[np.triu_indices(3, 1)] == pytest.approx(0, abs=0.02)


def test_a_seeds_log_std_is_its_own_and_the_padding_learns_nothing():
    dist, mean, extra = gaussian(3)
    action = rand(2, 4, 3)
    _, (grad,) = value_and_grad(lambda e: dist.log_prob(mean, e, action).mean(-1), [extra])
    z = (action - mean) / extra[:, None, :3].exp()
    assert torch.allclose(grad[:, :3], (z * z - 1).mean(1), atol=1e-5)  # ∂/∂log σ = z² − 1
    assert (grad[:, 3:] == 0).all()


def test_actions_are_clipped_to_the_bounds_of_their_own_dimension():
    space = Box(LOW, HIGH)
    actions = torch.tensor([[[-9.0, -9.0, -9.0], [9.0, 9.0, 9.0], [0.5, 4.5, -2.5]]])
    found = policy_for(space).to_env(actions)
    assert found.tolist() == [[LOW.tolist(), HIGH.tolist(), [0.5, 4.5, -2.5]]] and found.dtype == np.float32


def test_actions_without_a_bound_are_not_clipped():
    space = Box(np.float32([-np.inf, 0, -np.inf]), np.float32([np.inf, np.inf, 1]))
    actions = torch.tensor([[[-9.0, -9.0, -9.0], [9.0, 9.0, 9.0]]])
    assert policy_for(space).to_env(actions).tolist() == [[[-9, 0, -9], [9, 9, 1]]]


def test_actions_take_the_shape_and_dtype_of_their_space():
    space = Box(-0.1, 0.1, (2, 3), np.float64)  # 0.1 in float32 lies above it
    found = policy_for(space).to_env(torch.ones(4, 5, 6))
    assert found.shape == (4, 5, 2, 3) and space.contains(found[0, 0])


def test_what_the_environment_is_given_is_not_the_tensor_that_is_kept():
    for space, action in (
        (Discrete(2), torch.zeros(1, 2, dtype=torch.int64)),
        (Box(-1, 1, (1,)), torch.zeros(1, 2, 1)),
        (MultiDiscrete([2, 2]), torch.zeros(1, 2, 2, dtype=torch.int64)),
        (MultiBinary(2), torch.zeros(1, 2, 2, dtype=torch.int64)),
    ):
        policy_for(space).to_env(action)[:] = 1
        assert (action == 0).all()


def test_a_space_without_a_policy_is_refused():
    for space in (Tuple([Discrete(2)]), Box(0, 255, (2,), np.uint8)):
        with pytest.raises(TypeError, match="no policy for actions in"):
            policy_for(space)


@pytest.mark.parametrize("hidden", [(), (32,), (20, 33)])
@pytest.mark.parametrize("space", SPACES.values(), ids=SPACES.keys())
def test_an_actor_is_the_network_of_its_row(space, hidden):
    dist = policy_for(space)
    actor = Actor(dist, 17, hidden, "tanh")
    whole = MLP((17, *hidden, dist.outputs), "tanh", "orthogonal", [*[2**0.5] * len(hidden), 0.01])
    params, obs = actor.init(SeedStreams([1, 2]), "init", -0.7), rand(2, 5, 17)
    assert params.shape[1] % 16 == 0
    outputs, extra = actor(params, obs)
    assert torch.equal(params[:, : whole.size], whole.init(SeedStreams([1, 2]), "init"))
    assert torch.equal(outputs, whole(params[:, : whole.size], obs))
    assert extra.shape == (2, dist.extra) and (extra == -0.7).all()
    assert actor.features(params, obs).shape == (2, 5, actor.width)


@pytest.mark.parametrize("batch", [1, 33, 100])
@pytest.mark.parametrize("space", SPACES.values(), ids=SPACES.keys())
def test_a_seeds_bits_do_not_depend_on_the_stack(space, batch):
    dist = policy_for(space)
    actor, streams = Actor(dist, 17, (32,), "tanh"), SeedStreams(range(5))
    params = actor.init(streams, "init", -0.3) + 0.1 * rand(5, 1)
    obs, noise = rand(5, batch, 17), torch.from_numpy(dist.noise(streams, "act", batch).copy())

    def everything(rows):
        row, x, n = params[rows].clone(), obs[rows].clone(), noise[rows].clone()
        action = dist.sample(*actor(row, x), n)

        def objective(p):
            out = actor(p, x)
            return (dist.log_prob(*out, action) + dist.entropy(*out)).mean(-1)

        value, (grad,) = value_and_grad(objective, [row])
        return action, value, grad

    stacked = everything(list(range(5)))
    for s in range(5):
        for alone, together in zip(everything([s]), stacked):
            assert torch.equal(alone[0], together[s])
