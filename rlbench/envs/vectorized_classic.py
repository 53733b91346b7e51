"""Environments of one task in step, a lane each, for the tasks whose dynamics are written for whole columns.

They are Gymnasium's own to the last bit, so nothing in a record tells which was used, and a run may change from one to the
other. Every process checks that for its task before it relies on it, and keeps to Gymnasium's environments where it finds
anything else: another version's dynamics, or a numpy that computes an array otherwise than a number.
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

FEWEST_LANES = 4  # stepping fewer one after the other is as fast
_CHECKED_STEPS = 40


class Lanes:
    """Independent environments, stepped together (see rlbench.api.EnvBatch)."""

    def __init__(self, dynamics: Dynamics, env: gymnasium.Env[Any, Any], lanes: int, limit: int) -> None:
        self.observation_space, self.action_space = env.observation_space, env.action_space
        self._dynamics, self._limit, self._count = dynamics, limit, lanes
        self._choices = getattr(env.action_space, "n", None)
        self._columns: list[Array] = []
        self._taken = np.zeros(lanes, np.int64)

    def reset(self, lane: int, seed: int) -> Array:
        state, obs = self._dynamics.start(Generator(PCG64(SeedSequence(seed))))
        if not self._columns:
            self._columns = [np.zeros(self._count) for _ in state]
        for column, value in zip(self._columns, state):
            column[lane] = value
        self._taken[lane] = 0
        return obs

    def step(self, lanes: Sequence[int], actions: Sequence[Any]) -> tuple[Array, Array, Array, Array]:
        given = np.asarray(actions)
        if self._choices is not None and not ((given >= 0) & (given < self._choices)).all():
            raise RlbenchError(f"an action of {given.tolist()} is not in {self.action_space}")
        if len(lanes) == self._count:
            new, reward, terminated = self._dynamics.step(tuple(self._columns), given)
            self._columns = list(new)
            self._taken += 1
            taken = self._taken
        else:
            index = np.array(lanes)
            new, reward, terminated = self._dynamics.step(tuple(column[index] for column in self._columns), given)
            for column, values in zip(self._columns, new):
                column[index] = values
            self._taken[index] += 1
            taken = self._taken[index]
        return self._dynamics.observe(new), reward, terminated, taken >= self._limit

    def close(self) -> None:
        pass


def in_step(task: Task, lanes: int, reference: Callable[[Task, int], EnvBatch]) -> EnvBatch | None:
    """The task's environments in step; None where it is none of those, or there are too few to gain by it.

    reference: makes Gymnasium's own, against which the task is checked the first time.
    """
    dynamics = _dynamics(task)
    if dynamics is None or lanes < FEWEST_LANES or not _agree(task, reference):
        return None
    return _lanes(task, dynamics, lanes)


def _dynamics(task: Task) -> Dynamics | None:
    entry, make = DYNAMICS.get(task.env_id, ("", None))
    spec = gymnasium.registry.get(task.env_id)
    if make is None or spec is None or task.wrappers or spec.additional_wrappers or spec.entry_point != entry:
        return None
    given = {**spec.kwargs, **task.kwargs}
    known = inspect.signature(make).parameters
    if spec.max_episode_steps is None or not all(name in known for name in given):
        return None
    found: Dynamics = make(**given)
    return found


def _lanes(task: Task, dynamics: Dynamics, lanes: int) -> Lanes:
    env = gymnasium.make(task.env_id, disable_env_checker=True, **task.kwargs)
    limit = gymnasium.spec(task.env_id).max_episode_steps
    assert limit is not None
    return Lanes(dynamics, env, lanes, limit)


_AGREED: dict[str, bool] = {}


def _agree(task: Task, reference: Callable[[Task, int], EnvBatch]) -> bool:
    """Whether a few episodes are Gymnasium's, bit for bit."""
    known = f"{task.env_id} {sorted(task.kwargs.items())}"
    if known not in _AGREED:
        dynamics = _dynamics(task)
        assert dynamics is not None
        ours, theirs = _lanes(task, dynamics, FEWEST_LANES), reference(task, FEWEST_LANES)
        _AGREED[known] = _episodes(ours) == _episodes(theirs)
        theirs.close()
    return _AGREED[known]


def _episodes(batch: EnvBatch) -> list[bytes]:
    """What a few lanes show under fixed actions; a lane begins again where its episode ends."""
    lanes, space = range(FEWEST_LANES), batch.action_space
    shown = [batch.reset(lane, 7 + lane).tobytes() for lane in lanes]
    for t in range(_CHECKED_STEPS):
        if isinstance(space, gymnasium.spaces.Discrete):
            actions: list[Any] = [int(t * (lane + 2) // 3 % space.n) for lane in lanes]
        else:
            actions = [np.full(space.shape or (), np.sin(t * (lane + 1.0)) * 2.5, np.float32) for lane in lanes]
        obs, reward, terminated, truncated = batch.step(lanes, actions)
        shown += [obs.tobytes(), reward.tobytes(), terminated.tobytes(), truncated.tobytes()]
        shown += [batch.reset(lane, 100 + t).tobytes() for lane in (terminated | truncated).nonzero()[0].tolist()]
    return shown
