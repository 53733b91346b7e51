"""The code that a run's numbers depend on: the source files imported for its plugin, environment and wrappers.

A folder keeps its results while the code that produced them may change: if a local environment multiplies its reward by
ten, the run's key stays the same. Therefore each run records three things. It hashes every module that it imported from
outside installed distributions and the standard library. It records the versions of the distributions of the other
modules. It hashes the rlbench modules that it used and that numbers depend on. Modules whose names are made up at run
time (compiled graphs) are left out.
"""

from __future__ import annotations

import hashlib
import os
import re
import site
import sys
import sysconfig
import time
from collections.abc import Collection, Mapping, Sequence
from functools import cache, lru_cache
from importlib.machinery import ModuleSpec, PathFinder
from importlib.metadata import PackageNotFoundError, distribution, packages_distributions, version
from pathlib import Path

from rlbench.plugins import Plugin
from rlbench.user_cache import cache_folder, recall, remember

Dependencies = Mapping[str, Mapping[str, str]]
# Packages and modules of rlbench that numbers depend on.
NUMERIC = ("rlbench.envs", "rlbench.kit", "rlbench.runtime", "rlbench.seeding")
# Distributions that rlbench requires. Another version of one may give other numbers with the same sources of rlbench.
NUMERIC_DISTRIBUTIONS = ("torch", "numpy", "gymnasium")
EDITED = "edited while the run used it"
ANONYMOUS = "~"  # prefix of a module's hash if it was loaded from a file and cannot be found by its name
_NAME = re.compile(r"[^/\\\0]{1,200}")  # a module's or distribution's name: anything but a path
_ROOT = Path(__file__).parents[1]


def imported_code(
    plugin: Plugin,
    before: Dependencies | None = None,
    foreign: Collection[str] = (),
    named: str = "",
    since: float | None = None,
) -> dict[str, dict[str, str]]:
    """Return the code that this process has imported so far: {"files": …, "rlbench": …, "distributions": …}.

    files: the hash of the source file, by module, of the modules outside installed distributions and of the modules in
    the plugin's own package. rlbench: the same for the modules of rlbench that numbers depend on.
    distributions: the version of each distribution that the other imported modules belong to. Distributions that
    rlbench itself requires are left out, except NUMERIC_DISTRIBUTIONS.

    before: the answer of an earlier call in the same run. Its entries are kept, because a file may have been edited
    after it was imported.
    foreign: modules that other plugins imported. They are left out if nothing else names them.
    named: text that names modules, such as the environment's module.
    since: the time of the earlier call. A new module that was edited later is recorded as EDITED, because it is unknown
    which version of it ran.
    """
    code: dict[str, dict[str, str]] = {"files": {}, "rlbench": {}, "distributions": {}}
    own, tops, known = _package(plugin), set(), (before or {}).get("files", {})
    for name, module in list(sys.modules.items()):
        path = getattr(module, "__file__", None)
        if not isinstance(path, str) or name in ("__main__", "__mp_main__"):
            continue
        top = name.partition(".")[0]
        if top == "rlbench":
            if _is_numeric(name):
                code["rlbench"][name] = file_hash(path)
        elif top == own or _origin(path) == "outside":
            if content := file_hash(path):
                edited = since is not None and name not in known and os.stat(path).st_mtime > since
                code["files"][name] = EDITED if edited else content
        elif _origin(path) == "installed":
            tops.add(top)
    _drop_foreign(code["files"], own, foreign, named)
    code["distributions"] = {name: number for top in tops - {own} for name, number in _distribution_of(top)}
    return {kind: dict(sorted({**values, **(before or {}).get(kind, {})}.items())) for kind, values in code.items()}


def changed_modules(
    recorded: Dependencies, folders: Sequence[Path] = (), files: Mapping[str, Path] | None = None
) -> list[str]:
    """Return a sentence for each recorded module or distribution that has changed. Nothing is imported.

    folders: searched for modules after Python's own path. files: the paths of modules that were loaded from a file, by
    name. If a module was found by its name when it was recorded and is missing now, it is listed too.
    """
    changes = []
    if not _is_well_formed(recorded):
        return ["the record of its imports does not have the form that rlbench writes"]
    for kind in ("files", "rlbench"):
        for name, before in recorded.get(kind, {}).items():
            if before == EDITED:
                changes.append(f"{name} was {EDITED}")
                continue
            path = (files or {}).get(name) or _source(name, tuple(map(str, folders)))
            if path is None:
                if not before.startswith(ANONYMOUS):
                    changes.append(f"{name} can no longer be found")
            elif (now := file_hash(str(path))) and now != before.removeprefix(ANONYMOUS):
                changes.append(f"{name} has changed{_edit_time(path)}")
    for name, number in recorded.get("distributions", {}).items():
        if (now := _version(name)) != number:
            changes.append(f"{name} {number}, now {now or 'absent'}")
    return changes


def _is_well_formed(recorded: object) -> bool:
    """Return whether a record maps each kind of code to names (never paths) with their hashes or versions."""
    if not isinstance(recorded, Mapping) or not all(isinstance(names, Mapping) for names in recorded.values()):
        return False
    return all(
        isinstance(name, str) and isinstance(value, str) and _NAME.fullmatch(name)
        for names in recorded.values()
        for name, value in names.items()
    )


def file_hash(path: str) -> str:
    """Return a file's hash, 16 hexadecimal digits; "" if it cannot be read."""
    try:
        info = os.stat(path)
        return _hash_content(path, info.st_mtime_ns, info.st_size)
    except (OSError, ValueError):
        return ""


