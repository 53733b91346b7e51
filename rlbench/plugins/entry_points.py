"""Plugins that the metadata of installed packages names. A plugin is imported only when one of its names is requested.

pluggy's own bulk loader is not used, because with it one broken plugin would end the program.
"""

from __future__ import annotations

import ast
import contextlib
import difflib
import hashlib
import importlib
import importlib.util
import os
import sys
import traceback
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from importlib.machinery import PathFinder
from importlib.metadata import EntryPoint, distributions
from pathlib import Path
from types import ModuleType
from typing import Any, TypeVar

import pluggy

from rlbench.api import (
    OBSERVERS,
    PROJECT,
    AlgorithmSpec,
    BrokenPlugin,
    EnvBackendSpec,
    ExecutorSpec,
    PluginError,
    SamplerSpec,
    SectionSpec,
    hookspecs,
)
from rlbench.messages import error_text, shortened
from rlbench.plugins.api_versions import RENAMED_HOOKS, import_advice, other_version, renamed_hook
from rlbench.process_control import without_current_folder

Spec = TypeVar("Spec", AlgorithmSpec, EnvBackendSpec, ExecutorSpec, SamplerSpec)

# By a plugin's target: the modules that loading it has imported. Like sys.modules, this belongs to the process.
_imported: dict[str, set[str]] = {}


@dataclass
class Plugin:
    """One entry point, or a file given by `--plugin`.

    error: why the plugin could not be loaded, set by `load`.
    """

    name: str
    distribution: str
    version: str
    target: str
    entry_point: EntryPoint | None = None
    file: Path | None = None
    module: ModuleType | None = None
    error: str | None = None

    def load(self) -> ModuleType:
        """Import the plugin, once. Raises: BrokenPlugin with the cause's last line."""
        if self.module is None and self.error is None:
            before = set(sys.modules)
            try:
                # stdout is for data, and relative paths on the command line start from this folder
                with contextlib.redirect_stdout(sys.stderr), contextlib.chdir("."):
                    self.module = self._import()
            except (Exception, SystemExit) as error:  # noqa: BLE001 - a foreign module may raise anything
                self.error = _described(error) + import_advice(error)
            # If a plugin is loaded again, its modules are imported already: keep the modules of the first time.
            _imported.setdefault(self.target, {self.name}).update(set(sys.modules) - before)
        if self.module is None:
            origin = self.distribution if self.file else f"{self.distribution} {self.version}"
            raise BrokenPlugin(f"plugin {self.name!r} of {origin} cannot be loaded: {self.error}")
        return self.module

    def _import(self) -> ModuleType:
        if self.file is None:
            assert self.entry_point is not None
            loaded = self.entry_point.load()
            if not isinstance(loaded, ModuleType):
                raise TypeError(f"the entry point {self.target!r} is not a module")
            return loaded
        spec = importlib.util.spec_from_file_location(self.name, self.file)
        if spec is None or spec.loader is None:
            raise ImportError(f"{self.file} is not a Python file")
        module = importlib.util.module_from_spec(spec)
        sys.modules[self.name] = module  # its classes look up their module there
        sys.path.append(str(self.file.parent))  # last, so that files beside it hide no installed module
        try:
            spec.loader.exec_module(module)
        finally:
            sys.path.reverse()
            sys.path.remove(str(self.file.parent))
            sys.path.reverse()
        return module

    def source_hash(self) -> str:
        """Return a hash of the plugin's own Python files, without importing the plugin."""
        digest = hashlib.sha256()
        for path in self.sources():
            digest.update(os.fsencode(path.name) + b"\0" + path.read_bytes())
        return digest.hexdigest()[:16]

    def sources(self) -> list[Path]:
        """List the plugin's own Python files, without importing the plugin."""
        if self.file is not None:
            return [self.file, *_beside(self.file)]
        package = self.target.split(":")[0].split(".")[0]
        if package == "rlbench":
            return [Path(__file__)]  # rlbench's own backends and executors have rlbench's version
        importlib.invalidate_caches()  # a plugin may have been installed since the folder was last listed
        spec = importlib.util.find_spec(package)
        if spec is None:
            return []
        if spec.submodule_search_locations:
            return sorted(p for location in spec.submodule_search_locations for p in Path(location).rglob("*.py"))
        return [Path(spec.origin)] if spec.origin else []


