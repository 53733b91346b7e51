"""From a suite to the groups of runs it means: seeds that may train together are one group; pairs that cannot fit are
skipped with a reason, those of a broken plugin have failed, and what is wrong is an error before anything runs.
"""

from __future__ import annotations

import dataclasses
import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from itertools import islice
from typing import Any

from rlbench.api import (
    BrokenPlugin,
    ConfigError,
    EvaluationProtocol,
    PluginError,
    RunGroup,
    RunStatus,
    SuiteError,
    Task,
    Wrapper,
)
from rlbench.plugins import Plugins, Resolved, resolve
from rlbench.suites.compatibility import misfit, spaces_of
from rlbench.suites.devices import choose
from rlbench.suites.grouping import compiles, spread, stack_size
from rlbench.suites.loader import Draft
from rlbench.suites.source_location import Location, Problem
from rlbench.suites.suite_models import AlgorithmEntry, EnvironmentEntry, Suite
from rlbench.suites.sweeps import Point, points
from rlbench.suites.validation import broken_rules, same_twice, seeds_of, too_many

CHECKPOINTS_PER_RUN = 10
MAX_RUNS = 10_000


@dataclass(frozen=True)
class Skip:
    """A pair that is not run, and why. status: skipped, or failed where the algorithm's plugin is broken."""

    algorithm: str
    env_id: str
    reason: str
    status: RunStatus = RunStatus.SKIPPED

    def __str__(self) -> str:
        return f"{self.status}: {self.algorithm} on {self.env_id}: {self.reason}"


@dataclass
class Plan:
    """The groups of a suite and the pairs left out. devices: those that groups are dealt over; workers: groups run at a
    time; adaptive: whether the runs are as many as were asked for from look to look, not as the suite says."""

    suite: Suite
    groups: list[RunGroup] = field(default_factory=list)
    skipped: list[Skip] = field(default_factory=list)
    devices: tuple[str, ...] = ("cpu",)
    workers: int = 1
    adaptive: bool = False

    @property
    def runs(self) -> int:
        return sum(len(group.seeds) for group in self.groups)

    @property
    def broken(self) -> bool:
        """Whether pairs have failed before anything has run."""
        return any(skip.status == RunStatus.FAILED for skip in self.skipped)


@dataclass(frozen=True)
class _Pair:
    """One algorithm (of a sweep: one point) on one environment; i, j: where they stand in the suite's lists."""

    i: int
    point: Point
    j: int
    environment: EnvironmentEntry

    @property
    def algorithm(self) -> AlgorithmEntry:
        return self.point.entry

    @property
    def _own_budget(self) -> str | None:
        """What the environment gives a budget to: the algorithm by its label, that of its sweep, or its id."""
        names = (self.algorithm.name, self.point.base, self.algorithm.id)
        return next((name for name in names if name in self.environment.per_algorithm), None)

    @property
    def steps(self) -> int:
        """The budget: the algorithm's own on this environment, else the environment's."""
        own = self._own_budget
        return self.environment.steps if own is None else self.environment.per_algorithm[own].steps

    @property
    def steps_at(self) -> Location:
        """Where the suite gives the budget."""
        own: Location = () if self._own_budget is None else ("per_algorithm", self._own_budget)
        return ("environments", self.j, *own, "steps")

    @property
    def params(self) -> dict[str, Any]:
        return {**self.algorithm.params, **self.algorithm.per_environment.get(self.environment.id, {})}

    def where(self, parameter: str, at_key: bool) -> Location:
        """Where the suite gives a parameter (dotted; at_key: its name, not its value), or the algorithm where it does not."""
        names = [int(part) if part.isdigit() else part for part in parameter.split(".")]
        if names[0] in self.point.places:
            place = () if at_key else (self.point.places[str(names[0])], *names[1:])
            return ("algorithms", self.i, "sweep", names[0], *place)
        if names[0] in self.algorithm.per_environment.get(self.environment.id, {}):
            return ("algorithms", self.i, "per_environment", self.environment.id, *names)
        return ("algorithms", self.i, "params", *names)


