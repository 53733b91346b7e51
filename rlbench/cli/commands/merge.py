"""`rlbench merge`: the runs of several result folders, such as those of several machines, in one folder."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import click

from rlbench.cli.common_options import find_folder
from rlbench.cli.text_table import plain, write_error, write_out
from rlbench.cli.user_paths import UserPath, short_path
from rlbench.text import plural


def _find_all(context: click.Context, parameter: click.Parameter, values: Sequence[str]) -> list[Path]:
    return list({folder.resolve(): folder for folder in map(find_folder, values)}.values())


@click.command(
    epilog="Exit codes: 0 everything was merged · 1 something was left out, or the records of a run differ between "
    "folders; each case is listed · others: see rlbench --help."
)
@click.argument("directories", nargs=-1, required=True, callback=_find_all, metavar="DIRECTORY...")
@click.option(
    "-o",
    "--output",
    required=True,
    type=UserPath(file_okay=False, path_type=Path),
    help="Result folder to copy the runs into: a new one, or one with runs.",
)
def merge(directories: list[Path], output: Path) -> int:
    """Copy the runs of several result folders into one.

    Each DIRECTORY is a result folder, or the name of one under results/. Nothing in it is changed. A run that is
    finished in several folders is copied once; if its records differ, those of the first folder are kept and the run is
    listed. Runs that are damaged or being trained are left out and listed. Unfinished runs keep their checkpoints, so
    that `rlbench run SUITE -o OUTPUT` resumes them. After an interruption, the same command resumes.
    """
    from rlbench import __version__
    from rlbench.maintenance.folder_merge import merge_folders
    from rlbench.results import Store

    sources = [Store(folder, caches=False) for folder in directories if folder.resolve() != output.resolve()]
    if not sources:
        raise click.UsageError(f"there is nothing to copy: {short_path(output)} is the only folder")
    for store in sources:
        if store.is_in_use():
            write_error(f"{short_path(store.root)} is in use: its runs are copied as they are now")
    outcome = merge_folders(sources, Store(output), __version__)
    for sentence in (*outcome.conflicts, *outcome.left_out):
        write_error(f"warning: {sentence}")
    parts = [f"{plural(len(outcome.copied), 'run')} copied"]
    parts += [f"{len(outcome.present)} already there"] if outcome.present else []
    parts += [f"{len(outcome.failed)} failed"] if outcome.failed else []
    parts += [f"{len(outcome.unfinished)} not finished"] if outcome.unfinished else []
    write_out(plain(f"{short_path(output)}: {', '.join(parts)}") + "\n")
    if outcome.failed or outcome.unfinished:
        retry = " --rerun failed" if outcome.failed else ""
        write_out(plain(f"`rlbench run SUITE -o {short_path(output)}{retry}` trains these") + "\n")
    return 1 if outcome.conflicts or outcome.left_out else 0
