"""Options and arguments shared by several commands: the suite to run, the plugins to load, and the result folder."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from rlbench.cli.user_paths import UserPath, user_path

if TYPE_CHECKING:
    from rlbench.analysis import Anchors
    from rlbench.plugins import Plugins
    from rlbench.suites import LoadedSuite

output_option = click.option(
    "-o",
    "--output",
    type=UserPath(file_okay=False, path_type=Path),
    help="Result folder; default: results/<suite name>.",
)
plugin_option = click.option(
    "--plugin",
    "plugin_files",
    multiple=True,
    type=UserPath(),
    help="Python file that provides algorithms or report sections; may be repeated.",
)


def _read_anchors(context: click.Context, parameter: click.Parameter, value: Path | None) -> Mapping[str, Anchors]:
    from rlbench.analysis import read_anchors

    return {} if value is None else read_anchors(value)


anchors_option = click.option(
    "--anchors",
    "supplied",
    type=UserPath(exists=True, dir_okay=False, path_type=Path),
    callback=_read_anchors,
    metavar="FILE",
    help="File with anchors (the returns that normalised scores map to 0 and 1), as written by `rlbench anchors -o`; "
    "overrides those of the suite and the built-in ones.",
)
_SUITE_OPTIONS = (
    click.option("-s", "--seeds", help="Number of seeds, or a list such as 3,7,11; overrides the suite's."),
    click.option(
        "--device",
        "devices",
        multiple=True,
        help="Device to train on: cpu, cuda:0, mps or auto; overrides the suite's. If repeated, groups are "
        "spread over them.",
    ),
    click.option(
        "--timeout",
        help="Time limit per group (the seeds of an algorithm that train together), such as 2h; overrides the suite's.",
    ),
    click.option(
        "--stall-timeout",
        help="Time limit for a group without an environment step, such as 10m; overrides the suite's.",
    ),
    click.option(
        "--set",
        "settings",
        multiple=True,
        metavar="ALGORITHM.PARAM=VALUE",
        help="Hyperparameter, such as dqn.learning_rate=1e-3; overrides the suite's; may be repeated.",
    ),
    click.option("--max-runs", default=10_000, show_default=True, help="Refuse a suite with more runs than this."),
    click.option("--skip-missing", is_flag=True, help="Skip algorithms whose packages are not installed."),
)
_SELECTION_OPTIONS = (
    click.option(
        "-a",
        "--algorithm",
        "algorithms",
        multiple=True,
        help="Select only this algorithm, by label, id or a pattern such as dqn*; may be repeated.",
    ),
    click.option(
        "-e",
        "--environment",
        "environments",
        multiple=True,
        help="Select only this environment, by id or a pattern such as CartPole*; may be repeated.",
    ),
    click.option(
        "-j",
        "--jobs",
        type=click.IntRange(1),
        help="Number of groups (seeds that train together) to train at once; default: one per core.",
    ),
    click.option(
        "--rerun",
        metavar="failed|changed|corrupt|all|RUN",
        help="Train again: the failed runs, those made by different code, the damaged ones, all of them, or the runs "
        "with RUN in their folder's name.",
    ),
)


def suite_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """Add the options of commands that plan a suite, `run` and `check`.

    Each is passed as one keyword argument, which the commands hand on to `open_suite`: a new option is also a keyword
    there.
    """
    for option in reversed((output_option, *_SELECTION_OPTIONS, *_SUITE_OPTIONS, plugin_option)):
        command = option(command)
    return command


def open_suite(
    name: str,
    *,
    seeds: str | None = None,
    devices: Sequence[str] = (),
    timeout: str | None = None,
    stall_timeout: str | None = None,
    settings: Sequence[str] = (),
) -> LoadedSuite:
    """Read a suite, given by path or name, and apply the options of the command line. Raises: SuiteError."""
    from rlbench.suites import find_suite, read_suite

    changes: dict[str, Any] = {"timeout": timeout, "stall_timeout": stall_timeout}
    if seeds is not None:
        parts = [int(part) if part.strip().isdigit() else part for part in seeds.split(",")]
        changes["seeds"] = parts[0] if len(parts) == 1 else parts
    if devices:
        changes["devices"] = list(devices)
    given = {key: value for key, value in changes.items() if value is not None}
    return read_suite(find_suite(os.path.expanduser(name)), given, settings)


def open_plugins(files: Sequence[str]) -> Plugins:
    """Load all plugins, or those that the environment variable RLBENCH_PLUGINS=a,b names, and the given files.

    `rlbench --no-plugins` sets the variable to the empty string; then only rlbench's own backends and executors are
    loaded. A child process first tries to import what this process will import: the files, and entry points that may
    observe runs or add report sections.
    """
    from rlbench.plugins import import_failure, load_plugins

    only = os.environ.get("RLBENCH_PLUGINS")
    plugins = load_plugins(files, None if only is None else [name.strip() for name in only.split(",") if name.strip()])
    for plugin in plugins.plugins:
        is_own = plugin.target.startswith("rlbench.")
        if plugin.file is not None or (plugin.name.startswith(("observe", "report")) and not is_own):
            plugin.error = import_failure(plugin) or None
    return plugins


def result_folder(output: Path | None, suite: str) -> Path:
    """Return the given folder, or the suite's folder under RLBENCH_RESULTS (by default results/)."""
    return (output and output.expanduser()) or results_root() / suite


def results_root() -> Path:
    return user_path(os.environ.get("RLBENCH_RESULTS", "results"))


def find_folder(value: str | None) -> Path:
    """Return a result folder, given by path or by its name under results/; without a value, the newest.

    Raises: click.UsageError if there is no such folder.
    """
    root = results_root()
    if value is None:
        suites = sorted(root.glob("*/suite.json"), key=lambda path: path.stat().st_mtime)
        if not suites:
            raise click.UsageError(f"there are no results in {root}; give a result folder, or run a suite first")
        return suites[-1].parent
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
