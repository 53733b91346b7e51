"""Running of a suite in a result folder, from its plan to finished runs."""

from __future__ import annotations

import dataclasses
import time
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache, partial
from typing import TYPE_CHECKING

from rlbench.api import (
    EndEvent,
    ExecutorContext,
    Job,
    Run,
    RunGroup,
    RunStatus,
    SuiteError,
)
from rlbench.executors.events import read_end
from rlbench.plugins import Plugins
from rlbench.results import RunState, Store
from rlbench.results.run_states import failed_together
from rlbench.results.table_repair import restore_tables
from rlbench.run_options import RunOptions
from rlbench.runner.event_forwarder import EventForwarder
from rlbench.runner.preparation import changed_runs, corrupt_runs, prepare
from rlbench.runner.progress_reporter import ProgressReporter
from rlbench.runner.setting_stacks import StackLimits
from rlbench.runner.unrequested_runs import describe_unrequested
from rlbench.suite_options import RERUNS

if TYPE_CHECKING:
    from rlbench.analysis import Results
    from rlbench.suites import Plan


@dataclass
class SuiteOutcome:
    """The result of one `run_suite`.

    runs: the selected runs. trained: the number of groups that were trained. changed: by an algorithm's label, how code
    or numerics of its published runs differ from now. counts: the number of runs by status. results: the results in the
    folder afterwards.
    """

    runs: list[Run]
    trained: int
    changed: dict[str, list[str]]
    counts: dict[str, int]
    results: Results


def run_suite(
    planned: Plan, plugins: Plugins, store: Store, options: RunOptions, reporter: ProgressReporter
) -> SuiteOutcome:
    """Train the runs that are not finished, with the folder locked.

    Raises: LockedError, StoreError or DiskFull for the folder; SuiteError if `options` do not fit the suite;
    KeyboardInterrupt after all groups have stopped.
    """
    from rlbench import __version__
    from rlbench.suites.grouping import spread

    executor = plugins.executor(options.executor)
    if options.detach and executor.adopt is None:
        raise SuiteError("--detach needs an executor whose jobs continue without this process, such as slurm")
    groups, workers = options.chosen(planned.groups), options.jobs or planned.workers
    if len(groups) < len(planned.groups):  # regroup the selection so that no core is idle
        groups = spread(groups, workers)
    store.lock(with_queue=executor.adopt is not None)
    try:
        adopted = list(executor.adopt(store.root)) if executor.adopt is not None else []
        runs = [run for group in planned.groups for run in group.runs]
        selected = [run for group in groups for run in group.runs]
        states = store.states(selected)
        retrained, changed = runs_to_retrain(store, plugins, groups, options, states)
        if options.strict and changed:
            raise _changed_error(store, changed)
        if retrained:
            for run in retrained:
                store.set_aside(run, again=True)
            states = store.states(selected)
        _report_other_content(store, runs, planned.suite.name, reporter)
        skipped = [
            {"algorithm": s.algorithm, "environment": s.environment, "reason": s.reason, "status": str(s.status)}
            for s in planned.skipped
        ]
        store.describe_suite(planned.suite.resolved(), runs, __version__, skipped, planned.adaptive)
        keys = {run.key for run in selected}
        todo = [job for job in adopted if any(run.key in keys for run in job.group.runs)]
        states = {**states, **{run.key: RunState(RunStatus.RUNNING) for job in todo for run in job.group.runs}}
        limits = StackLimits.of_plan(planned, workers)
        todo += prepare(store, plugins, groups, states, options.should_retry, options.profile, limits)
        if options.profile and not todo:
            reporter.say("no run has to be trained, so there is nothing to profile; --rerun all trains all runs again")
        reporter.begin(planned, todo, store, workers)
        listener = EventForwarder(plugins, reporter)
        started = [group for job in todo for group, _ in job.group.of_each_setting()]
        listener.notify_observers("rlbench_suite_started", suite=planned.suite.name, groups=started, folder=store.root)
        try:
            if todo:
                retry = _retry(store, plugins, options, limits)
                settings = getattr(planned.suite, executor.name, None)
                context = ExecutorContext(
                    workers,
                    listener,
                    retry,
                    _read_end,
                    options.stop_after,
                    reporter.warn,
                    settings.model_dump() if settings is not None else {},
                    options.detach,
                )
                began = time.monotonic()
                executor.execute(todo, context)
                left = None if options.stop_after is None else options.stop_after - (time.monotonic() - began)
                alone = _settings_alone(store, plugins, todo, options.profile) if left is None or left > 0 else []
                if alone:
                    reporter.say("a stack of several settings failed: its settings are trained one by one")
                    executor.execute(alone, dataclasses.replace(context, stop_after=left))
        finally:
            reporter.end()
        results = _read_results(store, selected, reporter)
        counts = dict(Counter(str(results.states[run.key].status) for run in selected))
        listener.notify_observers("rlbench_suite_finished", suite=planned.suite.name, counts=counts)
        return SuiteOutcome(selected, len(todo), changed, counts, results)
    finally:
        store.unlock()


