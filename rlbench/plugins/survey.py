"""What every plugin offers, asked of child processes: one that is broken, slow or loud spoils no list."""

from __future__ import annotations

import gc
import hashlib
import json
import os
import sys
import tempfile
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass, field, replace
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from rlbench.api import OBSERVERS, AlgorithmSpec, PluginError, canonical, hookspecs
from rlbench.plugins.entry_points import Plugin, Plugins, load_plugins, newer
from rlbench.plugins.subprocess_query import ask, find_what_the_asker_finds
from rlbench.user_cache import cache_folder, recall, remember

TIME_LIMIT_SECONDS = 60


@dataclass(frozen=True)
class Offer:
    """A plugin and what it offers; `error` instead where it cannot be loaded, `notes` where part of it cannot be used.

    hooks: those that it implements.
    """

    name: str
    distribution: str
    version: str
    error: str = ""
    algorithms: tuple[Mapping[str, Any], ...] = ()
    backends: tuple[str, ...] = ()
    executors: tuple[str, ...] = ()
    observers: tuple[str, ...] = field(default=())
    reports: tuple[str, ...] = ()
    hooks: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()

    @property
    def state(self) -> str:
        """In words, "ready" where there is nothing to say."""
        if self.error:
            return f"broken: {self.error}"
        return "; ".join(self.notes) or "ready"

    @property
    def names(self) -> tuple[str, ...]:
        return (*(a["name"] for a in self.algorithms), *self.backends, *self.executors, *self.observers, *self.reports)


def survey(plugins: Plugins) -> list[Offer]:
    """Ask every distribution and file, a few at a time; one for each plugin, sorted by name."""
    sources: dict[str, list[Plugin]] = {}
    for plugin in plugins.plugins:
        sources.setdefault(str(plugin.file or plugin.distribution), []).append(plugin)
    with ThreadPoolExecutor(max_workers=os.cpu_count()) as pool:
        offers = [offer for found in pool.map(_ask, sources.values()) for offer in found]
    return sorted(_clashes(offers), key=lambda offer: (offer.name, offer.distribution))


def _clashes(offers: Sequence[Offer]) -> list[Offer]:
    """The same, with a note at those whose name, or the name of something in them, is another's as well."""
    owners: dict[str, list[Offer]] = {}
    for offer in offers:
        for name in dict.fromkeys(
            (offer.name, *(a["name"] for a in offer.algorithms), *offer.backends, *offer.executors)
        ):
            owners.setdefault(name, []).append(offer)
    found = []
    for offer in offers:
        for name, several in owners.items():
            if offer in several and len({other.distribution for other in several}) > 1:
                others = " and ".join(other.distribution for other in several if other is not offer)
                note = f"{name!r} clashes with {others}: write {offer.distribution}:{name}"
                offer = replace(offer, notes=(*offer.notes, note))
        found.append(offer)
    return found


def _ask(asked: Sequence[Plugin]) -> list[Offer]:
    """Ask one child; where that ends without an answer, one for each plugin, which says whose fault it was."""
    found = _answers(asked)
    if isinstance(found, str):
        if len(asked) > 1:
            return [offer for plugin in asked for offer in _ask([plugin])]
        found = [{"error": found}]
    return [_offer(plugin, entry) for plugin, entry in zip(asked, found)]


def _offer(plugin: Plugin, entry: Mapping[str, Any]) -> Offer:
    fields: dict[str, Any] = {key: value if key == "error" else tuple(value) for key, value in entry.items()}
    return Offer(plugin.name, plugin.distribution, plugin.version, **fields)


def _answers(asked: Sequence[Plugin]) -> list[dict[str, Any]] | str:
    """What a child says of each, or what became of the child."""
    first = asked[0]
    names = [plugin.name for plugin in asked]
    with tempfile.TemporaryDirectory(prefix="rlbench-") as folder:
        answer = Path(folder, "answer.json")
        question = [str(answer), first.distribution, str(first.file or ""), *names]
        try:
            ended = ask("rlbench.plugins.survey", question, TIME_LIMIT_SECONDS)
        except PermissionError as error:
            return f"{sys.executable} cannot be started: {error.strerror}"
        try:
            found: list[dict[str, Any]] = json.loads(answer.read_text())
            return found
        except (OSError, ValueError):
            if ended.code is None:
                return f"took over {TIME_LIMIT_SECONDS} s to import"
            return f"ended its process with code {ended.code} at import"


def survives(plugin: Plugin) -> str:
    """Whether it can be imported without ending or stopping a process: "" if so, else what became of a child that tried.

    That it can is remembered as long as its source stays the same.
    """
    identity = [sys.version, plugin.distribution, plugin.version, plugin.name, plugin.source_hash()]
    kept = cache_folder("imported") / f"{hashlib.sha256(canonical(identity).encode()).hexdigest()[:32]}.json"
    if recall(kept):
        return ""
    found = _answers([plugin])
    if isinstance(found, str):
        return found
    remember(kept, {"plugin": plugin.name})
    return ""


# -- in the child process ----------------------------------------------------------------------------------------
def _listed(plugins: Plugins, plugin: Plugin) -> dict[str, Any]:
    try:
        algorithms, backends, executors = plugins.offered(plugin)
        reports = [spec.name for spec in plugins.sections(plugin)]
    except PluginError as error:
        return {"error": str(error)}
    return {
        "algorithms": [_algorithm(spec) for spec in algorithms],
        "backends": [spec.name for spec in backends],
        "executors": [spec.name for spec in executors],
        "reports": reports,
        "observers": [hook for hook in OBSERVERS if hasattr(plugin.module, hook)],
        "hooks": [hook for hook in vars(hookspecs) if hook.startswith("rlbench_") and hasattr(plugin.module, hook)],
        "notes": [*_newer((*algorithms, *backends, *executors)), *_missing(algorithms)],
    }


def _newer(specs: Sequence[Any]) -> list[str]:
    return [f"{spec.name!r} {newer(spec)}" for spec in specs if spec.api_version > type(spec).api_version]


def _missing(specs: Sequence[AlgorithmSpec]) -> list[str]:
    """What has to be installed first."""
    missing = {(module, spec.extra) for spec in specs for module in spec.requires if find_spec(module) is None}
    return [f"needs {module}" + (f' (extra "{extra}")' if extra else "") for module, extra in sorted(missing)]


def _algorithm(spec: AlgorithmSpec) -> dict[str, Any]:
    return {
        "name": spec.name,
        "summary": spec.summary,
        "actions": [kind for kind in ("discrete", "continuous") if asdict(spec.supports)[kind]],
        "stackable": spec.stackable,
        "resumable": spec.resumable,
        "metering": spec.metering,
        "missing": [module for module in spec.requires if find_spec(module) is None],
        "extra": spec.extra,
    }


def _main(answer: str, distribution: str, file: str, *names: str) -> None:
    plugins = load_plugins([file] if file else ())
    asked = {p.name: p for p in plugins.plugins if p.distribution == distribution}
    Path(answer).write_text(json.dumps([_listed(plugins, asked[name]) for name in names]))


if __name__ == "__main__":
    gc.disable()  # see rlbench.plugins.resolution
    find_what_the_asker_finds()
    _main(*sys.argv[1:])
    gc.freeze()
