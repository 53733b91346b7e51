"""What every plugin offers, each asked in a child process of its own: one that is broken, slow or loud spoils no list."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass, field
from functools import partial
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

    @property
    def names(self) -> tuple[str, ...]:
        return (*(a["name"] for a in self.algorithms), *self.backends, *self.executors, *self.observers)


def survey(plugins: Plugins) -> list[Offer]:
    """Ask every plugin, a few at a time; sorted by name."""
    with ThreadPoolExecutor(max_workers=os.cpu_count()) as pool:
        return sorted(pool.map(_ask, plugins.plugins), key=lambda offer: (offer.name, offer.distribution))


def _ask(plugin: Plugin) -> Offer:
    offer = partial(Offer, plugin.name, plugin.distribution, plugin.version)
    with tempfile.TemporaryDirectory(prefix="rlbench-") as folder:
        answer = Path(folder, "answer.json")
        command = [
            sys.executable,
            "-m",
            "rlbench.plugins.listing",
            str(answer),
            plugin.name,
            plugin.distribution,
            str(plugin.file or ""),
        ]
        environment = {**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))}
        try:
            child = subprocess.run(
                command, stdin=subprocess.DEVNULL, capture_output=True, timeout=TIME_LIMIT_SECONDS, env=environment
            )
            found = json.loads(answer.read_text())
        except subprocess.TimeoutExpired:
            return offer(error=f"took over {TIME_LIMIT_SECONDS} s to import")
        except PermissionError as error:
            return offer(error=f"{sys.executable} cannot be started: {error.strerror}")
        except (OSError, ValueError):
            return offer(error=f"ended its process with code {child.returncode} at import")
    if "error" in found:
        return offer(error=found["error"])
    offered: dict[str, Any] = {key: tuple(value) for key, value in found.items()}
    return offer(**offered)


# -- in the child process ----------------------------------------------------------------------------------------
def _listed(plugins: Plugins, plugin: Plugin) -> dict[str, Any]:
    try:
        algorithms, backends, executors = plugins.offered(plugin)
    except PluginError as error:
        return {"error": str(error)}
    return {
        "algorithms": [_algorithm(spec) for spec in algorithms],
        "backends": [spec.name for spec in backends],
        "executors": [spec.name for spec in executors],
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


def _main(answer: str, name: str, distribution: str, file: str) -> None:
    plugins = load_plugins([file] if file else ())
    (plugin,) = [p for p in plugins.plugins if p.name == name and p.distribution == distribution]
    Path(answer).write_text(json.dumps(_listed(plugins, plugin)))


if __name__ == "__main__":
    arguments: Sequence[str] = sys.argv[1:]
    _main(*arguments)
