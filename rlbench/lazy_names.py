"""Names of a package that are imported at their first use.

The stub `__init__.pyi` beside the package's `__init__.py` lists the names, one on each line:

    from rlbench.api.task import Task as Task

Type checkers and editors read the line as an import; `lazy_names` reads it as "`Task` is in `rlbench.api.task`". The
convention is that of SPEC 1 (https://scientific-python.org/specs/spec-0001).
"""

from __future__ import annotations

import re
import sys
from collections.abc import Callable
from importlib import import_module
from pathlib import Path
from typing import Any

# Not `ast`: its import would take longer than reading every stub. tests/api/test_lazy_names.py compares the two.
_LINE = re.compile(r"^from ([\w.]+) import (\w+) as \2$", re.MULTILINE)


def stub_names(stub: Path) -> dict[str, str]:
    """Return a dictionary from each name that a stub lists to the module that defines it."""
    return {name: module for module, name in _LINE.findall(stub.read_text("utf-8"))}


def lazy_names(package: str, file: str) -> tuple[Callable[[str], Any], Callable[[], list[str]], list[str]]:
    """Return `__getattr__`, `__dir__` and `__all__` of a package with a stub. file: the package's `__file__`.

    Modules of the package that the stub mentions become attributes too. They are also imported at their first use.
    """
    names = stub_names(Path(file).with_suffix(".pyi"))
    modules = {module.rpartition(".")[2]: module for module in names.values() if module.rpartition(".")[0] == package}

    def get(name: str) -> Any:
        if name in names:
            value = getattr(import_module(names[name]), name)
            setattr(sys.modules[package], name, value)
            return value
        if name in modules:
            return import_module(modules[name])
        raise AttributeError(f"module {package!r} has no attribute {name!r}")

    def list_names() -> list[str]:
        return sorted({*vars(sys.modules[package]), *names})

    return get, list_names, sorted(names)
