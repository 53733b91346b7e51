"""Vectorised environments of one task, one per lane, for tasks with dynamics in `rlbench.envs.classic_control`.

They are bitwise identical to Gymnasium's environments. So records do not state which of the two were used, and a
resumed run may change from one to the other. Every process checks the identity for its task before the first use. The
check may fail if Gymnasium has other dynamics, or if numpy computes arrays and numbers differently. The process then
uses Gymnasium's environments.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Sequence
from typing import Any

import gymnasium
import numpy as np
from numpy.random import PCG64, Generator, SeedSequence

from rlbench.api import Array, EnvBatch, RlbenchError, Task
from rlbench.envs.classic_control import DYNAMICS
from rlbench.envs.dynamics import Dynamics
from rlbench.envs.references import references

MIN_LANES = 4  # with fewer lanes, stepping one environment after another is as fast
_CHECKED_STEPS = 40


class Lanes:
    """Independent environments that are stepped together (see rlbench.api.EnvBatch). limit: steps per episode."""

    def __init__(self, dynamics: Dynamics, env: gymnasium.Env[Any, Any], lanes: int, limit: int) -> None:
        self.observation_space, self.action_space = env.observation_space, env.action_space
        self._dynamics, self._limit, self._count = dynamics, limit, lanes
        self._choices = getattr(env.action_space, "n", None)
        self._columns: list[Array] = []
        self._steps = np.zeros(lanes, np.int64)

    def reset(self, lane: int, seed: int) -> Array:
        state, obs = self._dynamics.start(Generator(PCG64(SeedSequence(seed))))
        if not self._columns:
            self._columns = [np.zeros(self._count) for _ in state]
        for column, value in zip(self._columns, state):
            column[lane] = value
        self._steps[lane] = 0
        return obs

    def step(self, lanes: Sequence[int], actions: Sequence[Any]) -> tuple[Array, Array, Array, Array]:
        chosen = np.asarray(actions)
        if self._choices is not None and not ((chosen >= 0) & (chosen < self._choices)).all():
            raise RlbenchError(f"one of the actions {chosen.tolist()} is not in {self.action_space}")
        if len(lanes) == self._count:
            new, reward, terminated = self._dynamics.step(tuple(self._columns), chosen)
            self._columns = list(new)
            self._steps += 1
            steps = self._steps
        else:
            index = np.array(lanes)
            new, reward, terminated = self._dynamics.step(tuple(column[index] for column in self._columns), chosen)
            for column, values in zip(self._columns, new):
                column[index] = values
            self._steps[index] += 1
            steps = self._steps[index]
        return self._dynamics.observe(new), reward, terminated, steps >= self._limit

    def close(self) -> None:
        pass


def vectorized_batch(task: Task, lanes: int, reference: Callable[[Task, int], EnvBatch]) -> EnvBatch | None:
    """Make vectorised environments of the task, or return None.

    None means that the task has no vectorised environments, that they are not faster for so few lanes, or that they
    differ from Gymnasium's. reference: makes Gymnasium's environments, for a comparison once per process.
    """
    dynamics = dynamics_of(task)
    if dynamics is None or lanes < MIN_LANES or not _matches_reference(task, reference):
        return None
    return _lanes(task, dynamics, lanes)


def dynamics_of(task: Task) -> Dynamics | None:
    """Return the dynamics of a task whose environments can be vectorised, or None."""
    entry, make = DYNAMICS.get(task.env_id, ("", None))
    spec = gymnasium.registry.get(task.env_id)
    if make is None or spec is None or task.wrappers or spec.additional_wrappers or spec.entry_point != entry:
        return None
    if task.reset_options or any(references(task.kwargs)):
        return None
    kwargs = {**spec.kwargs, **task.kwargs}
    parameters = inspect.signature(make).parameters
    if spec.max_episode_steps is None or not all(name in parameters for name in kwargs):
        return None
    dynamics: Dynamics = make(**kwargs)
    return dynamics


def _lanes(task: Task, dynamics: Dynamics, lanes: int) -> Lanes:
    env = gymnasium.make(task.env_id, disable_env_checker=True, **task.kwargs)
    limit = gymnasium.spec(task.env_id).max_episode_steps
    assert limit is not None
    return Lanes(dynamics, env, lanes, limit)


_MATCHES: dict[str, bool] = {}


def _matches_reference(task: Task, reference: Callable[[Task, int], EnvBatch]) -> bool:
    """Return whether a few vectorised episodes equal Gymnasium's, bit for bit."""
    key = f"{task.env_id} {sorted(task.kwargs.items())}"
    if key not in _MATCHES:
        dynamics = dynamics_of(task)
        assert dynamics is not None
        vectorized, gymnasium_batch = _lanes(task, dynamics, MIN_LANES), reference(task, MIN_LANES)
        _MATCHES[key] = _episodes(vectorized) == _episodes(gymnasium_batch)
        gymnasium_batch.close()
    return _MATCHES[key]


def _episodes(batch: EnvBatch) -> list[bytes]:
    """Return the bytes of all outputs of a few lanes under fixed actions. A lane is reset when its episode ends."""
    lanes, space = range(MIN_LANES), batch.action_space
    outputs = [batch.reset(lane, 7 + lane).tobytes() for lane in lanes]
    for t in range(_CHECKED_STEPS):
        if isinstance(space, gymnasium.spaces.Discrete):
            actions: list[Any] = [int(t * (lane + 2) // 3 % space.n) for lane in lanes]
        else:
            actions = [np.full(space.shape or (), np.sin(t * (lane + 1.0)) * 2.5, np.float32) for lane in lanes]
        obs, reward, terminated, truncated = batch.step(lanes, actions)
        outputs += [obs.tobytes(), reward.tobytes(), terminated.tobytes(), truncated.tobytes()]
        outputs += [batch.reset(lane, 100 + t).tobytes() for lane in (terminated | truncated).nonzero()[0].tolist()]
    return outputs
