"""Expansion of a suite into groups of runs; seeds that may train together form one group.

Incompatible pairs are skipped with a reason. Pairs whose plugin is broken count as failed. Every other problem is an
error, reported before anything runs.
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
    PluginError,
    RunGroup,
    RunStatus,
    SuiteError,
    Task,
    total_size,
)
from rlbench.envs.image_observation import is_image
from rlbench.envs.packed_observation import PackedBytes
from rlbench.plugins import Plugins, Resolved, resolve
from rlbench.suites.compatibility import adapted, incompatibility
from rlbench.suites.devices import choose_devices
from rlbench.suites.environment_notes import adaptation_notes, budget_notes
from rlbench.suites.grouping import should_compile, spread, stack_size, stackable_settings
from rlbench.suites.loader import LoadedSuite
from rlbench.suites.memory_limit import memory_limit, memory_notes, memory_problem, within_memory
from rlbench.suites.observation_forms import losses
from rlbench.suites.planned_tasks import curriculum_problem, examine_environments, planned_task
from rlbench.suites.search_space import refused_values
from rlbench.suites.source_location import Location, Problem
from rlbench.suites.suite_models import AlgorithmEntry, EnvironmentEntry, Suite
from rlbench.suites.sweeps import Point, points
from rlbench.suites.validation import (
    budget_problem,
    duplicate_runs,
    excess_runs,
    find_problems,
    normalization_problem,
    seeds_of,
)

CHECKPOINTS_PER_RUN = 10
MAX_RUNS = 10_000


@dataclass(frozen=True)
class Skip:
    """A pair that is not run, and why. status: skipped, or failed if the algorithm's plugin is broken."""

    algorithm: str
    environment: str
    reason: str
    status: RunStatus = RunStatus.SKIPPED

    def __str__(self) -> str:
        return self.status.describe(f"{self.algorithm} on {self.environment}: {self.reason}")


@dataclass
class Plan:
    """The groups of a suite and the skipped pairs.

    devices: the devices that groups are distributed over. workers: number of groups run at a time. adaptive: whether
    interim analyses decide the number of runs, instead of the suite. environment_notes: what to know about the
    environments. stored: bytes of one seed's replay or rollout, by algorithm and task. memory: bytes that all replays
    and rollouts may take together.
    """

    suite: Suite
    groups: list[RunGroup] = field(default_factory=list)
    skipped: list[Skip] = field(default_factory=list)
    devices: tuple[str, ...] = ("cpu",)
    workers: int = 1
    adaptive: bool = False
    environment_notes: list[str] = field(default_factory=list)
    stored: dict[tuple[str, str], int] = field(default_factory=dict)
    memory: float = float("inf")

    @property
    def runs(self) -> int:
        return sum(len(group.seeds) for group in self.groups)

    @property
    def notes(self) -> list[str]:
        """Remarks on environments, their adaptations to algorithms, and memory, one line each."""
        memory = memory_notes(self.groups, self.stored)
        return [*dict.fromkeys(self.environment_notes), *adaptation_notes(self.groups), *memory]

    @property
    def broken(self) -> bool:
        """Return whether pairs have failed before anything has run."""
        return any(skip.status == RunStatus.FAILED for skip in self.skipped)


@dataclass(frozen=True)
class _Pair:
    """One algorithm (or one point of a sweep) on one environment. i, j: their indices in the suite's lists."""

    i: int
    point: Point
    j: int
    environment: EnvironmentEntry

    @property
    def algorithm(self) -> AlgorithmEntry:
        return self.point.entry

    @property
    def _own_budget(self) -> str | None:
        """Return the name of this algorithm in the environment's budgets: its label, its sweep's label, or its id."""
        names = (self.algorithm.name, self.point.base, self.algorithm.id)
        return next((name for name in names if name in self.environment.per_algorithm), None)

    @property
    def steps(self) -> int:
        """Return the budget: the algorithm's own on this environment, or else the environment's."""
        name = self._own_budget
        return self.environment.steps if name is None else self.environment.per_algorithm[name].steps

    @property
    def steps_at(self) -> Location:
        """Return the location of the budget in the suite."""
        key: Location = () if self._own_budget is None else ("per_algorithm", self._own_budget)
        return ("environments", self.j, *key, "steps")

    @property
    def params(self) -> dict[str, Any]:
        return {**self.algorithm.params, **self._own_params}

    @property
    def _own_name(self) -> str | None:
        """Return the name of this environment in the algorithm's own parameters: its label, or its id."""
        names = (self.environment.name, self.environment.id)
        return next((name for name in names if name in self.algorithm.per_environment), None)

    @property
    def _own_params(self) -> dict[str, Any]:
        return self.algorithm.per_environment[self._own_name] if self._own_name is not None else {}

    def where(self, parameter: str, at_key: bool) -> Location:
        """Return the location of a parameter in the suite, or where it would be.

        parameter: dotted name. at_key: the location of its name, not of its value.
        """
        names = [int(part) if part.isdigit() else part for part in parameter.split(".")]
        if names[0] in self.point.places:
            place = () if at_key else (self.point.places[str(names[0])], *names[1:])
            return ("algorithms", self.i, "sweep", names[0], *place)
        if self._own_name is not None and names[0] in self._own_params:
            return ("algorithms", self.i, "per_environment", self._own_name, *names)
        return ("algorithms", self.i, "params", *names)


