"""Pydantic models of a suite's keys for clusters: what each task asks for. They change no result."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from rlbench.suites.suite_values import Count, CountOrZero, Duration, Memory, StrictModel

_WORD = r"^[\w.,:+@-]+$"  # no space or quote, which would end an option of sbatch
_OPTION = r"^--?[\w-]+([= ][^\n]*)?$"


class SlurmEntry(StrictModel):
    """What each task of `--executor slurm` asks of the cluster, and what Ctrl-C does to the tasks."""

    partition: Annotated[str, Field(pattern=_WORD)] | None = Field(None, description="partition to submit to")
    account: Annotated[str, Field(pattern=_WORD)] | None = Field(None, description="account that is charged")
    time: Duration = Field(
        None,
        description="time limit of a task, such as 4h; shortly before it the group saves, and a new start of the task"
        " resumes it; default: the partition's",
    )
    cpus: Count = Field(1, description="processor cores of a task, which trains one group at a time")
    gpus: CountOrZero = Field(0, description="GPUs of a task")
    mem: Memory = Field(None, description="memory of a task, such as 4GB; default: the partition's")
    extra: tuple[Annotated[str, Field(pattern=_OPTION)], ...] = Field(
        (), description='further options of sbatch, such as "--constraint=avx512"'
    )
    on_interrupt: Literal["leave", "cancel"] = Field(
        "leave", description="what Ctrl-C does to the tasks: leave them running, or cancel them"
    )
