"""An environment for curricula, which contains the environments of all stages and uses one of them in each episode.

Metering, replay and algorithms see a single environment with one pair of spaces, and know nothing of stages.
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
    """The environments of several tasks with the same spaces. Each episode uses one of the environments.

    tasks: the last task is the target, whose spaces and metadata are shown. choose: returns the index of the next
    episode's task; it is called once at each reset.
    """

    def __init__(self, tasks: Sequence[Task], make_env: MakeEnv, choose: Callable[[], int]) -> None:
        self._envs = [make_env(task) for task in tasks]  # now, so that making one cannot fail in the middle of a run
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
        with ExitStack() as each:  # if one environment raises, close the next ones too
            for env in self._envs:
                each.callback(env.close)


def staged_batch(tasks: Sequence[Task], lanes: int, make_env: MakeEnv, choose: Callable[[int], int]) -> EnvBatch:
    """Make a StagedEnv for each lane. choose: takes a lane, and returns the index of its next episode's task."""
    numbers = iter(range(lanes))
    return GymnasiumBatch(tasks[-1], lanes, lambda _: StagedEnv(tasks, make_env, partial(choose, next(numbers))))