def plan(
    request: Suite | LoadedSuite,
    plugins: Plugins,
    *,
    max_runs: int = MAX_RUNS,
    skip_missing: bool = False,
    jobs: int | None = None,
    seeds: Callable[[str], int] | None = None,
    memory: float | None = None,
    executor: str = "local",
) -> Plan:
    """Plan every algorithm × environment of a suite.

    max_runs: refuse a larger plan, so that a typing error does not start a flood of runs. skip_missing: skip pairs
    whose packages are not installed, instead of refusing them. jobs: number of groups run at a time; default: the
    suite's, or one per core. seeds: returns how many of the suite's seeds an algorithm uses, given its label; None: all
    seeds. memory: the bytes that replays and rollouts may take together; None: `memory_limit()`. executor: name of the
    executor that will run the groups.

    Raises: SuiteError with every problem, including those of the file's form.
    """
    loaded = request if isinstance(request, LoadedSuite) else None
    suite = loaded.suite if loaded else request
    assert isinstance(suite, Suite)
    problems = list(loaded.problems) if loaded else []
    problems += find_problems(suite, max_runs)
    result = Plan(suite, workers=jobs or suite.jobs or os.cpu_count() or 1, adaptive=seeds is not None)
    gpus = suite.gpus_of_task(executor) if plugins.executor(executor).elsewhere else None
    result.devices, device_messages = choose_devices(suite.devices, gpus)
    problems += [Problem(("devices",), message) for message in device_messages]
    if result.devices == ("cpu",) and gpus is None:  # the memory of another device is not known here
        result.memory = memory_limit() if memory is None else memory
    # If there are too many runs, one point of each sweep is enough to find the other problems.
    points_per_sweep = 1 if excess_runs(suite, max_runs) else None
    _add_pairs(result, plugins, problems, skip_missing, points_per_sweep, seeds)
    problems += refused_values(suite, plugins)
    result.groups, result.workers, text = within_memory(
        spread(result.groups, result.workers), result.stored, result.workers, result.memory, bool(jobs or suite.jobs)
    )
    problems += [Problem(("jobs",), text)] * bool(text and not problems)
    result.groups = _assign_devices(result.groups, result.devices)
    problems += duplicate_runs(result.groups)
    if problems:
        distinct = list(dict.fromkeys(problems))
        raise SuiteError(
            loaded.source.describe(distinct) if loaded else "\n".join(f"error: {p.message}" for p in distinct)
        )
    return result


def _add_pairs(
    result: Plan,
    plugins: Plugins,
    problems: list[Problem],
    skip_missing: bool,
    points_per_sweep: int | None,
    seeds: Callable[[str], int] | None,
) -> None:
    """Add the groups, skips and problems of every pair. points_per_sweep: number of points, None for all."""
    suite = result.suite
    environments = [(j, e) for j, e in enumerate(suite.environments) if e is not None]
    pairs = _pairs(suite, environments, points_per_sweep)
    facts, found_problems, notes = examine_environments(suite, plugins, environments)
    problems += found_problems
    result.environment_notes += notes
    if not pairs:  # all environments are wrong; check the algorithms anyway
        placeholder = EnvironmentEntry.model_validate({"id": "", "steps": 1})
        pairs = _pairs(suite, [(0, placeholder)], points_per_sweep, anywhere=True)
    answers = resolve(plugins, [(pair.algorithm.id, pair.params) for pair in pairs])
    for pair, answer in zip(pairs, answers):
        if isinstance(answer, BrokenPlugin):
            reason = " ".join(str(answer).split())
            result.skipped.append(Skip(pair.algorithm.name, pair.environment.name, reason, RunStatus.FAILED))
            continue
        if isinstance(answer, PluginError):
            problems += _plugin_problems(pair, answer)
            continue
        found, asked, task = facts.get(pair.j, ""), pair.environment, planned_task(suite, pair.environment, pair.steps)
        if answer.missing:
            text = f"{pair.algorithm.name}: needs {', '.join(answer.missing)}: {_install_command(answer)}"
            if skip_missing:
                result.skipped.append(Skip(pair.algorithm.name, task.name, text.partition(": ")[2]))
            else:
                problems.append(Problem(("algorithms", pair.i, "id"), text))
            continue
        if isinstance(found, str):
            continue
        spaces = found.observation_space, found.action_space
        task, shown = adapted(task, spaces, answer.supports, asked.observations, asked.action_masks)
        reason = incompatibility(answer, *shown, asked.action_masks) or curriculum_problem(task, answer)
        if reason:
            result.skipped.append(Skip(pair.algorithm.name, task.name, reason))
            continue
        size = total_size(answer.storage, *shown, task.steps)
        texts = {
            pair.where("normalize_obs", at_key=True): normalization_problem(answer, shown[0]),
            pair.steps_at: budget_problem(task.steps, answer),
            pair.where("buffer_size", at_key=False): memory_problem(size, result.memory, answer.config, suite.memory),
        }
        if any(texts.values()):
            name = f"{pair.algorithm.name} on {task.name}"
            problems += [Problem(at, f"{name}: {text}") for at, text in texts.items() if text]
            continue
        result.stored[pair.algorithm.name, task.name] = size
        # Convolutions take most of the time of an update on images, and a compiled graph does not speed them up.
        convolved = is_image(shown[0]) or isinstance(shown[0], PackedBytes)
        setting = "off" if suite.compile == "auto" and convolved else suite.compile
        compiled = should_compile(setting, answer, task.steps)
        result.groups += _groups(result, pair, task, answer, seeds, found.repeats and not found.shares_state, compiled)
        result.environment_notes += budget_notes(pair.algorithm.name, task, answer)
        if not answer.supports.no_observations:
            result.environment_notes += [f"{task.name}: {text}" for text in losses(found.observation_space)]


