"""The algorithm under test with its configuration, and short training runs on tasks that it supports."""

from __future__ import annotations

import dataclasses
import threading
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import psutil

from rlbench.api import Algorithm, AlgorithmSpec, EnvBackendSpec, environments_of
from rlbench.envs.multiagent.multiagent_backends import PETTINGZOO, rlbench_env_backends
from rlbench.plugins.config_model import configure
from rlbench.testing.fakes import BANDIT, CUT, SHAPES, SIGNAL, TARGET
from rlbench.testing.group_training import Played, play

SEED = 3
WORLD = "rlbench.testing.agent_fakes:FakeWorld"
EnvArguments = tuple[str, Mapping[str, Any]]  # an environment's id and its keyword arguments


class NotClaimed(Exception):
    """The rule is about a property that the algorithm does not claim."""


@dataclass(frozen=True)
class Subject:
    """An algorithm under test.

    params: as in a suite; small networks and short warm-ups make the checks fast. steps: environment steps of runs
    whose numbers are compared. learn_steps: environment steps per seed of runs that have to learn. All runs are
    extended to at least three rollouts.
    """

    spec: AlgorithmSpec
    params: Mapping[str, Any]
    steps: int = 2_000
    learn_steps: int = 5_000

    @property
    def algorithm(self) -> type[Algorithm]:
        """The class of the algorithm."""
        return self.spec.load()

    @property
    def config(self) -> Any:
        """The configuration, from `params` and the defaults."""
        return configure(self.algorithm.Config, self.params, self.spec.name)

    @property
    def short(self) -> int:
        """The steps of runs whose numbers are compared: `steps`, but at least three rollouts.

        A run that ends within its first rollout learns nothing and saves no checkpoint, so there would be nothing to
        check.
        """
        config = self.config
        lengths = [getattr(config, field.name) for field in dataclasses.fields(config) if field.metadata.get("rollout")]
        return max(self.steps, 3 * environments_of(config) * int(max(lengths, default=0)))

    @property
    def long(self) -> int:
        """The steps of runs that have to learn: `learn_steps`, but at least three rollouts."""
        return max(self.learn_steps, self.short)

    @property
    def walk(self) -> dict[str, Any]:
        """The arguments of a Shapes environment (a random walk) with odd sizes and a supported kind of actions."""
        return {"obs": 5, "actions": 3} if self.spec.supports.discrete else {"obs": 5, "dims": 3}

    def environment(
        self, env_id: str, kwargs: Mapping[str, Any] | None = None
    ) -> tuple[str, Mapping[str, Any], EnvBackendSpec | None]:
        """Return the environment to train on: its id, its arguments, and its backend, which is None for Gymnasium.

        If the algorithm supports a single agent, this is the given environment. Otherwise it is a world of two agents
        that play a copy each. With the random walk, it has a third agent with other spaces, so there are two groups.
        kwargs: arguments of the environment; None: `walk` for the random walk, else no arguments.
        """
        kwargs = kwargs if kwargs is not None else self.walk if env_id == SHAPES else {}
        if self.spec.supports.single_agent:
            return env_id, kwargs, None
        other = {"obs": 3, "actions": 2} if self.spec.supports.discrete else {"obs": 3, "dims": 2}
        of_agents = [{}, {}, other] if env_id == SHAPES else [{}, {}]
        backend = next(backend for backend in rlbench_env_backends() if backend.name == PETTINGZOO)
        return WORLD, {**kwargs, "env_id": env_id, "kwargs": of_agents}, backend

    def play(self, seeds: Sequence[int] = (SEED,), env_id: str = SHAPES, steps: int = 0, **options: Any) -> Played:
        """Train with `rlbench.testing.play`, by default one seed on the random walk.

        config: replaces the subject's configuration. Raises: NotClaimed if the algorithm is self-reported.
        """
        if self.spec.metering != "boundary":
            raise NotClaimed(f"metering={self.spec.metering!r}: the algorithm steps its own environments")
        env_id, kwargs, backend = self.environment(env_id, options.pop("kwargs", None))
        steps = self.round_up(steps or self.short)
        config = options.pop("config", self.config)
        return play(self.algorithm, config, env_id, seeds, steps, kwargs=kwargs, backend=backend, **options)

    def round_up(self, steps: int) -> int:
        """Round steps up to a multiple of the number of environments, as suites require."""
        num_envs = environments_of(self.config)
        return -(-steps // num_envs) * num_envs

    def learn(self, discrete: EnvArguments, continuous: EnvArguments) -> list[Played]:
        """Train three seeds on the discrete or the continuous task, separately if they cannot be stacked.

        Raises: NotClaimed if `state` returns nothing.
        """
        env_id, kwargs = discrete if self.spec.supports.discrete else continuous
        if self.spec.supports.tabular and env_id == SIGNAL:
            kwargs = {**kwargs, "one_hot": True}
        stacked = self.spec.stackable and (self.spec.max_stack or 3) >= 3
        groups = [(0, 1, 2)] if stacked else [(0,), (1,), (2,)]
        trained = [self.play(seeds, env_id, self.long, kwargs=kwargs, final_episodes=100) for seeds in groups]
        if not trained[0].learned:
            raise NotClaimed("`state` returned nothing, so there is no learning to check")
        return trained


# Each pair is a task for discrete actions and the same task for continuous actions.
BANDITS: tuple[EnvArguments, EnvArguments] = (BANDIT, {}), (TARGET, {"dims": 2})
CUTS: tuple[EnvArguments, EnvArguments] = (CUT, {}), (CUT, {"dims": 1})
SIGNALS: tuple[EnvArguments, EnvArguments] = (SIGNAL, {}), (SIGNAL, {"dims": 1})


def threads_and_children() -> tuple[set[int], set[int]]:
    """Return the ids of this process's threads and child processes."""
    threads = {thread.ident or 0 for thread in threading.enumerate()}
    return threads, {child.pid for child in psutil.Process().children(recursive=True)}
