"""`rlbench export`: the records of a result folder as files for spreadsheets and other programs."""

from __future__ import annotations

from pathlib import Path

import click

from rlbench.cli.common_options import folder_argument
from rlbench.cli.missing_runs import report_damaged
from rlbench.cli.text_table import plain, write_out
from rlbench.cli.user_paths import UserPath
from rlbench.text import plural


@click.command()
@folder_argument
@click.option(
    "--format",
    "form",
    type=click.Choice(["csv", "parquet"]),
    default="csv",
    show_default=True,
    help="Format of the files.",
)
@click.option("-o", "--output", type=UserPath(path_type=Path), help="Folder to write to; default: DIRECTORY/export.")
def export(directory: Path, form: str, output: Path | None) -> int:
    """Export the runs, evaluations, episodes and metrics in DIRECTORY as four files. Default: the newest results.

    The path of each file is printed with its number of rows. Works while the suite runs: unfinished runs are
    omitted. Files of an earlier export are replaced.

    In CSV, the lists of an evaluation (returns, lengths) are JSON, such as [19.0, 21.0]. A missing number or NaN is an
    empty cell. Text that begins with one of = + - @ or a tab is preceded by a single quote, so that no spreadsheet runs
    it as a formula; control characters are removed. Parquet contains everything as recorded, with the unit and the
    meaning of each recorded column.
    """
    from rlbench.analysis import Results
    from rlbench.results import table_export

    results = Results(directory)
    frames = {"runs": results.runs(), "evaluations": results.evaluations()}
    frames |= {"episodes": results.episodes(), "metrics": results.metrics()}
    written = table_export.export(frames, output or directory / "export", form)
    for path, rows in written.rows.items():
        write_out(f"{plain(str(path))}: {plural(rows, 'row')}\n")
    return report_damaged(written.corrupt)
