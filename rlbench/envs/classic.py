"""Gymnasium's classic control, many environments a numpy call, to the last bit.

Each function repeats Gymnasium's own arithmetic in its own order on float64 columns [n], one for each lane. Where that
leaves what numpy computes alike for an array and a number, it keeps to numbers: x ** 2 of a numpy number is C's pow,
which is not always x · x, and mountain car takes C's cosine. `rlbench.envs.lanes` checks a task against Gymnasium
itself before it is used, and `tests/envs/test_classic.py` does at length.

Source: gymnasium.envs.classic_control, of which these are the dynamics (Barto, Sutton & Anderson 1983; Sutton 1996; Moore
1990).
"""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from typing import Any

import numpy as np
from numpy.random import Generator

from rlbench.api import Array

Columns = tuple[Array, ...]
pi = np.pi


class Dynamics(ABC):
    """A task without its time limit. State: float64 columns, each [n]; actions [n] whole numbers, or [n, 1] floats."""

    @abstractmethod
    def start(self, generator: Generator) -> tuple[Array, Array]:
        """Draw a first state [columns], and what is observed of it."""

    @abstractmethod
    def step(self, state: Columns, actions: Array) -> tuple[Columns, Array, Array]:
        """The next state, rewards [n] float64, terminated [n] bool."""

    def observe(self, state: Columns) -> Array:
        """Observations [n, …] float32."""
        return _float32(*state)


class CartPole(Dynamics):
    """CartPole-v1 by Euler steps."""

    def __init__(self, sutton_barto_reward: bool = False) -> None:
        self._alive, self._fallen = (0.0, -1.0) if sutton_barto_reward else (1.0, 1.0)

    def start(self, generator: Generator) -> tuple[Array, Array]:
        state = generator.uniform(low=-0.05, high=0.05, size=(4,))
        return state, state.astype(np.float32)

    def step(self, state: Columns, actions: Array) -> tuple[Columns, Array, Array]:
        x, x_dot, theta, theta_dot = state
        gravity, mass_pole, total_mass, length, tau = 9.8, 0.1, 0.1 + 1.0, 0.5, 0.02
        pole_moment = mass_pole * length
        force = np.where(actions == 1, 10.0, -10.0)
        cos, sin = np.cos(theta), np.sin(theta)
        temp = (force + pole_moment * np.square(theta_dot) * sin) / total_mass
        theta_acc = (gravity * sin - cos * temp) / (length * (4.0 / 3.0 - mass_pole * np.square(cos) / total_mass))
        x_acc = temp - pole_moment * theta_acc * cos / total_mass
        x, x_dot = x + tau * x_dot, x_dot + tau * x_acc
        theta, theta_dot = theta + tau * theta_dot, theta_dot + tau * theta_acc
        terminated = (np.abs(x) > 2.4) | (np.abs(theta) > 12 * 2 * math.pi / 360)
        return (x, x_dot, theta, theta_dot), np.where(terminated, self._fallen, self._alive), terminated


class Acrobot(Dynamics):
    """Acrobot-v1 by Runge-Kutta steps of fourth order, the dynamics of Sutton & Barto's book."""

    def start(self, generator: Generator) -> tuple[Array, Array]:
        state = generator.uniform(low=-0.1, high=0.1, size=(4,)).astype(np.float32)
        cos, sin = np.cos(state), np.sin(state)  # in single precision, once
        obs = np.array([cos[0], sin[0], cos[1], sin[1], state[2], state[3]], np.float32)
        return state.astype(np.float64), obs

    def step(self, state: Columns, actions: Array) -> tuple[Columns, Array, Array]:
        torque, dt = np.array([-1.0, 0.0, 1.0])[actions], 0.2
        y = np.array(state)  # [4, n]: for a few lanes it is the calls that cost
        k1 = _acrobot(y, torque)
        k2 = _acrobot(y + dt / 2.0 * k1, torque)
        k3 = _acrobot(y + dt / 2.0 * k2, torque)
        k4 = _acrobot(y + dt * k3, torque)
        new = y + dt / 6.0 * (k1 + 2 * k2 + 2 * k3 + k4)
        theta1, theta2 = _wrapped(new[:2])
        dtheta1, dtheta2 = np.minimum(np.maximum(new[2:], -_ACROBOT_SPEEDS), _ACROBOT_SPEEDS)
        terminated = -np.cos(theta1) - np.cos(theta2 + theta1) > 1.0
        return (theta1, theta2, dtheta1, dtheta2), np.where(terminated, 0.0, -1.0), terminated

    def observe(self, state: Columns) -> Array:
        theta1, theta2, dtheta1, dtheta2 = state
        return _float32(np.cos(theta1), np.sin(theta1), np.cos(theta2), np.sin(theta2), dtheta1, dtheta2)


