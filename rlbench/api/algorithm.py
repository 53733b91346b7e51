"""What a plugin implements (`Algorithm`) and what it registers (`AlgorithmSpec`)."""

from __future__ import annotations

import dataclasses
import importlib
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar

from rlbench.api.interaction import Array, Interaction
from rlbench.api.task import Device, TaskInfo

if TYPE_CHECKING:
    from rlbench.seeding import SeedStreams

Policy = Callable[[Array, Array], Array]


@dataclass(frozen=True)
class NoConfig:
    """The configuration of an algorithm without hyperparameters."""


class Algorithm(ABC):
    """One algorithm training S seeds at once: it owns its loop; everything else is the harness's.

    Every tensor it keeps has the seed axis in front, S = 1 included. Randomness comes from `streams` alone.

    `rlbench run --profile` tells by the names of functions, methods and closures what an algorithm does: one of the words
    update, learn, train, fit, optimize, improve, loss, gradient, backward, advantage, gae or returns (`update_critic`) is
    an update, unless environments are stepped inside; act, action, policy, greedy, explore, choose, select, predict,
    sample, draw or collect is acting; what has "replay" in its name, or a class that is a …Buffer, is replay. An update
    that calls what acts is an update all the same. All else is "other". No name changes anything but that table.
    """

    Config: ClassVar[type[Any]] = NoConfig
    """Hyperparameters, as a frozen dataclass; fields made by `setting` carry their range and meaning."""

    streams: SeedStreams
    task: TaskInfo
    config: Any

    def __init__(self, config: Any, task: TaskInfo, streams: SeedStreams, device: Device) -> None:
        self.config, self.task, self.streams, self.device = config, task, streams, device

    @abstractmethod
    def train(self, interaction: Interaction) -> None:
        """Learn until `interaction.finished`.

        To be resumable, keep nothing in local variables across `interaction.checkpoint(self)`: after a restart the
        harness loads `state()` and calls `train` again.
        """

    @abstractmethod
    def act(self, obs: Array) -> Array:
        """The policy that evaluation sees: [S, E, *obs] → [S, E, *action], greedy; draws from the stream "evaluate" only."""

    def policy(self, mode: str = "greedy") -> Policy:
        """What evaluation calls: (obs [S, E, *obs], start [S, E] bool: an episode begins) → actions.

        A recurrent policy keeps its memory in here. Algorithms that can also be evaluated as `sampled` override it.
        Raises: ValueError for a mode the algorithm does not have.
        """
        if mode != "greedy":
            raise ValueError(f"{type(self).__name__} has no {mode!r} policy, only 'greedy'")
        return lambda obs, start: self.act(obs)

    def state(self) -> Mapping[str, Array]:
        """Everything learned and counted, each entry [S, …], so that one seed can be stored alone."""
        return {}

    def load_state(self, state: Mapping[str, Array]) -> None:
        """Take back what `state` gave."""

    def final_state(self) -> Mapping[str, Array]:
        """What the final policy needs, published with the run; by default all of `state`."""
        return self.state()

    def load_final_state(self, state: Mapping[str, Array]) -> None:
        """Take back what `final_state` gave, so that `policy` plays as it did; override it wherever `final_state` is."""
        self.load_state(state)


@dataclass(frozen=True)
class Supports:
    """What an algorithm can be run on; pairs that do not fit are skipped with a reason."""

    discrete: bool = False
    continuous: bool = False
    pixels: bool = False
    nested: bool = False


@dataclass(frozen=True)
class AlgorithmSpec:
    """What a plugin registers.

    algorithm: the class, or "module:Class" so that listing plugins imports no deep-learning library.
    stackable: several seeds may share one instance; otherwise every group has one seed. max_stack: the most seeds.
    bootstraps: the value of what would have followed an episode that was cut (truncated) is estimated; otherwise a cut counts
    as an end, as for methods that know whole returns alone.
    resumable: `state` is complete, so that a resumed run equals an uninterrupted one; otherwise runs start again.
    requires: importable modules it needs beyond rlbench's own; extra: what to install to have them.
    updates_per_step: given a Config, updates that would be compiled for each environment step of a seed; none: nothing is.
    `compile: auto` compiles in runs with so many of them that the compiler's time is won back.
    metering: "boundary", or "self-reported" where steps cannot be counted at the boundary; reports mark those.
    """

    name: str
    algorithm: type[Algorithm] | str
    supports: Supports = Supports(discrete=True, continuous=True)
    stackable: bool = True
    max_stack: int | None = None
    resumable: bool = True
    reproducible: bool = True
    bootstraps: bool = True
    requires: tuple[str, ...] = ()
    extra: str = ""
    metering: str = "boundary"
    summary: str = ""
    updates_per_step: Callable[[Any], float] | None = None
    api_version: int = 1

    def load(self) -> type[Algorithm]:
        """Import and return the class. Raises: ImportError, AttributeError or TypeError as Python gives them."""
        found = self.algorithm
        if isinstance(found, str):
            module, _, name = found.partition(":")
            found = getattr(importlib.import_module(module), name)
        if not (isinstance(found, type) and issubclass(found, Algorithm)):
            raise TypeError(f"{self.algorithm!r} of {self.name!r} is not a subclass of rlbench.Algorithm")
        return found


def updates_from_replay(config: Any) -> float:
    """`AlgorithmSpec.updates_per_step` of what learns `gradient_steps` times each `train_every` environment steps of a seed.

    config: has both fields; gradient_steps below 0 means as many as steps were taken.
    """
    return 1.0 if config.gradient_steps < 0 else float(config.gradient_steps / config.train_every)


def setting(
    default: Any,
    doc: str,
    *,
    ge: float | None = None,
    gt: float | None = None,
    le: float | None = None,
    lt: float | None = None,
    choices: tuple[Any, ...] | None = None,
) -> Any:
    """A hyperparameter of a frozen dataclass Config: default, meaning (with source), allowed range or choices."""
    limits = {k: v for k, v in (("ge", ge), ("gt", gt), ("le", le), ("lt", lt)) if v is not None}
    return dataclasses.field(default=default, metadata={"doc": doc, "limits": limits, "choices": choices})
