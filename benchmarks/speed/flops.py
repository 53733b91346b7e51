"""Floating-point operations of one environment step of one seed, by formula from the networks' shapes.

A product of [m, k] and [k, n] counts 2·m·k·n. In the backward pass a layer needs one such product for its weights and
one for its input, except the first layer, which needs none for its input. Activations, losses and random numbers count
0, and the optimiser is counted separately. The result is a lower bound for any implementation with unpadded shapes.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

from benchmarks.speed.works import Work

# Operations per parameter: Adam's running means (3 + 4) and step (6), with corrections folded into the rate.
ADAM, RMSPROP = 13, 8
CLIP, POLYAK = 3, 3  # square, add, scale; subtract, scale, add
# Sizes of an observation and of the policy network's output, by environment.
SIZES = {"CartPole-v1": (4, 2), "Pendulum-v1": (3, 1), "MinAtar/Breakout-v1": (400, 3)}


@dataclass(frozen=True)
class Flops:
    forward: float = 0.0
    backward: float = 0.0
    optimiser: float = 0.0

    @property
    def total(self) -> float:
        return self.forward + self.backward + self.optimiser

    def __add__(self, other: Flops) -> Flops:
        return Flops(self.forward + other.forward, self.backward + other.backward, self.optimiser + other.optimiser)

    def __mul__(self, times: float) -> Flops:
        return Flops(self.forward * times, self.backward * times, self.optimiser * times)


def forward(dims: Sequence[int], batch: int) -> Flops:
    """Count a forward pass. dims: (inputs, hidden …, outputs) of a multilayer perceptron."""
    return Flops(forward=2.0 * batch * sum(a * b for a, b in pairwise(dims)))


def backward(dims: Sequence[int], batch: int, weights: bool = True, inputs: bool = False) -> Flops:
    """Count a backward pass. weights: of every layer; inputs: also the gradient of the network's own input."""
    products = [a * b for a, b in pairwise(dims)]
    count = weights * sum(products) + sum(products[1:]) + inputs * products[0]
    return Flops(backward=2.0 * batch * count)


def parameters(dims: Sequence[int]) -> int:
    """Count weights and biases."""
    return sum((a + 1) * b for a, b in pairwise(dims))


def step(dims: Sequence[int], each: float) -> Flops:
    """Count the optimiser's operations, `each` per parameter."""
    return Flops(optimiser=float(each * parameters(dims)))


def image_layers(work: Work) -> tuple[float, tuple[int, ...], tuple[int, int]]:
    """Return MinAtar's layer as products of one image, the policy's layers after it, and the critic's last layer.

    The layer is the first, so its backward pass has no product for the input.
    """
    assert work.images is not None
    (channels, height, width), hidden = work.images, tuple(work.config["net_arch"])
    places = (height - 2) * (width - 2)
    return float(places * 9 * channels * 16), (places * 16, *hidden, SIZES[work.env_id][1]), (hidden[-1], 1)


def image_forward(work: Work, batch: int) -> Flops:
    """Count a forward pass of the shared layers and both heads."""
    products, policy, value = image_layers(work)
    return Flops(forward=2.0 * batch * products) + forward(policy, batch) + forward(value, batch)


def image_update(work: Work) -> Flops:
    """Count a minibatch of ppo on images, with layers that policy and value share."""
    (products, policy, value), size = image_layers(work), work.config["batch_size"]
    back = Flops(backward=2.0 * size * products)
    for net in (policy, value):
        back = back + backward(net, size, inputs=True)
    numbers = (work.images[0] * 9 + 1) * 16 + parameters(policy) + parameters(value) if work.images else 0
    return image_forward(work, size) + back + Flops(optimiser=float((CLIP + ADAM) * numbers))


def recurrent_nets(work: Work) -> tuple[int, int, list[tuple[int, ...]]]:
    """Return the products of an LSTM's step that take the observation and the hidden state, and the layers after it."""
    units, hidden = work.config["lstm_hidden_size"], tuple(work.config["net_arch"])
    outputs = (SIZES[work.env_id][1], 1)
    return len(work.keep) * 4 * units, units * 4 * units, [(units, *hidden, out) for out in outputs]


