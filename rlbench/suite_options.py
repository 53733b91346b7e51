"""The options that `rlbench run` and `rlbench check` share, each declared once."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any

from rlbench.api import Run, RunGroup, SuiteError
from rlbench.option_declarations import Kind, Use, check_ranges, names_used_for, option

RERUNS = ("failed", "changed", "corrupt", "all")


@dataclass(frozen=True)
class SuiteOptions:
    """Which runs of a suite to train, in the order of the help.

    rerun: one of RERUNS, or (part of) a run's folder name. algorithms, environments: patterns (`dqn*`) that select what
    to run now; without patterns, all are selected. The suite keeps the runs that are not selected. Options that
    override the suite are checked together with it.
    """

    output: Path | None = option(
        None,
        "-o --output",
        "Result folder; default: one under results/ that is named after the suite.",
        Use.COMMAND,
        Kind.FOLDER,
    )
    algorithms: tuple[str, ...] = option(
        (),
        "-a --algorithm",
        "Select only this algorithm, by label, id or a pattern such as dqn*; may be repeated.",
        Use.TRAINING,
    )
    environments: tuple[str, ...] = option(
        (),
        "-e --environment",
        "Select only this environment, by label, id or a pattern such as CartPole*; may be repeated.",
        Use.TRAINING,
    )
    jobs: int | None = option(
        None,
        "-j --jobs",
        "How many groups (seeds trained together) run in parallel; default: one per core.",
        Use.TRAINING,
        at_least=1,
    )
    executor: str = option(
        "local",
        "--executor",
        "How to train groups: local (a subprocess for each), serial (in this process), slurm (tasks of a Slurm "
        "cluster), or one from a plugin.",
        Use.TRAINING,
    )
    rerun: str | None = option(
        None,
        "--rerun",
        "Train runs again. failed: runs that failed; changed: runs that were trained with other code or settings; "
        "corrupt: damaged runs; all: all runs; RUN: runs whose folder name contains RUN.",
        Use.TRAINING,
        metavar="|".join((*RERUNS, "RUN")),
    )
    seeds: Any = option(
        None, "-s --seeds", "Number of seeds, or a list such as 3,7,11; overrides the suite's.", Use.SUITE, Kind.SEEDS
    )
    devices: tuple[str, ...] = option(
        (),
        "--device",
        "Device to train on: cpu, cuda:0, mps or auto; overrides the suite's. May be repeated; "
        "groups are then spread over the devices.",
        Use.SUITE,
    )
    timeout: str | None = option(
        None,
        "--timeout",
        "Time limit per group (the seeds of an algorithm that train together), such as 2h; overrides the suite's.",
        Use.SUITE,
    )
    stall_timeout: str | None = option(
        None,
        "--stall-timeout",
        "Stop a group that has made no environment step for this long, such as 10m; overrides the suite's.",
        Use.SUITE,
    )
    memory: str | None = option(
        None,
        "--memory",
        "Stop a group that uses more memory than this, such as 4GB; overrides the suite's.",
        Use.SUITE,
    )
    settings: tuple[str, ...] = option(
        (),
        "--set",
        "Hyperparameter, such as dqn.learning_rate=1e-3; overrides the suite's; may be repeated.",
        Use.COMMAND,
        metavar="ALGORITHM.PARAM=VALUE",
    )
    max_runs: int = option(10_000, "--max-runs", "Refuse a suite with more runs than this.", Use.PLAN)
    skip_missing: bool = option(False, "--skip-missing", "Skip algorithms whose packages are not installed.", Use.PLAN)
    plugin_files: tuple[str, ...] = option(
        (),
        "--plugin",
        "Python file that provides algorithms or report sections; may be repeated.",
        Use.COMMAND,
        Kind.FILE,
    )

    def __post_init__(self) -> None:
        for name in ("algorithms", "environments"):
            value = getattr(self, name)
            object.__setattr__(self, name, (value,) if isinstance(value, str) else tuple(value))
        check_ranges(self)

    @property
    def suite_changes(self) -> dict[str, Any]:
        """The keys of the suite that options override, with their new values."""
        values = {name: getattr(self, name) for name in names_used_for(type(self), Use.SUITE)}
        return {k: list(v) if isinstance(v, tuple) else v for k, v in values.items() if v is not None and v != ()}

    @property
    def planning(self) -> dict[str, Any]:
        """The keyword arguments of `rlbench.suites.plan`."""
        return {name: getattr(self, name) for name in (*names_used_for(type(self), Use.PLAN), "jobs", "executor")}

    def chosen(self, groups: Sequence[RunGroup]) -> list[RunGroup]:
        """Return the groups to run now. Raises: SuiteError for a pattern that matches no group."""
        for pattern in self.algorithms:
            names = dict.fromkeys(name for g in groups for name in (g.label, g.algorithm))
            if not any(fnmatchcase(name, pattern) for name in names):
                raise SuiteError(f"no algorithm in the suite is called {pattern!r}; it has {', '.join(names)}")
        for pattern in self.environments:
            tasks = dict.fromkeys(name for g in groups for name in (g.task.name, g.task.env_id))
            if not any(fnmatchcase(task, pattern) for task in tasks):
                raise SuiteError(f"no environment in the suite is called {pattern!r}; it has {', '.join(tasks)}")
        return [
            group
            for group in groups
            if _matches(self.algorithms, group.label, group.algorithm)
            and _matches(self.environments, group.task.name, group.task.env_id)
        ]

    def should_retry(self, run: Run) -> bool:
        """Return whether to train a failed run again."""
        return self.rerun in ("failed", "all") or bool(
            self.rerun and self.rerun not in RERUNS and self.rerun in run.name
        )


def _matches(patterns: Sequence[str], *names: str) -> bool:
    return not patterns or any(fnmatchcase(name, pattern) for name in names for pattern in patterns)
