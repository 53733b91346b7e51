"""What code a run's numbers rest on: the source files that its plugin, environment and wrappers had Python import.

A folder keeps results while the code they came from changes: a reward multiplied by ten in one's own environment leaves the
run's key as it was. So each run records a hash of every module it imported from outside installed distributions and the
standard library, the versions of the distributions it took others from, and, of rlbench itself, the modules that numbers
depend on and that this run used. Modules that are loaded under a name made up at run time (compiled graphs) are left out.
"""

from __future__ import annotations

import hashlib
import os
import re
import site
import sys
import sysconfig
import time
from collections.abc import Mapping, Sequence
from functools import cache, lru_cache
from importlib.machinery import ModuleSpec, PathFinder
from importlib.metadata import PackageNotFoundError, distribution, packages_distributions, version
from pathlib import Path

from rlbench.plugins import Plugin
from rlbench.user_cache import cache_folder, recall, remember

Recorded = Mapping[str, Mapping[str, str]]
# Packages and modules of rlbench that numbers depend on.
NUMERIC = ("rlbench.envs", "rlbench.kit", "rlbench.runtime", "rlbench.seeding")
# Distributions that rlbench needs itself and whose version changes numbers without any source of ours changing.
NUMERIC_DISTRIBUTIONS = ("torch", "numpy", "gymnasium")
EDITED = "edited while the run used it"
ANONYMOUS = "~"  # before the hash of a module that is not to be found by its name, since it was loaded from a file
_ROOT = Path(__file__).parents[1]


def imported(
    plugin: Plugin, before: Recorded | None = None, others: Sequence[Plugin] = (), since: float | None = None
) -> dict[str, dict[str, str]]:
    """Return what this process has imported until now: {"files": …, "rlbench": …, "distributions": …}.

    files: by module, a hash of each source outside installed distributions, and of the plugin's own package wherever that
    lies; rlbench: likewise, of its numeric modules; distributions: the versions of those that other modules lie in, but for
    what rlbench needs itself. before: what was found earlier in the same run; what it has is kept, since a file may have
    been edited after it was imported. others: plugins from files that this process loaded to see what they offer; what only
    they use is left out. since: when it was asked before; a module that is new and was edited after that is recorded as such,
    for which of its contents ran is not known.
    """
    found: dict[str, dict[str, str]] = {"files": {}, "rlbench": {}, "distributions": {}}
    own, tops, known = _package(plugin), set(), (before or {}).get("files", {})
    for name, module in list(sys.modules.items()):
        path = getattr(module, "__file__", None)
        if not isinstance(path, str) or name in ("__main__", "__mp_main__"):
            continue
        top = name.partition(".")[0]
        if top == "rlbench":
            if _is_numeric(name):
                found["rlbench"][name] = file_hash(path)
        elif top == own or _lies(path) == "outside":
            if content := file_hash(path):
                edited = since is not None and name not in known and os.stat(path).st_mtime > since
                found["files"][name] = EDITED if edited else content
        elif _lies(path) == "installed":
            tops.add(top)
    _leave_out(found["files"], own, others)
    found["distributions"] = {name: number for top in tops - {own} for name, number in _distribution_of(top)}
    return {kind: dict(sorted({**values, **(before or {}).get(kind, {})}.items())) for kind, values in found.items()}


def changed_modules(
    recorded: Recorded, folders: Sequence[Path] = (), files: Mapping[str, Path] | None = None
) -> list[str]:
    """Say which recorded modules and distributions are others now, in words; found without importing any.

    folders: where modules are looked for after Python's own path; files: modules that were loaded from a file by name.
    A module that is gone is told of too, where it could be found by its name when it was recorded.
    """
    told = []
    for kind in ("files", "rlbench"):
        for name, before in recorded.get(kind, {}).items():
            if before == EDITED:
                told.append(f"{name} was {EDITED}")
                continue
            path = (files or {}).get(name) or _source(name, tuple(map(str, folders)))
            if path is None:
                if not before.startswith(ANONYMOUS):
                    told.append(f"{name} is not to be found any more")
            elif (now := file_hash(str(path))) and now != before.removeprefix(ANONYMOUS):
                told.append(f"{name} has changed{_since(path)}")
    for name, number in recorded.get("distributions", {}).items():
        if (now := _version(name)) != number:
            told.append(f"{name} {number}, now {now or 'absent'}")
    return told


def file_hash(path: str) -> str:
    """Return a file's hash, 16 hexadecimal digits; "" for one that cannot be read."""
    try:
        facts = os.stat(path)
        return _hashed(path, facts.st_mtime_ns, facts.st_size)
    except (OSError, ValueError):
        return ""


