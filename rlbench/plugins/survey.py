"""List what every plugin offers. Child processes import the plugins, so a broken one does not spoil the list."""

from __future__ import annotations

import gc
import hashlib
import json
import os
import sys
import tempfile
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from rlbench.api import OBSERVERS, AlgorithmSpec, PluginError, canonical, hookspecs
from rlbench.messages import shortened
from rlbench.plugins.api_versions import other_version
from rlbench.plugins.entry_points import Plugin, Plugins, load_plugins
from rlbench.plugins.subprocess_query import begin_child, run_query
from rlbench.user_cache import cache_folder, recall, remember

TIME_LIMIT_SECONDS = 60
ACTION_KINDS = ("discrete", "continuous", "multi_discrete", "multi_binary")  # fields of Supports


@dataclass(frozen=True)
class Offer:
    """What a plugin offers.

    error: why the plugin cannot be loaded, "" if it can. notes: why parts of it cannot be used. hooks: the names of its
    hooks.
    """

    name: str
    distribution: str
    version: str
    error: str = ""
    algorithms: tuple[Mapping[str, Any], ...] = ()
    backends: tuple[str, ...] = ()
    executors: tuple[str, ...] = ()
    samplers: tuple[str, ...] = ()
    observers: tuple[str, ...] = field(default=())
    reports: tuple[str, ...] = ()
    hooks: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()

    @property
    def state(self) -> str:
        """The state in words, "ready" for a plugin without error and notes."""
        if self.error:
            return f"broken: {self.error}"
        return "; ".join(self.notes) or "ready"

    @property
    def names(self) -> tuple[str, ...]:
        own = *(a["name"] for a in self.algorithms), *self.backends, *self.executors, *self.samplers
        return (*own, *self.observers, *self.reports)


def survey(plugins: Plugins) -> list[Offer]:
    """Query every distribution and file, a few at a time. Returns: an offer for each plugin, sorted by name."""
    sources: dict[str, list[Plugin]] = {}
    for plugin in plugins.plugins:
        sources.setdefault(str(plugin.file or plugin.distribution), []).append(plugin)
    with ThreadPoolExecutor(max_workers=os.cpu_count()) as pool:
        offers = [offer for group in pool.map(_query_offers, sources.values()) for offer in group]
    return sorted(_note_clashes(offers), key=lambda offer: (offer.name, offer.distribution))


def _note_clashes(offers: Sequence[Offer]) -> list[Offer]:
    """Return the offers, with a note for each name that another distribution offers too."""
    owners: dict[str, list[Offer]] = {}
    for offer in offers:
        for name in dict.fromkeys(
            (offer.name, *(a["name"] for a in offer.algorithms), *offer.backends, *offer.executors, *offer.samplers)
        ):
            owners.setdefault(name, []).append(offer)
    noted = []
    for offer in offers:
        for name, same_name in owners.items():
            if offer in same_name and len({other.distribution for other in same_name}) > 1:
                others = " and ".join(other.distribution for other in same_name if other is not offer)
                note = f"{name!r} clashes with {others}: write {offer.distribution}:{name}"
                offer = replace(offer, notes=(*offer.notes, note))
        noted.append(offer)
    return noted


def _query_offers(plugins: Sequence[Plugin]) -> list[Offer]:
    """Query one child. If it exits without an answer, use one child for each plugin to find the faulty one."""
    entries = _query(plugins)
    if isinstance(entries, str):
        if len(plugins) > 1:
            return [offer for plugin in plugins for offer in _query_offers([plugin])]
        entries = [{"error": entries}]
    return [_offer(plugin, entry) for plugin, entry in zip(plugins, entries)]


def _offer(plugin: Plugin, entry: Mapping[str, Any]) -> Offer:
    fields: dict[str, Any] = {key: value if key == "error" else tuple(value) for key, value in entry.items()}
    return Offer(plugin.name, plugin.distribution, plugin.version, **fields)