def imported_by_others(plugins: Sequence[Plugin]) -> set[str]:
    """Return the modules that this process imported to load plugins other than these, but not to load these."""
    own = {plugin.target for plugin in plugins}
    others = (names for target, names in _imported.items() if target not in own)
    return set().union(*others).difference(*(_imported.get(target, ()) for target in own))


@dataclass
class Plugins:
    """All plugins, as a value that callers pass on. There is no module-level manager."""

    plugins: list[Plugin] = field(default_factory=list)

    def find(self, name: str) -> Plugin:
        """Return the plugin that offers `name`. An entry point NAME offers NAME and NAME/…

        "dist:name" picks one distribution where several offer the name. Raises: PluginError if no plugin offers it,
        naming the nearest name; BrokenPlugin if several do, naming their distributions, or if none does and a
        `--plugin` file that might offer it cannot be loaded.
        """
        distribution, _, rest = name.rpartition(":")
        head = rest.split("/")[0]
        matches = [
            p for p in self.plugins if p.file is None and p.name == head and distribution in ("", p.distribution)
        ]
        matches += [p for p in self.files if p.error is None and not distribution and rest in _offered(p)]
        if not matches:
            self._refuse_broken_files(name)
            close = difflib.get_close_matches(head, [p.name for p in self.plugins], 1)
            known = sorted({p.name for p in self.plugins if not p.target.startswith("rlbench.")})
            hint = f"did you mean {close[0]!r}?" if close else f"installed plugins: {', '.join(known)}"
            raise PluginError(f"nothing called {name!r} is installed; {hint}")
        if len(matches) > 1:
            raise BrokenPlugin(
                f"{name!r} is offered by {' and '.join(p.distribution for p in matches)}; "
                f"write {matches[0].distribution}:{name}"
            )
        return matches[0]

    def _refuse_broken_files(self, name: str) -> None:
        for plugin in self.files:
            if plugin.error is not None:
                raise BrokenPlugin(
                    f"nothing called {name!r} is installed, and {plugin.distribution}, which may have it, "
                    f"cannot be loaded: {plugin.error}"
                )

    @property
    def files(self) -> list[Plugin]:
        """The plugins given by `--plugin`, loaded. Those that cannot be loaded have `error` set."""
        given = [plugin for plugin in self.plugins if plugin.file is not None]
        for plugin in given:
            with contextlib.suppress(PluginError):
                plugin.load()
        return given

    def algorithm(self, name: str) -> AlgorithmSpec:
        return self._spec(name, "rlbench_algorithms", AlgorithmSpec)

    def backend(self, name: str) -> EnvBackendSpec:
        return self._spec(name, "rlbench_env_backends", EnvBackendSpec)

    def executor(self, name: str) -> ExecutorSpec:
        return self._spec(name, "rlbench_executors", ExecutorSpec)

    def sampler(self, name: str) -> SamplerSpec:
        return self._spec(name, "rlbench_samplers", SamplerSpec)

    def _spec(self, name: str, hook: str, kind: type[Spec]) -> Spec:
        plugin = self.find(name)
        plain = name.rpartition(":")[2]
        offered = [spec for spec in _call(plugin, hook) if isinstance(spec, kind)]
        for spec in offered:
            if spec.name == plain:
                if problem := other_version(spec):
                    raise BrokenPlugin(f"{name!r} of {plugin.distribution} {problem}")
                return spec
        names = ", ".join(sorted(spec.name for spec in offered)) or "nothing of the kind"
        raise PluginError(
            f"plugin {plugin.name!r} of {plugin.distribution} does not offer {plain!r}; it offers {names}"
        )

    def offered(
        self, plugin: Plugin
    ) -> tuple[list[AlgorithmSpec], list[EnvBackendSpec], list[ExecutorSpec], list[SamplerSpec]]:
        """Return all that a plugin offers under its own names. Raises: PluginError if it cannot be loaded."""

        def own(hook: str, kind: type[Spec]) -> list[Spec]:
            specs = [spec for spec in _call(plugin, hook) if isinstance(spec, kind)]
            return [spec for spec in specs if plugin.file or spec.name.split("/")[0] == plugin.name]

        return (
            own("rlbench_algorithms", AlgorithmSpec),
            own("rlbench_env_backends", EnvBackendSpec),
            own("rlbench_executors", ExecutorSpec),
            own("rlbench_samplers", SamplerSpec),
        )

    def reports(self) -> tuple[list[SectionSpec], list[str]]:
        """Return the report's sections in their order, and one line for each problem.

        Sections come from `--plugin` files and from entry points whose name begins with "report". Problems: a plugin
        that cannot be loaded, a name that is taken.
        """
        sections: dict[str, SectionSpec] = {}
        problems = []
        for plugin in sorted(self.plugins, key=lambda plugin: not plugin.target.startswith("rlbench.")):
            if plugin.file is None and not plugin.name.startswith("report"):
                continue
            try:
                offered = self.sections(plugin)
            except PluginError as error:
                problems.append(str(error))
                continue
            for spec in offered:
                if problem := other_version(spec):
                    problems.append(f"section {spec.name!r} of {plugin.distribution} {problem}")
                elif spec.name in sections:
                    problems.append(f"section {spec.name!r} of {plugin.distribution} is left out: the name is taken")
                else:
                    sections[spec.name] = spec
        return sorted(sections.values(), key=lambda spec: spec.order), problems

    @staticmethod
    def sections(plugin: Plugin) -> list[SectionSpec]:
        """Return the report sections that a plugin offers. Raises: PluginError if it cannot be loaded."""
        return [spec for spec in _call(plugin, "rlbench_report_sections") if isinstance(spec, SectionSpec)]

    def load_observers(self, loggers: Sequence[str] = ()) -> list[str]:
        """Import the plugins that may observe: `--plugin` files, and entry points whose name begins with "observe".

        loggers: import the entry points `log-NAME` of these names too.
        Returns: one line for each problem. Raises: PluginError if no plugin offers a logger, or it cannot be loaded.
        """
        known = {plugin.name.removeprefix("log-"): plugin for plugin in self.plugins if plugin.name.startswith("log-")}
        for name in loggers:
            if name not in known:
                raise PluginError(f"no logger called {name!r} is installed; installed are {', '.join(sorted(known))}")
            known[name].load()
        problems = []
        for plugin in self.plugins:
            try:
                if plugin.file is not None or plugin.name.startswith("observe"):
                    plugin.load()
            except PluginError as error:
                problems.append(str(error))
        return problems

    def observes(self, hook: str) -> bool:
        """Return whether a loaded plugin has this observer hook."""
        return any(hasattr(plugin.module, hook) for plugin in self.plugins if plugin.module is not None)

    def notify(self, hook: str, **arguments: Any) -> list[str]:
        """Call one observer hook of every loaded plugin, each separately. Returns: one line for each problem."""
        assert hook in OBSERVERS
        problems = []
        for plugin in self.plugins:
            function = getattr(plugin.module, hook, None) if plugin.module is not None else None
            if function is None:
                continue
            try:
                getattr(_manager(plugin).hook, hook)(**arguments)
            except Exception as error:  # noqa: BLE001 - an observer must not stop training
                problems.append(f"{hook} of plugin {plugin.name!r}: {error_text(error)}")
        return problems


