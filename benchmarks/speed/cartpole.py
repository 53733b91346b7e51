"""CartPole-v1 in JAX, for one environment; `jax.vmap` makes many. Needs the extra `peers`.

Source: Barto, Sutton & Anderson 1983, with the equations of motion of Florian 2007 without friction and the constants
of Gymnasium's CartPole-v1, whose steps it gives to float32 precision: Euler's method at 20 ms, ends at 12° or 2.4 m,
truncation after 500 steps.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import jax
import jax.numpy as jnp
from jax import Array

GRAVITY, CART_MASS, POLE_MASS, HALF_LENGTH, FORCE, SECONDS = 9.8, 1.0, 0.1, 0.5, 10.0, 0.02
MASS, MOMENT = CART_MASS + POLE_MASS, POLE_MASS * HALF_LENGTH
FURTHEST, STEEPEST, LONGEST = 2.4, math.radians(12), 500


class State(NamedTuple):
    """obs [4]: position, its velocity, angle, its velocity; length: steps so far."""

    obs: Array
    length: Array


def reset(key: Array) -> State:
    """Draw every part of the observation uniformly from ±0.05."""
    return State(jax.random.uniform(key, (4,), minval=-0.05, maxval=0.05), jnp.int32(0))


def step(state: State, action: Array) -> tuple[State, Array, Array, Array]:
    """Push left (0) or right (1). Returns: the true successor, reward, terminated, truncated."""
    _, x_speed, angle, angle_speed = state.obs
    sine, cosine = jnp.sin(angle), jnp.cos(angle)
    push = (jnp.where(action == 1, FORCE, -FORCE) + MOMENT * angle_speed**2 * sine) / MASS
    angle_change = (GRAVITY * sine - cosine * push) / (HALF_LENGTH * (4 / 3 - POLE_MASS * cosine**2 / MASS))
    x_change = push - MOMENT * angle_change * cosine / MASS
    obs = state.obs + SECONDS * jnp.stack([x_speed, x_change, angle_speed, angle_change])
    length = state.length + 1
    terminated = (jnp.abs(obs[0]) > FURTHEST) | (jnp.abs(obs[2]) > STEEPEST)
    return State(obs, length), jnp.float32(1), terminated, length >= LONGEST
