"""`rlbench export`: the records of a result folder as files for spreadsheets and other programs."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import click

from rlbench.cli.common_options import folder_argument, open_plugins
from rlbench.cli.declared_options import plugin_option
from rlbench.cli.missing_runs import describe_damaged, report_damaged
from rlbench.cli.suite_trust import allow_option, has_run, suite_option
from rlbench.cli.text_table import plain, write_error, write_out
from rlbench.cli.user_paths import UserPath
from rlbench.exporters import FORMATS
from rlbench.text import plural

if TYPE_CHECKING:
    from rlbench.analysis import Results
    from rlbench.api import Run

TABLES = ("csv", "parquet")
TRACES = "traces"
NOT_REPEATED = 1
MANY_RUNS = 20  # with fewer, the export ends before anybody reads a bar


@click.command()
@folder_argument
@click.option(
    "--to",
    "--format",
    "form",
    type=click.Choice([*TABLES, *FORMATS, TRACES]),
    default="csv",
    show_default=True,
    help="Format of the files.",
)
@click.option(
    "-o",
    "--output",
    type=UserPath(path_type=Path),
    help="Folder to write to; default: DIRECTORY/export for csv and parquet, DIRECTORY/export/FORMAT for the others.",
)
@click.option(
    "-a",
    "--algorithm",
    "algorithms",
    multiple=True,
    metavar="PATTERN",
    help="Export only matching algorithms; may be repeated, or a list with commas.",
)
@click.option(
    "-e",
    "--env",
    "environments",
    multiple=True,
    metavar="PATTERN",
    help="Export only matching environments; may be repeated, or a list with commas.",
)
@suite_option
@allow_option
@plugin_option
def export(
    directory: Path,
    form: str,
    output: Path | None,
    algorithms: Sequence[str],
    environments: Sequence[str],
    suite: str | None,
    allowed: Sequence[str],
    plugin_files: Sequence[str],
) -> int:
    """Export the results in DIRECTORY for another program. Default: the newest results.

    `--to csv` and `--to parquet` write four files: runs, evaluations, episodes and metrics. The path of each file is
    printed with its number of rows. tensorboard and wandb write the same records as `rlbench run --log`. marl-eval
    writes the JSON file that marl-eval reads; rliable writes arrays of scores and curves; huggingface writes a folder
    with a model card for each algorithm and task. Nothing is uploaded.

    `--to traces` writes the reset seeds and the actions of each run's final evaluation, so that `rlbench verify
    --traces` can play it without a policy. To record the actions, the stored policy plays the final evaluation again;
    --suite, --allow and --plugin work as in `rlbench evaluate`. A run whose returns are not repeated exactly gets no
    trace.

    The command also works while the suite runs, and omits unfinished runs. Files of an earlier export are replaced.

    In CSV, the lists of an evaluation (returns, lengths) are JSON, such as [19.0, 21.0]. A missing number or NaN is an
    empty cell. Text that begins with one of = + - @ or a tab is preceded by a single quote, so that no spreadsheet runs
    it as a formula; control characters are removed. Parquet contains everything as recorded, with the unit and the
    meaning of each recorded column.
    """
    from rlbench.analysis import Results
    from rlbench.results.file_io import refuse_outside

    if form != TRACES and (suite is not None or allowed or plugin_files):
        raise click.UsageError("--suite, --allow and --plugin are for --to traces; other formats play no policy")
    results = Results(directory)
    if algorithms or environments:
        results = results.select(algorithms, environments)
    folder = output or (directory / "export" if form in TABLES else directory / "export" / form)
    if output is None:
        refuse_outside(directory, folder)
    if form in TABLES:
        return _export_tables(results, folder, form)
    if form == TRACES:
        return _export_traces(results, folder, suite, allowed, plugin_files)
    return _export_format(results, folder, form)


def _export_tables(results: Results, folder: Path, form: str) -> int:
    from rlbench.results import table_export

    frames = {"runs": results.runs(), "evaluations": results.evaluations()}
    frames |= {"episodes": results.episodes(), "metrics": results.metrics()}
    written = table_export.export(frames, folder, form)
    for path, rows in written.rows.items():
        write_out(f"{plain(str(path))}: {plural(rows, 'row')}\n")
    return report_damaged(written.corrupt)


def _export_format(results: Results, folder: Path, form: str) -> int:
    from rlbench.exporters.export_results import export_results

    outcome = export_results(results, form, folder, _with_progress)
    for note in outcome.notes:
        write_error(f"note: {note}")
    write_out(f"{plain(str(folder))}: {plural(outcome.runs, 'run')} in {plural(len(outcome.files), 'file')}\n")
    return report_damaged(describe_damaged(results.rows))


def _export_traces(
    results: Results, folder: Path, suite: str | None, allowed: Sequence[str], plugin_files: Sequence[str]
) -> int:
    from rlbench.exporters.export_results import export_results
    from rlbench.verification.trace_export import TraceWriter

    open_plugins(plugin_files)  # fails here if a file does not exist
    writer = TraceWriter(plugin_files, lambda run: None if suite is not None and has_run(suite, run) else allowed)
    outcome = export_results(results, TRACES, folder, _with_progress, writer)
    for note in outcome.notes:
        write_error(f"note: {note}")
    write_out(f"{plain(str(folder))}: {plural(len(writer.written), 'run')} in {plural(len(outcome.files), 'file')}\n")
    return report_damaged(describe_damaged(results.rows), NOT_REPEATED if writer.unequal else 0)


def _with_progress(runs: Sequence[Run]) -> Iterable[Run]:
    """Pass the runs on. If there are many and stderr is a terminal, show a progress bar there."""
    if len(runs) < MANY_RUNS or not sys.stderr.isatty():
        return runs
    return _bar(runs)


def _bar(runs: Sequence[Run]) -> Iterator[Run]:
    with click.progressbar(runs, label="exporting runs", file=sys.stderr) as bar:
        yield from bar
