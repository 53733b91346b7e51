"""PPO with its environment in JAX: whole updates of all seeds as one compiled program. Needs the extra `peers`.

In the style of PureJaxRL (Lu et al. 2022, "Discovered Policy Optimisation", arXiv:2210.05639): scan over steps,
minibatches and epochs, vmap over seeds. The algorithm is the one that `rlbench_ppo` trains: Schulman et al. 2017,
arXiv:1707.06347; λ-returns bootstrap from the true successor at truncation; Adam with clipped gradients.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
from jax import Array

from benchmarks.speed import cartpole
from benchmarks.speed.turnstile import Turnstile
from benchmarks.speed.works import Side, Work

Net = list[tuple[Array, Array]]


class Learner(NamedTuple):
    """One seed. params, mean, square: {"actor", "critic"}; count: Adam's steps; returns [N]: of open episodes."""

    params: dict[str, Net]
    mean: dict[str, Net]
    square: dict[str, Net]
    count: Array
    envs: cartpole.State
    returns: Array
    key: Array


class Steps(NamedTuple):
    """A rollout [T, N] or a minibatch [B]."""

    obs: Array
    action: Array
    log_prob: Array
    reward: Array
    next_obs: Array
    terminated: Array
    done: Array
    finished: Array


def network(key: Array, dims: tuple[int, ...], last_gain: float) -> Net:
    gains = [2**0.5] * (len(dims) - 2) + [last_gain]
    keys = jax.random.split(key, len(gains))
    return [
        (jax.nn.initializers.orthogonal(gain)(k, (a, b)), jnp.zeros(b))
        for k, gain, a, b in zip(keys, gains, dims, dims[1:])
    ]


def apply(net: Net, x: Array) -> Array:
    for weight, bias in net[:-1]:
        x = jnp.tanh(x @ weight + bias)
    return x @ net[-1][0] + net[-1][1]


def log_probs(net: Net, obs: Array, action: Array) -> tuple[Array, Array]:
    """Return log-probabilities of the actions taken, and the policy's entropy."""
    every = jax.nn.log_softmax(apply(net, obs))
    return jnp.take_along_axis(every, action[..., None], -1)[..., 0], -(jnp.exp(every) * every).sum(-1)


def init(c: Mapping[str, Any], key: Array) -> Learner:
    """Return a new seed's state. c: the work's configuration."""
    actor, critic, envs, key = jax.random.split(key, 4)
    params = {
        "actor": network(actor, (4, *c["net_arch"], 2), 0.01),
        "critic": network(critic, (4, *c["net_arch"], 1), 1.0),
    }
    zeros = jax.tree.map(jnp.zeros_like, params)
    states = jax.vmap(cartpole.reset)(jax.random.split(envs, c["n_envs"]))
    return Learner(params, zeros, zeros, jnp.float32(0), states, jnp.zeros(c["n_envs"]), key)


def rollout(c: Mapping[str, Any], learner: Learner) -> tuple[Learner, Steps]:
    def one(carry: Any, _: None) -> tuple[Any, Steps]:
        envs, returns, key = carry
        key, draw, fresh = jax.random.split(key, 3)
        every = jax.nn.log_softmax(apply(learner.params["actor"], envs.obs))
        action = jax.random.categorical(draw, every)
        log_prob = jnp.take_along_axis(every, action[:, None], -1)[:, 0]
        stepped, reward, terminated, truncated = jax.vmap(cartpole.step)(envs, action)
        done, returns = terminated | truncated, returns + reward
        first = jax.vmap(cartpole.reset)(jax.random.split(fresh, c["n_envs"]))
        following = cartpole.State(
            jnp.where(done[:, None], first.obs, stepped.obs), jnp.where(done, first.length, stepped.length)
        )
        seen = Steps(envs.obs, action, log_prob, reward, stepped.obs, terminated, done, jnp.where(done, returns, 0))
        return (following, jnp.where(done, 0, returns), key), seen

    carry = (learner.envs, learner.returns, learner.key)
    (envs, returns, key), steps = jax.lax.scan(one, carry, None, c["n_steps"])
    return learner._replace(envs=envs, returns=returns, key=key), steps


