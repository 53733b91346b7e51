"""`rlbench compact`: one archive for each attempt of published runs, and back again."""

from __future__ import annotations

from pathlib import Path

import click

from rlbench.cli.common_options import find_folder
from rlbench.cli.text_table import plain, write_out
from rlbench.text import counted, data_size, plural


def _find(context: click.Context, parameter: click.Parameter, value: str) -> Path:
    return find_folder(value)


@click.command()
@click.argument("directory", callback=_find, metavar="DIRECTORY")
@click.option("--undo", is_flag=True, help="Unpack the archives again.")
def compact(directory: Path, undo: bool) -> None:
    """Pack each attempt of finished runs in DIRECTORY into a compressed archive of its own. Nothing is lost.

    DIRECTORY is a result folder, or the name of one under results/. An attempt's folder is deleted only after a
    comparison has shown that its archive has the same files. `rlbench logs`, `verify` and `doctor` (also with --fix)
    read archives as they read folders, and `unzip` opens them. Attempts that still have checkpoints stay as they are.
    """
    from rlbench.maintenance.compaction import compact as pack
    from rlbench.maintenance.compaction import unpack
    from rlbench.maintenance.folder_checkup import refuse_other_folders
    from rlbench.results import Store

    refuse_other_folders(directory)
    store = Store(directory, caches=False)
    store.lock()
    try:
        outcomes = []
        for outcome in unpack(store) if undo else pack(store):
            outcomes.append(outcome)
            if outcome.problem:
                write_out(plain(f"stays as it is: attempts/{outcome.name}: {outcome.problem}") + "\n")
    finally:
        store.unlock()
    done = [outcome for outcome in outcomes if not outcome.problem]
    if not done:
        write_out(f"no {'archive to unpack' if undo else 'attempt to pack'}\n")
        return
    before = f"{counted(sum(o.files for o in done), 'file')}, {data_size(sum(o.bytes for o in done))}"
    after = f"{counted(sum(o.files_after for o in done), 'file')}, {data_size(sum(o.bytes_after for o in done))}"
    write_out(f"{plural(len(done), 'attempt')} {'unpacked' if undo else 'packed'}: {before} before; {after} now\n")
