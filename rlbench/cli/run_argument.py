"""The argument RUN of several commands, and the run it names."""

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
    """Return a run's folder, given by path or by (part of) its name among all results."""
    if user_path(value).is_dir():
        return user_path(value)
    root = results_root()
    matches = sorted(path for path in root.glob("*/runs/*") if value in path.name)
    if len(matches) == 1:
        return matches[0]
    if not matches:
        raise click.BadParameter(f"{value!r} does not exist, and no run in {root} has that name")
    listing = "".join(f"\n  {path}" for path in matches[:10])
    raise click.BadParameter(f"{value!r} matches {len(matches)} runs; give one of them:{listing}")


run_argument = click.argument("run", callback=_find_folder, metavar="RUN")


def find_run(folder: Path) -> tuple[Store, Run, RunState]:
    """Return the run with this folder (…/runs/NAME). Raises: StoreError if it is not a run of its suite."""
    from rlbench.api import StoreError
    from rlbench.results import Store

    folder = folder.resolve()
    if folder.parent.name != "runs":
        raise StoreError(f"{folder} is not a run's folder; a run's folder is one of DIRECTORY/runs")
    store = Store(folder.parent.parent)
    for run in store.runs():
        if run.name == folder.name:
            return store, run, store.states([run])[run.key]
    raise StoreError(
        f"{folder} is not a run of the suite in {store.root}; the runs are the folders in {store.root / 'runs'}"
    )
