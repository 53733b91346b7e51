"""`rlbench import`: results of other programs, added to a result folder."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import click

from rlbench.cli.common_options import result_folder
from rlbench.cli.text_table import fitted, plain
from rlbench.cli.user_paths import UserPath, short_path
from rlbench.text import plural

if TYPE_CHECKING:
    from rlbench.importers.import_runs import ImportResult


def _columns(context: click.Context, parameter: click.Parameter, values: Sequence[str]) -> dict[str, str]:
    from rlbench.importers.csv_files import NAMES

    columns = {}
    for value in values:
        name, equals, column = value.partition("=")
        if not equals or name not in NAMES:
            raise click.BadParameter(f"{value!r} should be NAME=COLUMN, with NAME one of {', '.join(NAMES)}")
        columns[name] = column
    return columns


@click.command(
    "import",
    epilog="Exit codes: 0 everything was imported · 1 some of it was left out, and is listed · 2 nothing could be "
    "imported · others: see rlbench --help.",
)
@click.argument("sources", nargs=-1, required=True, type=UserPath(path_type=Path), metavar="SOURCE...")
@click.option(
    "-o",
    "--output",
    type=UserPath(file_okay=False, path_type=Path),
    help="Result folder, new or existing; default: results/imported.",
)
@click.option("--algorithm", help="Name of the algorithm, for files that do not contain it.")
@click.option("--environment", help="Id of the environment, for files that do not contain it.")
@click.option("--seed", type=int, help="Seed of a single run whose file has no seed; default: the next free number.")
@click.option(
    "--path",
    "template",
    metavar="TEMPLATE",
    help="Pattern of the paths, such as '{algorithm}/{environment}_{seed}'; {time}, {_} and * match text to ignore.",
)
@click.option(
    "--exclude",
    multiple=True,
    metavar="PATTERN",
    help="Files or folders to skip, by name or path, such as eval or '*/old/*'; may be repeated.",
)
@click.option(
    "--column",
    "columns",
    multiple=True,
    callback=_columns,
    metavar="NAME=COLUMN",
    help="Where a CSV file has NAME, which is step, return, length, kind, algorithm, environment or seed: COLUMN is a "
    "header or a number, as in return=reward or step=#3; may be repeated.",
)
@click.option(
    "--tag",
    help="Scalar to read from TensorBoard files; default: charts/episodic_return, eval/mean_reward or "
    "rollout/ep_rew_mean.",
)
@click.option(
    "--steps",
    type=click.IntRange(1, 10**12),
    help="Budget in environment steps; default: the environment's budget in the result folder, if it has one, "
    "otherwise the step at which most of the environment's runs end.",
)
@click.option(
    "--every",
    type=click.IntRange(0),
    help="Steps between points of the learning curve; default: a tenth of the budget.",
)
@click.option(
    "--replace",
    is_flag=True,
    help="Replace an imported run whose rows have changed; the old run is moved to superseded/.",
)
def import_results(
    sources: Sequence[Path],
    output: Path | None,
    algorithm: str | None,
    environment: str | None,
    seed: int | None,
    template: str | None,
    exclude: Sequence[str],
    columns: dict[str, str],
    tag: str | None,
    steps: int | None,
    every: int | None,
    replace: bool,
) -> None:
    """Import results of other programs into a result folder.

    A SOURCE is a CSV file, a Monitor file, an evaluations.npz, a TensorBoard event file, or a folder of such files.

    rlbench has not counted the steps of these runs, so every table marks them as self-reported. A run's score is the
    mean of its last evaluation, or of its last hundred training episodes. The result folder may already contain runs of
    rlbench; they stay, and a later `rlbench run` keeps the imported ones. Whatever cannot be read or is left out is
    listed, and does not affect the rest.
    """
    from rlbench.analysis import Results
    from rlbench.cli.commands.table import print_table
    from rlbench.importers import read_sources
    from rlbench.importers.import_runs import Defaults, import_runs
    from rlbench.results import Store

    reading = read_sources(sources, columns, tag, template, exclude)
    store = Store(result_folder(output, "imported"))
    result = import_runs(store, reading, Defaults(algorithm, environment, seed), steps, every, replace)
    _report(result)
    count = sum(run.outcome.startswith("imported") for run in result.runs)
    click.echo(f"{plural(count, 'run')} imported into {short_path(store.root)}", err=True)
    if any(run.run is not None for run in result.runs):
        print_table(Results(store))
    if not result.complete:
        raise click.exceptions.Exit(1)


def _report(result: ImportResult) -> None:
    """Print the outcome of each run, the notes on what was guessed or combined, and what was left out."""
    rows = [
        [
            plain(run.records.algorithm),
            plain(run.records.environment),
            str(run.records.seed),
            plain(run.records.source),
            plain(run.outcome),
        ]
        for run in result.runs
    ]
    click.echo(fitted(["algorithm", "task", "seed", "from", ""], rows, numbers=(2,)), err=True, nl=False)
    notes = [f"{run.records.source}: {note}" for run in result.runs for note in run.records.notes]
    for line in dict.fromkeys([*result.notes, *notes]):
        click.echo(f"note: {plain(line)}", err=True)
    for source in result.skipped:
        click.echo(f"left out: {plain(source.why)}", err=True)
