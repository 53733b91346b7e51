"""What every plugin offers, asked of child processes: one that is broken, slow or loud spoils no list."""

from __future__ import annotations

import gc
import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass, field
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from rlbench.api import OBSERVERS, AlgorithmSpec, PluginError
from rlbench.plugins.loading import Plugin, Plugins, load_plugins

TIME_LIMIT_SECONDS = 60


@dataclass(frozen=True)
class Offer:
    """A plugin and what it offers; `error` instead where it cannot be loaded."""

    name: str
    distribution: str
    version: str
    error: str = ""
    algorithms: tuple[Mapping[str, Any], ...] = ()
    backends: tuple[str, ...] = ()
    executors: tuple[str, ...] = ()
    observers: tuple[str, ...] = field(default=())
    reports: tuple[str, ...] = ()

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
    return sorted(offers, key=lambda offer: (offer.name, offer.distribution))


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
        command = [sys.executable, "-m", "rlbench.plugins.listing", *question]
        environment = {**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))}
        try:
            child = subprocess.run(
                command, stdin=subprocess.DEVNULL, capture_output=True, timeout=TIME_LIMIT_SECONDS, env=environment
            )
            found: list[dict[str, Any]] = json.loads(answer.read_text())
            return found
        except subprocess.TimeoutExpired:
            return f"took over {TIME_LIMIT_SECONDS} s to import"
        except PermissionError as error:
            return f"{sys.executable} cannot be started: {error.strerror}"
        except (OSError, ValueError):
            return f"ended its process with code {child.returncode} at import"


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
    }


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
    gc.disable()  # see rlbench.plugins.describe
    _main(*sys.argv[1:])
    gc.freeze()
