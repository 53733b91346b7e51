"""The argument RUN of several commands, and the run whose folder it names."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from rlbench.api import Run
    from rlbench.results import RunState, Store

run_argument = click.argument("run", type=click.Path(exists=True, file_okay=False, path_type=Path), metavar="RUN")


def find_run(folder: Path) -> tuple[Store, Run, RunState]:
    """The run whose folder this is (…/runs/NAME). Raises: StoreError if it is none of its suite."""
    from rlbench.api import StoreError
    from rlbench.results import Store

    folder = folder.resolve()
    store = Store(folder.parent.parent)
    for run in store.runs():
        if run.name == folder.name:
            return store, run, store.states([run])[run.key]
    raise StoreError(
        f"{folder} is not a run of the suite in {store.root}; runs are the folders in {store.root / 'runs'}"
    )
