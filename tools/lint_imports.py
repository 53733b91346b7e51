#!/usr/bin/env python3
"""Check the import contracts of pyproject.toml. "every plugin" in them stands for all plugin packages.

The plugins are those of [project.entry-points.rlbench], so that a new one needs no other line. import-linter has
wildcards for modules within a package, but none for packages; it gets a configuration in which the names are filled in.
"""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
import tomllib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
EVERY_PLUGIN = "every plugin"


def plugin_packages(project: Mapping[str, Any]) -> list[str]:
    """Return the packages of the plugins, which are beside rlbench and not in it."""
    modules = project["entry-points"]["rlbench"].values()
    return sorted({module.split(".")[0] for module in modules} - {"rlbench"})


def filled_in(options: Mapping[str, Any], packages: Sequence[str]) -> dict[str, Any]:
    """Return options with `packages` in each list that has the item EVERY_PLUGIN."""
    return {key: _replace(value, packages) if isinstance(value, list) else value for key, value in options.items()}


def _replace(items: Sequence[Any], packages: Sequence[str]) -> list[Any]:
    return [name for item in items for name in (packages if item == EVERY_PLUGIN else [item])]


def configuration(pyproject: Mapping[str, Any]) -> str:
    """Return import-linter's configuration as TOML. Its values are text, lists of text and booleans, as in JSON."""
    packages = plugin_packages(pyproject["project"])
    options = dict(pyproject["tool"]["importlinter"])
    tables = [("[tool.importlinter]", {key: value for key, value in options.items() if key != "contracts"})]
    tables += [("[[tool.importlinter.contracts]]", contract) for contract in options["contracts"]]
    return "\n\n".join(
        "\n".join([header, *(f"{key} = {json.dumps(value)}" for key, value in filled_in(table, packages).items())])
        for header, table in tables
    )


def main(arguments: Sequence[str]) -> int:
    """Run `lint-imports` with the arguments. Returns: its exit code."""
    text = configuration(tomllib.loads((ROOT / "pyproject.toml").read_text()))
    command = [str(Path(sys.executable).with_name("lint-imports")), *arguments]
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "contracts.toml"
        path.write_text(text)
        return subprocess.run([*command, "--config", str(path)], cwd=ROOT).returncode


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
