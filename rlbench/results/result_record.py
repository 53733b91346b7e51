"""The keys of result.json, each with its unit and meaning, in the order of the file. docs/storage.md shows them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import Field, dataclass, field, fields
from typing import Any, NamedTuple

from rlbench.api import RunStatus
from rlbench.results.checksums import CHECKSUM


class ResultKey(NamedTuple):
    """A key of result.json. unit: the unit of its value; "" if it has none."""

    name: str
    unit: str
    meaning: str


def _key(meaning: str, unit: str = "", omit_none: bool = False) -> dict[str, Any]:
    """Describe a key. omit_none: if the value is None, leave the key out of result.json."""
    return {"meaning": meaning, "unit": unit, "omit_none": omit_none}


@dataclass(frozen=True, kw_only=True)
class RunOutcome:
    """The entries of result.json that describe one run."""

    status: RunStatus = field(metadata=_key("`done` or `diverged`"))
    message: str = field(metadata=_key("the step at which it diverged, in words; otherwise empty"))
    steps: int = field(metadata=_key("environment steps taken", "steps"))
    diverged_at: int | None = field(
        metadata=_key("the step at which a number was not finite; null if none was", "steps")
    )
    wall_seconds: float = field(
        metadata=_key("training clock over all attempts, without evaluation and checkpoints", "s")
    )
    resumed_from: int = field(metadata=_key("the step from which the last attempt resumed; 0 for the start", "steps"))


@dataclass(frozen=True, kw_only=True)
class GroupFacts:
    """The entries of result.json that describe the group in which the run was trained, and its process."""

    code: Mapping[str, Any] = field(
        metadata=_key(
            "the plugin's distribution and version, with a hash over data files that parameters or `data_files` name"
        )
    )
    dependencies: Mapping[str, Any] = field(
        metadata=_key(
            "what the run imported. `files`: a hash of each module of the plugin, the environment and the wrappers "
            "that is in no installed distribution, and of every module in the plugin's own package. `rlbench`: the "
            "same for rlbench's numeric modules that it used. `distributions`: the versions of the distributions that "
            "its other modules belong to"
        )
    )
    numerics: Mapping[str, Any] = field(
        metadata=_key(
            "device, threads, whether compiled, whether numbers are independent of the stack to the bit, how this is "
            "known and which kernels differ ([design.md](design.md#the-promise))"
        )
    )
    versions: Mapping[str, str] = field(metadata=_key("versions of packages"))
    environment_backend: str = field(metadata=_key("name and version of the backend"))
    hardware: Mapping[str, Any] = field(metadata=_key("processor, memory, system"))
    agents: Sequence[str] | None = field(
        default=None,
        metadata=_key("the agents' names in a multi-agent run, in the order of `agent_returns`", omit_none=True),
    )
    told: Sequence[str] | None = field(
        default=None,
        metadata=_key(
            "hyperparameters that tell the algorithm what other algorithms have to learn about the task",
            omit_none=True,
        ),
    )
    metering: str = field(metadata=_key("who counts steps: rlbench (`boundary`) or the algorithm (`self-reported`)"))
    score_from: str | None = field(
        default=None,
        metadata=_key(
            "what gives a self-reported run its score: its evaluations or its training episodes", omit_none=True
        ),
    )
    reproducible: bool = field(
        metadata=_key(
            "whether the same seed gives the same numbers: the algorithm claims it, and the environment repeats them"
        )
    )
    environment_repeats: bool | None = field(
        default=None,
        metadata=_key(
            "false if the environment ignores its seed or its instances share state",
            omit_none=True,
        ),
    )
    stack_size: int = field(metadata=_key("seeds trained together", "seeds"))
    group_wall_seconds: float = field(metadata=_key("wall time of the whole group, with evaluation", "s"))
    steps_per_second: float = field(metadata=_key("steps of all seeds of the group per second of training", "steps/s"))
    cpu_seconds: float = field(metadata=_key("processor time of the group, divided by its seeds", "s"))
    group_peak_memory_bytes: int = field(metadata=_key("the most memory that the process used", "bytes"))
    package_energy_joules: float | None = field(
        metadata=_key("energy, if the processor measures it and the run did not resume", "J")
    )
    load_average: float = field(metadata=_key("the machine's load average over the last minute, at the end"))
    git_commit: str | None = field(metadata=_key("the plugin's commit, with `+` if there were uncommitted changes"))
    resume: str = field(
        metadata=_key("`exact`, or `approximate` if it resumed although numerical settings or code differed")
    )
    group_profile: Mapping[str, Any] | None = field(
        default=None,
        metadata=_key(
            "with `--profile`: processor time by part, and the step at which the measurement began", "s", omit_none=True
        ),
    )
    resumable: bool = field(
        metadata=_key("whether an interrupted run could have resumed, with this algorithm and backend")
    )


# The keys that `rlbench.results.publish` adds before and after those above.
BEFORE = (
    ResultKey("schema_version", "", "version of this file"),
    ResultKey("key", "", "the run's full key"),
    ResultKey("attempt", "", "the attempt that produced it"),
)
AFTER = (
    ResultKey("files", "", "sha256 and number of rows of each file in the same folder"),
    ResultKey(CHECKSUM, "", "sha256 of the other entries, as JSON with sorted keys and without spaces"),
)


def result_keys() -> list[ResultKey]:
    """Return all keys of a trained run's result.json, in order."""
    declared = [ResultKey(f.name, f.metadata["unit"], f.metadata["meaning"]) for f in _declared()]
    return [*BEFORE, *declared, *AFTER]


def optional_keys() -> set[str]:
    """Return the keys that only some trained runs have."""
    return {f.name for f in _declared() if f.metadata["omit_none"]}


def _declared() -> tuple[Field[Any], ...]:
    return (*fields(RunOutcome), *fields(GroupFacts))


def as_entries(record: RunOutcome | GroupFacts) -> dict[str, Any]:
    """Return a record as entries of result.json."""
    values = {f.name: (getattr(record, f.name), f.metadata["omit_none"]) for f in fields(record)}
    return {name: value for name, (value, omit_none) in values.items() if not (omit_none and value is None)}
