"""What several commands begin with: a suite as it is to be run, the plugins that may be used, where results lie."""

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
    from rlbench.suites import Draft

output_option = click.option(
    "-o",
    "--output",
    type=UserPath(file_okay=False, path_type=Path),
    help="Result folder; default results/<suite name>.",
)
plugin_option = click.option(
    "--plugin",
    "plugin_files",
    multiple=True,
    type=UserPath(),
    help="A Python file that offers algorithms or report sections; may be repeated.",
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
    help="Anchors instead of the suite's and the shipped ones, as `rlbench anchors -o FILE` writes them.",
)
_SUITE_OPTIONS = (
    click.option("-s", "--seeds", help="How many seeds, or which (3,7,11), instead of the suite's."),
    click.option("--device", "devices", multiple=True, help="cpu, cuda:0, mps or auto, instead of the suite's."),
    click.option("--timeout", help="Longest time of a group, such as 2h, instead of the suite's."),
    click.option("--stall-timeout", help="Longest time without an environment step, such as 10m."),
    click.option(
        "--set",
        "settings",
        multiple=True,
        metavar="ALGORITHM.PARAM=VALUE",
        help="A hyperparameter (dqn.lr=1e-3) instead of the suite's; may be repeated.",
    ),
    click.option("--max-runs", default=10_000, show_default=True, help="Refuse a suite of more runs."),
    click.option("--skip-missing", is_flag=True, help="Skip algorithms whose packages are absent."),
)
_CHOICES = (
    click.option("-a", "--algorithm", "algorithms", multiple=True, help="Only this one (a label or id, dqn*)."),
    click.option("-e", "--environment", "environments", multiple=True, help="Only this one (CartPole*)."),
    click.option("-j", "--jobs", type=click.IntRange(1), help="Groups run at a time; default: one for each core."),
    click.option(
        "--rerun",
        metavar="failed|changed|corrupt|all|RUN",
        help="Train again what has failed, what other code made, what is damaged, everything, or one run by its folder's name.",
    ),
)


def suite_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """The options of commands that plan a suite; they arrive as one keyword argument each."""
    for option in reversed((output_option, *_CHOICES, *_SUITE_OPTIONS, plugin_option)):
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
) -> Draft:
    """A suite by path or name, with what the command line says instead. Raises: SuiteError."""
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
    """Every plugin, or those that the environment variable RLBENCH_PLUGINS=a,b allows, and the given files.

    `rlbench --no-plugins` sets the variable to nothing: rlbench's own backends and executors are all there is. What this
    process is going to import is tried by a child first: files, and entry points that may observe or have sections.
    """
    from rlbench.plugins import load_plugins, survives

    only = os.environ.get("RLBENCH_PLUGINS")
    found = load_plugins(files, None if only is None else [name.strip() for name in only.split(",") if name.strip()])
    for plugin in found.plugins:
        own = plugin.target.startswith("rlbench.")
        if plugin.file is not None or (plugin.name.startswith(("observe", "report")) and not own):
            plugin.error = survives(plugin) or None
    return found


def result_folder(output: Path | None, suite: str) -> Path:
    """As given, or the suite's name under RLBENCH_RESULTS, or under results/."""
    return (output and output.expanduser()) or results_root() / suite


def results_root() -> Path:
    return user_path(os.environ.get("RLBENCH_RESULTS", "results"))


def find_folder(value: str | None) -> Path:
    """A result folder by path, by its name under results/, or the one written last. Raises: a usage error without one."""
    root = results_root()
    if value is None:
        found = sorted(root.glob("*/suite.json"), key=lambda path: path.stat().st_mtime)
        if not found:
            raise click.UsageError(f"there are no results in {root}; give the folder, or run a suite first")
        return found[-1].parent
    places = [path for path in (user_path(value), root / value) if path.is_dir()]
    for path in sorted(places, key=lambda place: not (place / "suite.json").exists()):
        return path
    raise click.BadParameter(f"no folder {value!r}, and none of that name in {root}; it does not exist")


def _find_folder(context: click.Context, parameter: click.Parameter, value: str | None) -> Path:
    return find_folder(value)


def _find_folders(context: click.Context, parameter: click.Parameter, values: Sequence[str]) -> list[Path]:
    return [find_folder(value) for value in values or (None,)]


folder_argument = click.argument("directory", required=False, callback=_find_folder, metavar="[DIRECTORY]")
folders_argument = click.argument("directories", nargs=-1, callback=_find_folders, metavar="[DIRECTORY]...")
