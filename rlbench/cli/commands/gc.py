"""`rlbench gc`: list the files that are no longer needed, and delete them after a question."""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import click

from rlbench.api import LockedError
from rlbench.cli.common_options import find_folder, results_root
from rlbench.cli.declared_options import DurationText
from rlbench.cli.text_table import aligned, plain, write_error, write_out
from rlbench.cli.user_paths import short_path
from rlbench.text import counted, data_size

if TYPE_CHECKING:
    from rlbench.maintenance.garbage import Garbage
    from rlbench.results import Store

IN_USE = 75
UNUSED_SECONDS = 30 * 24 * 3600.0


def _find_or_all(context: click.Context, parameter: click.Parameter, values: Sequence[str]) -> list[Path]:
    if values:
        return list(dict.fromkeys(find_folder(value) for value in values))
    return sorted(path.parent for path in results_root().glob("*/suite.json"))


@click.command()
@click.argument("directories", nargs=-1, callback=_find_or_all, metavar="[DIRECTORY]...")
@click.option("--dry-run", is_flag=True, help="List what would be deleted, and delete nothing.")
@click.option(
    "--older-than",
    type=DurationText(),
    help="Delete cache entries only if they were not used for this long, such as 7d (default: 30d). With this "
    "option, --superseded and --attempts also spare newer files.",
)
@click.option(
    "--superseded", is_flag=True, help="Also delete replaced runs, and files that `rlbench doctor` put aside."
)
@click.option("--attempts", is_flag=True, help="Also delete the attempts of finished runs: their logs and raw records.")
@click.option("--yes", is_flag=True, help="Delete without a question.")
def gc(
    directories: list[Path], dry_run: bool, older_than: float | None, superseded: bool, attempts: bool, yes: bool
) -> int:
    """List the files that result folders and the user's caches no longer need, then delete them.

    DIRECTORY is a result folder, or the name of one under results/; default: all of them. The command deletes
    unfinished files of killed processes, checkpoints of attempts whose runs are all finished, and cache entries that
    were not used for 30 days. No result is lost. --superseded and --attempts delete more; the list then says what is
    lost.

    A question is asked before anything is deleted. Without a terminal, nothing is deleted unless --yes is given. A
    folder that another command is using is left alone (exit code 75). Links are not followed.
    """
    from rlbench.maintenance.folder_checkup import refuse_other_folders
    from rlbench.maintenance.garbage import garbage_of_caches, garbage_of_folder
    from rlbench.results import Store
    from rlbench.user_cache import cache_folder

    for directory in directories:
        refuse_other_folders(directory)
    stores = [Store(directory, caches=False) for directory in directories]
    busy = [store for store in stores if store.is_in_use()]
    listed = {store: list(garbage_of_folder(store, superseded, attempts, older_than)) for store in stores}
    unused_for = UNUSED_SECONDS if older_than is None else older_than
    cached = list(garbage_of_caches(unused_for))
    for store in stores:
        _list(short_path(store.root), [] if store in busy else listed[store], store in busy)
    _list(f"caches in {short_path(cache_folder(''))}", cached)
    everything = [entry for store in stores if store not in busy for entry in listed[store]] + cached
    code = IN_USE if busy else 0
    if not everything:
        write_out("nothing to delete\n")
        return code
    total = f"{data_size(sum(entry.bytes for entry in everything))} in "
    total += counted(sum(entry.files for entry in everything), "file")
    write_out(f"\ntogether {total}\n")
    if dry_run or not _is_wanted(yes):
        return code
    freed = [_delete_cached(cached, unused_for)]
    for store in stores:
        if store not in busy:
            try:
                freed.append(_delete(store, listed[store], superseded, attempts, older_than))
            except LockedError as error:  # a command was started there since
                write_error(str(error))
                code = IN_USE
    files, size = (sum(parts) for parts in zip(*freed))
    write_out(f"deleted {data_size(size)} in {counted(files, 'file')}\n")
    return code


def _list(title: str, garbage: Sequence[Garbage], is_busy: bool = False) -> None:
    if not (garbage or is_busy):
        return
    if is_busy:
        write_out(plain(f"{title}: a command or a task of a cluster writes to it, so it is left alone") + "\n")
        return
    rows = [
        (f"  {entry.what}", counted(entry.files, "file"), data_size(entry.bytes), f"costs {entry.cost}", _where(entry))
        for entry in garbage
    ]
    table = aligned(["", "", "", "", ""], [[plain(cell) for cell in row] for row in rows], numbers=(1, 2))
    write_out(plain(title) + "\n" + table.split("\n", 1)[1])


def _where(entry: Garbage) -> str:
    """Return the folder that contains all files of an entry."""
    return short_path(Path(os.path.commonpath([path.parent for path in entry.paths])))


def _is_wanted(yes: bool) -> bool:
    """Return True with --yes, otherwise the user's answer to a question; without a terminal, return False."""
    if yes:
        return True
    if sys.stdin is None or not sys.stdin.isatty():
        write_out("nothing was deleted, because there is no terminal to ask on; --yes deletes without a question\n")
        return False
    if click.confirm("delete this?", default=False):
        return True
    write_out("nothing was deleted\n")
    return False


def _delete(
    store: Store, listed: Sequence[Garbage], superseded: bool, attempts: bool, older_than: float | None
) -> tuple[int, int]:
    """Delete those of the listed files in a folder that may still be deleted.

    Returns: the number of deleted files, and their bytes.
    """
    from rlbench.maintenance.garbage import delete, garbage_of_folder

    if not listed:
        return 0, 0
    shown = {path for entry in listed for path in entry.paths}
    store.lock()
    try:
        # Something may have changed since the question.
        now = list(garbage_of_folder(store, superseded, attempts, older_than))
        return delete(path for entry in now for path in entry.paths if path in shown)
    finally:
        store.unlock()


def _delete_cached(cached: Sequence[Garbage], unused_for: float) -> tuple[int, int]:
    from rlbench.maintenance.garbage import delete, is_unused

    return delete(path for entry in cached for path in entry.paths if is_unused(path, unused_for))