@lru_cache(maxsize=4096)
def _hashed(path: str, changed: int, size: int) -> str:
    """Read once as long as it is not written to."""
    with open(path, "rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()[:16]


def _leave_out(files: dict[str, str], own: str, others: Sequence[Plugin]) -> None:
    """Remove what other plugins' files brought along, unless a module that stays speaks of it; mark what has no name."""
    foreign = {name for plugin in others for name in plugin.brought if name in files and name.partition(".")[0] != own}
    texts = [Path(str(sys.modules[name].__file__)).read_bytes() for name in files if name not in foreign]
    for name in foreign:
        if not any(name.rpartition(".")[2].encode() in text for text in texts):
            del files[name]
    for name, content in files.items():
        if name.partition(".")[0] != own and _source(name, ()) is None:
            files[name] = content if content == EDITED else ANONYMOUS + content


def _package(plugin: Plugin) -> str:
    """The top-level name of a plugin's modules."""
    return plugin.name if plugin.file is not None else plugin.target.partition(":")[0].partition(".")[0]


def _is_numeric(name: str) -> bool:
    return any(name == part or name.startswith(f"{part}.") for part in NUMERIC)


@cache
def _places() -> tuple[tuple[str, str], ...]:
    """Folders and what lies in them; the first that fits counts."""
    paths = sysconfig.get_paths()
    installed = {paths["purelib"], paths["platlib"], *site.getsitepackages(), site.getusersitepackages()}
    made_up = {str(cache_folder("")), os.environ.get("TORCHINDUCTOR_CACHE_DIR", "")} - {""}
    python = {paths["stdlib"], paths["platstdlib"]}
    kinds = ((made_up, "made up"), (installed, "installed"), (python, "python"))
    return tuple((os.path.realpath(p) + os.sep, kind) for places, kind in kinds for p in places)


@lru_cache(maxsize=16_384)
def _lies(path: str) -> str:
    """Whether a file is "installed", Python's own ("python"), "made up" at run time, or of somebody's own ("outside")."""
    if "torchinductor_" in path:
        return "made up"
    real = os.path.realpath(path)
    return next((kind for place, kind in _places() if real.startswith(place)), "outside")


def _distribution_of(top: str) -> list[tuple[str, str]]:
    """The distribution that offers a top-level name, with its version; none for what rlbench needs itself."""
    found = _distributions().get(top)
    return [(found, _version(found))] if found else []


@cache
def _distributions() -> dict[str, str]:
    """By top-level name the distribution that counts; asked of the metadata once for an environment, then kept."""
    folders = [p for p, kind in _places() if kind == "installed" and os.path.isdir(p)]
    state = "".join(f"{p}{os.stat(p).st_mtime_ns}" for p in sorted(folders)) + sys.version
    path = cache_folder("distributions") / f"{hashlib.sha256(state.encode()).hexdigest()[:24]}.json"
    known = recall(path)
    if known is None:
        needed = _needed("rlbench") - set(NUMERIC_DISTRIBUTIONS)
        known = {top: names[0] for top, names in packages_distributions().items() if _plain(names[0]) not in needed}
        remember(path, known)
    return {str(top): str(name) for top, name in known.items()}


def _needed(name: str, seen: frozenset[str] = frozenset()) -> set[str]:
    """Everything that a distribution requires, directly or not, extras aside; itself among it."""
    found, left = set(seen), [_plain(name)]
    while left:
        name = left.pop()
        if name in found:
            continue
        found.add(name)
        try:
            required = distribution(name).requires or []
        except PackageNotFoundError:
            continue
        left += [_plain(re.split(r"[^\w.-]", text, maxsplit=1)[0]) for text in required if "extra ==" not in text]
    return found


def _plain(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()


@cache
def _version(name: str) -> str:
    try:
        return version(name)
    except PackageNotFoundError:
        return ""


@lru_cache(maxsize=4096)
def _source(name: str, folders: tuple[str, ...]) -> Path | None:
    """Where a module's source lies now, without importing it or a package around it."""
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
    """Find a top-level module as an import would, whether it is loaded or not: one loaded from a file has a spec as well."""
    for finder in sys.meta_path:
        find = getattr(finder, "find_spec", None)
        try:
            if find is not None and (spec := find(top, None)) is not None:
                return spec
        except (ImportError, ValueError, AttributeError):
            continue
    return None


def _file_of(spec: ModuleSpec | None) -> Path | None:
    return Path(spec.origin) if spec is not None and spec.origin and os.path.isfile(spec.origin) else None


def _since(path: Path) -> str:
    try:
        return time.strftime(" (edited %Y-%m-%d %H:%M)", time.localtime(path.stat().st_mtime))
    except OSError:
        return ""