def recurrent_forward(work: Work, batch: int) -> Flops:
    """Count a step of both LSTMs and the layers of policy and value."""
    of_inputs, of_hidden, nets = recurrent_nets(work)
    return Flops(forward=2.0 * 2 * batch * (of_inputs + of_hidden)) + forward(nets[0], batch) + forward(nets[1], batch)


def recurrent_update(work: Work) -> Flops:
    """Count a minibatch of recurrent_ppo.

    The hidden state's product needs one for its input as well, but for the first step of a sequence.
    """
    (of_inputs, of_hidden, nets), size = recurrent_nets(work), work.config["batch_size"]
    later = 1 - 1 / work.config["n_steps"]
    back = Flops(backward=2.0 * 2 * size * (of_inputs + (1 + later) * of_hidden))
    for net in nets:
        back = back + backward(net, size, inputs=True)
    biases = 2 * 4 * work.config["lstm_hidden_size"]
    numbers = 2 * (of_inputs + of_hidden + biases) + sum(map(parameters, nets))
    return recurrent_forward(work, size) + back + Flops(optimiser=float((CLIP + ADAM) * numbers))


def update(work: Work) -> Flops:
    """Count an update of one seed: an on-policy minibatch, or a batch from replay with its share of a delayed actor."""
    c, (obs, out), hidden = work.config, SIZES[work.env_id], tuple(work.config["net_arch"])
    if work.algorithm == "recurrent_ppo":
        return recurrent_update(work)
    if work.algorithm in ("ppo", "a2c"):
        size = c["batch_size"] if work.algorithm == "ppo" else c["n_steps"] * c["n_envs"]
        each = CLIP + (RMSPROP if c.get("use_rms_prop") else ADAM)
        nets = [(obs, *hidden, out), (obs, *hidden, 1)]
        parts = [forward(net, size) + backward(net, size) + step(net, each) for net in nets]
        return parts[0] + parts[1]
    batch = c["batch_size"]
    if work.algorithm == "dqn":
        net = (obs, *hidden, out)
        return forward(net, batch) * 2 + backward(net, batch) + step(net, ADAM + CLIP)
    outputs = 2 if work.algorithm == "sac" else 1  # mean and deviation
    actor, critic = (obs, *hidden, outputs * out), (obs + out, *hidden, 1)
    critics = 1 if work.algorithm == "ddpg" else 2
    target = forward(actor, batch) + forward(critic, batch) * critics
    fit = (forward(critic, batch) + backward(critic, batch) + step(critic, ADAM)) * critics
    climbed = critics if work.algorithm == "sac" else 1  # critics in the actor's loss, frozen
    through = (forward(critic, batch) + backward(critic, batch, weights=False, inputs=True)) * climbed
    climb = forward(actor, batch) + backward(actor, batch) + step(actor, ADAM) + through
    follow = step(critic, POLYAK) * critics
    if work.algorithm == "sac":
        return target + fit + climb + follow
    return target + fit + (climb + follow + step(actor, POLYAK)) * (1 / c.get("policy_delay", 1))


def seed_step(work: Work) -> Flops:
    """Count an environment step of one seed: its share of updates, the acting policy and, on-policy, one value."""
    c, (obs, out), hidden = work.config, SIZES[work.env_id], tuple(work.config["net_arch"])
    if work.algorithm == "recurrent_ppo":
        return recurrent_update(work) * (c["n_epochs"] / c["batch_size"]) + recurrent_forward(work, 1)
    if work.images:
        return image_update(work) * (c["n_epochs"] / c["batch_size"]) + image_forward(work, 1)
    policy = forward((obs, *hidden, out * (2 if work.algorithm == "sac" else 1)), 1)
    if work.algorithm == "ppo":
        return update(work) * (c["n_epochs"] / c["batch_size"]) + policy + forward((obs, *hidden, 1), 1)
    if work.algorithm == "a2c":
        return update(work) * (1 / (c["n_steps"] * c["n_envs"])) + policy + forward((obs, *hidden, 1), 1)
    return update(work) * (c["gradient_steps"] / (c["train_freq"] * c["n_envs"])) + policy


def floor_seconds(work: Work, gflops: float, env_seconds: float) -> float:
    """Return the minimum time of one environment step of one seed, from the rate of products and the backend's steps.

    No program built on these products and environments can be faster; one that is close does almost nothing else.
    """
    return seed_step(work).total / (gflops * 1e9) + env_seconds
