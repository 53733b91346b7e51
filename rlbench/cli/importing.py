"""`rlbench import`: results made elsewhere, brought in."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import click

from rlbench.cli.columns import fitted, plain
from rlbench.cli.opening import result_folder
from rlbench.cli.talk import plural


def _columns(context: click.Context, parameter: click.Parameter, values: Sequence[str]) -> dict[str, str]:
    from rlbench.results.foreign.csv import NAMES

    found = {}
    for value in values:
        name, equals, column = value.partition("=")
        if not equals or name not in NAMES:
            raise click.BadParameter(f"{value!r} should be NAME=COLUMN, with NAME one of {', '.join(NAMES)}")
        found[name] = column
    return found


@click.command("import")
@click.argument("sources", nargs=-1, required=True, type=click.Path(path_type=Path), metavar="SOURCE...")
@click.option(
    "-o",
    "--output",
    type=click.Path(file_okay=False, path_type=Path),
    help="Result folder, new or with results in it; default results/imported.",
)
@click.option("--algorithm", help="What the runs are called, where the files do not say.")
@click.option("--environment", help="Their environment, likewise.")
@click.option("--seed", type=click.IntRange(0), help="The seed of a single run; left out, seeds are counted.")
@click.option(
    "--path", "template", metavar="TEMPLATE", help="What is in the paths, such as '{algorithm}/{environment}_{seed}'."
)
@click.option(
    "--column",
    "columns",
    multiple=True,
    callback=_columns,
    metavar="NAME=COLUMN",
    help="What a CSV file calls its step, return, length, kind, algorithm, environment or seed; may be repeated.",
)
@click.option(
    "--tag",
    help="The scalar to read from TensorBoard's files; default charts/episodic_return, eval/mean_reward or rollout/ep_rew_mean.",
)
@click.option(
    "--steps",
    type=click.IntRange(1),
    help="The budget; left out: the folder's, or where an environment's shortest run ends.",
)
@click.option(
    "--every", type=click.IntRange(0), help="Steps between points of the learning curve; default a tenth of the budget."
)
def import_results(
    sources: Sequence[Path],
    output: Path | None,
    algorithm: str | None,
    environment: str | None,
    seed: int | None,
    template: str | None,
    columns: dict[str, str],
    tag: str | None,
    steps: int | None,
    every: int | None,
) -> None:
    """Bring results made elsewhere into a result folder: CSV files, Monitor files, TensorBoard's event files, or folders of them.

    Nobody here has counted their steps: every table marks them self-reported. A run's score is the mean of its latest
    evaluations, or of its last hundred training episodes. The folder may hold results of rlbench's own; they stay, and
    `rlbench run` on it keeps what was imported.
    """
    from rlbench.cli.table import print_table
    from rlbench.executors.importing import Missing, import_runs
    from rlbench.results import Store
    from rlbench.results.foreign import read_sources

    told = read_sources(sources, columns, tag, template)
    store = Store(result_folder(output, "imported"))
    found = import_runs(store, told, Missing(algorithm, environment, seed), steps, every)
    rows = [
        [
            plain(one.told.algorithm),
            plain(one.told.environment),
            str(one.told.seed),
            plain(one.told.source),
            one.outcome,
        ]
        for one in found
    ]
    click.echo(fitted(["algorithm", "task", "seed", "from", ""], rows, numbers=(2,)), err=True, nl=False)
    count = sum(one.outcome == "imported" for one in found)
    click.echo(f"{plural(count, 'run')} imported into {store.root}", err=True)
    if any(one.run is not None for one in found):
        print_table(store)
    if any(one.run is None for one in found):
        raise click.exceptions.Exit(1)
