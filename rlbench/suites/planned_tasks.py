"""The environments of a suite as tasks, and the facts found about them before anything is planned."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator, Sequence

from gymnasium import spaces

from rlbench.api import EvaluationProtocol, PluginError, Task, Wrapper
from rlbench.api.task import AnySpace
from rlbench.env_checks.environment_check import EnvironmentFacts
from rlbench.env_checks.environment_query import TIME_LIMIT_SECONDS
from rlbench.env_checks.space_descriptions import describe_space
from rlbench.envs.flat_observation import is_text
from rlbench.envs.multiagent.joint_space import JointVectors
from rlbench.messages import shortened
from rlbench.plugins import Plugins, Resolved
from rlbench.suites.compatibility import examine
from rlbench.suites.environment_notes import fact_notes
from rlbench.suites.observation_forms import form_problem
from rlbench.suites.reference_check import reference_problems
from rlbench.suites.source_location import Location, Problem
from rlbench.suites.suite_models import EnvironmentEntry, Suite

_LONGEST_SPACE = 120  # characters of a space in a message
Facts = dict[int, EnvironmentFacts | str]


def planned_task(suite: Suite, environment: EnvironmentEntry, steps: int) -> Task:
    entry = suite.evaluation_on(environment)  # one grid for all algorithms on an environment, whatever their budgets
    every = max(1, environment.steps // 10) if entry.every is None else entry.every
    protocol = EvaluationProtocol(every, entry.episodes, entry.final_episodes, entry.policy, entry.environments)
    return Task(
        environment.id,
        steps,
        protocol,
        environment.kwargs,
        tuple(Wrapper(w.name, w.kwargs) for w in environment.wrappers),
        environment.backend,
        environment.reset_options,
        environment.label,
        suite.registrations,
        environment.reward,
        None if environment.curriculum is None else environment.curriculum.as_curriculum(),
    )


def examine_environments(
    suite: Suite, plugins: Plugins, environments: Sequence[tuple[int, EnvironmentEntry]]
) -> tuple[Facts, list[Problem], list[str]]:
    """Return the facts of each environment, by its index in the suite, with all problems and notes.

    If an environment cannot be used, its facts are a message. If it has a curriculum, `repeats` and `shares_state`
    describe all environments that training uses. An environment whose references fail is not made. If a registration
    fails, no environment is made.
    """
    problems = reference_problems(suite)
    broken = {problem.location[1] for problem in problems if problem.location[0] == "environments"}
    unregistered = any(problem.location[0] == "register" for problem in problems)
    makeable = [] if unregistered else [(j, e) for j, e in environments if j not in broken]
    tasks: dict[Location, Task] = {("environments", j): planned_task(suite, e, e.steps) for j, e in makeable}
    staged = {place: task for j, e in makeable for place, task in _stages(j, e, tasks["environments", j])}
    limit = max(TIME_LIMIT_SECONDS, suite.stall_timeout or 0)
    found = examine(plugins, [*tasks.values(), *staged.values()], limit)
    by_place: dict[Location, EnvironmentFacts | str] = dict(zip([*tasks, *staged], found))
    problems += [Problem((*at, "id"), text) for at, text in by_place.items() if isinstance(text, str)]
    names: dict[Location, str] = {("environments", j): e.name for j, e in makeable}
    names |= {at: f"{task.env_id} ({str(at[3])[:-1]} {int(at[4]) + 1} of {task.name})" for at, task in staged.items()}
    known = {names[at]: fact for at, fact in by_place.items() if not isinstance(fact, str)}
    masked = [names[at] for j, e in makeable if e.action_masks for at in names if at[1] == j]
    notes = fact_notes(known, masked)
    facts: Facts = {}
    for j, environment in makeable:
        target = facts[j] = by_place["environments", j]
        problems += _sampler_problems(j, environment, plugins)
        if isinstance(target, str):
            continue
        problems += _setting_problems(j, environment, target)
        for at in staged:
            if at[1] == j and not isinstance(stage := by_place[at], str):
                if text := _misfit(staged[at].env_id, stage, environment.id, target):
                    problems.append(Problem((*at, "id"), text))
                repeats, shares = target.repeats and stage.repeats, target.shares_state or stage.shares_state
                target = facts[j] = dataclasses.replace(target, repeats=repeats, shares_state=shares)
    return facts, problems, notes


def _stages(j: int, environment: EnvironmentEntry, task: Task) -> Iterator[tuple[Location, Task]]:
    """Yield, for each environment of a curriculum except the target, its place in the suite and its task."""
    if environment.curriculum is not None and environment.backend == Task.backend:
        for k, stage in enumerate(task.training_tasks[:-1]):
            yield ("environments", j, "curriculum", environment.curriculum.key, k), stage


def _setting_problems(j: int, environment: EnvironmentEntry, facts: EnvironmentFacts) -> Iterator[Problem]:
    if text := form_problem(environment.observations, facts.observation_space, environment.backend):
        yield Problem(("environments", j, "observations"), f"{environment.id}: {text}")
    if environment.reward == "individual" and not isinstance(facts.observation_space, JointVectors):
        text = f"{environment.id}: it has a single agent, so its reward is the only one; leave `reward` out"
        yield Problem(("environments", j, "reward"), text)


def _sampler_problems(j: int, environment: EnvironmentEntry, plugins: Plugins) -> Iterator[Problem]:
    if environment.curriculum is not None and environment.curriculum.sampler:
        try:
            plugins.sampler(environment.curriculum.sampler)
        except PluginError as error:
            yield Problem(("environments", j, "curriculum", "sampler"), " ".join(str(error).split()))


def _misfit(env_id: str, stage: EnvironmentFacts, target_id: str, target: EnvironmentFacts) -> str:
    """Return how the spaces of a stage differ from those of the target, and what to do, or "" if they are equal."""
    differences = []
    for name in ("observation_space", "action_space"):
        if (apart := _apart(getattr(stage, name), getattr(target, name))) is not None:
            part, *both = apart
            own, wanted = (shortened(str(space), _LONGEST_SPACE) for space in both)
            what = name.replace("_", " ") + (f" has in {part}" if part else " is")
            differences.append(f"its {what} {own}, the target's {wanted}")
    if not differences:
        return ""
    way_out = f"use {target_id} with other `kwargs` (such as `desc` of FrozenLake), or add `wrappers`"
    return f"{env_id}: {'; '.join(differences)}; they have to be equal: {way_out}"


def _apart(own: AnySpace, wanted: AnySpace, at: str = "") -> tuple[str, AnySpace, AnySpace] | None:
    """Return the place of the first part in which two spaces differ, and this part of each space; None if equal.

    Text is ignored, because algorithms do not get it.
    """
    if isinstance(own, spaces.Dict) and isinstance(wanted, spaces.Dict):
        parts, others = ({k: p for k, p in space.items() if not is_text(p)} for space in (own, wanted))
        if list(parts) == list(others):
            found = (_apart(parts[key], others[key], f"{at}.{key}".lstrip(".")) for key in parts)
            return next((part for part in found if part is not None), None)
    return None if describe_space(own) == describe_space(wanted) else (at, own, wanted)


def curriculum_problem(task: Task, algorithm: Resolved) -> str:
    """Return why an algorithm cannot follow the task's curriculum, or "" if it can or if there is none."""
    if task.curriculum is None:
        return ""
    if algorithm.metering != "boundary":
        return f"{algorithm.name} makes its own environments, so it cannot follow a curriculum"
    if algorithm.several_processes:
        return f"{algorithm.name} steps environments in several processes, so it cannot follow a curriculum"
    return ""
