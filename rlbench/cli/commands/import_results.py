"""`rlbench import`: results made elsewhere, brought in."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import click

from rlbench.cli.common_options import result_folder
from rlbench.cli.progress.lines import plural
from rlbench.cli.text_table import fitted, plain
from rlbench.cli.user_paths import UserPath, shown

if TYPE_CHECKING:
    from rlbench.importers.import_runs import Imports


def _columns(context: click.Context, parameter: click.Parameter, values: Sequence[str]) -> dict[str, str]:
    from rlbench.importers.csv_files import NAMES

    found = {}
    for value in values:
        name, equals, column = value.partition("=")
        if not equals or name not in NAMES:
            raise click.BadParameter(f"{value!r} should be NAME=COLUMN, with NAME one of {', '.join(NAMES)}")
        found[name] = column
    return found


@click.command(
    "import",
    epilog="Exit codes: 0 all that was found is in the folder · 1 some of it was left out, and named · 2 nothing could be "
    "imported · others as elsewhere.",
)
@click.argument("sources", nargs=-1, required=True, type=UserPath(path_type=Path), metavar="SOURCE...")
@click.option(
    "-o",
    "--output",
    type=UserPath(file_okay=False, path_type=Path),
    help="Result folder, new or with results in it; default results/imported.",
)
@click.option("--algorithm", help="What the runs are called, where the files do not say.")
@click.option("--environment", help="Their environment, likewise.")
@click.option("--seed", type=int, help="The seed of a single run; left out, seeds are counted.")
@click.option(
    "--path",
    "template",
    metavar="TEMPLATE",
    help="What is in the paths, such as '{algorithm}/{environment}_{seed}'; {time}, {_} and * are ignored.",
)
@click.option(
    "--exclude",
    multiple=True,
    metavar="PATTERN",
    help="Names or paths in folders that are not looked at, such as eval or '*/old/*'; may be repeated.",
)
@click.option(
    "--column",
    "columns",
    multiple=True,
    callback=_columns,
    metavar="NAME=COLUMN",
    help="What a CSV file calls its step, return, length, kind, algorithm, environment or seed, or which column it is (#3); "
    "may be repeated.",
)
@click.option(
    "--tag",
    help="The scalar to read from TensorBoard's files; default charts/episodic_return, eval/mean_reward or rollout/ep_rew_mean.",
)
@click.option(
    "--steps",
    type=click.IntRange(1, 10**12),
    help="The budget; left out: the folder's, or where most of an environment's runs end.",
)
@click.option(
    "--every", type=click.IntRange(0), help="Steps between points of the learning curve; default a tenth of the budget."
)
@click.option(
    "--replace",
    is_flag=True,
    help="Put a run that has other rows now in the place of the one that was imported, which is moved to superseded/.",
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
    """Bring results made elsewhere into a result folder: CSV files, Monitor files, evaluations.npz, TensorBoard's event files,
    or folders of them.

    Nobody here has counted their steps: every table marks them self-reported. A run's score is the mean of its latest
    evaluation, or of its last hundred training episodes. The folder may hold results of rlbench's own; they stay, and
    `rlbench run` on it keeps what was imported. What cannot be read, or is left out, is named, and costs nothing else.
    """
    from rlbench.cli.commands.table import print_table
    from rlbench.importers import read_sources
    from rlbench.importers.import_runs import Missing, import_runs
    from rlbench.results import Store

    reading = read_sources(sources, columns, tag, template, exclude)
    store = Store(result_folder(output, "imported"))
    found = import_runs(store, reading, Missing(algorithm, environment, seed), steps, every, replace)
    _say(found)
    count = sum(one.outcome.startswith("imported") for one in found.runs)
    click.echo(f"{plural(count, 'run')} imported into {shown(store.root)}", err=True)
    if any(one.run is not None for one in found.runs):
        print_table(store)
    if not found.complete:
        raise click.exceptions.Exit(1)


def _say(found: Imports) -> None:
    """What became of each run, then everything that was left out, put together or guessed."""
    rows = [
        [
            plain(one.told.algorithm),
            plain(one.told.environment),
            str(one.told.seed),
            plain(one.told.source),
            plain(one.outcome),
        ]
        for one in found.runs
    ]
    click.echo(fitted(["algorithm", "task", "seed", "from", ""], rows, numbers=(2,)), err=True, nl=False)
    told = [f"{one.told.source}: {note}" for one in found.runs for note in one.told.notes]
    for line in dict.fromkeys([*found.notes, *told]):
        click.echo(f"note: {plain(line)}", err=True)
    for one in found.skipped:
        click.echo(f"left out: {plain(one.why)}", err=True)