@lru_cache(maxsize=4096)
def _hash_content(path: str, changed: int, size: int) -> str:
    """Hash a file. `changed` and `size` are part of the cache's key, so that a changed file is hashed again."""
    with open(path, "rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()[:16]


def _drop_foreign(files: dict[str, str], own: str, foreign: Collection[str], named: str) -> None:
    """Drop modules that only other plugins' files imported, and mark modules that cannot be found by name.

    A foreign module stays if its name occurs in `named` or in the source of a module that stays.
    """
    dropped = {name for name in foreign if name in files and name.partition(".")[0] != own}
    texts = [named.encode(), *(_content(name) for name in files if name not in dropped)]
    while texts:
        text = texts.pop()
        mentioned = {name for name in dropped if name.rpartition(".")[2].encode() in text}
        dropped -= mentioned
        texts += map(_content, mentioned)
    for name in dropped:
        del files[name]
    for name, content in files.items():
        if name.partition(".")[0] != own and _source(name, ()) is None:
            files[name] = content if content == EDITED else ANONYMOUS + content


def _content(module: str) -> bytes:
    return Path(str(sys.modules[module].__file__)).read_bytes()


def _package(plugin: Plugin) -> str:
    """Return the top-level name of a plugin's modules."""
    return plugin.name if plugin.file is not None else plugin.target.partition(":")[0].partition(".")[0]


def _is_numeric(name: str) -> bool:
    return any(name == part or name.startswith(f"{part}.") for part in NUMERIC)


@cache
def _places() -> tuple[tuple[str, str], ...]:
    """Return folders, each with the kind of code in it. For a file in several of them, the first one counts."""
    paths = sysconfig.get_paths()
    installed = {paths["purelib"], paths["platlib"], *site.getsitepackages(), site.getusersitepackages()}
    made_up = {str(cache_folder("")), os.environ.get("TORCHINDUCTOR_CACHE_DIR", "")} - {""}
    python = {paths["stdlib"], paths["platstdlib"]}
    kinds = ((made_up, "made up"), (installed, "installed"), (python, "python"))
    return tuple((os.path.realpath(p) + os.sep, kind) for folders, kind in kinds for p in folders)


@lru_cache(maxsize=16_384)
def _origin(path: str) -> str:
    """Return a file's origin: "installed", "python" (the standard library), "made up" (at run time) or "outside"."""
    if "torchinductor_" in path:
        return "made up"
    real = os.path.realpath(path)
    return next((kind for folder, kind in _places() if real.startswith(folder)), "outside")


def _distribution_of(top: str) -> list[tuple[str, str]]:
    """Return a top-level module's distribution and version; [] if `_distributions` leaves the distribution out."""
    name = _distributions().get(top)
    return [(name, _version(name))] if name else []


@cache
def _distributions() -> dict[str, str]:
    """Return the distribution of each top-level module. A file keeps the answer until an installation changes.

    Distributions that rlbench requires are left out, except NUMERIC_DISTRIBUTIONS.
    """
    folders = [p for p, kind in _places() if kind == "installed" and os.path.isdir(p)]
    state = "".join(f"{p}{os.stat(p).st_mtime_ns}" for p in sorted(folders)) + sys.version
    path = cache_folder("distributions") / f"{hashlib.sha256(os.fsencode(state)).hexdigest()[:24]}.json"
    known = recall(path)
    if known is None:
        required = _requirements("rlbench") - set(NUMERIC_DISTRIBUTIONS)
        top_names = packages_distributions().items()
        known = {top: names[0] for top, names in top_names if _normalize(names[0]) not in required}
        remember(path, known)
    return {str(top): str(name) for top, name in known.items()}


def _requirements(name: str, seen: frozenset[str] = frozenset()) -> set[str]:
    """Return a distribution and all its direct and indirect requirements, without extras."""
    requirements, pending = set(seen), [_normalize(name)]
    while pending:
        name = pending.pop()
        if name in requirements:
            continue
        requirements.add(name)
        try:
            required = distribution(name).requires or []
        except PackageNotFoundError:
            continue
        names = [re.split(r"[^\w.-]", text, maxsplit=1)[0] for text in required if "extra ==" not in text]
        pending += map(_normalize, names)
    return requirements


def _normalize(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()


@cache
def _version(name: str) -> str:
    try:
        return version(name)
    except PackageNotFoundError:
        return ""


@lru_cache(maxsize=4096)
def _source(name: str, folders: tuple[str, ...]) -> Path | None:
    """Return the present path of a module's source, without importing it or its packages."""
    top, *rest = name.split(".")
    if top == "rlbench":
        path = _ROOT.joinpath(*rest)
        return next((p for p in (path.with_suffix(".py"), path / "__init__.py") if p.is_file()), None)
    spec = _spec_of(top) or (PathFinder.find_spec(top, list(folders)) if folders else None)
    for depth in range(len(rest)):
        if spec is None or spec.submodule_search_locations is None:
            return None
        spec = PathFinder.find_spec(".".join([top, *rest[: depth + 1]]), list(spec.submodule_search_locations))
    return _file_of(spec)


def _spec_of(top: str) -> ModuleSpec | None:
    """Find a top-level module as an import would. Its `__spec__` is not used: it may have been loaded from a file."""
    for finder in sys.meta_path:
        find = getattr(finder, "find_spec", None)
        try:
            spec: ModuleSpec | None = find(top, None) if find is not None else None
            if spec is not None:
                return spec
        except (ImportError, ValueError, AttributeError):
            continue
    return None


def _file_of(spec: ModuleSpec | None) -> Path | None:
    return Path(spec.origin) if spec is not None and spec.origin and os.path.isfile(spec.origin) else None


def _edit_time(path: Path) -> str:
    try:
        return time.strftime(" (edited %Y-%m-%d %H:%M)", time.localtime(path.stat().st_mtime))
    except OSError:
        return ""
