"""`rlbench report`: a result folder, or the differences between two, as one self-contained HTML file."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import click

from rlbench.cli.common_options import anchors_option, folders_argument, open_plugins
from rlbench.cli.declared_options import plugin_option
from rlbench.cli.figure_options import FileFormats, Length
from rlbench.cli.missing_runs import report_damaged
from rlbench.cli.text_table import write_error, write_out
from rlbench.cli.user_paths import OutputPath, UserPath

if TYPE_CHECKING:
    from rlbench.analysis import Anchors


@click.command()
@folders_argument
@click.option(
    "-o",
    "--output",
    type=OutputPath(path_type=Path),
    metavar="FILE",
    help="Path of the page; default: report.html in DIRECTORY, or difference.html in the second of two folders.",
)
@click.option(
    "--files",
    type=UserPath(file_okay=False, path_type=Path),
    metavar="FOLDER",
    help="Also write every table as CSV, Markdown and LaTeX, and every figure as SVG and PDF, to this folder."
    " -a, -e, --width, --font-size, --format and --single-runs select and format these files.",
)
@click.option(
    "-a",
    "--algorithm",
    "algorithms",
    multiple=True,
    metavar="PATTERN",
    help="With --files, write only matching algorithms; may be repeated, or a list with commas.",
)
@click.option(
    "-e",
    "--env",
    "environments",
    multiple=True,
    metavar="PATTERN",
    help="With --files, write only matching environments; may be repeated, or a list with commas.",
)
@click.option("--width", type=Length(), help="Width of the figure files, such as 3.25in, 82mm or 234pt.")
@click.option(
    "--font-size",
    type=click.FloatRange(4, 30),
    metavar="POINTS",
    help="Size of text in the figure files; default: 8.5.",
)
@click.option(
    "--format",
    "formats",
    type=FileFormats(),
    multiple=True,
    help="Format of the figure files: svg, pdf or png; may be repeated, or a list with commas; default: svg,pdf.",
)
@click.option("--single-runs", is_flag=True, help="Draw each run behind the curves of the figure files.")
@anchors_option
@plugin_option
def report(
    directories: Sequence[Path],
    output: Path | None,
    files: Path | None,
    algorithms: Sequence[str],
    environments: Sequence[str],
    width: float | None,
    font_size: float | None,
    formats: Sequence[Sequence[str]],
    single_runs: bool,
    supplied: Mapping[str, Anchors],
    plugin_files: Sequence[str],
) -> int:
    """Write an HTML report on the results in DIRECTORY and print its path.

    DIRECTORY is a result folder, or the name of one under results/; default: the newest results. The report shows the
    verdict in words, scores with intervals, learning curves, missing runs, costs, the protocol, hyperparameters and
    provenance, in one file that needs no other. It can be written while the suite runs.

    With two folders, the page shows how the second differs from the first.
    """
    from rlbench.analysis import Results
    from rlbench.reports.difference_section import difference_page
    from rlbench.reports.page import results_page, write_page
    from rlbench.reports.report_files import FORMATS, write_files
    from rlbench.reports.svg_figures import ON_PAPER, Print

    if len(directories) > 2:
        raise click.UsageError(f"{len(directories)} folders given: a report shows one, or the difference between two")
    if not files and any([algorithms, environments, width, font_size, formats, single_runs]):
        raise click.UsageError(
            "-a, -e, --width, --font-size, --format and --single-runs apply only to files; add --files FOLDER"
        )
    if len(directories) == 2 and (algorithms or environments):
        raise click.UsageError("-a and -e select from one folder, not from two")
    plugins, selected = open_plugins(plugin_files), None
    if len(directories) == 2:
        page = difference_page(Results(directories[0], supplied), Results(directories[1], supplied))
        path = output or directories[1] / "difference.html"
    else:
        path = output or directories[0] / "report.html"
        results = Results(directories[0], supplied)
        page = results_page(results, plugins, path.parent)
        if algorithms or environments:
            selected = results.select(algorithms, environments)
    written = [write_page(page, path)]
    if files:
        in_files = page if selected is None else results_page(selected, plugins, path.parent)
        printed = Print(width, font_size or ON_PAPER.font_size, single_runs)
        chosen = list(dict.fromkeys(name for names in formats for name in names))
        written += write_files(in_files, files, chosen or FORMATS, printed)
    for problem in page.problems:
        write_error(f"warning: {problem}")
    if files:
        write_error(f"{len(written) - 1} files in {files}")
    write_out(f"{path}\n")
    return report_damaged(page.corrupt)
