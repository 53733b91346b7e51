"""Which module of a package imports which: at the top, within functions and for type checkers alike."""

import ast
from collections.abc import Iterator, Mapping
from pathlib import Path

Graph = Mapping[str, set[str]]


def import_graph(root: Path, package: str) -> dict[str, set[str]]:
    """Return the modules of `package`, which is in `root`, each with those that it imports.

    A name imported from a package counts as an import of the module that defines it: a package's `__init__` only
    passes names on.
    """
    files = {_module(path.relative_to(root)): path for path in root.glob(f"{package}/**/*.py")}
    passed_on = {module: _passed_on(path) for module, path in files.items() if path.name == "__init__.py"}

    def defining(module: str, name: str) -> str:
        origin = passed_on.get(module, {}).get(name)
        if origin is None:
            return f"{module}.{name}" if f"{module}.{name}" in files else module
        return defining(*origin) if origin[0] != module else f"{module}.{origin[1]}"

    graph = {}
    for module, path in files.items():
        origins = {defining(*origin) if origin[1] else origin[0] for origin in _imports(path)}
        graph[module] = {origin for origin in origins if origin in files and origin != module}
    return graph


def _module(path: Path) -> str:
    return ".".join(path.parent.parts if path.stem == "__init__" else path.with_suffix("").parts)


def _imports(path: Path) -> Iterator[tuple[str, str]]:
    """Yield module and name of each import in a file; no name for `import module`."""
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            yield from ((alias.name, "") for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            yield from ((node.module, alias.name) for alias in node.names)


def _passed_on(init: Path) -> dict[str, tuple[str, str]]:
    stub = init.with_suffix(".pyi")
    return {name: (module, name) for module, name in _imports(stub if stub.exists() else init) if name}


def circles(graph: Graph) -> list[set[str]]:
    """Return the largest sets of nodes that reach each other."""
    reached = {node: _reached(graph, node) for node in graph}
    together = {frozenset(other for other in reached[node] if node in reached[other]) for node in graph}
    return [set(nodes) for nodes in sorted(together, key=sorted) if nodes]


def _reached(graph: Graph, start: str) -> set[str]:
    seen, waiting = set[str](), [start]
    while waiting:
        new = graph[waiting.pop()] - seen
        seen |= new
        waiting += new
    return seen


def parts_of(graph: Graph) -> dict[str, set[str]]:
    """Return the graph of the parts: the package's folders, and the modules beside them."""
    parts: dict[str, set[str]] = {}
    for module, imported in graph.items():
        part = ".".join(module.split(".")[:2])
        parts.setdefault(part, set()).update({".".join(name.split(".")[:2]) for name in imported} - {part})
    return parts
