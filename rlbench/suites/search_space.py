"""The search spaces of a suite's key `tune`: the algorithm that each space is for, and what is wrong with the space."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from graphlib import CycleError, TopologicalSorter
from typing import Any

from rlbench.api import ConfigError
from rlbench.messages import nearest
from rlbench.plugins import Plugins, resolve
from rlbench.suites.source_location import Location, Problem
from rlbench.suites.suite_models import AlgorithmEntry, Suite
from rlbench.suites.sweeps import format_value
from rlbench.suites.tune_models import DistributionEntry

Space = Mapping[str, DistributionEntry]


def space_name(suite: Suite, algorithm: AlgorithmEntry) -> str | None:
    """Return the name of an algorithm's space in the suite: its label, or its id; None if it is not tuned."""
    if suite.tune is None:
        return None
    return next((name for name in (algorithm.name, algorithm.id) if name in suite.tune.space), None)


def spaces(suite: Suite) -> dict[str, Space]:
    """Return the space of each tuned algorithm, by its label."""
    named = {a.name: space_name(suite, a) for a in suite.algorithms if a is not None}
    return {label: suite.tune.space[name] for label, name in named.items() if suite.tune and name is not None}


def in_order(space: Space) -> list[str]:
    """Return the hyperparameters, each after those that its `when` names. Raises: CycleError if they form a circle."""
    return list(
        TopologicalSorter({name: [w for w in d.when if w in space] for name, d in space.items()}).static_order()
    )


def space_problems(suite: Suite) -> list[Problem]:
    """Return problems: spaces of unknown algorithms, conflicts with other keys of the suite, circular conditions."""
    if suite.tune is None:
        return []
    problems = []
    known = [name for a in suite.algorithms if a is not None for name in dict.fromkeys((a.name, a.id))]
    for name in suite.tune.space:
        if name not in known and None not in suite.algorithms:
            text = f"space names {name!r}, which is not among the algorithms{nearest(name, known)}"
            problems.append(Problem(("tune", "space", name), text, True))
    for i, algorithm in enumerate(suite.algorithms):
        tuned = None if algorithm is None else space_name(suite, algorithm)
        if algorithm is not None and tuned is not None:
            problems += _conflicts(suite.tune.space[tuned], ("tune", "space", tuned), algorithm, i)
    return problems


def _conflicts(space: Space, at: Location, algorithm: AlgorithmEntry, i: int) -> Iterator[Problem]:
    if algorithm.sweep:
        text = f"{algorithm.name!r} has a sweep and a space; remove one of them"
        yield Problem(("algorithms", i, "sweep"), text, True)
    for env_id, own in algorithm.per_environment.items():
        for parameter in space:
            if parameter in own:
                text = f"{parameter} of {algorithm.name!r} is tuned; per_environment cannot set it"
                yield Problem(("algorithms", i, "per_environment", env_id, parameter), text, True)
    try:
        in_order(space)
    except CycleError as error:
        names = " → ".join(reversed(error.args[1]))
        yield Problem((*at, error.args[1][0], "when"), f"the conditions `when` go in a circle: {names}", True)


def refused_values(suite: Suite, plugins: Plugins) -> list[Problem]:
    """Return problems: hyperparameters that an algorithm does not have, and values of its space that it refuses.

    Each value is tried with the suite's own hyperparameters and the condition of its `when`.
    """
    if suite.tune is None:
        return []
    places: list[tuple[Location, str, str, Location]] = []
    requests: list[tuple[str, dict[str, Any]]] = []
    for algorithm in suite.algorithms:
        name = None if algorithm is None else space_name(suite, algorithm)
        if algorithm is None or name is None:
            continue
        for parameter, distribution in suite.tune.space[name].items():
            at: Location = ("tune", "space", name, parameter)
            conditions = _conditions(suite.tune.space[name], parameter)
            for place, value in distribution.samples():
                places.append((at, algorithm.name, parameter, place))
                requests.append((algorithm.id, {**algorithm.params, **conditions, parameter: value}))
    problems: list[Problem] = []
    for (at, label, parameter, place), (_, params), answer in zip(places, requests, resolve(plugins, requests)):
        # If an end of a range is refused, the value between the ends adds no information. Unknown algorithms are
        # reported elsewhere.
        if isinstance(answer, ConfigError) and (len(place) > 1 or not any(p.location[:4] == at for p in problems)):
            problems += _refusals(at, label, parameter, place, params, answer, suite)
    return problems


def _conditions(space: Space, parameter: str) -> dict[str, Any]:
    """Return the values that other hyperparameters must have so that `parameter` is drawn."""
    found: dict[str, Any] = {}
    waiting = [parameter]
    while waiting:
        for name, value in space[waiting.pop()].when.items():
            if name not in found and name != parameter:
                found[name] = value
                waiting += [name] * (name in space)
    return found


def _refusals(
    at: Location,
    label: str,
    parameter: str,
    place: Location,
    params: Mapping[str, Any],
    error: ConfigError,
    suite: Suite,
) -> Iterator[Problem]:
    """Yield a ConfigError's problems, each at the part of the space that causes it."""
    when = suite.tune.space[str(at[2])][parameter].when if suite.tune else {}
    for name, text in error.problems:
        top = name.split(".")[0]
        unknown = text.startswith("unknown")
        if top == parameter:
            between = "; values between the ends are drawn as well" if len(place) == 1 else ""
            yield Problem(at if unknown else (*at, *place), f"{label}.{name}: {text}{between}", unknown)
        elif top in when:
            yield Problem((*at, "when", top), f"when of {parameter}: {label}.{name}: {text}", unknown)
        elif not top:
            value = f"{parameter} {format_value(params[parameter])}"
            yield Problem((*at, *place), f"{label} with {value}: {text}")
