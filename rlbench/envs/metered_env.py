"""One metered environment as a `gymnasium.Env`, for libraries that own their loop.

It counts at the same boundary as a batch. It ignores a seed passed to `reset`: the run's own stream determines the
episodes, whatever a library requests.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Protocol

import gymnasium
import numpy as np

from rlbench.api import Diverged, EpisodeRecord, RlbenchError
from rlbench.envs.meter import episode_end
from rlbench.seeding import ResetSeeds

Obs = Any


class Boundary(Protocol):
    """The place where the steps of one environment are counted: this process, or the run's main process."""

    @property
    def steps(self) -> int: ...

    @property
    def finished(self) -> bool: ...

    def spend(self, steps: int) -> None: ...

    def record(self, episode: EpisodeRecord) -> None: ...

    def advance(self) -> None:
        """Evaluate if the last step crossed the grid. Called after each step."""
        ...

    def diverged(self) -> None:
        """Report that a number was not finite. Called once."""
        ...


class MeteredEnv(gymnasium.Env[Any, Any]):
    """An environment whose steps, returns and resets are counted for the run (see rlbench.api.Interaction.make_env).

    `step` raises BudgetExceeded if the budget is spent, and Diverged if an action, observation or reward is not finite.
    A non-finite action never reaches the environment. share: returns how to rebuild the environment in another process;
    None: it cannot be sent to one.
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
        """True when the budget is spent or the harness has stopped the run."""
        return self._boundary.finished

    def reset(self, *, seed: int | None = None, options: dict[str, Any] | None = None) -> tuple[Obs, dict[str, Any]]:
        """Begin the next episode of the run's own stream.

        `seed` and `options` are ignored, because otherwise a library could change its task.
        """
        if self._length:
            self._record_episode("abandoned")
        self._episode, self._open = self._episode + 1, True
        obs, info = self._env.reset(seed=self._seeds[self._episode])
        self._require_finite(obs)
        return obs, info

    def step(self, action: Any) -> tuple[Obs, float, bool, bool, dict[str, Any]]:
        if not self._open:
            raise RlbenchError("no episode is open: call reset before the next step")
        self._require_finite(action)
        self._boundary.spend(1)
        given = action.copy() if isinstance(action, np.ndarray) else action  # an environment may write to its action
        obs, reward, terminated, truncated, info = self._env.step(given)
        self._require_finite(obs)
        self._require_finite(reward)
        self._return += float(reward)
        self._length += 1
        if terminated or truncated:
            self._open = False
            self._record_episode(episode_end(terminated))
        self._boundary.advance()
        return obs, float(reward), terminated, truncated, info

    def _require_finite(self, value: Any) -> None:
        if isinstance(value, (dict, tuple)) or np.isfinite(value).all():
            return
        self._boundary.diverged()
        raise Diverged(f"seed {self._seed}: a number was not finite at step {self._boundary.steps}")

    def _record_episode(self, end: str) -> None:
        step, reset_seed = self._boundary.steps, self._seeds[self._episode]
        self._boundary.record(
            EpisodeRecord(self._seed, step, self._rank, self._episode, reset_seed, self._return, self._length, end)
        )
        self._return, self._length = 0.0, 0

    def render(self) -> Any:
        return self._env.render()

    def close(self) -> None:
        self._env.close()

    def __reduce__(self) -> tuple[Any, ...]:
        if self.share is None:
            raise TypeError(
                "this metered environment has already been sent to a process: make another one for each process"
            )
        return self.share(self)
