"""Runs, their identity, and the records that are written at the environment boundary.

A run is one algorithm × configuration × task × seed: one row of every table. Its key is a hash of these, with all
defaults filled in. Code and hardware are recorded beside the key and are not part of it.
"""

from __future__ import annotations

import dataclasses
import hashlib
import json
import re
import unicodedata
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from functools import cached_property
from typing import Any, NamedTuple

from rlbench.api.task import Task

KEY_VERSION = 1
STAGE_METRIC = "stage"  # logged when a seed enters a stage of its curriculum, counted from 1
LARGEST_RETURN = 1e100  # a run with a larger absolute return has diverged, because squares and sums would overflow


class RunStatus(StrEnum):
    """The status of a run."""

    DONE = "done"
    DIVERGED = "diverged"
    FAILED = "failed"
    TIMEOUT = "timeout"
    STALLED = "stalled"
    SKIPPED = "skipped"
    RUNNING = "running"
    INTERRUPTED = "interrupted"
    PENDING = "pending"
    CORRUPT = "corrupt"

    @property
    def has_score(self) -> bool:
        """Whether a run with this status has a score."""
        return self in (RunStatus.DONE, RunStatus.DIVERGED)

    @property
    def is_failure(self) -> bool:
        """Whether training ended without a result, and `--rerun failed` trains the run again."""
        return self in (RunStatus.FAILED, RunStatus.TIMEOUT, RunStatus.STALLED)

    @property
    def is_final(self) -> bool:
        """Whether rerunning the same command keeps the run: it is not pending, running or interrupted."""
        return self not in (RunStatus.PENDING, RunStatus.RUNNING, RunStatus.INTERRUPTED)

    def describe(self, message: str = "", details: str = "", longest: int | None = None) -> str:
        """Return the status and its reason on one line. Tables, such as `rlbench status`, have a column for each.

        details: text directly after the status, such as the time. longest: how many characters of the message to show;
        None: all. Example: "timeout in 2:05: exceeded its time limit of 2 min", whose details are " in 2:05".
        """
        text = " ".join(message.split())
        if longest is not None and len(text) > longest:
            text = f"{text[:longest]} …"
        return f"{self}{details}: {text}" if text else f"{self}{details}"


class EpisodeRecord(NamedTuple):
    """One training episode, written when it ends.

    step: environment steps of the seed when the episode ended. rank: index of the environment. episode: index of the
    episode in that environment. end: terminated, truncated, abandoned by the algorithm, or reported by the run itself.
    agent_returns: of a multi-agent environment, the return of each agent; `return_` is their sum.
    """

    seed: int
    step: int
    rank: int
    episode: int
    reset_seed: int
    return_: float
    length: int
    end: str
    agent_returns: tuple[float, ...] = ()


class EvaluationRecord(NamedTuple):
    """One evaluation of one seed's policy.

    nominal_step: the point of the evaluation grid. step: environment steps when the point was crossed. returns,
    lengths: one per episode. agent_returns: of a multi-agent environment, for each episode the return of each agent.
    """

    seed: int
    nominal_step: int
    step: int
    kind: str
    return_mean: float
    return_std: float
    length_mean: float
    returns: tuple[float, ...]
    lengths: tuple[int, ...]
    wall_seconds: float
    agent_returns: tuple[tuple[float, ...], ...] = ()


class MetricRecord(NamedTuple):
    """One number that an algorithm logged for one seed."""

    seed: int
    step: int
    name: str
    value: float


class Column(NamedTuple):
    """A stored column. dtype: the name of an Arrow type.

    timing: whether the column measures time. optional: whether a table leaves the column out if it has no values.
    """

    name: str
    dtype: str
    unit: str
    meaning: str
    timing: bool = False
    optional: bool = False


