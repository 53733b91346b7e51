"""The contract of an executor: the jobs it gets, the events it reports, and the harness's functions it may call.

The smallest executor runs one job after another:

    import subprocess
    from collections.abc import Sequence
    from rlbench import ExecutorSpec, hookimpl
    from rlbench.api import ExecutorContext, Job, StartEvent

    def execute(jobs: Sequence[Job], context: ExecutorContext) -> None:
        for job in jobs:
            context.on_event(job, StartEvent())
            subprocess.run(job.command)
            context.on_event(job, context.read_end(job))

    @hookimpl
    def rlbench_executors() -> list[ExecutorSpec]:
        return [ExecutorSpec("one_by_one", execute)]
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NoReturn, TypeAlias

from rlbench.api.errors import PluginError
from rlbench.api.records import RunStatus
from rlbench.api.run_group import RunGroup
from rlbench.api.version import API_ADVICE


@dataclass(frozen=True)
class Job:
    """A group of runs to train, and the attempt folder that describes it.

    command: the command line of the process that trains the group. It works on any machine that has the folder under
    the same path, and needs no input. On SIGTERM the process saves a checkpoint and stops; it ignores SIGINT, a
    terminal's Ctrl-C. It exits with code 0 if the runs are done and 1 otherwise; a negative code is minus the number of
    the signal that killed it. An algorithm may leave child processes behind.
    The executor stores the process's standard output and error, if possible as stdout.log and stderr.log in `attempt`,
    which `rlbench logs` shows.
    resumed_from: the step that training resumes from, 0 for a fresh start. notice: a remark on how training starts,
    which the harness shows. plugin_files: the files of `--plugin`. The command contains them too.
    """

    group: RunGroup
    attempt: Path
    command: tuple[str, ...]
    resumed_from: int = 0
    notice: str = ""
    plugin_files: tuple[str, ...] = ()


@dataclass(frozen=True)
class StartEvent:
    """The group's process has started."""


@dataclass(frozen=True)
class ProgressEvent:
    """Training has advanced. step: environment steps of each seed. pulse: a number that every step changes.

    Steps of evaluation change `pulse` too.
    """

    step: int
    pulse: int


@dataclass(frozen=True)
class EvaluationEvent:
    """An evaluation has ended.

    kind: "grid", or "final" for the final policy. step: environment steps of each seed. returns: the mean return of
    each seed, in the order of the group's seeds.
    """

    kind: str
    step: int
    returns: tuple[float, ...]


@dataclass(frozen=True)
class NoticeEvent:
    """A message for the user. once: if many groups report the same message, show it once."""

    message: str
    once: bool = False


@dataclass(frozen=True)
class EndEvent:
    """The group's process has ended. Report this once for every job that was started, and for no other job.

    disk_full: whether the disk was full or has failed. If so, start no further job.
    """

    status: RunStatus
    message: str = ""
    disk_full: bool = False


Event: TypeAlias = StartEvent | ProgressEvent | EvaluationEvent | NoticeEvent | EndEvent


@dataclass(frozen=True)
class ExecutorContext:
    """Settings of an executor, and the functions of the harness that it calls, from one thread only.

    workers: how many jobs to run at a time (`--jobs`).
    on_event: report an event of a job. StartEvent and EndEvent are required. The other events only show the job's
    progress.
    retry: call it after a job's EndEvent if the job's process was killed, but not by the executor. It returns the jobs
    that resume the job's runs, or no jobs if no retry remains.
    read_end: return how a job's process ended, as recorded in its attempt folder. If nothing is recorded there, the
    process counts as interrupted. An executor that knows more, such as the signal, may report its own EndEvent instead.
    stop_after: stop this many seconds after the call of `execute`: start no job, send SIGTERM to the running jobs, wait
    for them and return. None: no limit. On Ctrl-C, do the same and raise KeyboardInterrupt; on a second Ctrl-C, kill
    the running jobs.
    say: show a line to the user.
    settings: the suite's entry under this executor's name.
    detach: whether to return as soon as the jobs can run without this process (`--detach`).
    """

    workers: int
    on_event: Callable[[Job, Event], None]
    retry: Callable[[Job], Sequence[Job]]
    read_end: Callable[[Job], EndEvent]
    stop_after: float | None = None
    say: Callable[[str], None] = print
    settings: Mapping[str, Any] = field(default_factory=dict)
    detach: bool = False

    def listen(self, job: Job, event: object) -> NoReturn:
        """Refuse a call from version 1 of the plugin API, where `on_event` had this name. Raises: PluginError."""
        raise PluginError("`context.listen` is called `context.on_event` in plugin API 2; " + API_ADVICE)
