"""One metered environment as a `gymnasium.Env`, for libraries that own their loop.

It counts at the same boundary as a batch does. A seed passed to `reset` is ignored: episodes follow the run's own
stream, whatever a library asks for.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Protocol

import gymnasium
import numpy as np

from rlbench.api import Diverged, EpisodeRecord, RlbenchError
from rlbench.envs.meter import end_of
from rlbench.seeding import ResetSeeds

Obs = Any


class Boundary(Protocol):
    """Where a single environment's steps are counted: in this process, or by way of a channel to the run's own."""

    @property
    def steps(self) -> int: ...

    @property
    def finished(self) -> bool: ...

    def spend(self, steps: int) -> None: ...

    def record(self, episode: EpisodeRecord) -> None: ...

    def advance(self) -> None:
        """Called after each step: evaluates when the grid was crossed."""
        ...

    def diverged(self) -> None:
        """Told once, when a number was not finite."""
        ...


class MeteredEnv(gymnasium.Env[Any, Any]):
    """An environment whose steps, returns and resets are the run's (see rlbench.api.Interaction.make_env).

    Raises from `step`: BudgetExceeded when the budget is spent, Diverged when an action, observation or reward is not
    finite (a non-finite action never reaches the environment).
    """

    def __init__(
        self, env: gymnasium.Env[Any, Any], boundary: Boundary, seeds: ResetSeeds, seed: int, rank: int
    ) -> None:
        self._env, self._boundary, self._seeds = env, boundary, seeds
        self._seed, self._rank, self._episode = seed, rank, -1
        self._return, self._length, self._open = 0.0, 0, False
        self.observation_space, self.action_space = env.observation_space, env.action_space
        self.metadata, self.render_mode, self.spec = env.metadata, env.render_mode, env.spec
        self.share: Callable[[MeteredEnv], tuple[Any, ...]] | None = None

    @property
    def finished(self) -> bool:
        """The budget is spent or the harness stopped the run."""
        return self._boundary.finished

    def reset(self, *, seed: int | None = None, options: dict[str, Any] | None = None) -> tuple[Obs, dict[str, Any]]:
        """Begin the next episode of the run's own stream; `seed` and `options` are ignored, or a library could change its task."""
        if self._length:
            self._end("abandoned")
        self._episode, self._open = self._episode + 1, True
        obs, info = self._env.reset(seed=self._seeds[self._episode])
        self._require_finite(obs)
        return obs, info

    def step(self, action: Any) -> tuple[Obs, float, bool, bool, dict[str, Any]]:
        if not self._open:
            raise RlbenchError("the episode has ended, or none has begun: call reset before the next step")
        self._require_finite(action)
        self._boundary.spend(1)
        obs, reward, terminated, truncated, info = self._env.step(action)
        self._require_finite(obs)
        self._require_finite(reward)
        self._return += float(reward)
        self._length += 1
        if terminated or truncated:
            self._open = False
            self._end(end_of(terminated))
        self._boundary.advance()
        return obs, float(reward), terminated, truncated, info

    def _require_finite(self, value: Any) -> None:
        if isinstance(value, (dict, tuple)) or np.isfinite(value).all():
            return
        self._boundary.diverged()
        raise Diverged(f"seed {self._seed}: a number was not finite at step {self._boundary.steps}")

    def _end(self, how: str) -> None:
        step, reset_seed = self._boundary.steps, self._seeds[self._episode]
        self._boundary.record(
            EpisodeRecord(self._seed, step, self._rank, self._episode, reset_seed, self._return, self._length, how)
        )
        self._return, self._length = 0.0, 0

    def render(self) -> Any:
        return self._env.render()

    def close(self) -> None:
        self._env.close()

    def __reduce__(self) -> tuple[Any, ...]:
        if self.share is None:
            raise TypeError("this metered environment cannot be sent to another process again")
        return self.share(self)