def plan(
    asked: Suite | Draft,
    plugins: Plugins,
    *,
    max_runs: int = MAX_RUNS,
    skip_missing: bool = False,
    jobs: int | None = None,
    seeds: Callable[[str], int] | None = None,
) -> Plan:
    """Plan every algorithm × environment of a suite.

    max_runs: more are refused, so that a slip of the keyboard starts no flood. skip_missing: pairs whose packages are
    not installed are skipped instead of refused. jobs: groups run at a time, instead of what the suite says, or a core
    each. seeds: how many each algorithm is given, by its label, of those that the suite has; None: all.

    Raises: SuiteError with every problem found, those of the file's form among them.
    """
    draft = asked if isinstance(asked, Draft) else None
    suite = draft.suite if draft else asked
    assert isinstance(suite, Suite)
    problems = list(draft.problems) if draft else []
    problems += broken_rules(suite, max_runs)
    made = Plan(suite, workers=jobs or suite.jobs or os.cpu_count() or 1, adaptive=seeds is not None)
    made.devices, absent = choose(suite.devices)
    problems += [Problem(("devices",), text) for text in absent]
    problems += [
        Problem(("data_files", i), f"there is no file {name!r} here; paths are from the current folder")
        for i, name in enumerate(suite.data_files)
        if not os.path.isfile(name)
    ]
    flood = bool(too_many(suite, max_runs))  # then only what else is wrong is looked for, at one point of each sweep
    _fill(made, plugins, problems, skip_missing, 1 if flood else None, seeds)
    made.groups = _dealt(spread(made.groups, made.workers), made.devices)
    problems += same_twice(made.groups)
    if problems:
        distinct = list(dict.fromkeys(problems))
        raise SuiteError(
            draft.source.describe(distinct) if draft else "\n".join(f"error: {p.message}" for p in distinct)
        )
    return made


def _fill(
    made: Plan,
    plugins: Plugins,
    problems: list[Problem],
    skip_missing: bool,
    of_a_sweep: int | None,
    seeds: Callable[[str], int] | None,
) -> None:
    """Add the groups and skips of every pair, and what is wrong with them. of_a_sweep: how many points, None for all."""
    suite = made.suite
    environments = [(j, e) for j, e in enumerate(suite.environments) if e is not None]
    pairs = _pairs(suite, environments, of_a_sweep)
    spaces = {j: spaces_of(plugins, _task(suite, e, e.steps)) for j, e in environments}
    problems += [Problem(("environments", j, "id"), found) for j, found in spaces.items() if isinstance(found, str)]
    if not pairs:  # the environments are wrong altogether; the algorithms may be as well
        pairs = _pairs(suite, [(0, EnvironmentEntry.model_validate({"id": "", "steps": 1}))], of_a_sweep, anywhere=True)
    answers = resolve(plugins, [(pair.algorithm.id, pair.params) for pair in pairs])
    for pair, answer in zip(pairs, answers):
        if isinstance(answer, BrokenPlugin):
            made.skipped.append(
                Skip(pair.algorithm.name, pair.environment.id, " ".join(str(answer).split()), RunStatus.FAILED)
            )
            continue
        if isinstance(answer, PluginError):
            problems += _refused(pair, answer)
            continue
        found, task = spaces.get(pair.j, ""), _task(suite, pair.environment, pair.steps)
        if answer.missing:
            text = f"{pair.algorithm.name}: needs {', '.join(answer.missing)}: {_install(answer)}"
            if skip_missing:
                made.skipped.append(Skip(pair.algorithm.name, task.env_id, text.partition(": ")[2]))
            else:
                problems.append(Problem(("algorithms", pair.i, "id"), text))
            continue
        if isinstance(found, str):
            continue
        reason = misfit(answer, *found)
        if reason:
            made.skipped.append(Skip(pair.algorithm.name, task.env_id, reason))
            continue
        problem = _indivisible(task.steps, int(answer.config.get("num_envs", 1)))
        if problem:
            text = f"{pair.algorithm.name} on {task.env_id}: {problem}"
            problems.append(Problem(pair.steps_at, text))
            continue
        made.groups += _groups(made, pair, task, answer, seeds)


