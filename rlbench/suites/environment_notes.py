"""What a user has to know about a suite's environments before runs start, one line each."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence

from rlbench.api import RunGroup, Task, environments_of
from rlbench.api.task import MAX_EPISODE_STEPS
from rlbench.env_checks.environment_check import STEPS, EnvironmentFacts
from rlbench.plugins import Resolved
from rlbench.suites.compatibility import describe_wrappers
from rlbench.text import plural

_MUCH = 0.05  # share of the budget


def fact_notes(facts: Mapping[str, EnvironmentFacts], masked: Collection[str] = ()) -> list[str]:
    """Return notes on environments, one line for each kind of note.

    facts: by the environment's name in the suite. masked: names of the environments with `action_masks`.
    """
    kinds: dict[str, list[str]] = {}
    for name, fact in facts.items():
        for text in _notes_on(fact, name in masked):
            kinds.setdefault(text, []).append(name)
    return [f"{', '.join(names)}: {text}" for text, names in kinds.items()]


def _notes_on(facts: EnvironmentFacts, masked: bool) -> Iterator[str]:
    if not facts.repeats:
        yield "reset(seed=…) is ignored, so runs will not repeat, and tables mark them"
    if facts.shares_state:
        yield (
            "instances share state, so seeds are trained one at a time, evaluations change training, and tables mark "
            "the runs"
        )
    if facts.time_limit is None and not facts.ended:
        yield (
            f"no time limit, and no random episode ended within {STEPS} steps; evaluation plays up to "
            f"{MAX_EPISODE_STEPS:,} steps of each episode; `kwargs: {{max_episode_steps: N}}` sets a limit"
        )
    if facts.gives_masks and not masked:
        yield "`info` says which actions are allowed; `action_masks: true` makes algorithms choose among them"


def budget_notes(label: str, task: Task, algorithm: Resolved) -> list[str]:
    """Return a note if much of a budget remains after the last whole rollout, because nothing is learned from it."""
    lengths = [algorithm.config[setting["name"]] for setting in algorithm.schema if setting.get("rollout")]
    if not lengths:
        return []
    rollout = lengths[0] * environments_of(algorithm.config)
    whole, rest = divmod(task.steps, rollout)
    if rest < _MUCH * task.steps:
        return []
    learned = f"{plural(whole, 'rollout')} of {rollout:,} steps" if whole else f"a rollout takes {rollout:,} steps"
    return [f"{label} on {task.name}: {learned}; nothing is learned from the last {rest:,} of {task.steps:,} steps"]


def adaptation_notes(groups: Sequence[RunGroup]) -> list[str]:
    """Return one line for each way in which spaces are adapted to algorithms, with the environments.

    A line names the algorithms, unless it applies to all algorithms on those environments.
    """
    everyone: dict[str, dict[str, None]] = {}
    ways: dict[str, dict[str, dict[str, None]]] = {}  # way → environment → algorithms
    for group in groups:
        env_id = group.task.name
        everyone.setdefault(env_id, {})[group.label] = None
        if text := describe_wrappers(group.task):
            ways.setdefault(text, {}).setdefault(env_id, {})[group.label] = None
    lines: dict[tuple[str, str], list[str]] = {}  # (way, algorithms) → environments
    for text, environments in ways.items():
        for env_id, labels in environments.items():
            some = "" if labels == everyone[env_id] else f" for {', '.join(labels)}"
            lines.setdefault((text, some), []).append(env_id)
    return [f"{', '.join(names)}{some}: {text}" for (text, some), names in lines.items()]
