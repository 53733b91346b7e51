"""What `rlbench new suite --from-zoo` writes: the zoo's numbers for each algorithm, and Stable-Baselines3's defaults for the rest."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from rlbench.cli.projects.sb3_defaults import PREFIX, defaults_of
from rlbench.cli.projects.zoo_file import entry_of, read_zoo
from rlbench.cli.projects.zoo_translation import Translated, translate

if TYPE_CHECKING:
    from rlbench.plugins import Plugins, Resolved

Params = Mapping[str, Any]


@dataclass
class ZooSuite:
    """Parts of a suite. unsaid, same: by algorithm and by environment; notes: what a reader should know, a sentence each."""

    file: str
    unsaid: dict[str, Params] = field(default_factory=dict)
    same: dict[str, Params] = field(default_factory=dict)
    entries: dict[str, str] = field(default_factory=dict)
    steps: dict[str, int] = field(default_factory=dict)
    kwargs: dict[str, Params] = field(default_factory=dict)
    wrappers: dict[str, Sequence[tuple[str, Params]]] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)


def family(plugins: Plugins, file: Path, algorithms: Sequence[str]) -> str:
    """Whose hyperparameters a file has: the algorithm it is named after, or the first of those that are asked for.

    Raises: BadParameter where Stable-Baselines3 has none of the name, or is not installed.
    """
    from rlbench.api import PluginError
    from rlbench.plugins import resolve

    names = [file.stem, *(name.rpartition("/")[2] for name in algorithms)]
    answers = resolve(plugins, [(PREFIX + name, None) for name in names])
    for name, answer in zip(names, answers):
        if isinstance(answer, PluginError):
            continue
        if answer.missing:
            told = f'Stable-Baselines3, whose defaults hold for what a file leaves unsaid: pip install "rlbench[{answer.extra}]"'
            raise click.BadParameter(f"needs {told}", param_hint="--from-zoo")
        return name
    told = f"{file.name} is not named after an algorithm of Stable-Baselines3, such as ppo.yml; name one with -a"
    raise click.BadParameter(told, param_hint="--from-zoo")


def from_zoo(
    plugins: Plugins,
    file: Path,
    of: str,
    found: Sequence[tuple[str, Resolved]],
    environments: Sequence[str],
    steps: int | None,
    leave_out: Sequence[str],
) -> ZooSuite:
    """The numbers of a file for the algorithms `found`, and those of sb3/OF for what it leaves unsaid.

    steps: the budget instead of the file's. Raises: SuiteError for what cannot be said here, with its place in the file.
    """
    source, made = read_zoo(file), ZooSuite(file.name)
    unsaid = {name: defaults_of(plugins, of, answer) for name, answer in found if "/" not in name}
    takes = {
        name: {e["name"]: unsaid.get(name, {}).get(e["name"], e["default"]) for e in a.schema} for name, a in found
    }
    said = [translate(entry_of(source, environment), takes, leave_out) for environment in environments]
    _all_there(leave_out, said)
    for each in said:
        _put(made, each, found, steps)
    everywhere = set.intersection(*(set(each.params) for each in said))
    for name, answer in found:
        own = {e["name"]: e["default"] for e in answer.schema}
        differ = {k: v for k, v in unsaid.get(name, {}).items() if v != own[k] and k not in everywhere}
        made.unsaid[name] = differ
    return made


def _put(made: ZooSuite, each: Translated, found: Sequence[tuple[str, Resolved]], steps: int | None) -> None:
    """One environment of the suite."""
    name, entry = each.entry.environment, each.entry.name
    whole = {e["name"] for _, answer in found for e in answer.schema if e["type"] == "int"}
    made.same[name] = {k: int(v) if k in whole and _is_whole(v) else v for k, v in each.params.items()}
    made.entries[name], made.kwargs[name], made.wrappers[name] = entry, each.kwargs, each.wrappers
    budget = steps or each.steps
    if budget is None:
        told = f"{made.file} has no n_timesteps for {entry}; say --steps"
        raise click.BadParameter(told, param_hint="--from-zoo")
    number = int(made.same[name].get("n_envs", 1))
    made.steps[name] = -(-budget // number) * number
    if entry != name.rpartition(":")[2]:
        made.notes.append(f"{made.file} has no {name}; the numbers are those of its {entry}.")
    if made.steps[name] != budget:
        made.notes.append(f"{name}: {budget:,} steps are rounded up to whole steps of {number} environments.")
    if each.left_out:
        made.notes.append(f"{name}: left out of what {made.file} says: {', '.join(each.left_out)}.")


def _is_whole(value: Any) -> bool:
    return isinstance(value, float) and value.is_integer()


def _all_there(leave_out: Sequence[str], said: Sequence[Translated]) -> None:
    for key in leave_out:
        if not any(key in each.left_out for each in said):
            raise click.BadParameter(f"no entry that is taken has {key!r}", param_hint="--leave-out")
