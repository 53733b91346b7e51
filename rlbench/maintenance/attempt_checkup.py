"""Checkup of attempts: whether their group.json and their checkpoints can be read."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress
from functools import partial
from itertools import chain
from pathlib import Path

from rlbench.api import Run, group_from_dict
from rlbench.maintenance.compaction import archive_problem
from rlbench.maintenance.findings import Finding, to_do
from rlbench.maintenance.leftovers import is_draft
from rlbench.maintenance.quarantine import moved
from rlbench.results import Store
from rlbench.results.attempt_files import SUFFIX, archived_attempts, is_archive
from rlbench.results.file_io import parse_json, why_unreadable
from rlbench.results.json_shapes import check_attempt
from rlbench.runtime import checkpoint

_ASIDE = "--fix moves it to superseded/"


def examine_attempts(store: Store) -> Iterator[Finding]:
    """Yield what is wrong with the attempts of a folder that no command is writing to. Hash every checkpoint."""
    for path in sorted((store.root / "attempts").glob("*")):
        where = str(path.relative_to(store.root))
        if path.is_symlink() or is_draft(path.name):
            continue
        if path.is_file() and is_archive(path):
            yield from _examine_archive(store.root, path, where)
        if not path.is_dir():
            continue
        try:
            check_attempt(parse_json(path / "group.json"))
        except (OSError, ValueError) as error:
            what = f"group.json cannot be read ({why_unreadable(error)}), so it belongs to no run"
            yield to_do(where, what, _ASIDE, "unreadable attempts", partial(moved, store.root, path, "unreadable"))
            continue
        yield from _examine_checkpoints(store.root, path / "checkpoints")


def _examine_archive(root: Path, path: Path, where: str) -> Iterator[Finding]:
    problem, mend = archive_problem(path), partial(moved, root, path, "unreadable")
    if problem:
        yield to_do(where, problem, _ASIDE, "unreadable attempts", mend)
    elif path.with_name(path.name.removesuffix(SUFFIX)).is_dir():
        what = "this attempt has a folder, too: a killed `rlbench compact` left both"
        advice = f"`rlbench compact {root}` compares them and keeps one; {_ASIDE}"
        yield to_do(where, what, advice, "attempts that are there twice", partial(moved, root, path, "twice"))


def _examine_checkpoints(root: Path, folder: Path) -> Iterator[Finding]:
    complete = set() if folder.is_symlink() else set(checkpoint.complete(folder))
    for path in sorted(folder.glob("*")):
        if path not in complete and not path.is_symlink() and path.name.isdecimal():
            what = "was not written to its end, or was changed later"
            mend = partial(moved, root, path, "unreadable")
            yield to_do(str(path.relative_to(root)), what, _ASIDE, "unreadable checkpoints", mend)


def attempted_runs(store: Store) -> dict[str, Run]:
    """Return the runs that attempts in the folder train or trained, by the names of the runs' folders."""
    runs: dict[str, Run] = {}
    for _, description in chain(archived_attempts(store.root), store.attempts()):
        with suppress(KeyError, TypeError, ValueError, AttributeError):  # a group.json may come from anybody
            runs |= {run.name: run for run in group_from_dict(description["group"]).runs}
    return runs