def _hides(path: Path) -> bool:
    """Return whether importing a file by its name would hide another module.

    A folder here or beside the file, such as the plugin's results, is a module only if it is a package.
    """
    spec = PathFinder.find_spec(path.stem)
    if spec is not None and spec.origin is None:
        folders = {os.path.realpath(folder) for folder in spec.submodule_search_locations or ()}
        if folders <= {os.path.realpath(path.stem), str(path.with_suffix(""))}:
            spec = None
    return path.stem in sys.stdlib_module_names or (spec is not None and spec.origin != str(path))


def _beside(file: Path) -> list[Path]:
    """List the files in a file's folder that it imports, directly or indirectly, by their import statements."""
    siblings: dict[Path, None] = {}
    unread = [file]
    while unread:
        try:
            tree = ast.parse(unread.pop().read_bytes())
        except (OSError, SyntaxError, ValueError):
            continue  # reported when it is imported
        for node in ast.walk(tree):
            names = [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
            names += [node.module] if isinstance(node, ast.ImportFrom) and node.module and not node.level else []
            for name in names:
                for path in _modules_of(file.parent, name.partition(".")[0]):
                    if path != file and path not in siblings:
                        siblings[path] = None
                        unread.append(path)
    return sorted(siblings)


def _modules_of(folder: Path, name: str) -> list[Path]:
    """Return the files of a module or package in a folder; none if an installed module hides it."""
    path = folder / f"{name}.py"
    if _hides(path):
        return []
    if path.is_file():
        return [path]
    return sorted((folder / name).rglob("*.py")) if (folder / name / "__init__.py").is_file() else []


def _described(error: BaseException) -> str:
    """Return an error's name and message, with file and line where they are known."""
    if isinstance(error, SyntaxError):
        return shortened(f"{type(error).__name__}: {error.msg}") + f" ({error.filename}:{error.lineno})"
    frames = [f for f in traceback.extract_tb(error.__traceback__) if not f.filename.startswith("<")]
    known = frames and frames[-1].filename != __file__
    return error_text(error) + (f" ({frames[-1].filename}:{frames[-1].lineno})" if known else "")


def _offered(plugin: Plugin) -> set[str]:
    """Return all names that a `--plugin` file offers; they can be any. Raises: PluginError if loading it fails."""
    hooks = ("rlbench_algorithms", "rlbench_env_backends", "rlbench_executors", "rlbench_samplers")
    return {spec.name for hook in hooks for spec in _call(plugin, hook)}


def _manager(plugin: Plugin) -> pluggy.PluginManager:
    """Return a manager for this plugin alone, so that a plugin that raises does not lose the others' results."""
    manager = pluggy.PluginManager(PROJECT)
    manager.add_hookspecs(hookspecs)
    manager.register(plugin.load(), plugin.name)
    return manager


def _call(plugin: Plugin, hook: str) -> list[Any]:
    if hook in RENAMED_HOOKS.values() and (problem := renamed_hook(plugin.load())):
        raise BrokenPlugin(f"plugin {plugin.name!r} of {plugin.distribution} {problem}")
    try:
        answers: Iterable[Sequence[Any]] = getattr(_manager(plugin).hook, hook)()
        return [spec for answer in answers for spec in answer]
    except PluginError:
        raise
    except Exception as error:
        raise BrokenPlugin(
            f"{hook} of plugin {plugin.name!r} ({plugin.distribution}) failed: {error_text(error)}"
        ) from error


def load_plugins(files: Sequence[str | Path] = (), only: Sequence[str] | None = None) -> Plugins:
    """List every installed plugin and the given files, without importing any.

    only: the entry points that may be used (the environment variable RLBENCH_PLUGINS); rlbench's own backends and
    executors may always be used. A package in the current folder does not count as installed, whatever its metadata
    contain. Raises: PluginError if a file is absent, or has the name of an existing module.
    """
    plugins = Plugins()
    seen: set[tuple[str, str]] = set()
    for distribution in distributions(path=without_current_folder(sys.path)):
        entries = [entry for entry in distribution.entry_points if entry.group == PROJECT]
        name = (distribution.metadata["Name"] or "unknown") if entries else ""  # parsing metadata takes a while
        for entry in entries:
            if (name, entry.name) in seen:
                continue  # an editable install may be listed twice
            if only is not None and entry.name not in only and not entry.value.startswith("rlbench."):
                continue
            seen.add((name, entry.name))
            plugins.plugins.append(Plugin(entry.name, name, distribution.version, entry.value, entry))
    for given in files:
        path = Path(given).resolve()
        if not path.is_file():
            raise PluginError(f"--plugin {given}: no such file")
        if _hides(path):
            raise PluginError(f"--plugin {given}: there is a module {path.stem!r} already; rename the file")
        shown = Path(os.fsencode(path.name).decode("utf-8", "replace"))  # results record it, so it has to be text
        plugins.plugins.append(Plugin(shown.stem, shown.name, "file", str(path), file=path))
    return plugins
