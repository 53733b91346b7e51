"""Pydantic models of a suite's keys for clusters: what each task requests. These keys change no result."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from rlbench.suites.suite_values import Count, CountOrZero, Duration, Memory, Number, StrictModel

_ADDRESS = r"^[\w.,:/+-]+$"
_WORD = r"^[\w.,:+@-]+$"  # no space or quote, which would end an option of sbatch
_OPTION = r"^--?[\w-]+([= ][^\n]*)?$"


class SlurmEntry(StrictModel):
    """What each task of `--executor slurm` requests from the cluster, and what Ctrl-C does to the tasks."""

    partition: Annotated[str, Field(pattern=_WORD)] | None = Field(None, description="partition to submit to")
    account: Annotated[str, Field(pattern=_WORD)] | None = Field(None, description="account that is charged")
    time: Duration = Field(
        None,
        description="time limit of a task, such as 4h; shortly before the limit, the group saves a checkpoint, and the"
        " restarted task resumes from it; default: the partition's limit",
    )
    cpus: Count = Field(1, description="processor cores of a task, which trains one group at a time")
    gpus: CountOrZero = Field(0, description="GPUs of a task")
    mem: Memory = Field(None, description="memory of a task, such as 4GB; default: the partition's default")
    extra: tuple[Annotated[str, Field(pattern=_OPTION)], ...] = Field(
        (), description='further options of sbatch, such as "--constraint=avx512"'
    )
    on_interrupt: Literal["leave", "cancel"] = Field(
        "leave", description="what Ctrl-C does to the tasks: leave them running, or cancel them"
    )


class RayEntry(StrictModel):
    """What each task of `--executor ray` requests from the cluster. A task may request a fraction of a core or GPU."""

    address: Annotated[str, Field(pattern=_ADDRESS)] | None = Field(
        None,
        description="address of the cluster, such as auto or ray://head:10001; default: RAY_ADDRESS, else this machine",
    )
    cpus: Annotated[Number, Field(ge=0)] = Field(1, description="processor cores of a task, which trains one group")
    gpus: Annotated[Number, Field(ge=0)] = Field(0, description="GPUs of a task, such as 0.25: four tasks share a GPU")
    mem: Memory = Field(None, description="memory that Ray keeps for a task, such as 4GB")
    resources: dict[str, Annotated[Number, Field(gt=0)]] = Field(
        {}, description="further resources of a task, by the names that the cluster's nodes give them"
    )
