"""Gymnasium's Acrobot-v1 for many environments at once, bitwise identical (see rlbench.envs.classic_control)."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.random import Generator

from rlbench.api import Array
from rlbench.envs.dynamics import Columns, Dynamics, float32, square, square_column

pi = np.pi
_QUARTER = pi / 2.0
_MAX_SPEEDS = np.array([[4 * pi], [9 * pi]])  # maximum speeds of the two links
_MIN_ARRAY_LANES = 14


class Acrobot(Dynamics):
    """Acrobot-v1 with fourth-order Runge-Kutta steps and the dynamics of Sutton & Barto's book."""

    def start(self, generator: Generator) -> tuple[Array, Array]:
        state = generator.uniform(low=-0.1, high=0.1, size=(4,)).astype(np.float32)
        cos, sin = np.cos(state), np.sin(state)  # in single precision, for the first observation only
        obs = np.array([cos[0], sin[0], cos[1], sin[1], state[2], state[3]], np.float32)
        return state.astype(np.float64), obs

    def step(self, state: Columns, actions: Array) -> tuple[Columns, Array, Array]:
        step = _step_floats if len(actions) < _MIN_ARRAY_LANES else _step_arrays
        new = step(state, np.array([-1.0, 0.0, 1.0])[actions], 0.2)
        theta1, theta2 = _wrap_angle(new[:2])
        dtheta1, dtheta2 = np.minimum(np.maximum(new[2:], -_MAX_SPEEDS), _MAX_SPEEDS)
        terminated = -np.cos(theta1) - np.cos(theta2 + theta1) > 1.0
        return (theta1, theta2, dtheta1, dtheta2), np.where(terminated, 0.0, -1.0), terminated

    def observe(self, state: Columns) -> Array:
        theta1, theta2, dtheta1, dtheta2 = state
        return float32(np.cos(theta1), np.sin(theta1), np.cos(theta2), np.sin(theta2), dtheta1, dtheta2)


def _wrap_angle(angle: Array) -> Array:
    """Subtract whole turns, one after another, until the angle is within ±π."""
    while (over := angle > pi).any():
        angle = np.where(over, angle - (pi + pi), angle)
    while (under := angle < -pi).any():
        angle = np.where(under, angle + (pi + pi), angle)
    return angle


def _step_arrays(state: Columns, torque: Array, dt: float) -> Array:
    """Take a Runge-Kutta step of all lanes at once. Returns: the new state [4, n]."""

    def slope(y: Array) -> Array:
        theta1, theta2, dtheta1, dtheta2 = y
        cos2, cos1, cos12 = np.cos([theta2, theta1 - _QUARTER, theta1 + theta2 - _QUARTER])
        sin2 = np.sin(theta2)
        accelerations = _accelerations(dtheta1, dtheta2, sin2, cos2, cos1, cos12, torque, square=square_column)
        return np.array([dtheta1, dtheta2, *accelerations])

    y = np.array(state)
    k1 = slope(y)
    k2 = slope(y + dt / 2.0 * k1)
    k3 = slope(y + dt / 2.0 * k2)
    k4 = slope(y + dt * k3)
    new: Array = _whole_step(y, k1, k2, k3, k4, dt)
    return new


def _step_floats(state: Columns, torque: Array, dt: float) -> Array:
    """Take a Runge-Kutta step with Python floats; only sines and cosines use numpy. Returns: the new state [4, n].

    Below about fourteen lanes this is faster than `_step_arrays`, because the cost of numpy calls dominates there.
    """
    count, torques = len(torque), torque.tolist()

    def slope(y: list[list[float]]) -> list[list[float]]:
        theta1, theta2, dtheta1, dtheta2 = y
        angles = [*theta2, *(a - _QUARTER for a in theta1), *(a + b - _QUARTER for a, b in zip(theta1, theta2))]
        cos, sin = np.cos(angles).tolist(), np.sin(theta2).tolist()
        lanes = zip(dtheta1, dtheta2, sin, cos, cos[count:], cos[2 * count :], torques)
        accelerations = [_accelerations(*lane, square=square) for lane in lanes]
        return [dtheta1, dtheta2, *map(list, zip(*accelerations))]

    def shifted(h: float, k: list[list[float]]) -> list[list[float]]:
        return [[a + h * b for a, b in zip(*columns)] for columns in zip(y, k)]

    y = [column.tolist() for column in state]
    k1 = slope(y)
    k2 = slope(shifted(dt / 2.0, k1))
    k3 = slope(shifted(dt / 2.0, k2))
    k4 = slope(shifted(dt, k3))
    return np.array([[_whole_step(*lane, dt) for lane in zip(*columns)] for columns in zip(y, k1, k2, k3, k4)])


def _whole_step(y: Any, k1: Any, k2: Any, k3: Any, k4: Any, dt: float) -> Any:
    return y + dt / 6.0 * (k1 + 2 * k2 + 2 * k3 + k4)


def _accelerations(
    dtheta1: Any,
    dtheta2: Any,
    sin2: Any,
    cos2: Any,
    cos1: Any,
    cos12: Any,
    torque: Any,
    *,
    square: Callable[[Any], Any],
) -> tuple[Any, Any]:
    """Return the angular accelerations of both links, as numbers or columns.

    cos1, cos12: cosines of the angles from the horizontal. The links have mass, length and inertia 1, and their centres
    of mass are at their middles. Factors of 1 are left out, and the other factors are combined where Gymnasium
    multiplies them first.
    """
    d1 = 0.25 + (1.25 + cos2) + 1.0 + 1.0
    d2 = 0.25 + 0.5 * cos2 + 1.0
    phi2 = 0.5 * 9.8 * cos12
    phi1 = -0.5 * square(dtheta2) * sin2 - dtheta2 * dtheta1 * sin2 + 1.5 * 9.8 * cos1 + phi2
    second = (torque + d2 / d1 * phi1 - 0.5 * square(dtheta1) * sin2 - phi2) / (1.25 - square(d2) / d1)
    return -(d2 * second + phi1) / d1, second
