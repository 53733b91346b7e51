"""Content of `rlbench new suite --from-zoo`: the zoo's hyperparameters, else Stable-Baselines3's defaults."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from rlbench.cli.projects.sb3_defaults import OTHER_MEANING, PREFIX, defaults_of, library_defaults
from rlbench.cli.projects.zoo_file import entry_of, read_zoo
from rlbench.cli.projects.zoo_translation import Translation, translate

if TYPE_CHECKING:
    from rlbench.plugins import Plugins, Resolved

Params = Mapping[str, Any]


@dataclass
class ZooSuite:
    """Parts of a suite.

    unset: for each algorithm, Stable-Baselines3's defaults of the hyperparameters that the file does not set, where
    they differ from the algorithm's own. same: for each environment, the hyperparameters that the file sets, which
    every algorithm of the suite gets. entries: for each environment, the name of the file's entry. notes: sentences for
    the reader of the suite.
    """

    file: str
    unset: dict[str, Params] = field(default_factory=dict)
    same: dict[str, Params] = field(default_factory=dict)
    entries: dict[str, str] = field(default_factory=dict)
    steps: dict[str, int] = field(default_factory=dict)
    kwargs: dict[str, Params] = field(default_factory=dict)
    wrappers: dict[str, Sequence[tuple[str, Params]]] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)


_FILES = {"ppo_lstm": "recurrent_ppo"}  # the zoo's name of an algorithm, if it differs from ours


def family(plugins: Plugins, file: Path, algorithms: Sequence[str]) -> str:
    """Return the algorithm whose hyperparameters a file has.

    It is the one that the file is named after, otherwise the first of -a that Stable-Baselines3 has. Raises:
    BadParameter if there is none, or if Stable-Baselines3 is not installed.
    """
    from rlbench.api import PluginError
    from rlbench.plugins import resolve

    names = [_FILES.get(file.stem, file.stem), *(name.rpartition("/")[2] for name in algorithms)]
    answers = resolve(plugins, [(PREFIX + name, None) for name in names])
    for name, answer in zip(names, answers):
        if isinstance(answer, PluginError):
            continue
        if answer.missing:
            install = f'pip install "rlbench[{answer.extra}]"'
            message = f"needs Stable-Baselines3, for the defaults of keys that the file does not set: {install}"
            raise click.BadParameter(message, param_hint="--from-zoo")
        return name
    message = f"{file.name} is not named after an algorithm of Stable-Baselines3, such as ppo.yml; name one with -a"
    raise click.BadParameter(message, param_hint="--from-zoo")


def from_zoo(
    plugins: Plugins,
    file: Path,
    of: str,
    named: Sequence[tuple[str, Resolved]],
    environments: Sequence[str],
    steps: int | None,
    leave_out: Sequence[str],
) -> ZooSuite:
    """Return a file's hyperparameters for the algorithms `named`, with sb3/OF's defaults for those that the file does
    not set.

    steps: the budget to use instead of the file's. Raises: SuiteError for each unsupported entry, with its place in the
    file.
    """
    source, zoo = read_zoo(file), ZooSuite(file.name)
    defaults = {name: defaults_of(plugins, of, answer) for name, answer in named if "/" not in name}
    takes = {
        name: {e["name"]: defaults.get(name, {}).get(e["name"], e["default"]) for e in a.schema if _is_meant(name, e)}
        for name, a in named
    }
    fixed = _fixed_behaviour(plugins, of)
    translations = [translate(entry_of(source, environment), takes, fixed, leave_out) for environment in environments]
    _check_left_out(leave_out, translations)
    for translation in translations:
        _add_environment(zoo, translation, named, steps)
    everywhere = set.intersection(*(set(translation.params) for translation in translations))
    for name, answer in named:
        own = {e["name"]: e["default"] for e in answer.schema}
        differ = {k: v for k, v in defaults.get(name, {}).items() if v != own[k] and k not in everywhere}
        zoo.unset[name] = differ
    return zoo


def _is_meant(algorithm: str, parameter: Mapping[str, Any]) -> bool:
    """Return whether a parameter of an algorithm means the same as the zoo's parameter of that name."""
    return "/" in algorithm or parameter["name"] not in OTHER_MEANING


def _fixed_behaviour(plugins: Plugins, of: str) -> dict[str, Any]:
    """Return the values at which rlbench's algorithm OF is fixed.

    They are sb3/OF's defaults for the parameters that rlbench's algorithm does not have.
    """
    from rlbench.api import PluginError
    from rlbench.plugins import resolve

    (ours,) = resolve(plugins, [(of, None)])
    if isinstance(ours, PluginError):
        return {}
    own = {e["name"] for e in ours.schema if _is_meant(of, e)}
    return {name: value for name, value in library_defaults(plugins, of).items() if name not in own}


def _add_environment(
    zoo: ZooSuite, translation: Translation, named: Sequence[tuple[str, Resolved]], steps: int | None
) -> None:
    """Add one environment to the suite."""
    name, entry = translation.entry.environment, translation.entry.name
    whole = {e["name"] for _, answer in named for e in answer.schema if e["type"] == "int"}
    zoo.same[name] = {k: int(v) if k in whole and _is_whole(v) else v for k, v in translation.params.items()}
    zoo.entries[name], zoo.kwargs[name], zoo.wrappers[name] = entry, translation.kwargs, translation.wrappers
    budget = steps or translation.steps
    if budget is None:
        message = f"{zoo.file} has no n_timesteps for {entry}; set --steps"
        raise click.BadParameter(message, param_hint="--from-zoo")
    number = int(zoo.same[name].get("n_envs", 1))
    zoo.steps[name] = -(-budget // number) * number
    if entry != name.rpartition(":")[2]:
        zoo.notes.append(f"{zoo.file} has no entry for {name}; its hyperparameters are those for {entry}.")
    if zoo.steps[name] != budget:
        zoo.notes.append(f"{name}: {budget:,} steps are rounded up to a multiple of n_envs ({number}).")
    if translation.left_out:
        zoo.notes.append(f"{name}: left out from {zoo.file}: {', '.join(translation.left_out)}.")


def _is_whole(value: Any) -> bool:
    return isinstance(value, float) and value.is_integer()


def _check_left_out(leave_out: Sequence[str], translations: Sequence[Translation]) -> None:
    for key in leave_out:
        if not any(key in translation.left_out for translation in translations):
            entries = ", ".join(translation.entry.name for translation in translations)
            keys = ", ".join(dict.fromkeys(key for translation in translations for key in translation.entry.values))
            message = f"the file sets no {key} for {entries}; it sets {keys}"
            raise click.BadParameter(message, param_hint="--leave-out")
