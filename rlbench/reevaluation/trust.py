"""Limits on the code that runs because a result folder names it: only installed or allowed environments and wrappers.

A result folder may come from anyone. Whoever runs a suite trusts it, as with a Makefile. But reading results must be
safe without trusting them.
"""

from __future__ import annotations

import importlib
import os
from collections.abc import Collection, Iterator, Mapping
from typing import Any

from rlbench.api import PluginError, Task
from rlbench.envs.matrix_games import GAMES
from rlbench.envs.multiagent.multiagent_backends import PETTINGZOO, TUPLES
from rlbench.envs.references import IMPORT, references
from rlbench.plugins import Plugins

# The distribution rlbench, and the module with its public names. Modules of rlbench's plugins contain no wrappers.
_OWN = "rlbench"
_WRAPPERS = "gymnasium.wrappers"
_ADDED = "rlbench.envs"  # contains the wrappers that rlbench adds when it plans a suite
# Packages that contain only worlds: importing one of their modules, or calling its `parallel_env`, only makes worlds.
_WORLDS = {PETTINGZOO: ("pettingzoo", "mpe2"), TUPLES: ("lbforaging", "rware")}
_GAMES = "rlbench.envs.matrix_games"
_WRITES = ("RecordVideo",)  # writes to a folder that its arguments name
_ADVICE = "a result folder is data and runs no code that it names; if you trust it, pass --suite FILE (its suite file)"


def refuse_untrusted(task: Task, plugins: Plugins, allowed: Collection[str]) -> None:
    """Check that a task's environments import only installed or allowed code and open no file that the task names.

    allowed: modules that the user has allowed. Raises: PluginError that says what is refused and what to do.
    """
    module = task.env_id.rpartition(":")[0]
    if task.backend == PETTINGZOO:  # an id is a module, or a module with the name of a world
        module = task.env_id.partition(":")[0]
    if module and not (_is_among(module, {*allowed, *_offered(plugins)}) or _is_known_world(task)):
        raise PluginError(f"{task.env_id!r} imports the module {module!r}: {_ADVICE} or --allow {module}")
    for registration in task.register:
        module = registration.partition(":")[0]
        if not _is_among(module, {*allowed, *_offered(plugins)}):
            raise PluginError(f"the suite's `register` imports the module {module!r}: {_ADVICE} or --allow {module}")
    for wrapper in task.wrappers:
        module, _, name = wrapper.name.partition(":")
        if _is_among(module, allowed):
            continue
        if module not in (_WRAPPERS, _OWN) and not _is_among(module, {_ADDED, *_offered(plugins)}):
            raise PluginError(f"the wrapper {wrapper.name!r} imports {module!r}: {_ADVICE} or --allow {module}")
        if name in _WRITES or not _is_wrapper(module, name):
            raise PluginError(f"the wrapper {wrapper.name!r} is not an allowed gymnasium.Wrapper class: {_ADVICE}")
    arguments = [task.kwargs, task.reset_options, *(wrapper.kwargs for wrapper in task.wrappers)]
    for _, reference in references(arguments):
        module = str(reference.get(IMPORT, "")).partition(":")[0]
        if module and not _is_among(module, allowed):
            raise PluginError(f"an argument of {task.env_id!r} imports from {module!r}: {_ADVICE} or --allow {module}")
    for text in _texts(_without_references(arguments)):
        if _may_lead_elsewhere(text):
            raise PluginError(
                f"{task.env_id!r} has the argument {text[:80]!r}, which may be a path or a module: {_ADVICE}"
            )


def refuse_untrusted_settings(algorithm: str, config: Mapping[str, Any]) -> None:
    """Check that no hyperparameter can name a path, a module or a command. Raises: PluginError with its text."""
    for text in suspicious_texts(config):
        raise PluginError(f"{algorithm!r} has the hyperparameter {text[:80]!r}, which may be a path or code: {_ADVICE}")


def suspicious_texts(config: Mapping[str, Any]) -> list[str]:
    """Return the texts in hyperparameters that may name a path, a module or a command."""
    return [text for text in _texts(config) if _may_lead_elsewhere(text)]


def _may_lead_elsewhere(text: str) -> bool:
    return bool(set(text) & {"/", "\\", ":"}) or text.startswith(("~", ".")) or os.path.lexists(text)


def _is_known_world(task: Task) -> bool:
    """Return whether a task's id names a game of rlbench, or a world of a package that contains only worlds."""
    module, colon, name = task.env_id.partition(":")
    if task.backend == PETTINGZOO and colon:  # a function that is named in the id may do anything
        return module == _GAMES and name in GAMES
    return _is_among(module, _WORLDS.get(task.backend, ()))


def _offered(plugins: Plugins) -> set[str]:
    """Return the top-level modules of installed plugins, and the modules of plugin files given by the user."""
    modules = set()
    for plugin in plugins.plugins:
        if plugin.file is not None:
            modules.add(plugin.name)
        elif plugin.distribution != _OWN:
            modules.add(plugin.target.partition(":")[0].partition(".")[0])
    return modules


def _is_among(module: str, names: Collection[str]) -> bool:
    return any(module == name or module.startswith(f"{name}.") for name in names)


def _is_wrapper(module: str, name: str) -> bool:
    import gymnasium

    wrapper = getattr(importlib.import_module(module), name, None)
    return isinstance(wrapper, type) and issubclass(wrapper, gymnasium.Wrapper)


def _without_references(value: Any) -> Any:
    """Return JSON values without the references in them. Modules of references are checked separately."""
    if isinstance(value, (list, tuple)):
        return [_without_references(inner) for inner in value]
    if not isinstance(value, Mapping):
        return value
    return {} if IMPORT in value else {key: _without_references(inner) for key, inner in value.items()}


def _texts(value: Any) -> Iterator[str]:
    """Yield every string in JSON values, including keys."""
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict):
        for name, inner in value.items():
            yield from _texts(name)
            yield from _texts(inner)
    elif isinstance(value, (list, tuple)):
        for inner in value:
            yield from _texts(inner)
