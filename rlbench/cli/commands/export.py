"""`rlbench export`: a result folder as files for spreadsheets and other programs."""

from __future__ import annotations

from pathlib import Path

import click

from rlbench.cli.common_options import folder_argument
from rlbench.cli.missing_runs import say_damaged
from rlbench.cli.progress.lines import plural
from rlbench.cli.text_table import plain, write_out
from rlbench.cli.user_paths import UserPath


@click.command()
@folder_argument
@click.option(
    "--format",
    "form",
    type=click.Choice(["csv", "parquet"]),
    default="csv",
    show_default=True,
    help="What kind of files.",
)
@click.option("-o", "--output", type=UserPath(path_type=Path), help="The folder to write to; default DIRECTORY/export.")
def export(directory: Path, form: str, output: Path | None) -> int:
    """Write runs, evaluations, episodes and metrics of DIRECTORY (the newest results if none is given) as four files,
    and print each path and its rows.

    Works while the suite runs; what is not published yet is left out. Files of an earlier export are replaced.

    In csv the lists of an evaluation (returns, lengths) are JSON, such as [19.0, 21.0], and a number that is not there
    or not a number is an empty cell. Text that begins with one of = + - @ or a tab stands behind a single quote, so that
    no spreadsheet runs it; control characters are left out. Parquet holds everything as recorded, with the unit and the
    meaning of each recorded column.
    """
    from rlbench.results import table_export
    from rlbench.results.record_reader import Records

    written = table_export.export(Records(directory), output or directory / "export", form)
    for path, rows in written.rows.items():
        write_out(f"{plain(str(path))}: {plural(rows, 'row')}\n")
    return say_damaged(written.corrupt)
