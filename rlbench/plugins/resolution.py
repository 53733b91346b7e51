"""Describe a plugin's algorithms in a child process, so that the harness imports no deep-learning library.

The answers are cached by distribution, version and source hash. If a plugin hangs, prints or ends its process at
import, the harness waits at most for a time limit and gives an error.
"""

from __future__ import annotations

import gc
import hashlib
import json
import sys
import tempfile
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from rlbench.api import AlgorithmSpec, BrokenPlugin, ConfigError, PluginError, Storage, Supports, canonical
from rlbench.messages import error_text, shortened
from rlbench.plugins.config_model import as_given, configure, schema
from rlbench.plugins.entry_points import Plugin, Plugins, load_plugins
from rlbench.plugins.subprocess_query import begin_child, run_query
from rlbench.user_cache import cache_folder, recall, remember

TIME_LIMIT_SECONDS = 120
_CACHE_VERSION = 6
Params = Mapping[str, Any] | None  # None: the defaults, even if these alone are not a valid Config
Request = tuple[Plugin, str, Params]  # plugin, algorithm, parameters


@dataclass(frozen=True)
class Resolved:
    """An algorithm that a suite names, with its configuration after defaults (JSON values).

    missing: modules to install.
    """

    name: str
    config: Mapping[str, Any]
    supports: Supports
    stackable: bool
    max_stack: int | None
    resumable: bool
    updates_per_step: float
    metering: str
    missing: tuple[str, ...]
    extra: str
    schema: tuple[Mapping[str, Any], ...]
    storage: tuple[Storage, ...] = ()
    per_seed: tuple[str, ...] = ()
    several_processes: bool = False


def resolve(plugins: Plugins, requests: Sequence[tuple[str, Params]]) -> list[Resolved | PluginError]:
    """Resolve (algorithm, params) pairs. The answer to a pair that cannot be resolved is an error.

    One child process for each distribution or file describes the pairs that are not in the cache.
    """
    answers: dict[int, Resolved | PluginError] = {}
    open_requests: dict[str, list[tuple[int, Request]]] = {}
    for i, (name, params) in enumerate(requests):
        try:
            plugin = plugins.find(name)
        except PluginError as error:
            answers[i] = error
            continue
        cached = _cached(_cache_file(plugin, name, params))
        if cached is not None:
            answers[i] = cached
        else:
            source = str(plugin.file or plugin.distribution)
            open_requests.setdefault(source, []).append((i, (plugin, name, params)))
    for numbered in open_requests.values():
        for (i, _), answer in zip(numbered, _resolve_in_child([request for _, request in numbered])):
            answers[i] = answer
    return [answers[i] for i in range(len(requests))]


def _resolve_in_child(requests: Sequence[Request]) -> list[Resolved | PluginError]:
    """Resolve in one child. If it exits without an answer, use one child for each plugin to find the faulty one."""
    entries = _query(requests)
    if isinstance(entries, str):
        names = dict.fromkeys(plugin.name for plugin, _, _ in requests)
        if len(names) == 1:
            plugin = requests[0][0]
            return [BrokenPlugin(f"plugin {plugin.name!r} of {plugin.distribution} {entries}") for _ in requests]
        apart = {name: iter(_resolve_in_child([r for r in requests if r[0].name == name])) for name in names}
        return [next(apart[plugin.name]) for plugin, _, _ in requests]
    for (plugin, name, params), entry in zip(requests, entries):
        if "error" not in entry and not entry["missing"]:
            remember(_cache_file(plugin, name, params), entry)
    return [_decode(entry) for entry in entries]


def _query(requests: Sequence[Request]) -> list[dict[str, Any]] | str:
    """Return a child's answer to each request, or the reason why the child gave none."""
    files = {str(plugin.file): None for plugin, _, _ in requests if plugin.file}
    with tempfile.TemporaryDirectory(prefix="rlbench-") as folder:
        question, answer = Path(folder, "question.json"), Path(folder, "answer.json")
        question.write_text(
            json.dumps({"files": list(files), "requests": [request[1:] for request in requests]}), "utf-8"
        )
        arguments = [str(question), str(answer)]
        try:
            exit_ = run_query("rlbench.plugins.resolution", arguments, TIME_LIMIT_SECONDS, {"OMP_NUM_THREADS": "1"})
        except PermissionError as error:
            return f"cannot be loaded: {sys.executable} cannot be started: {error.strerror}"
        try:
            entries: list[dict[str, Any]] = json.loads(answer.read_text("utf-8"))
            return entries
        except (OSError, ValueError):
            if exit_.code is None:
                return f"took over {TIME_LIMIT_SECONDS} s to import"
            return f"ended its process with code {exit_.code} at import: {exit_.last_line or 'nothing was printed'}"


