"""One metered environment as a `gymnasium.Env`, for libraries that own their loop.

It counts steps where a metered batch counts them: at each call of `step`. It ignores a seed that a library passes to
`reset`, because the run's own stream determines the episodes.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Protocol

import gymnasium
import numpy as np

from rlbench.api import Diverged, EnvironmentFault, EpisodeRecord, RlbenchError
from rlbench.envs.environment_faults import error_fault, reset_fault, step_fault
from rlbench.envs.meter import episode_end
from rlbench.envs.multiagent.joint_env import AGENT_REWARDS
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
        """Report that an action was not finite. Called once."""
        ...

    def failed(self, fault: str) -> None:
        """Report that the environment failed. fault: what failed, in words."""
        ...


class MeteredEnv(gymnasium.Env[Any, Any]):
    """An environment whose steps, returns and resets are counted for the run (see rlbench.api.Interaction.make_env).

    `step` raises BudgetExceeded if the budget is spent, and Diverged if an action is not finite. An action that is not
    finite never reaches the environment. `step` and `reset` raise EnvironmentFault if the environment raises an error,
    or returns an invalid observation, reward or flag. share: the `__reduce__` that rebuilds the environment in another
    process; None: the environment cannot be passed to another process.
    """

    def __init__(
        self, env: gymnasium.Env[Any, Any], boundary: Boundary, seeds: ResetSeeds, seed: int, rank: int
    ) -> None:
        self._env, self._boundary, self._seeds = env, boundary, seeds
        self._seed, self._rank, self._episode = seed, rank, -1
        self._return, self._length, self._open = 0.0, 0, False
        self._agent_returns: list[float] = []  # of the open episode; stays empty for a single agent
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
        try:
            answer = self._env.reset(seed=self._seeds[self._episode])
        except (Exception, SystemExit, GeneratorExit) as error:
            raise self._failed(error_fault(error, "reset")) from error
        if fault := reset_fault(answer, self.observation_space):
            raise self._failed(fault)
        return answer

    def step(self, action: Any) -> tuple[Obs, float, bool, bool, dict[str, Any]]:
        if not self._open:
            raise RlbenchError("no episode is open: call reset before the next step")
        if not _is_finite(action):
            self._boundary.diverged()
            raise Diverged(f"seed {self._seed}: an action was not finite at step {self._boundary.steps}")
        self._boundary.spend(1)
        given = action.copy() if isinstance(action, np.ndarray) else action  # an environment may write to its action
        try:
            answer = self._env.step(given)
        except (Exception, SystemExit, GeneratorExit) as error:
            raise self._failed(error_fault(error, "step")) from error
        if fault := step_fault(answer, self.observation_space):
            raise self._failed(fault)
        obs, reward, terminated, truncated, info = answer
        self._return += float(reward)
        if AGENT_REWARDS in info:
            own = info[AGENT_REWARDS].tolist()
            self._agent_returns = [x + y for x, y in zip(self._agent_returns or [0.0] * len(own), own)]
        self._length += 1
        if terminated or truncated:
            self._open = False
            self._record_episode(episode_end(terminated))
        self._boundary.advance()
        return obs, float(reward), bool(terminated), bool(truncated), info

    def _failed(self, fault: str) -> EnvironmentFault:
        """Report a fault of the environment. Returns: the error to raise."""
        words = f"{fault} at step {self._boundary.steps}"
        self._boundary.failed(words)
        return EnvironmentFault(words)

    def _record_episode(self, end: str) -> None:
        step, reset_seed = self._boundary.steps, self._seeds[self._episode]
        self._boundary.record(
            EpisodeRecord(
                *(self._seed, step, self._rank, self._episode, reset_seed, self._return, self._length, end),
                agent_returns=tuple(self._agent_returns),
            )
        )
        self._return, self._length, self._agent_returns = 0.0, 0, []

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


def _is_finite(action: Any) -> bool:
    return isinstance(action, (dict, tuple)) or bool(np.isfinite(action).all())
