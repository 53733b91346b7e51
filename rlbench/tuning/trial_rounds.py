"""The rounds of a search: all trials with few seeds, then the better third with more, each an ordinary suite."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from rlbench.analysis import Results
from rlbench.analysis.final_scores import Scores
from rlbench.api import RlbenchError, RunStatus, StoreError
from rlbench.plugins import Plugins
from rlbench.results import Store
from rlbench.results.run_rows import RunRow
from rlbench.run_options import RunOptions
from rlbench.runner import ProgressReporter, SuiteOutcome, run_suite
from rlbench.stats import overall_iqm
from rlbench.suites import LoadedSuite, Plan, plan
from rlbench.text import join_names, plural
from rlbench.tuning.random_search import Setting
from rlbench.tuning.trial_ranking import ranked, survivors
from rlbench.tuning.trial_suites import trial_label, tuning_suite


class UnfinishedSearch(RlbenchError):
    """Some runs are neither finished nor failed, so nothing can be chosen yet."""

    exit_code = 1


@dataclass(frozen=True)
class Trial:
    """One setting of an algorithm. seeds: that it had. score: -inf if a run failed or diverged. failures: by status."""

    number: int
    setting: Setting
    seeds: int
    score: float
    failures: Mapping[str, int]


@dataclass(frozen=True)
class AlgorithmSearch:
    """The search for one algorithm. chosen: the number of a trial. tasks: the names. runs, steps: that were spent."""

    algorithm: str
    trials: tuple[Trial, ...]
    chosen: int
    tasks: tuple[str, ...]
    normalised: bool
    runs: int
    steps: int

    @property
    def winner(self) -> Trial:
        return self.trials[self.chosen]

    @property
    def failed(self) -> list[Trial]:
        return [trial for trial in self.trials if trial.failures]


def search(
    loaded: LoadedSuite,
    settings: Mapping[str, Sequence[Setting]],
    plugins: Plugins,
    store: Store,
    options: RunOptions,
    reporter: ProgressReporter,
) -> list[AlgorithmSearch]:
    """Train the trials that are not finished, round by round, and choose one for each algorithm.

    settings: as `plan_trials` returns them. Raises: as `run_suite`; SuiteError, at its place in the suite, for a drawn
    setting that an algorithm or the budget refuses; StoreError for damaged runs; UnfinishedSearch.
    """
    tune = loaded.suite.tune
    assert tune is not None
    seeds = {label: [0] * len(drawn) for label, drawn in settings.items()}
    entrants = {label: list(range(len(drawn))) for label, drawn in settings.items()}
    found: dict[str, dict[int, Trial]] = {label: {} for label in settings}
    for number, (trials, count) in enumerate(tune.rounds, 1):
        for label, numbers in entrants.items():
            for trial in numbers:
                seeds[label][trial] = count
        planned = plan(tuning_suite(loaded, settings, seeds), plugins, **options.planning)
        is_last = number == len(tune.rounds)
        reporter.say(
            f"tuning {join_names(list(settings))}, round {number} of {len(tune.rounds)}:"
            f" {plural(trials, 'trial')} each with {plural(count, 'seed')}"
        )
        results = _finished(planned, store, options) if not is_last else None
        if results is None:
            outcome = run_suite(planned, plugins, store, options, reporter)
            warn_of_changes(outcome, reporter)
            results = outcome.results
        rows = _rows(results, planned)
        for label, numbers in entrants.items():
            for trial in numbers:
                own = [row for row in rows if row.algorithm == trial_label(label, trial)]
                found[label][trial] = _trial(trial, settings[label][trial], count, own, results.final_scores)
            scores = {trial: found[label][trial].score for trial in numbers}
            entrants[label] = ranked(scores)[:1] if is_last else survivors(scores)
    return [_searched(label, found[label], entrants[label][0], rows) for label in settings]


def warn_of_changes(outcome: SuiteOutcome, reporter: ProgressReporter) -> None:
    """Warn of finished runs that other code has made; they are kept, and the choice rests on them."""
    if outcome.changed:
        differences = dict.fromkeys(text for texts in outcome.changed.values() for text in texts)
        reporter.warn(
            f"runs of {join_names(list(outcome.changed), 3)} were made by different code or settings than the present"
            f" ones ({'; '.join(differences)}): they are kept; another folder (-o) gets new ones"
        )


def _finished(planned: Plan, store: Store, options: RunOptions) -> Results | None:
    """Return the folder's results if the runs of a round are all in it and nothing is left to do for them."""
    if not (store.root / "suite.json").exists() or store.damage():
        return None
    runs = [run for group in planned.groups for run in group.runs]
    statuses = [state.status for state in store.states(runs).values()]
    if options.rerun or not all(status.is_final for status in statuses):
        return None
    results = Results(store)
    return results if {run.key for run in runs} <= results.run_by_key.keys() else None


def _rows(results: Results, planned: Plan) -> list[RunRow]:
    """Return the rows of a round's runs, which are all finished or failed. Raises: StoreError, UnfinishedSearch."""
    keys = {run.key for group in planned.groups for run in group.runs}
    rows = [row for row in results.rows if row.key in keys]
    if damaged := [row for row in rows if row.status == RunStatus.CORRUPT]:
        named = "; ".join(f"{row.algorithm} on {row.environment}, seed {row.seed}: {row.message}" for row in damaged)
        raise StoreError(f"{named}: find the cause, then `--rerun corrupt` trains them again")
    if waiting := [row for row in rows if not RunStatus(row.status).is_final]:
        raise UnfinishedSearch(f"{plural(len(waiting), 'run')} did not finish; the same command resumes them")
    return rows


def _trial(number: int, setting: Setting, seeds: int, rows: Sequence[RunRow], scores: Scores) -> Trial:
    failures: dict[str, int] = {}
    for row in rows:
        if row.status != RunStatus.DONE:
            failures[row.status] = failures.get(row.status, 0) + 1
    if failures:
        return Trial(number, setting, seeds, -np.inf, failures)
    runs: dict[str, Any] = {}
    for row in rows:
        runs.setdefault(row.environment, []).append(row.score)
    return Trial(number, setting, seeds, float(overall_iqm(on_one_scale(runs, scores))), {})


def on_one_scale(runs: Mapping[str, Any], scores: Scores) -> list[NDArray[np.float64]]:
    """Return the scores of each task as an array [n]: raw returns of a single task, else between the anchors."""
    normalised = scores.normalised(runs) if len(runs) > 1 else runs
    return [np.asarray(values, np.float64) for values in normalised.values()]


def _searched(label: str, trials: Mapping[int, Trial], chosen: int, rows: Sequence[RunRow]) -> AlgorithmSearch:
    labels = {trial_label(label, number) for number in trials}
    own = [row for row in rows if row.algorithm in labels]
    tasks = tuple(dict.fromkeys(row.environment for row in own))
    steps = sum(row.steps for row in own)
    return AlgorithmSearch(
        label, tuple(trials[number] for number in sorted(trials)), chosen, tasks, len(tasks) > 1, len(own), steps
    )