def _decode(entry: Mapping[str, Any]) -> Resolved | PluginError:
    if "problems" in entry:
        return ConfigError(entry["error"], [(name, text) for name, text in entry["problems"]])
    if "error" in entry:
        return (BrokenPlugin if entry["broken"] else PluginError)(entry["error"])
    return Resolved(
        **{
            **entry,
            "supports": Supports(**entry["supports"]),
            "missing": tuple(entry["missing"]),
            "schema": tuple(entry["schema"]),
            "storage": tuple(Storage(**part) for part in entry["storage"]),
            "per_seed": tuple(entry["per_seed"]),
        }
    )


def _cache_file(plugin: Plugin, name: str, params: Params) -> Path:
    import rlbench

    identity = [
        _CACHE_VERSION,
        rlbench.__version__,
        sys.version,
        plugin.distribution,
        plugin.version,
        plugin.source_hash(),
        _own_hash(),
        name,
        params,
    ]
    return cache_folder("descriptions") / f"{hashlib.sha256(canonical(identity).encode()).hexdigest()[:32]}.json"


def _own_hash() -> str:
    own = [Path(__file__), Path(__file__).with_name("config_model.py"), Path(__file__).parents[1] / "api/algorithm.py"]
    return hashlib.sha256(b"".join(path.read_bytes() for path in own)).hexdigest()[:16]


def _cached(path: Path) -> Resolved | None:
    with suppress(TypeError, KeyError):
        cached = _decode(recall(path) or {})
        return cached if isinstance(cached, Resolved) else None
    return None


# -- in the child process ----------------------------------------------------------------------------------------
def describe(spec: AlgorithmSpec, params: Params) -> dict[str, Any]:
    """Return the fields of `Resolved` as JSON values. Raises: ConfigError if the parameters are not valid."""
    from importlib.util import find_spec

    entry: dict[str, Any] = {
        "name": spec.name,
        "supports": asdict(spec.supports),
        "stackable": spec.stackable,
        "max_stack": spec.max_stack,
        "resumable": spec.resumable,
        "metering": spec.metering,
        "several_processes": spec.several_processes,
        "updates_per_step": 0.0,
        "missing": [module for module in spec.requires if find_spec(module) is None],
        "extra": spec.extra,
        "config": dict(params or {}),
        "schema": [],
        "storage": [],
        "per_seed": [],
    }
    if not entry["missing"]:
        algorithm = spec.load()
        entry["schema"] = schema(algorithm.Config)
        entry["per_seed"] = list(vars(algorithm).get("per_seed", ()))  # a subclass may use inherited ones differently
        try:
            config = configure(algorithm.Config, params or {}, spec.name)
        except ConfigError:
            if params is None:
                return entry
            raise
        entry["config"] = json.loads(json.dumps(as_given(config)))
        entry["updates_per_step"] = float(spec.updates_per_step(config)) if spec.updates_per_step else 0.0
        entry["storage"] = [asdict(part) for part in spec.storage(config)] if spec.storage else []
    return entry


def _main(question: str, answer: str) -> None:
    query = json.loads(Path(question).read_text("utf-8"))
    plugins = load_plugins(query["files"])
    entries: list[dict[str, Any]] = []
    for name, params in query["requests"]:
        try:
            entries.append(describe(plugins.algorithm(name), params))
        except ConfigError as error:
            entries.append({"error": name, "problems": error.problems})
        except PluginError as error:
            entries.append({"error": shortened(str(error)), "broken": isinstance(error, BrokenPlugin)})
        except (Exception, SystemExit) as error:  # noqa: BLE001 - a foreign module may raise anything
            message = f"algorithm {name!r} cannot be imported: {error_text(error)}"
            entries.append({"error": message, "broken": True})
    Path(answer).write_text(json.dumps(entries, default=str), "utf-8")


if __name__ == "__main__":
    gc.disable()  # importing libraries makes no garbage, but collecting takes a third of the child's time
    begin_child()
    _main(*sys.argv[1:])
    gc.freeze()
