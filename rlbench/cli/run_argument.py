"""The argument RUN of several commands, and the run whose folder it names."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from rlbench.cli.common_options import results_root
from rlbench.cli.user_paths import user_path

if TYPE_CHECKING:
    from rlbench.api import Run
    from rlbench.results import RunState, Store


def _find_folder(context: click.Context, parameter: click.Parameter, value: str) -> Path:
    """A run's folder by path, or by (part of) its name among all results."""
    if user_path(value).is_dir():
        return user_path(value)
    root = results_root()
    found = sorted(path for path in root.glob("*/runs/*") if value in path.name)
    if len(found) == 1:
        return found[0]
    if not found:
        raise click.BadParameter(f"{value!r} does not exist, and no run in {root} is called so")
    shown = "".join(f"\n  {path}" for path in found[:10])
    raise click.BadParameter(f"{value!r} is the name of {len(found)} runs; give one of them:{shown}")


run_argument = click.argument("run", callback=_find_folder, metavar="RUN")


def find_run(folder: Path) -> tuple[Store, Run, RunState]:
    """The run whose folder this is (…/runs/NAME). Raises: StoreError if it is none of its suite."""
    from rlbench.api import StoreError
    from rlbench.results import Store

    folder = folder.resolve()
    if folder.parent.name != "runs":
        raise StoreError(f"{folder} is not a run's folder; those are the folders in DIRECTORY/runs")
    store = Store(folder.parent.parent)
    for run in store.runs():
        if run.name == folder.name:
            return store, run, store.states([run])[run.key]
    raise StoreError(
        f"{folder} is not a run of the suite in {store.root}; runs are the folders in {store.root / 'runs'}"
    )
