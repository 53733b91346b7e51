"""`rlbench import`: results of other programs, added to a result folder."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import click

from rlbench.cli.common_options import result_folder
from rlbench.cli.text_table import fitted, plain, write_error
from rlbench.cli.user_paths import UserPath, short_path
from rlbench.text import plural

if TYPE_CHECKING:
    from rlbench.importers.import_runs import ImportResult

LAYOUTS = (
    "tdmpc2",
    "dreamerv3",
    "marl-eval",
)  # as in rlbench.importers.published_files, which the help need not import


def _columns(context: click.Context, parameter: click.Parameter, values: Sequence[str]) -> dict[str, str]:
    from rlbench.importers.csv_files import NAMES

    columns = {}
    for value in values:
        name, equals, column = value.partition("=")
        if not equals or name not in NAMES:
            raise click.BadParameter(f"{value!r} should be NAME=COLUMN, with NAME one of {', '.join(NAMES)}")
        columns[name] = column
    return columns


def _new_names(context: click.Context, parameter: click.Parameter, values: Sequence[str]) -> dict[str, str]:
    pairs = [value.partition("=") for value in values]
    for name, equals, new in pairs:
        if not (name and equals and new):
            raise click.BadParameter(f"{name + equals + new!r} should be TASK=ID, such as mw-reach=Meta-World/reach")
    return {name: new for name, _, new in pairs}


@click.command(
    "import",
    epilog="Exit codes: 0 everything was imported · 1 something was left out, and is listed · 2 nothing could be "
    "imported · others: see rlbench --help.",
)
@click.argument("sources", nargs=-1, required=True, type=UserPath(path_type=Path), metavar="SOURCE...")
@click.option(
    "-o",
    "--output",
    type=UserPath(file_okay=False, path_type=Path),
    help="Result folder, new or existing; default: results/imported.",
)
@click.option(
    "--from",
    "layout",
    type=click.Choice(LAYOUTS),
    help="Project or layout of published per-seed results. Without it, SOURCE holds files that a training "
    "program wrote, in one of the formats named above.",
)
@click.option(
    "--metric",
    help="Metric to read from files of marl-eval; default: the first of these that a file has: return, episode_return, "
    "mean_episode_return, mean_return, team_return.",
)
@click.option(
    "-a",
    "only_algorithms",
    multiple=True,
    metavar="ALGORITHM",
    help="With --from, import only this algorithm; may be repeated.",
)
@click.option(
    "-e",
    "only_environments",
    multiple=True,
    metavar="TASK",
    help="Published task to import, by its environment id or by its name in the published files; may be repeated.",
)
@click.option(
    "--rename",
    "new_names",
    multiple=True,
    callback=_new_names,
    metavar="TASK=ID",
    help="Id of the environment for a published task; may be repeated.",
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
    help="Column of a CSV file to read NAME from. NAME: step, return, length, kind, algorithm, environment or seed. "
    "COLUMN: a header or a number from 1, as in return=reward or step=#3. May be repeated.",
)
@click.option(
    "--tag",
    help="Scalar to read from TensorBoard files; default: the first of these that the file has: "
    "charts/episodic_return, eval/mean_reward, rollout/ep_rew_mean.",
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
    layout: str | None,
    metric: str | None,
    only_algorithms: Sequence[str],
    only_environments: Sequence[str],
    new_names: dict[str, str],
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

    A SOURCE is a CSV file, a Monitor file, an evaluations.npz, a TensorBoard event file, or a folder of such files;
    with --from PROJECT, it is a file or folder that this project published.

    rlbench has not counted the steps of these runs, so every table marks them as self-reported. A run's score is the
    mean of its last evaluation, or of its last hundred training episodes. The result folder may already contain runs of
    rlbench; they stay, and a later `rlbench run` keeps the imported ones. Whatever cannot be read or is left out is
    listed, and does not affect the rest.

    \b
    rlbench import --from tdmpc2 results/      files METHOD/TASK.csv of the repository of TD-MPC2
    rlbench import --from dreamerv3 scores/    files BENCHMARK-METHOD.json.gz of the repository of DreamerV3
    rlbench import --from marl-eval FILE       JSON of Mava, BenchMARL and Stoix, and of rlbench export

    Published runs keep their own budgets, and tables name the project that published them.
    """
    from rlbench.analysis import Results
    from rlbench.cli.commands.table import print_table
    from rlbench.importers import read_sources
    from rlbench.importers.import_runs import Defaults, import_runs
    from rlbench.importers.published_files import Selection, read_published
    from rlbench.results import Store

    in_files = {"--algorithm": algorithm, "--environment": environment, "--seed": seed}
    _refuse_mixed(
        layout,
        {**in_files, "--path": template, "--column": columns or None, "--tag": tag},
        {"-a": only_algorithms, "-e": only_environments, "--rename": new_names},
    )
    if metric is not None and layout != "marl-eval":
        raise click.UsageError("--metric selects a metric of marl-eval's files; it needs --from marl-eval")
    if layout is None:
        reading = read_sources(sources, columns, tag, template, exclude)
    else:
        selection = Selection(only_algorithms, only_environments, new_names)
        reading = read_published(layout, sources, selection, exclude, metric)
    store = Store(result_folder(output, "imported"))
    result = import_runs(store, reading, Defaults(algorithm, environment, seed), steps, every, replace)
    _report(result)
    count = sum(run.outcome.startswith("imported") for run in result.runs)
    write_error(f"{plural(count, 'run')} imported into {short_path(store.root)}")
    if any(run.run is not None for run in result.runs):
        print_table(Results(store))
    if not result.complete:
        raise click.exceptions.Exit(1)


def _refuse_mixed(layout: str | None, of_programs: Mapping[str, object], of_projects: Mapping[str, object]) -> None:
    """Refuse options for files of training programs if --from is given, and for published results if it is not.

    Raises: click.UsageError.
    """
    if layout is not None and (given := [name for name, value in of_programs.items() if value is not None]):
        raise click.UsageError(f"{given[0]}: the files of --from {layout} contain this; omit it")
    if layout is None and (given := [name for name, value in of_projects.items() if value]):
        raise click.UsageError(f"{given[0]} selects published results; it needs --from {' or '.join(LAYOUTS)}")


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
    write_error(fitted(["algorithm", "task", "seed", "from", ""], rows, numbers=(2,)).removesuffix("\n"))
    notes = [f"{run.records.source}: {note}" for run in result.runs for note in run.records.notes]
    for line in dict.fromkeys([*result.notes, *notes]):
        write_error(f"note: {line}")
    for source in result.skipped:
        write_error(f"left out: {source.why}")
