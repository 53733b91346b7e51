"""What a page is made from, as one hash: a page whose inputs have not changed is not drawn again.

Drawing imports matplotlib, seaborn and scipy; this module does not. A plugin's section that reads something else than
the result folder may be out of date on a page that is kept; `rlbench report` always draws.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
from collections.abc import Iterator
from functools import cache
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

import rlbench
from rlbench.analysis import Results
from rlbench.plugins import Plugins
from rlbench.results.file_io import open_within

NAME = "rlbench-inputs"  # of the meta element that holds the hash
_HEAD = 4096  # bytes at the start of a page that contain it
_LIBRARIES = ("jinja2", "matplotlib", "numpy", "pandas", "scipy", "seaborn")
_SOURCES = (".py", ".j2", ".json", ".yaml")


def page_inputs(results: Results, plugins: Plugins, place: Path) -> str:
    """Return the hash of everything that the page of these results depends on. place: the folder it is written to."""
    digest = hashlib.sha256()
    for entry in _entries(results, plugins, place):
        digest.update(json.dumps(entry, sort_keys=True, default=str).encode("utf-8", "surrogatepass") + b"\n")
    return digest.hexdigest()


def _entries(results: Results, plugins: Plugins, place: Path) -> Iterator[Any]:
    yield _code_hash(), [_version(name) for name in _LIBRARIES]
    for plugin in plugins.plugins:
        if plugin.file is not None or plugin.name.startswith("report"):
            yield plugin.name, plugin.distribution, plugin.version, plugin.target, plugin.source_hash()
    yield os.path.relpath(os.path.realpath(place), os.path.realpath(results.folder))
    yield results.document
    yield {name: (anchors.lower, anchors.upper) for name, anchors in results.anchors.items()}
    table = results.table
    messages = (message.replace(f"{results.folder}/", "") for message in table["message"])  # as on the page
    yield from zip(table["key"], table["status"], messages, map(repr, table["score"]))
    for state in results.states.values():
        yield state.result
    yield repr(results.sequential_decisions) if results.document.get("adaptive") else ""
    yield sorted(os.listdir(results.folder / "videos")) if (results.folder / "videos").is_dir() else []


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


def written_inputs(folder: Path, page: Path) -> str:
    """Return the hash of the inputs that a page in a result folder was made from; "" if it is absent or has none."""
    try:
        with open_within(folder, page) as file:
            head = file.read(_HEAD)
    except (OSError, UnicodeDecodeError):
        return ""
    found = re.search(rf'<meta name="{NAME}" content="([0-9a-f]{{64}})">', head)
    return found[1] if found else ""
