"""What several commands begin with: the plugins that may be used, and where a suite's results lie."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import click

output_option = click.option(
    "-o",
    "--output",
    type=click.Path(file_okay=False, path_type=Path),
    help="Result folder; default results/<suite name>.",
)
plugin_option = click.option(
    "--plugin",
    "plugin_files",
    multiple=True,
    type=click.Path(),
    help="A Python file that offers algorithms; may be repeated.",
)

if TYPE_CHECKING:
    from rlbench.plugins import Plugins


def open_plugins(files: Sequence[str]) -> Plugins:
    """Every plugin, or those that the environment variable RLBENCH_PLUGINS=a,b allows, and the given files."""
    from rlbench.plugins import load_plugins

    only = os.environ.get("RLBENCH_PLUGINS")
    return load_plugins(files, only.split(",") if only else None)


def result_folder(output: Path | None, suite: str) -> Path:
    """As given, or the suite's name under RLBENCH_RESULTS, or under results/."""
    return output or Path(os.environ.get("RLBENCH_RESULTS", "results")) / suite
