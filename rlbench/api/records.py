"""Runs, their identity, and the records that an environment boundary keeps of them.

A run is one algorithm × configuration × task × seed: the row of every table. Its key is a hash of what was asked for,
after defaults; what code and hardware answered stands beside it.
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

from rlbench.api.task import EvaluationProtocol, Task, Wrapper

KEY_VERSION = 1
LARGEST_RETURN = 1e100  # either way; beyond it squares and sums are no numbers any more, and a run has diverged


class RunStatus(StrEnum):
    """What became of a run. Only `done` and `diverged` carry scores."""

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


class EpisodeRecord(NamedTuple):
    """One training episode, written when it ends. `end`: terminated, truncated, abandoned by the algorithm, or reported."""

    seed: int
    step: int
    rank: int
    episode: int
    reset_seed: int
    return_: float
    length: int
    end: str


class EvaluationRecord(NamedTuple):
    """One evaluation of one seed's policy: `nominal_step` on the grid, `step` when it was crossed; returns per episode."""

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


class MetricRecord(NamedTuple):
    """One number that an algorithm logged for one seed."""

    seed: int
    step: int
    name: str
    value: float


class Column(NamedTuple):
    """A stored column: its dtype in Arrow's words, its unit, what it means, and whether it measures time."""

    name: str
    dtype: str
    unit: str
    meaning: str
    timing: bool = False


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
            "the seed of this episode, or of the stream that all episodes of its environment are drawn from; -1: not known",
        ),
        Column("return", "float64", "reward", "undiscounted sum of rewards under the meter"),
        Column("length", "int64", "env steps", "steps of the episode; 0: not known"),
        Column("end", "string", "", "terminated, truncated, abandoned, or reported by the run itself"),
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
    ),
    "metrics": (
        Column("seed", "int64", "", "the run's seed"),
        Column("step", "int64", "env steps", "steps taken when it was logged"),
        Column("name", "string", "", "the metric"),
        Column("value", "float64", "", "its value for this seed"),
    ),
}


def canonical(value: Any) -> str:
    """JSON with sorted keys and no spaces; dataclasses as objects. Equal values give equal text."""

    def plain(item: Any) -> Any:
        if dataclasses.is_dataclass(item) and not isinstance(item, type):
            return {f.name: getattr(item, f.name) for f in dataclasses.fields(item)}
        if isinstance(item, Mapping):
            return dict(item)
        raise TypeError(f"{type(item).__name__} cannot be part of a run's key")

    return json.dumps(value, default=plain, sort_keys=True, separators=(",", ":"), allow_nan=True)


class RunKey(str):
    """64 hexadecimal digits that identify what a run was asked to do; `short` (48 bits) stands in folder names."""

    __slots__ = ()

    @property
    def short(self) -> str:
        return self[:12]


@dataclass(frozen=True)
class Run:
    """One algorithm × configuration × task × seed. `label` names the algorithm in tables and is not in the key."""

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
            "task": self.task,
            "seed": self.seed,
            "seed_space": self.seed_space,
            "precision": self.precision,
        }
        return RunKey(hashlib.sha256(canonical(identity).encode()).hexdigest())

    @cached_property
    def name(self) -> str:
        """The run's folder: readable, at most 80 bytes, and unique by its hash."""
        parts = (slug(self.algorithm, 24), slug(self.task.env_id, 28), f"s{self.seed:02d}", self.key.short)
        return "--".join(parts)


@dataclass(frozen=True)
class RunGroup:
    """Runs that differ in seed alone and are trained together in one process.

    timeout, stall_timeout: seconds its process may take, and may go without an environment step; None: any. resume:
    "exact", "approximate" (go on although numbers will differ) or "never". data_files: files that runs read, whose content
    is part of what made them.
    """

    algorithm: str
    config: Mapping[str, Any]
    task: Task
    seeds: tuple[int, ...]
    label: str = ""
    seed_space: str = "training"
    device: str = "cpu"
    compile: bool = False
    checkpoint_every: int = 0
    timeout: float | None = None
    stall_timeout: float | None = None
    resume: str = "exact"
    data_files: tuple[str, ...] = ()

    @property
    def runs(self) -> tuple[Run, ...]:
        return tuple(Run(self.algorithm, self.config, self.task, s, self.label, self.seed_space) for s in self.seeds)

    @property
    def name(self) -> str:
        """A folder-safe name, the same for the same runs in any order."""
        digest = hashlib.sha256("".join(sorted(run.key for run in self.runs)).encode()).hexdigest()[:12]
        return "--".join((slug(self.algorithm, 24), slug(self.task.env_id, 28), digest))


def slug(text: str, length: int) -> str:
    """`text` reduced to letters, digits, dots and dashes, so that it is safe as part of a file name anywhere."""
    plain = unicodedata.normalize("NFKD", text).encode("ascii", "ignore").decode()
    return re.sub(r"[^A-Za-z0-9.]+", "-", plain).strip("-.")[:length].rstrip("-.") or "x"


def group_as_dict(group: RunGroup) -> dict[str, Any]:
    """A RunGroup as JSON values; `group_from_dict` takes them back."""
    return {f.name: json.loads(canonical(getattr(group, f.name))) for f in dataclasses.fields(group)}


def group_from_dict(values: Mapping[str, Any]) -> RunGroup:
    """Take back what `group_as_dict` gave. Raises: KeyError or TypeError for anything else."""
    return RunGroup(
        **{
            **values,
            "task": task_from_dict(values["task"]),
            "seeds": tuple(values["seeds"]),
            "data_files": tuple(values.get("data_files", ())),
        }
    )


def task_from_dict(values: Mapping[str, Any]) -> Task:
    """A Task from its JSON values."""
    protocol = EvaluationProtocol(**values["evaluation"])
    return Task(**{**values, "evaluation": protocol, "wrappers": tuple(Wrapper(**w) for w in values["wrappers"])})
