"""Hashes of what a page is made from: a page whose inputs have not changed is not drawn again.

Drawing imports matplotlib, seaborn and scipy; this module does not. A plugin's section that reads files outside the
result folder may be out of date until the page is drawn again; `rlbench report` always draws it.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
from collections.abc import Iterable, Iterator
from functools import cache
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any, NamedTuple

import rlbench
from rlbench.analysis import Results
from rlbench.plugins import Plugin, Plugins
from rlbench.results.file_io import open_within

NAME = "rlbench-inputs"  # name of the meta element that holds the hashes
_HEAD = 4096  # bytes at the start of a page, which contain the meta element
_LIBRARIES = ("jinja2", "matplotlib", "numpy", "pandas", "scipy", "seaborn")
_SOURCES = (".py", ".j2", ".json", ".yaml", ".csv")


class PageInputs(NamedTuple):
    """Hashes of what a page is made from.

    results: hash of the result folder, of rlbench and of the installed sections. options: hash of what a command added:
    plugin files, anchors and another place for the page; "" if it added nothing.
    """

    results: str
    options: str

    def still_shows(self, written: PageInputs | None) -> bool:
        """Return whether the existing page, made from the inputs `written`, can be kept instead of being drawn again.

        A page made with options is kept too, if the command has no options and the page shows the newest results.
        """
        return written is not None and self.results == written.results and self.options in ("", written.options)


def page_inputs(results: Results, plugins: Plugins, place: Path) -> PageInputs:
    """Return the inputs of the page of these results. place: the folder that the page is written to."""
    options = list(_options(results, plugins, place))
    return PageInputs(_hash(_entries(results, plugins)), _hash(options) if options else "")


def _hash(entries: Iterable[Any]) -> str:
    digest = hashlib.sha256()
    for entry in entries:
        digest.update(json.dumps(entry, sort_keys=True, default=str).encode("utf-8", "surrogatepass") + b"\n")
    return digest.hexdigest()


def _entries(results: Results, plugins: Plugins) -> Iterator[Any]:
    yield _code_hash(), [_version(name) for name in _LIBRARIES]
    for plugin in plugins.plugins:
        if plugin.file is None and plugin.name.startswith("report"):
            yield plugin.name, plugin.distribution, plugin.version, plugin.target, _source_hash(plugin)
    yield results.document
    for row in results.rows:
        # as on the page, a path does not contain the result folder
        yield row.key, row.status, row.message.replace(f"{results.folder}/", "")
    for state in results.states.values():
        yield state.result
    yield repr(results.sequential_decisions) if results.document.get("adaptive") else ""
    yield _names_in(results.folder / "videos")
    for gap in results.crossplays.gaps:
        yield gap.played.runs, gap.played.episodes, gap.played.repeats, gap.played.matrix.tolist()
    yield [problem.replace(f"{results.folder}/", "") for problem in results.crossplays.problems]


def _options(results: Results, plugins: Plugins, place: Path) -> Iterator[Any]:
    for plugin in plugins.files:
        yield plugin.name, plugin.target, _source_hash(plugin)
    if results.supplied:
        yield {name: (anchors.lower, anchors.upper) for name, anchors in results.supplied.items()}
    way = os.path.relpath(os.path.realpath(place), os.path.realpath(results.folder))
    if way != os.curdir:
        yield way


def _source_hash(plugin: Plugin) -> str:
    try:
        return plugin.source_hash()
    except OSError:  # the plugin's source was deleted, or is being replaced
        return ""


def _names_in(folder: Path) -> list[str]:
    try:
        return sorted(os.listdir(folder))
    except OSError:  # the folder does not exist or cannot be read
        return []


@cache
def _code_hash() -> str:
    """Return a hash of rlbench's own sources and data, templates included."""
    digest, root = hashlib.sha256(rlbench.__version__.encode()), Path(rlbench.__file__).parent
    for path in sorted(path for path in root.rglob("*") if path.suffix in _SOURCES):
        digest.update(f"{path.relative_to(root)}\0".encode() + path.read_bytes())
    return digest.hexdigest()


def _version(name: str) -> str:
    try:
        return version(name)
    except PackageNotFoundError:
        return ""


def written_inputs(folder: Path, page: Path) -> PageInputs | None:
    """Return the inputs from which a page in a result folder was made; None if there is no page or it names none."""
    try:
        with open_within(folder, page) as file:
            head = file.read(_HEAD).decode("utf-8", "replace")
    except OSError:
        return None
    found = re.search(rf'<meta name="{NAME}" content="([0-9a-f]{{64}}) ([0-9a-f]{{64}}|)">', head)
    return PageInputs(found[1], found[2]) if found else None
