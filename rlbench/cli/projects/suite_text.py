"""What the page of `rlbench new suite` is made of: algorithms with their numbers, environments, and remarks."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import click

from rlbench.cli.projects.sb3_defaults import PREFIX

if TYPE_CHECKING:
    from rlbench.plugins import Plugins, Resolved

MODEL = "quickstart"  # the suite whose hyperparameters are taken, on its own environment
ANCHOR = "random"
RATES = ("learning_rate", "lr")
PREFIXES = (PREFIX, "sbx/")  # whose algorithms are called as ours, and their parameters too
Found = Sequence[tuple[str, "Resolved"]]


class Parts(NamedTuple):
    """Words of the template. every: steps between evaluations, "" where each environment has its own. origin: of the
    numbers, in a sentence. notes: what a reader should know, a sentence each.
    """

    found: Found
    algorithms: list[dict[str, Any]]
    environments: list[dict[str, Any]]
    every: str = ""
    origin: str = ""
    notes: Sequence[str] = ()


def parts(plugins: Plugins, algorithms: Sequence[str], ids: Sequence[str], kinds: set[str], steps: int) -> Parts:
    """A first look: these algorithms, or those that the kinds of actions ask for, with numbers that were looked for."""
    chosen = algorithms or [*(["dqn"] if "Discrete" in kinds else []), *(["sac"] if "Box" in kinds else []), "ppo"]
    found = resolved(plugins, chosen)
    environments = [{"id": scalar(i), "steps": f"{steps:_}", "kwargs": "", "wrappers": []} for i in ids]
    return Parts(found, _entries(plugins, found, ids), environments, f"{steps // 10:_}")


def zoo_parts(
    plugins: Plugins,
    file: Path,
    algorithms: Sequence[str],
    ids: Sequence[str],
    steps: int | None,
    leave_out: Sequence[str],
) -> Parts:
    """The numbers of a file of the zoo's for each algorithm; with them the defaults of Stable-Baselines3 for what it leaves
    unsaid, where an algorithm has others.
    """
    from rlbench.cli.projects.zoo_suite import family, from_zoo

    of = family(plugins, file, algorithms)
    found = resolved(plugins, algorithms or (of, PREFIX + of))
    made = from_zoo(plugins, file, of, [(name, a) for name, a in found if name != ANCHOR], ids, steps, leave_out)
    entries: list[dict[str, Any]] = []
    for name, _ in found:
        groups = [("defaults of Stable-Baselines3, where those here are others", made.unsaid.get(name, {}))]
        if len(ids) == 1 and name != ANCHOR:
            groups.append((f"as {file.name} has them for {made.entries[ids[0]]}", made.same[ids[0]]))
        own = [(scalar(i), made.entries[i], written(made.same[i])) for i in ids] if len(ids) > 1 else []
        told = [(f"  # {why}", written(params)) for why, params in groups if params]
        entries.append({"id": scalar(name), "groups": told, "own": own if name != ANCHOR else []})
    environments = [
        {
            "id": scalar(env_id),
            "steps": f"{made.steps[env_id]:_}",
            "kwargs": json.dumps(made.kwargs[env_id]) if made.kwargs[env_id] else "",
            "wrappers": [(wrapper, json.dumps(kwargs)) for wrapper, kwargs in made.wrappers[env_id]],
        }
        for env_id in ids
    ]
    origin = (
        f"Numbers are those of rl-baselines3-zoo's {file.name}; what it leaves unsaid is Stable-Baselines3's default."
    )
    return Parts(found, entries, environments, origin=origin, notes=made.notes)


def resolved(plugins: Plugins, names: Iterable[str]) -> Found:
    """The anchor and the algorithms of these names, each once. Raises: BadParameter for one that there is not."""
    from rlbench.plugins import resolve

    several = tuple(dict.fromkeys([ANCHOR, *names]))
    answers = resolve(plugins, [(name, {}) for name in several])
    for answer in answers:
        if isinstance(answer, Exception):
            raise click.BadParameter(str(answer), param_hint="-a") from answer
    return [(name, answer) for name, answer in zip(several, answers) if not isinstance(answer, Exception)]


def _entries(plugins: Plugins, found: Found, ids: Sequence[str]) -> list[dict[str, Any]]:
    """List the algorithms: those that the model suite has, on its environment, with its hyperparameters; where X stands
    beside sb3/X or sbx/X, that one with the same numbers.
    """
    from rlbench.suites import builtin_suites, load_suite

    model = load_suite(builtin_suites()[MODEL])
    same = tuple(ids) == tuple(environment.id for environment in model.environments)
    tuned: Mapping[str, Mapping[str, Any]] = {a.id: a.params for a in model.algorithms} if same else {}
    entries = []
    for name, theirs in found:
        ours = next((name.removeprefix(prefix) for prefix in PREFIXES if name.startswith(prefix)), "")
        if ours in dict(found):
            params: Mapping[str, Any] = _same_numbers(plugins, ours, tuned.get(ours, {}), theirs)
            why = f"the numbers of {ours}"
        else:
            params, why = tuned.get(name, {}), f"as the suite {MODEL} has them"
        told = [(f"  # {why}; what is left out has its default", written(params))] if params else []
        entries.append({"id": scalar(name), "groups": told, "own": []})
    return entries


def _same_numbers(plugins: Plugins, ours: str, params: Mapping[str, Any], theirs: Resolved) -> dict[str, Any]:
    """What sb3/X has to be told to have the numbers of X: those that are not its defaults. What it has not is left out."""
    from rlbench.plugins import resolve

    (answer,) = resolve(plugins, [(ours, params)])
    if isinstance(answer, Exception):
        raise click.BadParameter(str(answer), param_hint="-a") from answer
    known = theirs.config
    return {name: value for name, value in answer.config.items() if name in known and known[name] != value}


def variant(found: Found) -> dict[str, str] | None:
    """An algorithm and the name of its learning rate, for an example."""
    for name, answer in found:
        for entry in answer.schema:
            if entry["name"] in RATES:
                return {"id": scalar(name), "parameter": entry["name"]}
    return None


def question(found: Found, ids: Sequence[str]) -> str:
    names = [name for name, _ in found]
    asked = f"{', '.join(names[:-1])} and {names[-1]}" if len(names) > 1 else names[0]
    return f"{asked} on {', '.join(ids)}"


def written(params: Mapping[str, Any]) -> list[tuple[str, str]]:
    """Names and values as YAML has them."""
    return [(name, scalar(value) if isinstance(value, str) else json.dumps(value)) for name, value in params.items()]


def scalar(text: str) -> str:
    """As YAML reads it back: in quotes where it would be a number, a date, or no text at all."""
    from ruamel.yaml import YAML
    from ruamel.yaml.error import YAMLError

    try:
        return text if YAML(typ="safe").load(f"a: {text}") == {"a": text} else json.dumps(text)
    except YAMLError:
        return json.dumps(text)
