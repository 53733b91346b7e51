"""Files of the current folder that are called as a module that there is: `import` means the other one."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from importlib.machinery import PathFinder
from pathlib import Path


def shadowed(folder: Path) -> Iterator[str]:
    """A sentence for each module in `folder` whose name is that of one in Python or of an installed one."""
    others = [path for path in sys.path if path and Path(path).resolve() != folder.resolve()]
    for path in sorted(folder.iterdir()):
        name = path.stem if path.suffix == ".py" else path.name
        if path.suffix != ".py" and not (path / "__init__.py").is_file():
            continue
        found = PathFinder.find_spec(name, others)
        installed = found is not None and found.origin is not None and not Path(found.origin).is_relative_to(folder)
        if name in sys.stdlib_module_names or installed:
            whose = "Python's" if name in sys.stdlib_module_names else "the installed"
            yield f"note: `import {name}` means {whose} {name}, not {path.name} in this folder; call that otherwise to use it"
