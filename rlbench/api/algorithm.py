"""`Algorithm`, the class that a plugin implements, and `AlgorithmSpec`, the entry that it registers."""

from __future__ import annotations

import dataclasses
import importlib
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar

from rlbench.api.interaction import Array, Interaction
from rlbench.api.storage import Storage
from rlbench.api.task import Device, TaskInfo
from rlbench.api.version import API_VERSION

if TYPE_CHECKING:
    from rlbench.seeding import SeedStreams

Policy = Callable[[Array, Array], Array]
_ENVIRONMENTS = ("n_envs", "num_envs")


@dataclass(frozen=True)
class NoConfig:
    """The configuration of an algorithm without hyperparameters."""


class Algorithm(ABC):
    """An algorithm that trains S seeds at once. It owns its training loop; the harness does everything else.

    Every tensor that it keeps has the seed axis first, also when S = 1. All its randomness comes from `streams`.

    `rlbench run --profile` classifies an algorithm's time by the names of its functions, methods and closures:

    - update: a name with the word update, learn, train, fit, optimize, improve, loss, gradient, backward, advantage,
    gae or returns, such as `update_critic`. A function that steps environments is never an update.
    - acting: a name with the word act, action, policy, greedy, explore, choose, select, predict, sample, draw or
    collect. When an update calls such a function, its time counts as part of the update.
    - replay: a name with "replay" in it, or a class named …Buffer.
    - other: everything else.

    The names have no other effect.
    """

    Config: ClassVar[type[Any]] = NoConfig
    """The hyperparameters, as a frozen dataclass. A field made by `setting` carries its range and its meaning."""

    per_seed: ClassVar[tuple[str, ...]] = ()
    """The hyperparameters that may be a `PerSeed`. Settings that differ only in these are trained as one stack.

    A subclass has to list its own: the list of its base class does not cover what the subclass computes.
    The rule `settings` of `rlbench test-plugin` checks that such a stack changes no bit: each seed must get the same
    numbers as in a stack in which all seeds have its setting.
    """

    streams: SeedStreams
    task: TaskInfo
    config: Any

    def __init__(self, config: Any, task: TaskInfo, streams: SeedStreams, device: Device) -> None:
        self.config, self.task, self.streams, self.device = config, task, streams, device

    @abstractmethod
    def train(self, interaction: Interaction) -> None:
        """Train until `interaction.finished` is true.

        A resumable algorithm keeps nothing in local variables across `interaction.checkpoint()`. After a restart,
        the harness loads `state()` and calls `train` again.
        """

    @abstractmethod
    def act(self, obs: Array) -> Array:
        """Return the greedy actions that evaluation uses: [S, E, *obs] → [S, E, *action].

        It may draw random numbers only from the stream "evaluate".
        """

    def policy(self, mode: str = "greedy") -> Policy:
        """Return the function that evaluation calls: (obs [S, E, *obs], start [S, E] bool) → actions [S, E, *action].

        start: true where an episode begins. A recurrent policy keeps its hidden state inside the returned function.
        Override this method if the algorithm also has a "sampled" policy. Raises: ValueError if the algorithm does not
        have the mode.
        """
        if mode != "greedy":
            raise ValueError(f"{type(self).__name__} has no {mode!r} policy, only 'greedy'")
        return lambda obs, start: self.act(obs)

    def state(self) -> Mapping[str, Array]:
        """Return everything learned and counted. Each entry is [S, …], so each seed can be stored separately.

        If the seeds' arrays have different shapes, the entry is an object array [S] with one array for each seed.
        """
        return {}

    def state_to_write(self) -> Mapping[str, Array]:
        """Return `state` for a checkpoint. It is written before training continues, so arrays need not be copied."""
        return self.state()

    def load_state(self, state: Mapping[str, Array]) -> None:
        """Restore what `state` returned."""

    def final_state(self) -> Mapping[str, Array]:
        """Return the arrays that the final policy needs, by default all of `state`. They are published with the run."""
        return self.state()

    def load_final_state(self, state: Mapping[str, Array]) -> None:
        """Restore what `final_state` returned, so that `policy` plays as before.

        Override this method whenever you override `final_state`.
        """
        self.load_state(state)


@dataclass(frozen=True)
class Supports:
    """The tasks that an algorithm supports. A suite skips other tasks and gives the reason.

    discrete, continuous, multi_discrete, multi_binary: the supported action spaces. If the environment has another
    action space, the harness converts actions from a supported space where possible.
    unbounded: continuous actions need no bounds.
    any_actions: the algorithm draws its actions uniformly, so it supports every space that has a uniform distribution.
    action_masks: it chooses among the discrete actions that a mask in the observation allows
    (`rlbench.kit.ActionMask`).

    Every algorithm accepts observations that are one vector of floats.
    pixels: it also accepts images, as uint8 [C, H, W]. smallest_image: the least height and width of an image.
    nested: it also accepts Dict and Tuple observations. They too arrive as vectors [..., n]. Their space has two
    additional attributes: `parts` is the Dict or Tuple space, with images as [C, H, W]; `restore(vectors)` returns the
    Dict or Tuple observations, whose parts are arrays [..., *part].
    packed: it also accepts Dict and Tuple observations with images. They arrive as bytes [..., n]: first the bytes of
    each image, then each number as the four bytes of a float32. Their space has two additional attributes: `images` is
    the shape [C, H, W] of each image, and `numbers` is how many numbers there are (`rlbench.kit.ImagesAndNumbers`).
    no_observations: the algorithm uses no observations, so it supports every observation space.
    tabular: the algorithm keeps a table. It supports only Discrete observations, which arrive as one-hot vectors.
    multi_agent: it trains several agents in one environment (`rlbench.kit.Agents`). `discrete` and `continuous` then
    describe the actions of each agent. An algorithm without `multi_agent` controls all agents together as one agent, if
    their joint action fits a space that it supports. single_agent: it supports environments with one agent.
    """

    discrete: bool = False
    continuous: bool = False
    pixels: bool = False
    nested: bool = False
    multi_discrete: bool = False
    multi_binary: bool = False
    no_observations: bool = False
    unbounded: bool = False
    any_actions: bool = False
    action_masks: bool = False
    smallest_image: int = 1
    tabular: bool = False
    multi_agent: bool = False
    single_agent: bool = True
    packed: bool = False


