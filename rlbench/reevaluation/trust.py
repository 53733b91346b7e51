"""What a result folder may have this program run: its environment and wrappers come from what is installed, or was allowed.

A folder may be anybody's. Whoever runs a suite trusts it as one trusts a Makefile; whoever reads results trusts nobody.
"""

from __future__ import annotations

import importlib
from collections.abc import Collection, Iterator
from typing import Any

from rlbench.api import PluginError, Task
from rlbench.plugins import Plugins

_OWN = "rlbench"  # the distribution whose modules are no wrappers
_WRAPPERS = "gymnasium.wrappers"
_WRITES = ("RecordVideo",)  # a folder of the file's choosing
_ADVICE = (
    "a result folder is data, and runs nothing it names; if you trust it, say --suite FILE (the suite that asks for it)"
)


def refuse_untrusted(task: Task, plugins: Plugins, allowed: Collection[str]) -> None:
    """See that making a task's environments imports and opens nothing but what is installed for the purpose.

    allowed: modules named by whoever asks. Raises: PluginError saying what is refused, and what to do.
    """
    module, colon, _ = task.env_id.rpartition(":")
    if colon and not _is_among(module, {*allowed, *_offered(plugins)}):
        raise PluginError(f"{task.env_id!r} imports the module {module!r}: {_ADVICE} or --allow {module}")
    for wrapper in task.wrappers:
        module, _, name = wrapper.name.partition(":")
        if _is_among(module, allowed):
            continue
        if module != _WRAPPERS and not _is_among(module, _offered(plugins)):
            raise PluginError(f"the wrapper {wrapper.name!r} imports a module: {_ADVICE} or --allow {module}")
        if name in _WRITES or not _is_wrapper(module, name):
            raise PluginError(f"the wrapper {wrapper.name!r} is no class of observation, action or reward: {_ADVICE}")
    for text in _texts([task.kwargs, *(wrapper.kwargs for wrapper in task.wrappers)]):
        if set(text) & {"/", "\\", ":"} or text.startswith(("~", "..")):
            raise PluginError(f"{task.env_id!r} is given {text[:80]!r}, which may be a path or a module: {_ADVICE}")


def _offered(plugins: Plugins) -> set[str]:
    """Top modules of installed plugins, and the modules that files given by hand are."""
    found = set()
    for plugin in plugins.plugins:
        if plugin.file is not None:
            found.add(plugin.name)
        elif plugin.distribution != _OWN:
            found.add(plugin.target.partition(":")[0].partition(".")[0])
    return found


def _is_among(module: str, names: Collection[str]) -> bool:
    return any(module == name or module.startswith(f"{name}.") for name in names)


def _is_wrapper(module: str, name: str) -> bool:
    import gymnasium

    found = getattr(importlib.import_module(module), name, None)
    return isinstance(found, type) and issubclass(found, gymnasium.Wrapper)


def _texts(value: Any) -> Iterator[str]:
    """Every text in JSON values, names of entries among them."""
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict):
        for name, inner in value.items():
            yield from _texts(name)
            yield from _texts(inner)
    elif isinstance(value, (list, tuple)):
        for inner in value:
            yield from _texts(inner)
