"""One environment that becomes another one between two episodes, for curricula.

What drives it, meters it and restores it knows nothing of stages: it is one environment with one pair of spaces.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import ExitStack
from functools import partial
from typing import Any

import gymnasium

from rlbench.api import EnvBatch, Task
from rlbench.envs.gymnasium_backend import GymnasiumBatch

MakeEnv = Callable[[Task], gymnasium.Env[Any, Any]]


class StagedEnv(gymnasium.Env[Any, Any]):
    """The environments of several tasks with the same spaces, of which each episode uses one.

    tasks: the last is the target, whose spaces and metadata are shown. choose: returns the index of the task whose
    environment the next episode uses; called once at each reset.
    """

    def __init__(self, tasks: Sequence[Task], make_env: MakeEnv, choose: Callable[[], int]) -> None:
        self._envs = [make_env(task) for task in tasks]  # all at once, so that none fails in the middle of a run
        self._choose, self._open = choose, self._envs[-1]
        target = self._envs[-1]
        self.observation_space, self.action_space = target.observation_space, target.action_space
        self.metadata, self.render_mode, self.spec = target.metadata, target.render_mode, target.spec

    def reset(self, *, seed: int | None = None, options: dict[str, Any] | None = None) -> tuple[Any, dict[str, Any]]:
        self._open = self._envs[self._choose()]
        return self._open.reset(seed=seed, options=options)

    def step(self, action: Any) -> tuple[Any, Any, bool, bool, dict[str, Any]]:
        return self._open.step(action)

    def render(self) -> Any:
        return self._open.render()

    def close(self) -> None:
        with ExitStack() as each:  # also those after one that raises
            for env in self._envs:
                each.callback(env.close)


def staged_batch(tasks: Sequence[Task], lanes: int, make_env: MakeEnv, choose: Callable[[int], int]) -> EnvBatch:
    """Make a StagedEnv for each lane. choose: takes a lane, and returns the task of its next episode."""
    numbers = iter(range(lanes))
    return GymnasiumBatch(tasks[-1], lanes, lambda _: StagedEnv(tasks, make_env, partial(choose, next(numbers))))