def runs_to_retrain(
    store: Store, plugins: Plugins, groups: Sequence[RunGroup], options: RunOptions, states: Mapping[str, RunState]
) -> tuple[list[Run], dict[str, list[str]]]:
    """Return the published runs to train again by `options.rerun`, and the differences of changed runs that are kept.

    The differences (in code or numerics) are by the algorithm's label. states: the states of the groups' runs, by key.
    Raises: SuiteError if `rerun` matches no run.
    """
    runs = [run for group in groups for run in group.runs]
    changed = changed_runs(plugins, groups, states)
    labels: dict[str, list[str]] = {}
    for run, differences in changed:
        known = labels.setdefault(run.label or run.algorithm, [])
        known += [text for text in differences if text not in known]
    retrained: list[Run] = []
    if options.rerun == "changed":
        retrained, labels = [run for run, _ in changed], {}
    elif options.rerun == "corrupt":
        retrained = corrupt_runs(store, runs)
    elif options.rerun == "all":
        retrained, labels = runs, {}
    elif options.rerun and options.rerun not in RERUNS:
        retrained = [run for run in runs if options.rerun in run.name]
        if not retrained:
            raise SuiteError(
                f"--rerun {options.rerun}: no run matches; use {', '.join(RERUNS)}, "
                f"or (part of) a folder name in {store.root / 'runs'}"
            )
    return retrained, labels


def _changed_error(store: Store, labels: Mapping[str, Sequence[str]]) -> SuiteError:
    details = "; ".join(f"{label}: {', '.join(differences)}" for label, differences in labels.items())
    return SuiteError(
        f"{store.root} contains runs from different code or settings ({details}); --rerun changed trains them again"
    )


def _report_other_content(store: Store, runs: Sequence[Run], name: str, reporter: ProgressReporter) -> None:
    """Report what the folder contains besides this suite's runs. It is kept, but tables do not show it."""
    damage = store.damage()
    before = None if damage or not (store.root / "suite.json").exists() else store.suite()
    if damage:
        reporter.warn(
            f"{damage}\nwriting a new one; the old one is kept in superseded/, and imported runs stay in the tables"
        )
    if before is not None and before["suite"]["name"] != name:
        reporter.warn(
            f"{store.root} contained the suite {before['suite']['name']!r} until now; its tables now show {name!r}"
        )
    if others := describe_unrequested(store, runs):
        reporter.say(others)


def _read_results(store: Store, runs: Sequence[Run], reporter: ProgressReporter) -> Results:
    """Read the folder. First restore damaged tables of `runs` if their attempts still have the records."""
    from rlbench.analysis.suite_results import Results

    results, was_repaired = Results(store), False
    for run in runs:
        facts = results.facts.get(run.key)
        if facts is not None and facts.damaged:
            restored = restore_tables(store, run, results.states[run.key])
            if restored:
                was_repaired = True
                reporter.say(
                    f"{store.folder(run)}: regenerated {', '.join(restored)} from the attempt, exactly as published"
                )
    return Results(store) if was_repaired else results


def _read_end(job: Job) -> EndEvent:
    return read_end(job.attempt)


def _settings_alone(store: Store, plugins: Plugins, jobs: Sequence[Job], profile: bool) -> list[Job]:
    """Return a job for each setting of the failed stacks, so that a failing setting does not fail the others."""
    stacks = [job.group for job in jobs if job.group.variants]
    states = store.states([run for stack in stacks for run in stack.runs])  # a stack may have had several attempts
    had_failed = cache(partial(failed_together, store.root / "attempts"))
    settings = [group for stack in stacks for group, _ in stack.of_each_setting()]
    failed = [group for group in settings if any(had_failed(states[run.key].attempt) for run in group.runs)]
    return prepare(store, plugins, failed, states, profile=profile)


def _retry(store: Store, plugins: Plugins, options: RunOptions, limits: StackLimits) -> Callable[[Job], Sequence[Job]]:
    """Return a function that restarts a group whose process was killed, `options.retries` times.

    The last restart trains each setting of a stack alone, so that a setting that kills its process ends no other one.
    """
    remaining: dict[str, int] = {}  # how often a group may still be restarted, by its name

    def retry(job: Job) -> Sequence[Job]:
        left = remaining.get(job.group.name, options.retries) - 1
        if left < 0:
            return []
        groups, states = [group for group, _ in job.group.of_each_setting()], store.states(job.group.runs)
        limited = limits if left else None
        again = prepare(store, plugins, groups, states, profile=options.profile, limits=limited)
        remaining.update({new.group.name: left for new in again})  # if the group is split, its parts have other names
        return again

    return retry
