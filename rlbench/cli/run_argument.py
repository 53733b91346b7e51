"""The argument RUN that several commands take, with its option -d, and the run that it names."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

from rlbench.cli.common_options import find_folder, results_root
from rlbench.cli.user_paths import user_path
from rlbench.messages import nearest

if TYPE_CHECKING:
    from rlbench.api import Run
    from rlbench.results import RunState, Store

Command = TypeVar("Command", bound=Callable[..., Any])
_FOLDER = f"{__name__}.folder"  # key in the context's `meta`, for the folder that -d names
_MOST_LISTED = 10


def _remember_folder(context: click.Context, parameter: click.Parameter, value: str | None) -> None:
    context.meta[_FOLDER] = None if value is None else find_folder(value)


def _find_run_folder(context: click.Context, parameter: click.Parameter, value: str) -> Path:
    """Return a run's folder. value: its path or name, the beginning of its path, or a part of its name."""
    path = user_path(value)
    if path.is_dir():
        return path
    folder: Path | None = context.meta[_FOLDER]
    root = results_root()
    runs = sorted(root.glob("*/runs/*") if folder is None else folder.glob("runs/*"))
    beside = sorted(path.parent.glob("*")) if path.name and path.parent.name == "runs" else []
    matches = [run for run in beside if run.name.startswith(path.name)] or _named(value, runs)
    if len(matches) == 1:
        return matches[0]
    if not matches:
        # The hint leaves out keys: nobody types a hash, so a misspelt hash is an unlikely cause.
        hint = nearest(value, dict.fromkeys(run.name.rpartition("--")[0] for run in runs))
        raise click.BadParameter(f"{value!r} does not exist, and no run in {folder or root} has that name{hint}")
    listing = "".join(f"\n  {path}" for path in matches[:_MOST_LISTED])
    more = f"\n  and {len(matches) - _MOST_LISTED} more" if len(matches) > _MOST_LISTED else ""
    raise click.BadParameter(f"{value!r} matches {len(matches)} runs; give one of them:{listing}{more}")


def _named(value: str, runs: Sequence[Path]) -> list[Path]:
    """Return the runs with this name, with or without the key.

    If there are none, return those whose name begins with it, or else those whose name contains it. Beginnings come
    before parts because one algorithm's name may be part of another's: `double_dqn--…` contains `dqn--…`.
    """
    exact = [run for run in runs if run.name == value or run.name.rpartition("--")[0] == value]
    return exact or [run for run in runs if run.name.startswith(value)] or [run for run in runs if value in run.name]


_option = click.option(
    "-d",
    "--dir",
    "directory",
    metavar="DIRECTORY",
    is_eager=True,  # read before RUN, which is searched for in this folder
    expose_value=False,
    callback=_remember_folder,
    help="Result folder that contains RUN; default: all result folders under results/.",
)
_argument = click.argument("run", callback=_find_run_folder, metavar="RUN")


def run_argument(command: Command) -> Command:
    """Add the argument RUN, which the command gets as the path of a run's folder, and the option -d."""
    return _argument(_option(command))


def _find_run_or_folder(context: click.Context, parameter: click.Parameter, value: str | None) -> Path | None:
    """Return a result folder, given by path or name, or else a run's folder (see `_find_run_folder`)."""
    if value is None:
        given: Path | None = context.meta[_FOLDER]
        return given
    if context.meta[_FOLDER] is None:
        for path in (user_path(value), results_root() / value):
            if (path / "suite.json").exists():
                return path
    return _find_run_folder(context, parameter, value)


_either = click.argument("target", required=False, callback=_find_run_or_folder, metavar="[RUN|DIRECTORY]")


def run_or_folder_argument(command: Command) -> Command:
    """Add the argument RUN or DIRECTORY, which the command gets as the path `target`, and the option -d.

    Without the argument, `target` is the folder given with -d, or None.
    """
    return _either(_option(command))


def is_result_folder(path: Path) -> bool:
    """Return whether a path given as RUN or DIRECTORY is a result folder (not a run's folder)."""
    return (path / "suite.json").exists()


def find_run(folder: Path) -> tuple[Store, Run, RunState]:
    """Return the store, the run and its state, for a run's folder (…/runs/NAME).

    Raises: StoreError if the suite of that result folder has no such run.
    """
    from rlbench.api import StoreError
    from rlbench.results import Store

    folder = folder.resolve()
    if folder.parent.name != "runs":
        raise StoreError(f"{folder} is not a run's folder; the folders of runs are in DIRECTORY/runs")
    store = Store(folder.parent.parent)
    for run in store.runs():
        if run.name == folder.name:
            return store, run, store.states([run])[run.key]
    raise StoreError(
        f"{folder} is not a run of the suite in {store.root}; the runs are the folders in {store.root / 'runs'}"
    )
