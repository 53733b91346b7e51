"""`rlbench run`: plan a suite, train the unfinished runs, print the table, write the report."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

import click

from rlbench.api import RunStatus
from rlbench.cli.common_options import open_plugins, open_suite, result_folder
from rlbench.cli.declared_options import options_of
from rlbench.cli.missing_runs import describe_damaged
from rlbench.cli.progress.reporter import make_reporter
from rlbench.cli.sequential_options import check_design, print_decisions
from rlbench.cli.user_paths import short_path
from rlbench.run_options import RunOptions
from rlbench.text import plural

if TYPE_CHECKING:
    from rlbench.analysis import Results
    from rlbench.plugins import Plugins
    from rlbench.results import Store
    from rlbench.results.run_rows import RunRow
    from rlbench.runner import ProgressReporter, SuiteOutcome
    from rlbench.suites import Plan

NOTHING_MATCHED = 4
T = TypeVar("T")


@click.command()
@click.argument("suite")
@options_of(RunOptions)
def run(suite: str, options: RunOptions) -> int:
    """Train the algorithms of SUITE on its environments, print the table of scores, and write a report.

    SUITE is a YAML file or the name of a built-in suite (`rlbench ls suites`). Progress is printed on stderr, the table
    on stdout.

    The same command resumes an interrupted suite: finished runs are kept, the others resume from their last checkpoint.
    """
    from rlbench.cli.commands.check import show_plan
    from rlbench.cli.shadowed_modules import shadowing_notes
    from rlbench.results import Store
    from rlbench.runner import run_suite
    from rlbench.suites import plan

    check_design(options)
    plugins = open_plugins(options.plugin_files)
    observers = plugins.load_observers(options.log)
    loaded_suite = open_suite(suite, options)
    store = Store(result_folder(options.output, loaded_suite.suite.name))
    adaptive = None
    if options.until_decided:
        from rlbench.runner.adaptive_seeds import AdaptiveRunner

        adaptive = AdaptiveRunner(loaded_suite, plugins, store, options, options.design)
    planned = adaptive.plan_next()[0] if adaptive else plan(loaded_suite, plugins, **options.planning)
    if options.dry_run:
        show_plan(planned, plugins, store, options, options.as_json)
        return 0
    reporter = make_reporter(options.quiet, options.verbose)
    if options.as_json:
        from rlbench.cli.progress.json_events import JsonReporter

        reporter = JsonReporter(reporter)
    for note in shadowing_notes(Path.cwd()):
        reporter.say(note)
    if not options.chosen(planned.groups):
        reporter.warn(
            "\n".join([*map(str, planned.skipped), "nothing to run: every pair was skipped, or none was selected"])
        )
        return 1 if planned.broken else NOTHING_MATCHED
    for note in planned.notes:
        reporter.say(note)
    for skip in planned.skipped:
        if skip.status == RunStatus.FAILED:
            reporter.warn(f"{skip}; the other pairs will run")
    reasons = [skip.reason for skip in planned.skipped]
    reported = {str(file.error) for file in plugins.files if any(str(file.error) in reason for reason in reasons)}
    for problem in observers:
        if not any(error in problem for error in reported):
            reporter.warn(problem)
    if adaptive:
        planned, outcome, decisions = _interruptible(
            lambda: adaptive.run(reporter), lambda: adaptive.current or planned, store, reporter
        )
    else:
        run_all = partial(run_suite, planned, plugins, store, options, reporter)
        outcome = _interruptible(run_all, lambda: planned, store, reporter)
    if options.detach:
        _report_detached(outcome, store, reporter)
        return 0
    is_decided = bool(adaptive and decisions.looks)
    code = _report_outcome(planned, plugins, store, outcome, reporter, options, is_decided)
    if adaptive:
        print_decisions(decisions, options.as_json)
    return code or int(any(file.error for file in plugins.files))


def _interruptible(run: Callable[[], T], current: Callable[[], Plan], store: Store, reporter: ProgressReporter) -> T:
    """Call `run`; if the user interrupts it, print how many runs are finished. current: returns the running plan."""
    from rlbench.results.job_queue import JobQueue

    try:
        return run()
    except KeyboardInterrupt:
        runs = [run for group in current().groups for run in group.runs]
        done = sum(1 for state in store.states(runs).values() if state.result)
        again = "watch" if JobQueue(store.root).entries() else "resume"
        rest = f"; run the same command again to {again} the others" if done < len(runs) else ""
        reporter.say(f"interrupted; {done} of {len(runs)} runs are finished in {short_path(store.root)}{rest}")
        raise


def _report_detached(outcome: SuiteOutcome, store: Store, reporter: ProgressReporter) -> None:
    unfinished = sum(number for status, number in outcome.counts.items() if status in ("pending", "running"))
    reporter.say(
        f"{plural(unfinished, 'run')} continue without this command; `rlbench status {short_path(store.root)}` shows "
        "them, and the same command without --detach watches them and writes the report"
    )


def _report_outcome(
    planned: Plan,
    plugins: Plugins,
    store: Store,
    outcome: SuiteOutcome,
    reporter: ProgressReporter,
    options: RunOptions,
    is_decided: bool,
) -> int:
    """Print the table, what is missing from it, and where the results are.

    is_decided: whether --until-decided has tested these runs, so that none may be replaced. Returns: the exit code.
    """
    from rlbench.cli.commands.table import print_table

    if not options.as_json:
        print_table(outcome.results)
    keys = {run.key for run in outcome.runs}
    runs = [row for row in outcome.results.rows if row.key in keys]
    damaged = describe_damaged(row for row in outcome.results.rows if row.key not in keys)
    for sentence in damaged:
        reporter.warn(f"corrupt: {sentence}")
    _report_missing(runs, reporter, is_decided)
    for skip in planned.skipped:
        if skip.status == RunStatus.SKIPPED:
            reporter.say(str(skip))
    if outcome.changed:
        details = "; ".join(f"{label} ({', '.join(differences)})" for label, differences in outcome.changed.items())
        reporter.warn(
            f"made by different code or settings than the present ones: {details}; these runs are kept as they are; "
            "--rerun changed trains them again"
        )
    reporter.say(f"results: {short_path(store.root)}")
    if not options.no_report:
        _report(store, plugins, outcome, reporter)
    return 0 if all(row.status == RunStatus.DONE for row in runs) and not planned.broken and not damaged else 1


def _report(store: Store, plugins: Plugins, outcome: SuiteOutcome, reporter: ProgressReporter) -> None:
    """Write the report if it is out of date. A failure to write it is only a warning: no run is lost."""
    from rlbench.api import StoreError
    from rlbench.reports.page_inputs import page_inputs, written_inputs

    path = store.root / "report.html"
    try:
        inputs = page_inputs(outcome.results, plugins, store.root)
        if not inputs.still_shows(written_inputs(store.root, path)):
            _draw(outcome.results, plugins, path, reporter)
    except StoreError as error:
        reporter.warn(f"the report was not written: {error}")
        return
    reporter.say(f"report:  {short_path(path)}")


def _draw(results: Results, plugins: Plugins, path: Path, reporter: ProgressReporter) -> None:
    """Write the report, and warn of the sections that failed. Raises: StoreError if it cannot be written."""
    from rlbench.reports.page import results_page, write_page  # imports matplotlib, seaborn and scipy

    page = results_page(results, plugins)
    write_page(page, path)
    reported = {str(plugin.error) for plugin in plugins.files}
    for problem in page.problems:
        if not any(error in problem for error in reported):  # the others were reported when plugins were loaded
            reporter.warn(problem)


def _report_missing(runs: Sequence[RunRow], reporter: ProgressReporter, is_decided: bool) -> None:
    """Print one line for all seeds of a group that ended alike, and what to do about them."""
    seeds_by_ending: dict[tuple[str, str, RunStatus, str], list[int]] = {}
    for row in runs:
        if not (status := RunStatus(row.status)).has_score:
            seeds_by_ending.setdefault((row.algorithm, row.environment, status, row.message), []).append(row.seed)
    for (name, task, status, message), seeds in seeds_by_ending.items():
        listed = f"{'seed' if len(seeds) == 1 else 'seeds'} {', '.join(map(str, seeds))}"
        reporter.warn(f"{name} on {task}, {listed}: {status.describe(message)}")
    statuses = {status for _, _, status, _ in seeds_by_ending}
    if is_decided and any(status.is_failure or status == RunStatus.CORRUPT for status in statuses):
        reporter.warn(
            "the runs above cannot be trained again in this folder, because --until-decided has tested the runs in it: "
            "fix the cause, then start again in another folder (-o)"
        )
    elif RunStatus.FAILED in statuses:
        reporter.warn("failed runs are not retried; fix the cause, then `--rerun failed` trains them again")
    if not is_decided and statuses & {RunStatus.TIMEOUT, RunStatus.STALLED}:
        reporter.warn("timed-out runs are not retried; `--rerun failed` resumes them from their checkpoints")
    if RunStatus.INTERRUPTED in statuses:
        reporter.warn("run the same command again to resume the interrupted runs")
    if not is_decided and RunStatus.CORRUPT in statuses:
        reporter.warn("corrupt runs are not retried; find the cause, then `--rerun corrupt` trains them again")
