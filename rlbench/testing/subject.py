"""What is put to the rules: one algorithm with its configuration, and small plays of it on tasks that it claims."""

from __future__ import annotations

import threading
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import psutil

from rlbench.api import Algorithm, AlgorithmSpec
from rlbench.plugins.config_model import configure
from rlbench.testing.fakes import BANDIT, CUT, SHAPES, SIGNAL, TARGET
from rlbench.testing.group_training import Played, play

SEED = 3
Asked = tuple[str, Mapping[str, Any]]  # an environment and its arguments


class NotClaimed(Exception):
    """The rule is about something that the algorithm does not say of itself."""


@dataclass(frozen=True)
class Subject:
    """An algorithm under test.

    params: as a suite gives them; small networks and warm-ups make the rules quick. steps: of the plays whose numbers are
    compared; learn_steps: of those that have to learn something, of each seed.
    """

    spec: AlgorithmSpec
    params: Mapping[str, Any]
    steps: int = 2_000
    learn_steps: int = 5_000

    @property
    def algorithm(self) -> type[Algorithm]:
        return self.spec.load()

    @property
    def config(self) -> Any:
        return configure(self.algorithm.Config, self.params, self.spec.name)

    @property
    def walk(self) -> dict[str, Any]:
        """Arguments of a random walk of odd sizes, with actions of a kind that is claimed."""
        return {"obs": 5, "actions": 3} if self.spec.supports.discrete else {"obs": 5, "dims": 3}

    def play(self, seeds: Sequence[int] = (SEED,), env_id: str = SHAPES, steps: int = 0, **more: Any) -> Played:
        """`rlbench.testing.play`, by default one seed on the random walk. Raises: NotClaimed where nothing is metered."""
        if self.spec.metering != "boundary":
            raise NotClaimed(f"metering={self.spec.metering!r}: it steps environments of its own")
        kwargs = more.pop("kwargs", self.walk if env_id == SHAPES else {})
        return play(self.algorithm, self.config, env_id, seeds, self.whole(steps or self.steps), kwargs=kwargs, **more)

    def whole(self, steps: int) -> int:
        """At least so many steps that all of its environments take equally many, as suites ask for."""
        num_envs = int(getattr(self.config, "num_envs", 1))
        return -(-steps // num_envs) * num_envs

    def learn(self, discrete: Asked, continuous: Asked) -> list[Played]:
        """Three seeds that learn a task, each alone where they do not stack. Raises: NotClaimed if it learns nothing."""
        env_id, kwargs = discrete if self.spec.supports.discrete else continuous
        together = self.spec.stackable and (self.spec.max_stack or 3) >= 3
        groups = [(0, 1, 2)] if together else [(0,), (1,), (2,)]
        played = [self.play(seeds, env_id, self.learn_steps, kwargs=kwargs, final_episodes=100) for seeds in groups]
        if not played[0].learned:
            raise NotClaimed("`state` is empty: it keeps nothing, so it learns nothing")
        return played


# Tasks of one kind for discrete actions and for continuous ones.
BANDITS: tuple[Asked, Asked] = (BANDIT, {}), (TARGET, {"dims": 2})
CUTS: tuple[Asked, Asked] = (CUT, {}), (CUT, {"dims": 1})
SIGNALS: tuple[Asked, Asked] = (SIGNAL, {}), (SIGNAL, {"dims": 1})


def alive() -> tuple[set[int], set[int]]:
    """Threads and child processes of this process."""
    threads = {thread.ident or 0 for thread in threading.enumerate()}
    return threads, {child.pid for child in psutil.Process().children(recursive=True)}