def _pairs(
    suite: Suite,
    environments: Sequence[tuple[int, EnvironmentEntry]],
    points_per_sweep: int | None,
    anywhere: bool = False,
) -> list[_Pair]:
    """Pair each algorithm with its environments (anywhere: with all environments), environment by environment."""
    algorithms = [
        (i, p) for i, a in enumerate(suite.algorithms) if a is not None for p in islice(points(a), points_per_sweep)
    ]
    return [
        _Pair(i, p, j, e)
        for j, e in environments
        for i, p in algorithms
        if anywhere or not {e.name, e.id}.isdisjoint(p.entry.environments or (e.name,))
    ]


def _plugin_problems(pair: _Pair, error: PluginError) -> list[Problem]:
    """Return a plugin's problems with an algorithm's name or parameters, each with its location."""
    if not isinstance(error, ConfigError):
        return [Problem(("algorithms", pair.i, "id"), str(error))]
    return [
        # a wrong parameter that is not swept gives the same problem at every point of a sweep, which is reported once
        Problem(pair.where(name, unknown), f"{pair.point.base}.{name}: {text}", unknown)
        if name
        else Problem(("algorithms", pair.i, "params"), f"{pair.algorithm.name}: {text}", True)
        for name, text in error.problems
        for unknown in (text.startswith("unknown"),)
    ]


def _install_command(algorithm: Resolved) -> str:
    if algorithm.extra:
        return f'pip install "rlbench[{algorithm.extra}]"'
    return f"pip install {' '.join(algorithm.missing)}"


def _groups(
    result: Plan,
    pair: _Pair,
    task: Task,
    algorithm: Resolved,
    seed_count: Callable[[str], int] | None,
    repeats: bool,
    compiled: bool,
) -> list[RunGroup]:
    suite, environment, seeds = result.suite, pair.environment, seeds_of(result.suite, pair.algorithm)
    seeds = seeds if seed_count is None else seeds[: seed_count(pair.algorithm.name)]
    size = stack_size(algorithm, len(seeds), result.workers) if repeats else 1
    every = suite.checkpoint_every if environment.checkpoint_every is None else environment.checkpoint_every
    every = max(1, task.steps // CHECKPOINTS_PER_RUN) if every is None else every
    return [
        RunGroup(
            algorithm=pair.algorithm.id,
            config=algorithm.config,
            task=task,
            seeds=seeds[i : i + size],
            label=pair.algorithm.name,
            seed_space=suite.seed_space,
            compile=compiled,
            checkpoint_every=every,
            timeout=environment.timeout or suite.timeout,
            stall_timeout=suite.stall_timeout,
            memory=suite.memory,
            resume=suite.resume,
            data_files=suite.data_files,
            environment_repeats=repeats,
            per_seed=stackable_settings(suite, environment, algorithm) if repeats else (),
        )
        for i in range(0, len(seeds), size)
    ]


def _assign_devices(groups: Sequence[RunGroup], devices: Sequence[str]) -> list[RunGroup]:
    """Assign devices by a group's position in the plan, so that a resumed suite assigns them in the same way."""
    return [dataclasses.replace(group, device=devices[i % len(devices)]) for i, group in enumerate(groups)]
