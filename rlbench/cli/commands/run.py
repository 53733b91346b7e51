"""`rlbench run`: plan a suite, run what is not finished, print the table."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

from rlbench.api import RunStatus
from rlbench.cli.common_options import open_plugins, open_suite, result_folder, suite_options
from rlbench.cli.missing_runs import corrupt_runs
from rlbench.cli.progress.lines import watcher
from rlbench.cli.sequential_options import adaptive_options
from rlbench.cli.user_paths import shown

if TYPE_CHECKING:
    import pandas as pd

    from rlbench.plugins import Plugins
    from rlbench.results import Store
    from rlbench.runner import Outcome, Watch
    from rlbench.suites import Plan

NOTHING_MATCHED = 4
T = TypeVar("T")


@click.command()
@click.argument("suite")
@suite_options
@click.option(
    "--executor", default="local", show_default=True, help="local (subprocesses) or serial (in this process)."
)
@click.option(
    "--retries",
    default=1,
    show_default=True,
    type=click.IntRange(0),
    help="How often a group goes on whose process was killed.",
)
@adaptive_options
@click.option("--stop-after", metavar="DURATION", help="Stop as by Ctrl-C after so long, such as 8h.")
@click.option("--strict", is_flag=True, help="Refuse a folder with runs that other code made.")
@click.option("--profile", is_flag=True, help="Measure where the time goes; for show and the report.")
@click.option("--dry-run", is_flag=True, help="Show what would be done, do nothing.")
@click.option("--no-report", is_flag=True, envvar="RLBENCH_NO_REPORT", help="Write no report.html.")
@click.option("--json", "as_json", is_flag=True, help="One event a line on stdout instead of the table.")
@click.option("-q", "--quiet", is_flag=True, help="No progress on stderr.")
@click.option("-v", "--verbose", is_flag=True, help="A line for every evaluation.")
def run(
    suite: str,
    output: Path | None,
    plugin_files: Sequence[str],
    max_runs: int,
    skip_missing: bool,
    dry_run: bool,
    no_report: bool,
    as_json: bool,
    quiet: bool,
    verbose: bool,
    stop_after: str | None,
    algorithms: Sequence[str],
    environments: Sequence[str],
    jobs: int | None,
    rerun: str | None,
    executor: str,
    retries: int,
    strict: bool,
    profile: bool,
    until_decided: bool,
    design: Mapping[str, Any],
    **changes: Any,
) -> int:
    """Run SUITE (a YAML file, or the name of one that comes with rlbench) and print its table.

    The same command again goes on where it left off: finished runs are kept, the others continue from their last
    checkpoint. Progress goes to stderr, the table to stdout.
    """
    from rlbench.cli.commands.check import show_plan
    from rlbench.cli.progress.json_events import Events
    from rlbench.cli.sequential_options import print_decisions
    from rlbench.cli.shadowed_modules import shadowed
    from rlbench.results import Store
    from rlbench.runner import Options, run_suite
    from rlbench.suites import plan

    plugins = open_plugins(plugin_files)
    observers = plugins.load_observers()
    asked = open_suite(suite, **changes)
    planning: dict[str, Any] = {"max_runs": max_runs, "skip_missing": skip_missing, "jobs": jobs}
    store = Store(result_folder(output, asked.suite.name))
    options = Options(
        jobs=jobs,
        executor=executor,
        rerun=rerun,
        retries=retries,
        algorithms=algorithms,
        environments=environments,
        stop_after=_seconds("--stop-after", stop_after),
        strict=strict,
        profile=profile,
    )
    adaptive = None
    if until_decided:
        from rlbench.runner.adaptive_seeds import Adaptive

        adaptive = Adaptive(asked, plugins, store, options, design, planning)
    planned = adaptive.planned()[0] if adaptive else plan(asked, plugins, **planning)
    if dry_run:
        show_plan(planned, plugins, store, options, as_json)
        return 0
    watch = Events(watcher(quiet, verbose)) if as_json else watcher(quiet, verbose)
    for note in shadowed(Path.cwd()):
        watch.say(note)
    if not options.chosen(planned.groups):
        watch.warn(
            "\n".join([*map(str, planned.skipped), "nothing to run: every pair was skipped, or none was chosen"])
        )
        return 1 if planned.broken else NOTHING_MATCHED
    for skip in planned.skipped:
        if skip.status == RunStatus.FAILED:
            watch.warn(f"{skip}; the others are run")
    told = {
        str(file.error) for file in plugins.files if any(str(file.error) in skip.reason for skip in planned.skipped)
    }
    for problem in observers:
        if not any(error in problem for error in told):
            watch.warn(problem)
    if adaptive:
        planned, outcome, decisions = _interruptible(
            lambda: adaptive.run(watch), lambda: adaptive.current or planned, store, watch
        )
    else:
        whole = partial(run_suite, planned, plugins, store, options, watch)
        outcome = _interruptible(whole, lambda: planned, store, watch)
    judged = bool(adaptive and decisions.looks)
    code = _tell(planned, plugins, store, outcome, watch, report=not no_report, table=not as_json, judged=judged)
    if adaptive:
        print_decisions(decisions, as_json)
    return code or int(any(file.error for file in plugins.files))


def _seconds(option: str, value: str | None) -> float | None:
    from pydantic_core import PydanticCustomError

    from rlbench.suites import seconds

    try:
        return seconds(value)
    except PydanticCustomError as error:
        raise click.BadParameter(error.message(), param_hint=option) from error


def _interruptible(run: Callable[[], T], current: Callable[[], Plan], store: Store, watch: Watch) -> T:
    """Run it; an interruption says what is safe. current: the plan that is being run when it is asked."""
    try:
        return run()
    except KeyboardInterrupt:
        runs = [run for group in current().groups for run in group.runs]
        done = sum(1 for state in store.states(runs).values() if state.result)
        rest = ", the same command goes on with the others" if done < len(runs) else ""
        watch.say(f"interrupted; {done} of {len(runs)} runs are finished in {shown(store.root)}{rest}")
        raise


def _tell(
    planned: Plan,
    plugins: Plugins,
    store: Store,
    outcome: Outcome,
    watch: Watch,
    report: bool,
    table: bool,
    judged: bool,
) -> int:
    """Print the table, what is missing from it, and where things are. judged: verdicts rest on the runs as they are.

    Returns: the exit code.
    """
    from rlbench.cli.commands.table import print_table
    from rlbench.results.run_table import run_table

    runs = print_table(store) if table else run_table(store)
    asked = runs["key"].isin([run.key for run in outcome.runs])
    damaged = corrupt_runs(runs[~asked])
    for sentence in damaged:
        watch.warn(f"corrupt: {sentence}")
    runs = runs[runs["key"].isin([run.key for run in outcome.runs])]
    _say_what_is_missing(runs, watch, judged)
    for skip in planned.skipped:
        if skip.status == RunStatus.SKIPPED:
            watch.say(str(skip))
    if outcome.changed:
        told = "; ".join(f"{label} ({', '.join(differs)})" for label, differs in outcome.changed.items())
        watch.warn(
            f"made by other code than is installed now, or in another way: {told}; kept as they are; --rerun changed trains them again"
        )
    watch.say(f"results: {shown(store.root)}")
    if report:
        _report(store, plugins, outcome, watch)
    return 0 if (runs["status"] == "done").all() and not planned.broken and not damaged else 1


def _report(store: Store, plugins: Plugins, outcome: Outcome, watch: Watch) -> None:
    """Write the report if anything has changed since it was written; a page that cannot be written loses no run."""
    from rlbench.api import StoreError
    from rlbench.reports.page import results_page, write_page

    path = store.root / "report.html"
    if outcome.trained or not path.exists():
        try:
            page = results_page(store, plugins)
            write_page(page, path)
        except StoreError as error:
            watch.warn(f"no report: {error}")
            return
        told = {str(plugin.error) for plugin in plugins.files}
        for problem in page.problems:
            if not any(error in problem for error in told):  # as an observer it has been told of already
                watch.warn(problem)
    watch.say(f"report:  {shown(path)}")


def _say_what_is_missing(table: pd.DataFrame, watch: Watch, judged: bool) -> None:
    """One line for all seeds that ended alike, and what to do."""
    lost = table[~table["status"].isin(["done", "diverged"])]
    for (name, task, status, message), rows in lost.groupby(
        ["algorithm", "environment", "status", "message"], sort=False
    ):
        seeds = ", ".join(map(str, rows["seed"]))
        watch.warn(f"{name} on {task}, {'seed' if len(rows) == 1 else 'seeds'} {seeds}: {status}: {message}")
    how = lost["status"]
    if judged and how.isin(["failed", "timeout", "stalled", "corrupt"]).any():
        watch.warn("what was judged stays so: when the cause is mended, begin again in another folder (-o)")
    elif (how == "failed").any():
        watch.warn("failed runs stay so until the cause is mended and --rerun failed is given")
    if not judged and how.isin(["timeout", "stalled"]).any():
        watch.warn("runs out of time stay so until --rerun failed is given, which goes on from their checkpoints")
    if (how == "interrupted").any():
        watch.warn("the same command goes on with those that were interrupted")
    if not judged and (how == "corrupt").any():
        watch.warn("corrupt runs stay so until the cause is understood and --rerun corrupt is given")