class Pendulum(Dynamics):
    """Pendulum-v1; g: gravity."""

    def __init__(self, g: float = 10.0) -> None:
        self._g = g

    def start(self, generator: Generator) -> tuple[Array, Array]:
        high = np.array([np.pi, 1.0])
        state = generator.uniform(low=-high, high=high)
        return state, self.observe((state[:1], state[1:]))[0]

    def step(self, state: Columns, actions: Array) -> tuple[Columns, Array, Array]:
        theta, speed = state
        g, m, length, dt = self._g, 1.0, 1.0, 0.05
        u = np.clip(actions, -2.0, 2.0)[:, 0]
        angle = ((theta + np.pi) % (2 * np.pi)) - np.pi
        squared = np.array([number**2 for number in u], u.dtype)  # single precision has a pow of its own
        costs = _squared(angle) + 0.1 * _squared(speed) + 0.001 * squared
        new_speed = speed + (3 * g / (2 * length) * np.sin(theta) + 3.0 / (m * length**2) * u) * dt
        new_speed = np.clip(new_speed, -8, 8)
        return (theta + new_speed * dt, new_speed), -costs, np.zeros(len(theta), bool)

    def observe(self, state: Columns) -> Array:
        theta, speed = state
        return _float32(np.cos(theta), np.sin(theta), speed)


class MountainCar(Dynamics):
    """MountainCar-v0."""

    def __init__(self, goal_velocity: float = 0) -> None:
        self._goal_velocity = goal_velocity

    def start(self, generator: Generator) -> tuple[Array, Array]:
        state = np.array([generator.uniform(low=-0.6, high=-0.4), 0])
        return state, state.astype(np.float32)

    def step(self, state: Columns, actions: Array) -> tuple[Columns, Array, Array]:
        position, velocity = state
        slope = np.array([math.cos(angle) for angle in (3 * position).tolist()])
        velocity = np.clip(velocity + ((actions - 1) * 0.001 + slope * -0.0025), -0.07, 0.07)
        position = np.clip(position + velocity, -1.2, 0.6)
        velocity = np.where((position == -1.2) & (velocity < 0), 0.0, velocity)
        terminated = (position >= 0.5) & (velocity >= self._goal_velocity)
        return (position, velocity), np.full(len(position), -1.0), terminated


def _float32(*columns: Array) -> Array:
    """Columns [n] as rows [n, columns]."""
    rows = np.empty((len(columns[0]), len(columns)), np.float32)
    for i, column in enumerate(columns):
        rows[:, i] = column
    return rows


def _squared(column: Array) -> Array:
    """x ** 2 as a numpy number computes it."""
    return np.array([math.pow(number, 2.0) for number in column.ravel().tolist()]).reshape(column.shape)


def _wrapped(angle: Array) -> Array:
    """Whole turns taken off, one after the other, until the angle lies within ±π."""
    while (over := angle > pi).any():
        angle = np.where(over, angle - (pi + pi), angle)
    while (under := angle < -pi).any():
        angle = np.where(under, angle + (pi + pi), angle)
    return angle


def _acrobot(state: Array, torque: Array) -> Array:
    """[4, n] → the time derivatives of θ1, θ2 and their speeds [4, n].

    Links of mass, length and inertia 1, with their centres at their middles: factors of 1 are left out, and the others are
    taken together where Gymnasium multiplies them first.
    """
    theta1, theta2, dtheta1, dtheta2 = state
    angles = np.empty((3, len(torque)))
    angles[0], angles[1], angles[2] = theta2, theta1, theta1 + theta2
    angles[1:] -= pi / 2.0
    cos2, cos1, cos12 = np.cos(angles)
    sin2 = np.sin(theta2)
    squares1, squares2 = 0.5 * _squared(state[2:])
    d1 = 0.25 + (1.25 + cos2) + 1.0 + 1.0
    d2 = 0.25 + 0.5 * cos2 + 1.0
    phi2 = 0.5 * 9.8 * cos12
    phi1 = -squares2 * sin2 - dtheta2 * dtheta1 * sin2 + 1.5 * 9.8 * cos1 + phi2
    ratio = d2 / d1
    slope = np.empty_like(state)
    slope[:2] = state[2:]
    slope[3] = (torque + ratio * phi1 - squares1 * sin2 - phi2) / (1.25 - _squared(d2) / d1)
    slope[2] = -(d2 * slope[3] + phi1) / d1
    return slope


_ACROBOT_SPEEDS = np.array([[4 * pi], [9 * pi]])  # the highest of each link

DYNAMICS: dict[str, tuple[str, Any]] = {
    "CartPole-v1": ("gymnasium.envs.classic_control.cartpole:CartPoleEnv", CartPole),
    "Acrobot-v1": ("gymnasium.envs.classic_control.acrobot:AcrobotEnv", Acrobot),
    "Pendulum-v1": ("gymnasium.envs.classic_control.pendulum:PendulumEnv", Pendulum),
    "MountainCar-v0": ("gymnasium.envs.classic_control.mountain_car:MountainCarEnv", MountainCar),
}