def _pairs(
    suite: Suite, environments: Sequence[tuple[int, EnvironmentEntry]], of_a_sweep: int | None, anywhere: bool = False
) -> list[_Pair]:
    """Every algorithm on each of the environments it is for (anywhere: on each), environment by environment."""
    algorithms = [
        (i, p) for i, a in enumerate(suite.algorithms) if a is not None for p in islice(points(a), of_a_sweep)
    ]
    return [
        _Pair(i, p, j, e)
        for j, e in environments
        for i, p in algorithms
        if anywhere or e.id in (p.entry.environments or (e.id,))
    ]


def _refused(pair: _Pair, error: PluginError) -> list[Problem]:
    """What a plugin says against an algorithm's name or parameters, with the place of each."""
    if not isinstance(error, ConfigError):
        return [Problem(("algorithms", pair.i, "id"), str(error))]
    return [
        # of a sweep, what is not swept is wrong at every point alike, and told once
        Problem(pair.where(name, unknown), f"{pair.point.base}.{name}: {text}", unknown)
        if name
        else Problem(("algorithms", pair.i, "params"), f"{pair.algorithm.name}: {text}", True)
        for name, text in error.problems
        for unknown in (text.startswith("unknown"),)
    ]


def _install(found: Resolved) -> str:
    return f'pip install "rlbench[{found.extra}]"' if found.extra else f"pip install {' '.join(found.missing)}"


def _task(suite: Suite, environment: EnvironmentEntry, steps: int) -> Task:
    given = suite.evaluation_on(environment)  # one grid for all algorithms of an environment, whatever their budgets
    every = max(1, environment.steps // 10) if given.every is None else given.every
    protocol = EvaluationProtocol(every, given.episodes, given.final_episodes, given.policy)
    wrappers = tuple(Wrapper(w.name, w.kwargs) for w in environment.wrappers)
    return Task(environment.id, steps, protocol, environment.kwargs, wrappers, environment.backend)


def _groups(made: Plan, pair: _Pair, task: Task, found: Resolved, given: Callable[[str], int] | None) -> list[RunGroup]:
    """A pair's groups."""
    suite, own, seeds = made.suite, pair.environment, seeds_of(made.suite, pair.algorithm)
    seeds = seeds if given is None else seeds[: given(pair.algorithm.name)]
    size = stack_size(found, len(seeds), made.workers)
    every = suite.checkpoint_every if own.checkpoint_every is None else own.checkpoint_every
    every = max(1, task.steps // CHECKPOINTS_PER_RUN) if every is None else every
    return [
        RunGroup(
            algorithm=pair.algorithm.id,
            config=found.config,
            task=task,
            seeds=seeds[i : i + size],
            label=pair.algorithm.name,
            seed_space=suite.seed_space,
            compile=compiles(suite.compile, found, task.steps),
            checkpoint_every=every,
            timeout=own.timeout or suite.timeout,
            stall_timeout=suite.stall_timeout,
            resume=suite.resume,
            data_files=suite.data_files,
        )
        for i in range(0, len(seeds), size)
    ]


def _dealt(groups: Sequence[RunGroup], devices: Sequence[str]) -> list[RunGroup]:
    """Devices by a group's place in the plan, so that a resumed suite deals them alike."""
    return [dataclasses.replace(group, device=devices[i % len(devices)]) for i, group in enumerate(groups)]


def _indivisible(steps: int, num_envs: int) -> str:
    if steps % num_envs == 0:
        return ""
    below = steps // num_envs * num_envs
    return f"num_envs {num_envs} does not divide steps {steps}; the nearest that fit are {below} and {below + num_envs}"
