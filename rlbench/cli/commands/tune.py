"""`rlbench tune`: search hyperparameters, an equal number of trials for each algorithm, and test on fresh seeds."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path

import click

from rlbench.cli.common_options import open_plugins, open_suite, result_folder
from rlbench.cli.declared_options import options_of
from rlbench.cli.progress.reporter import make_reporter
from rlbench.cli.text_table import write_out
from rlbench.cli.user_paths import OutputPath, short_path
from rlbench.run_options import RunOptions

NAMES = (
    "output", "jobs", "executor", "seeds", "devices", "timeout", "stall_timeout", "memory", "settings", "max_runs",
    "skip_missing", "plugin_files", "retries", "stop_after", "quiet", "verbose",
)  # fmt: skip
FORMATS = (".svg", ".pdf", ".png")


def _checked_figure(context: click.Context, parameter: click.Parameter, path: Path | None) -> Path | None:
    """Check a figure's path before anything is trained. Raises: click.BadParameter."""
    if path is not None and path.suffix not in FORMATS:
        raise click.BadParameter(f"{path} should end in {', '.join(FORMATS[:-1])} or {FORMATS[-1]}")
    if path is not None and not path.parent.is_dir():
        raise click.BadParameter(f"{path}: the folder {path.parent} does not exist")
    return path


@click.command()
@click.argument("suite")
@options_of(RunOptions, only=NAMES)
@click.option(
    "--seed",
    type=click.IntRange(0, (1 << 63) - 1),
    default=0,
    show_default=True,
    help="Seed of the search, which draws the settings.",
)
@click.option(
    "--write",
    "written",
    type=OutputPath(dir_okay=False, path_type=Path),
    metavar="FILE",
    help="Write the suite with the chosen hyperparameters and without the key `tune`.",
)
@click.option("--no-final", is_flag=True, help="Only choose hyperparameters; train no final runs.")
@click.option(
    "--rerun",
    type=click.Choice(["failed", "corrupt"]),
    help="Train runs again: those that failed, or those that are damaged.",
)
@click.option(
    "--response",
    is_flag=True,
    help="Print how the trials' scores depend on each hyperparameter (--json always prints this).",
)
@click.option("--trials", is_flag=True, help="Print every trial with its hyperparameters and scores.")
@click.option(
    "--plot",
    "plotted",
    type=OutputPath(dir_okay=False, path_type=Path),
    callback=_checked_figure,
    metavar="FILE",
    help="Plot what --response prints, with a panel for each hyperparameter; FILE is an .svg, .pdf or .png.",
)
@click.option("--json", "as_json", is_flag=True, help="Print one JSON document instead of text.")
def tune(
    suite: str,
    options: RunOptions,
    seed: int,
    written: Path | None,
    no_final: bool,
    rerun: str | None,
    response: bool,
    trials: bool,
    plotted: Path | None,
    as_json: bool,
) -> int:
    """Tune the algorithms of SUITE with equally many trials each, and report how much tuning improved their scores.

    SUITE is a YAML file with the key `tune`. Trials train in the subfolder `tuning` of the result folder FOLDER, on
    seeds that no reported run uses. Final runs train in FOLDER/final, on the suite's own seeds, which no trial uses.
    There, each tuned algorithm trains with the best hyperparameters, and also with those of the suite if they are
    others. The other algorithms train as the suite lists them. `rlbench status`, `table` and `report` take either of
    the two folders. FOLDER is results/<suite name>-tune unless -o is given; with --seed N it is results/<suite
    name>-tune-N.

    Progress is printed on stderr. The same command resumes an interrupted search, and chooses the same trials.
    """
    from rlbench.cli.projects.tuned_suite import check_target, tuned_text, write_text
    from rlbench.cli.tuning_text import as_document, as_text, outcome_lines, verdict_text
    from rlbench.results import Store
    from rlbench.tuning.final_comparison import run_finals
    from rlbench.tuning.trial_planning import folder_name, plan_trials, search_command
    from rlbench.tuning.trial_rounds import search

    options = dataclasses.replace(options, rerun=rerun)
    plugins = open_plugins(options.plugin_files)
    loaded = open_suite(suite, options)
    if written is not None:
        check_target(written, loaded.source.path)
    planned, sampling = plan_trials(loaded, plugins, options, seed)
    reporter = make_reporter(options.quiet, options.verbose)
    for skip in planned.skipped:
        reporter.warn(f"{skip}; the other pairs will run")
    folder = result_folder(options.output, folder_name(loaded.suite.name, seed))
    finals, command = None, search_command(loaded, seed, options.settings)
    try:
        searches = search(loaded, sampling, plugins, Store(folder / "tuning"), options, reporter)
        if not no_final:
            finals = run_finals(loaded, searches, plugins, Store(folder / "final"), options, reporter, command)
    except KeyboardInterrupt:
        reporter.say(f"interrupted; the same command resumes the search in {short_path(folder)}")
        raise
    if written is not None:
        replaces = written.exists()
        write_text(written, tuned_text(loaded, searches, command, outcome_lines(searches, finals)))
        reporter.say(
            f"suite:   {short_path(written)}{', which replaces the suite of an earlier search' if replaces else ''}"
        )
        for found in searches:
            if finals is not None and finals.verdict(found.algorithm) == "worse":
                reporter.warn(f"{short_path(written)}: {found.algorithm}: {verdict_text(found.algorithm, finals)}")
    if plotted is not None:
        from rlbench.tuning.response_figure import write_figure

        write_figure(searches, plotted)
        reporter.say(f"figure:  {short_path(plotted)}")
    folders = [short_path(folder / name) for name in ("tuning", "final")[: 2 - no_final]]
    reporter.say(f"results: {', '.join(folders)}")
    if as_json:
        write_out(json.dumps(as_document(loaded.suite, planned, searches, finals, seed), indent=1) + "\n")
    else:
        write_out(as_text(loaded.suite, planned, searches, finals, seed, response, trials))
    return 0 if finals is None or finals.complete else 1
