"""Functions and options that several commands share: open a suite or plugins, find a result folder, read anchors."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import click

from rlbench.cli.user_paths import UserPath, user_path

if TYPE_CHECKING:
    from rlbench.analysis import Anchors
    from rlbench.plugins import Plugins
    from rlbench.run_options import RunOptions
    from rlbench.suites import LoadedSuite


def _read_anchors(context: click.Context, parameter: click.Parameter, value: Path | None) -> Mapping[str, Anchors]:
    from rlbench.analysis import read_anchors

    return {} if value is None else read_anchors(value)


anchors_option = click.option(
    "--anchors",
    "supplied",
    type=UserPath(exists=True, dir_okay=False, path_type=Path),
    callback=_read_anchors,
    metavar="FILE",
    help="File of anchors, as `rlbench anchors -o` writes it: for each task, the two returns that become the "
    "normalised scores 0 and 1. It overrides the suite's anchors and the built-in ones.",
)


def open_suite(name: str, options: RunOptions | None = None) -> LoadedSuite:
    """Read a suite, given by its path or its built-in name, and apply the options to it. Raises: SuiteError."""
    from rlbench.suites import find_suite, read_suite

    path = find_suite(os.path.expanduser(name))
    return read_suite(path) if options is None else read_suite(path, options.suite_changes, options.settings)


def open_plugins(files: Sequence[str]) -> Plugins:
    """Return the plugins that RLBENCH_PLUGINS names (default: all), and those in `files`.

    `rlbench --no-plugins` sets this environment variable to the empty string; then only rlbench's own backends and
    executors, and those in `files`, are available.
    """
    from rlbench.plugins import selected_plugins

    return selected_plugins(files)


def result_folder(output: Path | None, suite: str) -> Path:
    """Return `output` if it is given, otherwise the suite's folder under RLBENCH_RESULTS (default: results/)."""
    return (output and output.expanduser()) or results_root() / suite


def results_root() -> Path:
    return user_path(os.environ.get("RLBENCH_RESULTS", "results"))


def find_folder(value: str | None) -> Path:
    """Return the result folder that has this path, or this name under results/. None: return the newest result folder.

    Raises: click.UsageError if there is no such folder.
    """
    from rlbench.results.newest_results import newest_results

    root = results_root()
    if value is None:
        newest = newest_results(root)
        if newest is None:
            raise click.UsageError(f"there are no results in {root}; give a result folder, or run a suite first")
        return newest
    candidates = [path for path in (user_path(value), root / value) if path.is_dir()]
    for path in sorted(candidates, key=lambda candidate: not (candidate / "suite.json").exists()):
        return path
    raise click.BadParameter(f"folder {value!r} does not exist, neither here nor in {root}")


def _find_folder(context: click.Context, parameter: click.Parameter, value: str | None) -> Path:
    return find_folder(value)


def _find_folders(context: click.Context, parameter: click.Parameter, values: Sequence[str]) -> list[Path]:
    return [find_folder(value) for value in values or (None,)]


folder_argument = click.argument("directory", required=False, callback=_find_folder, metavar="[DIRECTORY]")
folders_argument = click.argument("directories", nargs=-1, callback=_find_folders, metavar="[DIRECTORY]...")
