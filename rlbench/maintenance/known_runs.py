"""The runs of a result folder: those that its suite requests, and others that have a folder in runs/."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from rlbench.api import Run, StoreError
from rlbench.maintenance.leftovers import is_draft
from rlbench.results import Store
from rlbench.results.file_io import why_unreadable
from rlbench.results.json_shapes import ShapeError
from rlbench.results.requested_runs import read_run


@dataclass(frozen=True)
class KnownRuns:
    """The runs of a result folder.

    requested: runs of the suite, in its order; a run that cannot be read is a DamagedRun. others: readable runs that
    the suite does not request any more. unreadable: folders of other runs, and why they cannot be read.
    """

    requested: Sequence[Run]
    others: Sequence[Run]
    unreadable: Sequence[tuple[Path, str]]

    @property
    def runs(self) -> list[Run]:
        return [*self.requested, *self.others]


def read_suite(store: Store) -> tuple[Mapping[str, Any] | None, str]:
    """Return the contents of suite.json and ""; if it is missing or damaged, None and what is wrong with it.

    Raises: StoreError without permission to read it, or if a newer version wrote it.
    """
    try:
        return store.suite(), ""
    except StoreError as error:
        cause = error.__cause__
        if cause is None or isinstance(cause, PermissionError):
            raise
        assert isinstance(cause, (OSError, ValueError))
        if isinstance(cause, FileNotFoundError):
            return None, "is missing"
        return None, f"does not have the form that rlbench writes ({why_unreadable(cause)})"


def known_runs(store: Store, document: Mapping[str, Any] | None) -> KnownRuns:
    """Return the runs of a folder. document: the contents of suite.json; None if it cannot be used."""
    requested = store.runs(document) if document is not None else []
    listed = {run.name for run in requested}
    others: list[Run] = []
    unreadable: list[tuple[Path, str]] = []
    for folder in sorted((store.root / "runs").glob("*")):
        if folder.name in listed or not folder.is_dir() or folder.is_symlink() or is_draft(folder.name):
            continue
        try:
            others.append(read_run(folder, ""))
        except ShapeError as error:
            unreadable.append((folder, str(error)))
    return KnownRuns(requested, others, unreadable)
