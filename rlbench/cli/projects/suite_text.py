"""Parts of the file that `rlbench new suite` writes: algorithms with hyperparameters, environments, and notes."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import click

from rlbench.cli.projects.sb3_defaults import PREFIX

if TYPE_CHECKING:
    from rlbench.plugins import Plugins, Resolved

MODEL = "quickstart"  # a new suite on this suite's environment gets its hyperparameters
ANCHOR = "random"
RATES = ("learning_rate", "lr")
PREFIXES = (PREFIX, "sbx/")  # libraries that use the same names of algorithms and parameters as rlbench
Named = Sequence[tuple[str, "Resolved"]]


class Parts(NamedTuple):
    """Words of the template.

    every: steps between evaluations, "" if they depend on the environment. origin: a sentence on the source of the
    hyperparameters. notes: sentences for the reader.
    """

    resolved: Named
    algorithms: list[dict[str, Any]]
    environments: list[dict[str, Any]]
    every: str = ""
    origin: str = ""
    notes: Sequence[str] = ()


def parts(plugins: Plugins, algorithms: Sequence[str], ids: Sequence[str], kinds: set[str], steps: int) -> Parts:
    """Return the parts of a new suite, with tuned hyperparameters if they are known.

    kinds: the types of the action spaces, such as "Box". If `algorithms` is empty, algorithms that fit them are chosen.
    """
    chosen = algorithms or [*(["dqn"] if "Discrete" in kinds else []), *(["sac"] if "Box" in kinds else []), "ppo"]
    named = resolve_all(plugins, chosen)
    environments = [{"id": scalar(i), "steps": f"{steps:_}", "kwargs": "", "wrappers": []} for i in ids]
    return Parts(named, _entries(plugins, named, ids), environments, f"{steps // 10:_}")


def zoo_parts(
    plugins: Plugins,
    file: Path,
    algorithms: Sequence[str],
    ids: Sequence[str],
    steps: int | None,
    leave_out: Sequence[str],
) -> Parts:
    """Return the parts of a suite with a zoo file's hyperparameters for each algorithm.

    For each hyperparameter that the file does not set, Stable-Baselines3's default is included if rlbench's differs.
    """
    from rlbench.cli.projects.zoo_suite import family, from_zoo

    of = family(plugins, file, algorithms)
    named = resolve_all(plugins, algorithms or (of, PREFIX + of))
    zoo = from_zoo(plugins, file, of, [(name, a) for name, a in named if name != ANCHOR], ids, steps, leave_out)
    entries: list[dict[str, Any]] = []
    for name, _ in named:
        groups = [("defaults of Stable-Baselines3 that differ from those here", zoo.unset.get(name, {}))]
        if len(ids) == 1 and name != ANCHOR:
            groups.append((f"from {file.name}, entry {zoo.entries[ids[0]]}", zoo.same[ids[0]]))
        own = [(scalar(i), zoo.entries[i], yaml_items(zoo.same[i])) for i in ids] if len(ids) > 1 else []
        commented = [(f"  # {why}", yaml_items(params)) for why, params in groups if params]
        entries.append({"id": scalar(name), "groups": commented, "own": own if name != ANCHOR else []})
    environments = [
        {
            "id": scalar(env_id),
            "steps": f"{zoo.steps[env_id]:_}",
            "kwargs": json.dumps(zoo.kwargs[env_id]) if zoo.kwargs[env_id] else "",
            "wrappers": [(wrapper, json.dumps(kwargs)) for wrapper, kwargs in zoo.wrappers[env_id]],
        }
        for env_id in ids
    ]
    origin = f"Hyperparameters are from rl-baselines3-zoo's {file.name}; all others are Stable-Baselines3's defaults."
    return Parts(named, entries, environments, origin=origin, notes=zoo.notes)


def resolve_all(plugins: Plugins, names: Iterable[str]) -> Named:
    """Resolve `random` and the algorithms of these names, each once. Raises: BadParameter for an unknown name."""
    from rlbench.plugins import resolve

    unique = tuple(dict.fromkeys([ANCHOR, *names]))
    answers = resolve(plugins, [(name, {}) for name in unique])
    for answer in answers:
        if isinstance(answer, Exception):
            raise click.BadParameter(str(answer), param_hint="-a") from answer
    return [(name, answer) for name, answer in zip(unique, answers) if not isinstance(answer, Exception)]


def _entries(plugins: Plugins, named: Named, ids: Sequence[str]) -> list[dict[str, Any]]:
    """List the algorithms with their hyperparameters.

    On the environment of the suite MODEL, that suite's hyperparameters are used. If X is listed as well as sb3/X or
    sbx/X, all of them get the hyperparameters of X.
    """
    from rlbench.suites import builtin_suites, load_suite

    model = load_suite(builtin_suites()[MODEL])
    same = tuple(ids) == tuple(environment.id for environment in model.environments)
    tuned: Mapping[str, Mapping[str, Any]] = {a.id: a.params for a in model.algorithms} if same else {}
    entries = []
    for name, theirs in named:
        ours = next((name.removeprefix(prefix) for prefix in PREFIXES if name.startswith(prefix)), "")
        if ours in dict(named):
            params: Mapping[str, Any] = _same_numbers(plugins, ours, tuned.get(ours, {}), theirs)
            why = f"the values of {ours}"
        else:
            params, why = tuned.get(name, {}), f"the values of the suite {MODEL}"
        groups = [(f"  # {why}; all other hyperparameters have their defaults", yaml_items(params))] if params else []
        entries.append({"id": scalar(name), "groups": groups, "own": []})
    return entries


def _same_numbers(plugins: Plugins, ours: str, params: Mapping[str, Any], theirs: Resolved) -> dict[str, Any]:
    """Return the parameters that give sb3/X the values of X.

    Left out are parameters that sb3/X does not have, and those that have X's value by default there.
    """
    from rlbench.plugins import resolve

    (answer,) = resolve(plugins, [(ours, params)])
    if isinstance(answer, Exception):
        raise click.BadParameter(str(answer), param_hint="-a") from answer
    known = theirs.config
    return {name: value for name, value in answer.config.items() if name in known and known[name] != value}


def variant(named: Named) -> dict[str, str] | None:
    """Return, for an example, the first algorithm with a learning rate and this parameter's name; None if there is
    none.
    """
    for name, answer in named:
        for entry in answer.schema:
            if entry["name"] in RATES:
                return {"id": scalar(name), "parameter": entry["name"]}
    return None


def question(named: Named, ids: Sequence[str]) -> str:
    names = [name for name, _ in named]
    listed = f"{', '.join(names[:-1])} and {names[-1]}" if len(names) > 1 else names[0]
    return f"{listed} on {', '.join(ids)}"


def yaml_items(params: Mapping[str, Any]) -> list[tuple[str, str]]:
    """Return names and values as YAML text."""
    return [(name, scalar(value) if isinstance(value, str) else json.dumps(value)) for name, value in params.items()]


def scalar(text: str) -> str:
    """Return this text as a YAML scalar, in quotes if it would otherwise be a number, a date or invalid."""
    from ruamel.yaml import YAML
    from ruamel.yaml.error import YAMLError

    try:
        return text if YAML(typ="safe").load(f"a: {text}") == {"a": text} else json.dumps(text)
    except YAMLError:
        return json.dumps(text)
