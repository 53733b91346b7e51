"""The LSTM is torch's, lane by lane, and an episode that starts in a sequence knows nothing of the one before."""

import numpy as np
import pytest
import torch
from support.torch_lstm import lstm_module, lstm_parts, padding

from rlbench.kit import LSTM, ActorCriticLSTM, sequence_minibatches
from rlbench.seeding import SeedStreams

SIZES = [(3, 20, 7, 5), (1, 16, 5, 1), (2, 64, 32, 8)]  # inputs, units, steps, environments


def rand(*shape, seed=0):
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed))


def drawn(inputs, units, steps, batch, lanes=3):
    """An LSTM with parameters, inputs, starts and a memory."""
    lstm = LSTM(inputs, units)
    memory = torch.zeros(lanes, batch, 2, lstm.memory_size // 2)
    memory[..., :units] = rand(lanes, batch, 2, units, seed=1)
    start = rand(lanes, steps, batch, seed=2) > 0.8
    params = lstm.init(SeedStreams(range(lanes)), "init")
    return lstm, params, rand(lanes, steps, batch, inputs), start, memory.flatten(2)


def gradient(lstm, params, x, start, memory, weights):
    params = params.clone().requires_grad_()
    out = lstm.outputs(params, x, start, memory)
    (out * weights).sum().backward()
    return out.detach(), params.grad


@pytest.mark.parametrize("sizes", SIZES)
def test_outputs_and_gradients_are_those_of_torchs_lstm_for_every_lane(sizes):
    lstm, params, x, start, memory = drawn(*sizes)
    weights = rand(3, *sizes[2:], sizes[1], seed=3)
    out, grad = gradient(lstm, params, x, start, memory, weights)
    for lane in range(3):
        module, found = lstm_module(lstm, params[lane]), []
        hidden, cell = memory[lane].unflatten(1, (2, -1))[..., : lstm.units].unbind(1)
        for t in range(sizes[2]):
            keep = ~start[lane, t].unsqueeze(1)
            one, (hidden, cell) = module(x[lane, t].unsqueeze(0), ((hidden * keep)[None], (cell * keep)[None]))
            hidden, cell = hidden[0], cell[0]
            found.append(one[0])
        expected = torch.stack(found)
        torch.testing.assert_close(out[lane], expected.detach(), rtol=0, atol=1e-6)
        (expected * weights[lane]).sum().backward()
        for mine, parameter in zip(lstm_parts(lstm, grad[lane]), module.parameters(), strict=True):
            torch.testing.assert_close(mine, parameter.grad, rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("sizes", SIZES)
def test_the_padding_of_an_lstm_is_zero_and_has_no_gradient(sizes):
    lstm, params, x, start, memory = drawn(*sizes)
    _, grad = gradient(lstm, params, x, start, memory, 1.0)
    assert not padding(lstm, params[0]).any() and not padding(lstm, grad[0]).any()
    assert not lstm.memories(params, x, start, memory).unflatten(3, (2, -1))[..., lstm.units :].any()


@pytest.mark.parametrize("sizes", SIZES)
def test_a_lane_has_the_same_bits_alone_and_among_others(sizes):
    lstm, *all_lanes = drawn(*sizes)
    weights = rand(3, *sizes[2:], sizes[1], seed=3)
    out, grad = gradient(lstm, *all_lanes, weights)
    for lane in range(3):
        alone = [argument[lane : lane + 1] for argument in (*all_lanes, weights)]
        one, its_grad = gradient(lstm, *alone)
        assert torch.equal(one[0], out[lane]) and torch.equal(its_grad[0], grad[lane])


def test_a_sequence_with_a_start_in_its_middle_has_the_gradient_of_two_separate_sequences():
    lstm, params, x, start, memory = drawn(3, 24, 9, 4)
    start, weights = torch.zeros_like(start), rand(3, 9, 4, 24, seed=3)
    start[:, 5] = True
    out, grad = gradient(lstm, params, x, start, memory, weights)
    never = torch.zeros_like(start)
    first, of_first = gradient(lstm, params, x[:, :5], never[:, :5], memory, weights[:, :5])
    second, of_second = gradient(lstm, params, x[:, 5:], never[:, 5:], torch.zeros_like(memory), weights[:, 5:])
    torch.testing.assert_close(out, torch.cat([first, second], 1), rtol=0, atol=1e-6)
    torch.testing.assert_close(grad, of_first + of_second, rtol=0, atol=1e-6 * float(grad.abs().max()))


def test_a_hand_computed_cell():
    lstm = LSTM(1, 1)
    # input, forget, output, cell: of the input, of the hidden state, and two biases
    row = lstm.row([0.5, -0.25, 1.0, 0.75], [0.1, 0.2, -0.3, 0.4], [0.0, 1.0, 0.0, 0.0], [0.0, 0.0, 0.5, -0.5])
    x, hidden, cell = 2.0, 0.5, -1.0
    i, f, o = (1 / (1 + np.exp(-z)) for z in (1.0 + 0.05, -0.5 + 0.1 + 1.0, 2.0 - 0.15 + 0.5))
    new_cell = f * cell + i * np.tanh(1.5 + 0.2 - 0.5)
    new_hidden = o * np.tanh(new_cell)
    memory = torch.zeros(1, 1, 2, 16)
    memory[..., 0] = torch.tensor([hidden, cell])
    params = torch.tensor(row, dtype=torch.float32).unsqueeze(0)
    after = lstm.memories(
        params, torch.full((1, 1, 1, 1), x), torch.zeros(1, 1, 1, dtype=torch.bool), memory.flatten(2)
    )
    assert after.view(2, 16)[:, 0].tolist() == pytest.approx([new_hidden, new_cell], abs=1e-6)


def test_memories_step_by_step_are_those_of_the_whole_sequence():
    lstm, params, x, start, memory = drawn(3, 20, 7, 5)
    whole = lstm.memories(params, x, start, memory)
    assert torch.equal(whole[..., :20], lstm.outputs(params, x, start, memory))
    for t in range(7):
        memory = lstm.memories(params, x[:, t : t + 1], start[:, t : t + 1], memory)[:, 0]
        torch.testing.assert_close(memory, whole[:, t], rtol=0, atol=1e-6)


def test_initial_numbers_are_uniform_within_torchs_limits_and_each_seeds_own():
    lstm = LSTM(3, 64)
    rows = lstm.init(SeedStreams((4, 5)), "init", copies=2)
    assert torch.equal(rows[2:], lstm.init(SeedStreams((5,)), "init", copies=2))
    numbers = torch.cat([part.ravel() for part in lstm_parts(lstm, rows[0])])
    assert len(numbers) == 4 * 64 * (3 + 64 + 2) == lstm.size
    assert numbers.abs().max() <= 1 / 8 and float(numbers.std()) == pytest.approx(1 / 8 / 3**0.5, rel=0.02)


def test_minibatches_of_sequences_take_whole_environments_in_each_seeds_own_order():
    names = torch.arange(2 * 3 * 4).view(2, 3, 4)  # [S, T, N]
    before = torch.arange(2 * 4).view(2, 1, 4)  # one of each environment
    order = torch.tensor([[2, 0, 3, 1], [0, 1, 2, 3]])
    first, second = sequence_minibatches([names, before], order, 2)
    assert torch.equal(first[0], torch.stack([names[0][:, [2, 0]], names[1][:, [0, 1]]]))
    assert torch.equal(second[0], torch.stack([names[0][:, [3, 1]], names[1][:, [2, 3]]]))
    assert first[1].tolist() == [[[2, 0]], [[4, 5]]]


def test_a_successor_is_read_with_the_memory_after_its_state_also_where_the_episode_is_cut():
    both, units = ActorCriticLSTM(5, 20), 20
    params, obs, next_obs = both.init(SeedStreams((1, 2)), "init"), rand(2, 6, 4, 5), rand(2, 6, 4, 5, seed=1)
    start, memory = torch.zeros(2, 6, 4, dtype=torch.bool), torch.zeros(2, 4, 4, both.memory_size // 4)
    start[0, 3, 1] = True  # the episode before was cut at step 2
    memory[..., :units] = rand(2, 4, 4, units, seed=2)
    memory = memory.flatten(2)
    states, successors = (x.view(2, 6, 4, units) for x in both.critic_features(params, obs, next_obs, start, memory))
    critics, never = params[:, both.size // 2 :], torch.zeros(2, 1, 1, dtype=torch.bool)
    for n in range(4):
        one, state = slice(n, n + 1), memory[:, n : n + 1, both.memory_size // 2 :]
        for t in range(6):
            now = slice(t, t + 1)
            state = both.lstm.memories(critics, obs[:, now, one], start[:, now, one], state)[:, 0]
            after = both.lstm.memories(critics, next_obs[:, now, one], never, state)[:, 0]
            torch.testing.assert_close(states[:, t, n], state[:, 0, :units], rtol=0, atol=1e-6)
            torch.testing.assert_close(successors[:, t, n], after[:, 0, :units], rtol=0, atol=1e-6)


def test_actor_and_critic_remember_apart_and_an_actor_alone_remembers_the_same():
    both = ActorCriticLSTM(5, 20)
    params, memory = both.init(SeedStreams((1, 2)), "init"), torch.zeros(2, 4, both.memory_size)
    obs, start = rand(2, 6, 4, 5), rand(2, 6, 4, seed=2) > 0.5
    alone, features = both.actor_memory(params), both.features(params, obs, start, memory).unflatten(2, (6, 4))
    changed = params.clone()
    changed[:, both.size // 2 :] += 1
    assert torch.equal(both.features(changed, obs, start, memory)[:, 0], features[:, 0].flatten(1, 2))
    for t in range(6):
        read, memory = both.step(params, obs[:, t], start[:, t], memory)
        torch.testing.assert_close(read, features[:, :, t], rtol=0, atol=1e-6)
        torch.testing.assert_close(alone(obs[:, t], start[:, t]), read[:, 0], rtol=0, atol=1e-6)