def _query(plugins: Sequence[Plugin]) -> list[dict[str, Any]] | str:
    """Return a child's answer for each plugin, or the reason why the child gave none."""
    first = plugins[0]
    names = [plugin.name for plugin in plugins]
    with tempfile.TemporaryDirectory(prefix="rlbench-") as folder:
        answer = Path(folder, "answer.json")
        arguments = [str(answer), first.distribution, str(first.file or ""), *names]
        try:
            exit_ = run_query("rlbench.plugins.survey", arguments, TIME_LIMIT_SECONDS)
        except PermissionError as error:
            return f"{sys.executable} cannot be started: {error.strerror}"
        try:
            entries: list[dict[str, Any]] = json.loads(answer.read_text("utf-8"))
            return entries
        except (OSError, ValueError):
            if exit_.code is None:
                return f"took over {TIME_LIMIT_SECONDS} s to import"
            return f"ended its process with code {exit_.code} at import"


def import_failure(plugin: Plugin) -> str:
    """Return why importing the plugin ends or hangs a child process, "" if it does not.

    A success is cached for as long as the plugin's source stays the same.
    """
    identity = [sys.version, plugin.distribution, plugin.version, plugin.name, plugin.source_hash()]
    cache_file = cache_folder("imported") / f"{hashlib.sha256(canonical(identity).encode()).hexdigest()[:32]}.json"
    if recall(cache_file):
        return ""
    entries = _query([plugin])
    if isinstance(entries, str):
        return entries
    remember(cache_file, {"plugin": plugin.name})
    return ""


def selected_plugins(files: Sequence[str] = ()) -> Plugins:
    """Return the plugins that the environment variable RLBENCH_PLUGINS=a,b names (default: all), and the given files.

    A child process first tries to import what this process will import: the files, and entry points that may observe
    runs or add report sections.
    """
    only = os.environ.get("RLBENCH_PLUGINS")
    plugins = load_plugins(files, None if only is None else [name.strip() for name in only.split(",") if name.strip()])
    for plugin in plugins.plugins:
        is_own = plugin.target.startswith("rlbench.")
        if plugin.file is not None or (plugin.name.startswith(("observe", "report")) and not is_own):
            plugin.error = import_failure(plugin) or None
    return plugins


# -- in the child process ----------------------------------------------------------------------------------------
def _listed(plugins: Plugins, plugin: Plugin) -> dict[str, Any]:
    try:
        algorithms, backends, executors, samplers = plugins.offered(plugin)
        reports = [spec.name for spec in plugins.sections(plugin)]
    except PluginError as error:
        return {"error": shortened(str(error))}
    return {
        "algorithms": [_algorithm(spec) for spec in algorithms],
        "backends": [spec.name for spec in backends],
        "executors": [spec.name for spec in executors],
        "samplers": [spec.name for spec in samplers],
        "reports": reports,
        "observers": [hook for hook in OBSERVERS if hasattr(plugin.module, hook)],
        "hooks": [hook for hook in vars(hookspecs) if hook.startswith("rlbench_") and hasattr(plugin.module, hook)],
        "notes": [*_other_version((*algorithms, *backends, *executors, *samplers)), *_missing(algorithms)],
    }


def _other_version(specs: Sequence[Any]) -> list[str]:
    return [f"{spec.name!r} {problem}" for spec in specs if (problem := other_version(spec))]


def _missing(specs: Sequence[AlgorithmSpec]) -> list[str]:
    """List the modules that have to be installed first."""
    missing = {(module, spec.extra) for spec in specs for module in spec.requires if find_spec(module) is None}
    return [f"needs {module}" + (f' (extra "{extra}")' if extra else "") for module, extra in sorted(missing)]


def _algorithm(spec: AlgorithmSpec) -> dict[str, Any]:
    return {
        "name": spec.name,
        "summary": spec.summary,
        "actions": [kind for kind in ACTION_KINDS if getattr(spec.supports, kind)],
        "stackable": spec.stackable,
        "resumable": spec.resumable,
        "metering": spec.metering,
        "missing": [module for module in spec.requires if find_spec(module) is None],
        "extra": spec.extra,
    }


def _main(answer: str, distribution: str, file: str, *names: str) -> None:
    plugins = load_plugins([file] if file else ())
    by_name = {p.name: p for p in plugins.plugins if p.distribution == distribution}
    Path(answer).write_text(json.dumps([_listed(plugins, by_name[name]) for name in names]), "utf-8")


if __name__ == "__main__":
    gc.disable()  # see rlbench.plugins.resolution
    begin_child()
    _main(*sys.argv[1:])
    gc.freeze()
