"""`rlbench report`: a result folder as one HTML file that needs nothing else."""

from __future__ import annotations

from pathlib import Path

import click

from rlbench.cli.columns import write_out
from rlbench.cli.opening import folder_argument


@click.command()
@folder_argument
@click.option(
    "-o",
    "--output",
    type=click.Path(path_type=Path),
    metavar="FILE",
    help="Where to write it; default DIRECTORY/report.html.",
)
def report(directory: Path, output: Path | None) -> None:
    """Make one HTML page of the results in DIRECTORY (the newest results if none is given) and print its path.

    Scores with intervals, learning curves, runs that are missing, costs, protocol, hyperparameters and provenance, in a
    file that holds everything it shows. Works while the suite runs.
    """
    from rlbench.reports.page import write_report
    from rlbench.results import Store

    write_out(f"{write_report(Store(directory), output or directory / 'report.html')}\n")