COLUMNS: dict[str, tuple[Column, ...]] = {
    "episodes": (
        Column("seed", "int64", "", "the run's seed"),
        Column("step", "int64", "env steps", "steps this seed had taken when the episode ended"),
        Column("rank", "int32", "", "which of the seed's environments"),
        Column("episode", "int64", "", "index of the episode in that environment"),
        Column(
            "reset_seed",
            "int64",
            "",
            "the seed of this episode, or of the stream that all episodes of its environment are drawn from; "
            "-1: not known",
        ),
        Column("return", "float64", "reward", "undiscounted sum of the metered rewards"),
        Column("length", "int64", "env steps", "steps of the episode; 0: not known"),
        Column("end", "string", "", "terminated, truncated, abandoned, or reported by the run itself"),
        Column("agent_returns", "list<float64>", "reward", "each agent's return, in the order of names", optional=True),
    ),
    "evaluations": (
        Column("seed", "int64", "", "the run's seed"),
        Column("nominal_step", "int64", "env steps", "the point of the grid"),
        Column("step", "int64", "env steps", "steps taken when the point was crossed"),
        Column("kind", "string", "", "grid, or final for the final policy"),
        Column("return_mean", "float64", "reward", "mean over the episodes"),
        Column("return_std", "float64", "reward", "standard deviation over the episodes (ddof 0)"),
        Column("length_mean", "float64", "env steps", "mean length of the episodes"),
        Column("returns", "list<float64>", "reward", "each episode's return, in the order of the episode seeds"),
        Column("lengths", "list<int64>", "env steps", "each episode's length"),
        Column("wall_seconds", "float64", "s", "training clock, evaluation excluded", timing=True),
        Column(
            "agent_returns",
            "list<list<float64>>",
            "reward",
            "for each episode the return of each agent, in the order of names",
            optional=True,
        ),
    ),
    "metrics": (
        Column("seed", "int64", "", "the run's seed"),
        Column("step", "int64", "env steps", "steps taken when it was logged"),
        Column("name", "string", "", "the metric"),
        Column("value", "float64", "", "its value for this seed"),
    ),
}


def canonical(value: Any) -> str:
    """Return a value as JSON with sorted keys and no spaces. Equal values have equal text.

    A dataclass becomes an object. If a field marked IF_GIVEN has its default, it is left out. Raises: TypeError for a
    value that JSON cannot express.
    """

    def plain(item: Any) -> Any:
        if dataclasses.is_dataclass(item) and not isinstance(item, type):
            return {f.name: getattr(item, f.name) for f in dataclasses.fields(item) if _is_given(item, f)}
        if isinstance(item, Mapping):
            return dict(item)
        raise TypeError(f"{type(item).__name__} cannot be part of a run's key")

    return json.dumps(value, default=plain, sort_keys=True, separators=(",", ":"), allow_nan=True)


def _is_given(item: Any, field: dataclasses.Field[Any]) -> bool:
    """Return whether a field belongs in records: always, unless it is marked IF_GIVEN and has its default."""
    if "if_given" not in field.metadata:
        return True
    factory = field.default_factory
    default = field.default if factory is dataclasses.MISSING else factory()
    return bool(getattr(item, field.name) != default)


class RunKey(str):
    """64 hexadecimal digits that identify a run. `short` (48 bits) is used in folder names."""

    __slots__ = ()

    @property
    def short(self) -> str:
        return self[:12]


@dataclass(frozen=True)
class Run:
    """One algorithm × configuration × task × seed. label: the algorithm's name in tables; it is not part of the key."""

    algorithm: str
    config: Mapping[str, Any]
    task: Task
    seed: int
    label: str = ""
    seed_space: str = "training"
    precision: str = "float32"

    @cached_property
    def key(self) -> RunKey:
        identity = {
            "key_version": KEY_VERSION,
            "algorithm": self.algorithm,
            "config": self.config,
            "task": self.task.requested,
            "seed": self.seed,
            "seed_space": self.seed_space,
            "precision": self.precision,
        }
        return RunKey(hashlib.sha256(canonical(identity).encode()).hexdigest())

    @cached_property
    def name(self) -> str:
        """The name of the run's folder: readable, at most 80 bytes, and unique by its hash."""
        parts = (slug(self.algorithm, 24), slug(self.task.env_id, 28), f"s{self.seed:02d}", self.key.short)
        return "--".join(parts)


def slug(text: str, length: int) -> str:
    """Reduce `text` to at most `length` letters, digits, dots and dashes, so that it is safe in any file name."""
    plain = unicodedata.normalize("NFKD", text).encode("ascii", "ignore").decode()
    return re.sub(r"[^A-Za-z0-9.]+", "-", plain).strip("-.")[:length].rstrip("-.") or "x"
