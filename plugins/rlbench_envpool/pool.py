"""EnvPool's own interface, reduced to what a boundary needs: step some environments, begin new episodes in some.

Three of its habits end here:
- It begins a new episode by itself when an ended environment is stepped, and answers that step with the observation of
  the reset and reward 0. Here ended environments are reset by name before they are stepped again, so no such step is.
- It calls an episode truncated whenever it ends at the time limit, although it may have terminated there. Its own limit
  is therefore out of reach, its end is the termination, and the limit is counted from its `elapsed_step`.
- It takes a seed when it is made and never again; each environment draws all its episodes from one stream.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import gymnasium
import numpy as np

from rlbench import RlbenchError, Task
from rlbench.api import Array

_NO_LIMIT = 1 << 30  # one more still fits its 32 bits


class Facts(NamedTuple):
    """What Gymnasium says of a task: the spaces that algorithms are told, and the time limit (0: none)."""

    observation_space: Any
    action_space: Any
    limit: int
    spec: Any


def facts_of(task: Task) -> Facts:
    """Ask an environment of the reference. Errors are Gymnasium's own."""
    env = gymnasium.make(task.env_id, disable_env_checker=True, **task.kwargs)
    limit = env.spec.max_episode_steps if env.spec is not None else None
    found = Facts(env.observation_space, env.action_space, limit or 0, env.spec)
    env.close()
    return found


class Outcome(NamedTuple):
    """One step of some environments, in the order they were named, in EnvPool's own dtypes."""

    next_obs: Array
    reward: Array
    terminated: Array
    truncated: Array


class Pool:
    """Environments of one task, numbered from 0; `seeds` open their streams (below 2³¹), one each.

    One thread of its own steps them, whatever the machine has: a run has one core. EnvPool's `step` is not used: it
    spends about 10 µs a call on Python dictionaries, a quarter of a call for ten environments (38 against 28 µs).
    """

    def __init__(self, task: Task, facts: Facts, seeds: Sequence[int]) -> None:
        import envpool

        given = {name: value for name, value in task.kwargs.items() if name != "max_episode_steps"}
        self._pool: Any = envpool.make_gymnasium(
            task.env_id,
            num_envs=len(seeds),
            seed=list(seeds),
            num_threads=1,
            thread_affinity_offset=-1,
            max_episode_steps=_NO_LIMIT,
            **given,
        )
        names = list(self._pool._state_keys)
        self._parts = [names.index(name) for name in ("obs", "reward", "done", "elapsed_step")]
        assert list(self._pool._action_keys) == ["env_id", "players.env_id", "action"]
        discrete = isinstance(facts.action_space, gymnasium.spaces.Discrete)
        self._actions = int(facts.action_space.n) if discrete else 0
        self._action_shape = facts.action_space.shape
        self._action_dtype = np.dtype(self._pool._spec._action_spec[-1][0])
        self._limit = facts.limit or _NO_LIMIT

    def reset(self, ids: Array) -> Array:
        """Begin the next episode in each of these (int32): first observations [len(ids), *obs]."""
        self._pool._reset(ids)
        first: Array = self._pool._recv()[self._parts[0]]
        return first

    def step(self, ids: Array, actions: Any) -> Outcome:
        """Step these (int32) once; actions [len(ids), *action].

        Raises: ValueError for actions of another shape; RlbenchError for one that is none of the task's, which EnvPool
        would take for some other.
        """
        action = np.asarray(actions, self._action_dtype, order="C").reshape(len(ids), *self._action_shape)
        if self._actions and action.view(np.uint32).max() >= self._actions:
            raise RlbenchError(f"actions are 0 to {self._actions - 1}, got {actions}")
        self._pool._send([ids, ids, action])
        state = self._pool._recv()
        obs, reward, done, elapsed = [state[part] for part in self._parts]
        return Outcome(obs, reward, done, elapsed >= self._limit)

    def close(self) -> None:
        """Its threads end when EnvPool's object goes; its own `close` leaves them."""
        self._pool = None
