"""Modules of the current folder that cannot be imported because another module has the same name."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from importlib.machinery import PathFinder
from pathlib import Path


def shadowing_notes(folder: Path) -> Iterator[str]:
    """Yield a sentence for each module in `folder` that has the same name as a standard or an installed module."""
    others = [path for path in sys.path if path and Path(path).resolve() != folder.resolve()]
    for path in sorted(folder.iterdir()):
        name = path.stem if path.suffix == ".py" else path.name
        if path.suffix != ".py" and not (path / "__init__.py").is_file():
            continue
        spec = PathFinder.find_spec(name, others)
        is_installed = spec is not None and spec.origin is not None and not Path(spec.origin).is_relative_to(folder)
        if name in sys.stdlib_module_names or is_installed:
            whose = "Python's" if name in sys.stdlib_module_names else "the installed"
            yield f"note: `import {name}` means {whose} {name}, not {path.name} in this folder; rename yours to use it"