def gae(c: Mapping[str, Any], critic: Net, steps: Steps) -> tuple[Array, Array]:
    """Return advantages and the critic's targets [T, N]. Source: Schulman et al. 2016, arXiv:1506.02438, eq. 16."""
    value, next_value = apply(critic, steps.obs)[..., 0], apply(critic, steps.next_obs)[..., 0]
    delta = steps.reward + c["gamma"] * ~steps.terminated * next_value - value
    keep = c["gamma"] * c["gae_lambda"] * ~steps.done

    def back(later: Array, now: tuple[Array, Array]) -> tuple[Array, Array]:
        advantage = now[0] + now[1] * later
        return advantage, advantage

    _, advantage = jax.lax.scan(back, jnp.zeros_like(delta[0]), (delta, keep), reverse=True)
    return advantage, advantage + value


def loss(c: Mapping[str, Any], params: dict[str, Net], steps: Steps, advantage: Array, target: Array) -> Array:
    log_prob, entropy = log_probs(params["actor"], steps.obs, steps.action)
    scaled = (advantage - advantage.mean()) / (advantage.std() + 1e-8)
    ratio = jnp.exp(log_prob - steps.log_prob)
    policy = -jnp.minimum(ratio * scaled, jnp.clip(ratio, 1 - c["clip_range"], 1 + c["clip_range"]) * scaled).mean()
    value = jnp.square(apply(params["critic"], steps.obs)[..., 0] - target).mean()
    return policy + c["vf_coef"] * value - c["ent_coef"] * entropy.mean()


def adam(c: Mapping[str, Any], learner: Learner, grads: Any) -> Learner:
    """One step by gradients clipped to a norm; epsilon 1e-5 (Huang 2022, detail 3)."""
    norm = jnp.sqrt(sum(jnp.sum(g * g) for g in jax.tree.leaves(grads)))
    scale, count = jnp.minimum(1, c["max_grad_norm"] / (norm + 1e-6)), learner.count + 1
    mean = jax.tree.map(lambda m, g: 0.9 * m + 0.1 * scale * g, learner.mean, grads)
    square = jax.tree.map(lambda v, g: 0.999 * v + 0.001 * (scale * g) ** 2, learner.square, grads)
    rate, root = c["learning_rate"] / (1 - 0.9**count), jnp.sqrt(1 - 0.999**count)
    params = jax.tree.map(lambda p, m, v: p - rate * m / (jnp.sqrt(v) / root + 1e-5), learner.params, mean, square)
    return learner._replace(params=params, mean=mean, square=square, count=count)


def update(c: Mapping[str, Any], learner: Learner) -> tuple[Learner, Array]:
    """Run a rollout and all its minibatches. Returns: the learner, and the mean return of the ended episodes."""
    learner, steps = rollout(c, learner)
    advantage, target = gae(c, learner.params["critic"], steps)
    rows = jax.tree.map(lambda x: x.reshape(-1, *x.shape[2:]), (steps, advantage, target))
    size = c["n_envs"] * c["n_steps"]
    gradient = jax.grad(lambda params, minibatch: loss(c, params, *minibatch))

    def minibatch(learner: Learner, index: Array) -> tuple[Learner, None]:
        chosen = jax.tree.map(lambda x: x[index], rows)
        return adam(c, learner, gradient(learner.params, chosen)), None

    def epoch(learner: Learner, _: None) -> tuple[Learner, None]:
        key, order = jax.random.split(learner.key)
        index = jax.random.permutation(order, size).reshape(-1, c["batch_size"])
        return jax.lax.scan(minibatch, learner._replace(key=key), index)

    learner, _ = jax.lax.scan(epoch, learner, None, c["n_epochs"])
    return learner, steps.finished.sum() / jnp.maximum(steps.done.sum(), 1)


def make(c: Mapping[str, Any], seeds: int) -> tuple[Any, Callable[[Any], tuple[Any, Array]]]:
    """All seeds' learners [S], and the compiled function that makes one update of each."""
    keys = jnp.stack([jax.random.key(seed) for seed in range(seeds)])
    learners = jax.jit(jax.vmap(lambda key: init(c, key)))(keys)
    return learners, jax.jit(jax.vmap(lambda learner: update(c, learner)), donate_argnums=0)


def play(side: Side, work: Work, turnstile: Turnstile) -> None:
    """Train until the process ends, a rollout at a time."""
    learners, train = make(work.config, side.seeds)
    steps = 0
    while True:
        learners, returns = train(learners)
        returns.block_until_ready()
        steps += side.seeds * work.config["n_envs"] * work.config["n_steps"]
        turnstile.passed(steps)
