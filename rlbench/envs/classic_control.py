"""Gymnasium's classic control for many environments per numpy call, bitwise identical.

Each function repeats Gymnasium's arithmetic in the same order on float64 columns [n], with one entry per lane. Where
numpy computes an array differently from a number, the function computes number by number. For example, x ** 2 of a
numpy number is C's pow, which does not always equal x · x, and mountain car uses C's cosine. Before a task is used,
`rlbench.envs.vectorized_classic` compares it with Gymnasium. `tests/envs/test_classic.py` compares longer episodes.

Source: the dynamics of gymnasium.envs.classic_control (Barto, Sutton & Anderson 1983; Sutton 1996; Moore 1990).
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numpy.random import Generator

from rlbench.api import Array
from rlbench.envs.acrobot import Acrobot
from rlbench.envs.dynamics import Columns, Dynamics, float32, square_column


class CartPole(Dynamics):
    """CartPole-v1 with Euler steps. sutton_barto_reward: 0 per step and −1 at the end, instead of 1 per step."""

    def __init__(self, sutton_barto_reward: bool = False) -> None:
        self._step_reward, self._end_reward = (0.0, -1.0) if sutton_barto_reward else (1.0, 1.0)

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
        return (x, x_dot, theta, theta_dot), np.where(terminated, self._end_reward, self._step_reward), terminated


class Pendulum(Dynamics):
    """Pendulum-v1. g: gravity."""

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
        effort = np.array([number**2 for number in u], u.dtype)  # single precision uses a different pow
        costs = square_column(angle) + 0.1 * square_column(speed) + 0.001 * effort
        new_speed = speed + (3 * g / (2 * length) * np.sin(theta) + 3.0 / (m * length**2) * u) * dt
        new_speed = np.clip(new_speed, -8, 8)
        return (theta + new_speed * dt, new_speed), -costs, np.zeros(len(theta), bool)

    def observe(self, state: Columns) -> Array:
        theta, speed = state
        return float32(np.cos(theta), np.sin(theta), speed)


class MountainCar(Dynamics):
    """MountainCar-v0. goal_velocity: the goal counts as reached only at this velocity or more."""

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


DYNAMICS: dict[str, tuple[str, Any]] = {
    "CartPole-v1": ("gymnasium.envs.classic_control.cartpole:CartPoleEnv", CartPole),
    "Acrobot-v1": ("gymnasium.envs.classic_control.acrobot:AcrobotEnv", Acrobot),
    "Pendulum-v1": ("gymnasium.envs.classic_control.pendulum:PendulumEnv", Pendulum),
    "MountainCar-v0": ("gymnasium.envs.classic_control.mountain_car:MountainCarEnv", MountainCar),
}