@dataclass(frozen=True)
class AlgorithmSpec:
    """An algorithm that a plugin offers.

    name: the algorithm's name in suites.
    algorithm: the class, or "module:Class". With a string, listing plugins imports no deep-learning library.
    supports: the action and observation spaces that it supports.
    stackable: several seeds may share one instance. If false, every group has one seed.
    max_stack: the largest number of seeds in one instance; None: no limit.
    resumable: `state` is complete, so a resumed run equals an uninterrupted run. If false, interrupted runs restart.
    reproducible: the same seed always produces the same numbers, bit for bit.
    bootstraps: after a truncated step, the algorithm adds the estimated value of the next state. If false, it treats
    truncation as termination, like methods that use only complete returns.
    requires: importable modules that the algorithm needs besides rlbench's own dependencies. extra: the package extra
    that installs them.
    metering: "boundary", or "self-reported" if steps cannot be counted at the boundary; reports mark the latter.
    summary: one line for lists of algorithms.
    updates_per_step: maps a Config to the number of compilable updates for each environment step of a seed; None:
    nothing can be compiled. `compile: auto` compiles a run if its updates repay the compilation time.
    storage: maps a Config to the replay or rollout that one seed keeps; None: the algorithm keeps nothing large.
    `check` prints how much memory this takes, and a plan never trains more seeds together than fit into memory.
    several_processes: each seed's environments step in several processes, so the algorithm cannot follow a curriculum.
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
    storage: Callable[[Any], Sequence[Storage]] | None = None
    api_version: int = API_VERSION
    several_processes: bool = False

    def load(self) -> type[Algorithm]:
        """Import and return the class.

        Raises: ImportError or AttributeError if it cannot be imported; TypeError if it is not a subclass of Algorithm.
        """
        algorithm = self.algorithm
        if isinstance(algorithm, str):
            module, _, name = algorithm.partition(":")
            algorithm = getattr(importlib.import_module(module), name)
        if not (isinstance(algorithm, type) and issubclass(algorithm, Algorithm)):
            raise TypeError(f"{self.algorithm!r} of {self.name!r} is not a subclass of rlbench.Algorithm")
        return algorithm


def environments_of(config: Any) -> int:
    """Return the number of environments of each seed: n_envs, else num_envs, else 1.

    config: a Config, or its fields by name.
    """
    given = (
        config if isinstance(config, Mapping) else {k: getattr(config, k) for k in _ENVIRONMENTS if hasattr(config, k)}
    )
    return next((int(given[name]) for name in _ENVIRONMENTS if name in given), 1)


def nothing_left(name: str, value: float, steps: int) -> str:
    """Return why a warm-up of `value` steps does not fit a budget of `steps`, or "" if it fits.

    name: the hyperparameter that sets the warm-up.
    """
    return f"{name} {value} leaves none of the {steps} steps for learning; lower it" if value >= steps else ""


def updates_from_replay(config: Any) -> float:
    """Return the updates per environment step of a seed, for use as `AlgorithmSpec.updates_per_step`.

    The algorithm makes `gradient_steps` updates whenever each of its n_envs environments has taken `train_freq` steps.
    If gradient_steps is below 0, it makes one update for each environment step. config: a Config with these three
    fields.
    """
    if config.gradient_steps < 0:
        return 1.0
    return float(config.gradient_steps / (config.train_freq * environments_of(config)))


class PerSeed(tuple[Any, ...]):
    """A hyperparameter's values, one for each seed of a stack in which the seeds have different settings."""

    __slots__ = ()


def setting(
    default: Any,
    doc: str,
    *,
    ge: float | None = None,
    gt: float | None = None,
    le: float | None = None,
    lt: float | None = None,
    choices: tuple[Any, ...] | None = None,
    schedule: bool = False,
    below_steps: bool = False,
    rollout: bool = False,
    privileged: bool = False,
    added: bool = False,
) -> Any:
    """Return a field for a hyperparameter of a Config, which is a frozen dataclass.

    doc: the meaning, with the source. ge, gt, le, lt: the allowed range (≥, >, ≤, <). choices: the allowed values.
    schedule: the field is `float | str`: a number, or text such as "lin_3e-4", which falls linearly from 3e-4 to 0 over
    the budget (`rlbench.kit.parse_schedule` reads both). below_steps: the value is a number of steps before learning
    begins, so it has to be below the budget of a run; `check` refuses a suite in which it is not. rollout: the value is
    the number of steps of each environment between two updates; `check` reports how many steps of a budget remain after
    the last update. privileged: any value but the default tells the algorithm something about the task that other
    algorithms have to learn; tables mark such runs. added: the field was added later, and its default changes nothing.
    So a run with the default keeps its earlier key.
    """
    limits = {k: v for k, v in (("ge", ge), ("gt", gt), ("le", le), ("lt", lt)) if v is not None}
    said = {"doc": doc, "limits": limits, "choices": choices, "schedule": schedule}
    said |= {"below_steps": below_steps, "rollout": rollout, "privileged": privileged, "added": added}
    return dataclasses.field(default=default, metadata=said)
