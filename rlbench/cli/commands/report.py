"""`rlbench report`: a result folder, or the differences between two, as one self-contained HTML file."""

from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import click

from rlbench.cli.common_options import anchors_option, folders_argument, open_plugins
from rlbench.cli.declared_options import plugin_option
from rlbench.cli.missing_runs import report_damaged
from rlbench.cli.text_table import plain, write_out
from rlbench.cli.user_paths import UserPath

if TYPE_CHECKING:
    from rlbench.analysis import Anchors


@click.command()
@folders_argument
@click.option(
    "-o",
    "--output",
    type=UserPath(path_type=Path),
    metavar="FILE",
    help="Path of the page; default: report.html in DIRECTORY, or difference.html in the second of two folders.",
)
@click.option(
    "--files",
    type=UserPath(file_okay=False, path_type=Path),
    metavar="FOLDER",
    help="Also write every table as CSV, Markdown and LaTeX, and every figure as SVG and PDF, to this folder.",
)
@anchors_option
@plugin_option
def report(
    directories: Sequence[Path],
    output: Path | None,
    files: Path | None,
    supplied: Mapping[str, Anchors],
    plugin_files: Sequence[str],
) -> int:
    """Write an HTML report on the results in DIRECTORY and print its path.

    DIRECTORY is a result folder, or the name of one under results/; default: the newest results. The report shows the
    verdict in words, scores with intervals, learning curves, missing runs, costs, the protocol, hyperparameters and
    provenance, in one file that needs no other. It can be written while the suite runs.

    With two folders, the page shows what differs in the second from the first.
    """
    from rlbench.analysis import Results
    from rlbench.reports.difference_section import difference_page
    from rlbench.reports.page import results_page, write_page
    from rlbench.reports.report_files import write_files

    if len(directories) > 2:
        raise click.UsageError(f"{len(directories)} folders given: a report shows one, or the difference between two")
    plugins = open_plugins(plugin_files)
    if len(directories) == 2:
        page = difference_page(Results(directories[0], supplied), Results(directories[1], supplied))
        path = output or directories[1] / "difference.html"
    else:
        path = output or directories[0] / "report.html"
        page = results_page(Results(directories[0], supplied), plugins, path.parent)
    written = [write_page(page, path), *(write_files(page, files) if files else [])]
    for problem in page.problems:
        print(f"warning: {plain(problem)}", file=sys.stderr)
    if files:
        print(f"{len(written) - 1} files in {files}", file=sys.stderr)
    write_out(f"{path}\n")
    return report_damaged(page.corrupt)
