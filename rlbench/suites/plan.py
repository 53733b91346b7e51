"""From a suite to the groups of runs it means: seeds that may train together are one group; pairs that cannot fit are
skipped with a reason, and what is wrong is an error before anything runs.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from rlbench.api import EvaluationProtocol, PluginError, RunGroup, SuiteError, Task, Wrapper
from rlbench.plugins import Plugins, Resolved, resolve
from rlbench.suites.devices import absent
from rlbench.suites.schema import AlgorithmEntry, EnvironmentEntry, Suite

CHECKPOINTS_PER_RUN = 10


@dataclass(frozen=True)
class Skip:
    """A pair that is not run, and why."""

    algorithm: str
    env_id: str
    reason: str


@dataclass
class Plan:
    """The groups of a suite and the pairs left out; resumable: by algorithm id."""

    suite: Suite
    groups: list[RunGroup] = field(default_factory=list)
    skipped: list[Skip] = field(default_factory=list)
    resumable: dict[str, bool] = field(default_factory=dict)


def plan(suite: Suite, plugins: Plugins) -> Plan:
    """Plan every algorithm × environment of the suite. Raises: SuiteError with every problem found."""
    pairs = [(a, e) for e in suite.environments for a in suite.algorithms]
    answers = resolve(plugins, [(a.id, {**a.params, **a.per_environment.get(e.id, {})}) for a, e in pairs])
    problems: list[str] = []
    made = Plan(suite)
    spaces: dict[str, Any] = {}
    for (algorithm, environment), answer in zip(pairs, answers):
        if isinstance(answer, PluginError):
            label = f"{algorithm.name}: " if algorithm.label else ""
            problems += [label + line for line in str(answer).splitlines()]
            continue
        if answer.missing:
            hint = (
                f'pip install "rlbench[{answer.extra}]"' if answer.extra else f"pip install {' '.join(answer.missing)}"
            )
            problems.append(f"{algorithm.name}: needs {', '.join(answer.missing)}: {hint}")
            continue
        task = _task(suite, environment)
        if environment.id not in spaces:
            spaces[environment.id] = _spaces(plugins, task, problems)
        if spaces[environment.id] is None:
            continue
        made.resumable[algorithm.id] = answer.resumable
        reason = _misfit(answer, *spaces[environment.id])
        if reason:
            made.skipped.append(Skip(algorithm.name, environment.id, reason))
            continue
        problem = _indivisible(task.steps, int(answer.config.get("num_envs", 1)))
        if problem:
            problems.append(f"{algorithm.name} on {environment.id}: {problem}")
            continue
        made.groups += _groups(suite, algorithm, task, answer)
    problems += _same_twice(made.groups)
    problems += filter(None, [absent(suite.device)])
    if problems:
        raise SuiteError("\n".join(f"error: {problem}" for problem in dict.fromkeys(problems)))
    return made


def _same_twice(groups: Sequence[RunGroup]) -> list[str]:
    labels: dict[str, str] = {}
    problems = []
    for group in groups:
        for run in group.runs:
            first = labels.setdefault(run.key, run.label)
            if first != run.label:
                problems.append(
                    f"{first} and {run.label} on {run.task.env_id} are the same algorithm with the same parameters"
                )
    return problems


def _task(suite: Suite, environment: EnvironmentEntry) -> Task:
    given = environment.evaluation or suite.evaluation
    every = max(1, environment.steps // 10) if given.every is None else given.every
    protocol = EvaluationProtocol(every, given.episodes, given.final_episodes, given.policy)
    wrappers = tuple(Wrapper(w.name, w.kwargs) for w in environment.wrappers)
    return Task(environment.id, environment.steps, protocol, environment.kwargs, wrappers, environment.backend)


def _groups(suite: Suite, algorithm: AlgorithmEntry, task: Task, found: Resolved) -> list[RunGroup]:
    seeds = suite.seed_list
    size = min(found.max_stack or len(seeds), len(seeds)) if found.stackable else 1
    every = max(1, task.steps // CHECKPOINTS_PER_RUN) if suite.checkpoint_every is None else suite.checkpoint_every
    return [
        RunGroup(
            algorithm=algorithm.id,
            config=found.config,
            task=task,
            seeds=seeds[i : i + size],
            label=algorithm.name,
            seed_space=suite.seed_space,
            device=suite.device,
            compile=suite.compile,
            checkpoint_every=every,
        )
        for i in range(0, len(seeds), size)
    ]


def _spaces(plugins: Plugins, task: Task, problems: list[str]) -> tuple[Any, Any] | None:
    """Observation and action space of one environment, made for the purpose; what goes wrong is a problem."""
    try:
        env = plugins.backend(task.backend).make_env(task)
    except Exception as error:  # noqa: BLE001 - whatever a stranger's environment does
        problems.append(f"{task.env_id}: cannot be made: {type(error).__name__}: {error}{_install_hint(error)}")
        return None
    try:
        return env.observation_space, env.action_space
    finally:
        env.close()


def _install_hint(error: Exception) -> str:
    text = str(error).lower()
    for extra in ("box2d", "mujoco"):
        if extra in text:
            return f'; pip install "rlbench[{extra}]"'
    return ""


def _misfit(found: Resolved, observations: Any, actions: Any) -> str:
    """Why an algorithm cannot be run on these spaces, or "" if it can."""
    supports: Mapping[str, bool] = vars(found.supports)
    kind = {"Discrete": "discrete", "Box": "continuous"}.get(type(actions).__name__)
    if kind is None or not supports[kind]:
        can = " or ".join(k for k in ("discrete", "continuous") if supports[k]) or "no"
        return f"actions are {type(actions).__name__}, {found.name} takes {can} ones"
    if kind == "discrete" and int(actions.start) != 0:
        return f"actions start at {actions.start}; wrap the environment so that they start at 0"
    if type(observations).__name__ != "Box":
        return f"observations are {type(observations).__name__}, {found.name} takes vectors"
    if kind == "continuous" and not actions.is_bounded():
        return "actions are unbounded"
    if len(observations.shape) == 1 and observations.dtype.kind != "f":
        return f"observations are whole numbers ({observations.dtype}), {found.name} takes real ones"
    if len(observations.shape) > 1 and not supports["pixels"]:
        return f"observations have shape {observations.shape}, {found.name} takes vectors"
    return ""


def _indivisible(steps: int, num_envs: int) -> str:
    if steps % num_envs == 0:
        return ""
    below = steps // num_envs * num_envs
    return f"num_envs {num_envs} does not divide steps {steps}; the nearest that fit are {below} and {below + num_envs}"
