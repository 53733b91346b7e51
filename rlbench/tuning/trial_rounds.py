"""The rounds of a search: all trials with few seeds, then the better third with more, each an ordinary suite."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
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
from rlbench.tuning.algorithm_search import AlgorithmSearch, Trial
from rlbench.tuning.random_search import Setting
from rlbench.tuning.trial_ranking import ranked, survivors
from rlbench.tuning.trial_sampling import TrialSampling
from rlbench.tuning.trial_suites import trial_label, tuning_suite


class UnfinishedSearch(RlbenchError):
    """Some runs are neither finished nor failed, so nothing can be chosen yet."""

    exit_code = 1


def search(
    loaded: LoadedSuite,
    sampling: Mapping[str, TrialSampling],
    plugins: Plugins,
    store: Store,
    options: RunOptions,
    reporter: ProgressReporter,
) -> list[AlgorithmSearch]:
    """Train the trials that are not finished, round by round, and choose one for each algorithm.

    sampling: as `plan_trials` returns it. Raises: as `run_suite`; SuiteError, at its place in the suite, for a drawn
    setting that an algorithm or the budget refuses; StoreError for damaged runs; UnfinishedSearch.
    """
    if options.rerun == "failed":
        # Train failed runs again once, before anything is proposed. If this happened after each batch, a trial could
        # get another score than the one from which later settings were proposed.
        known: list[Plan] = []

        def finished(planned: Plan, is_last: bool, what: str) -> Results | None:
            known.append(planned)
            return _finished(planned, store)

        _play(loaded, sampling, plugins, options, finished)
        warn_of_changes(run_suite(known[-1], plugins, store, options, reporter), reporter)
        options = replace(options, rerun=None)

    def trained(planned: Plan, is_last: bool, what: str) -> Results:
        reporter.say(f"tuning {join_names(list(sampling))}, {what}")
        results = None if is_last or options.rerun else _finished(planned, store)
        if results is None:
            outcome = run_suite(planned, plugins, store, options, reporter)
            warn_of_changes(outcome, reporter)
            results = outcome.results
        return results

    found = _play(loaded, sampling, plugins, options, trained)
    assert found is not None
    return found


def _play(
    loaded: LoadedSuite,
    sampling: Mapping[str, TrialSampling],
    plugins: Plugins,
    options: RunOptions,
    results_of: Callable[[Plan, bool, str], Results | None],
) -> list[AlgorithmSearch] | None:
    """Go through the batches of the first round and through the other rounds; return the search of each algorithm.

    results_of: gets a plan, whether it is the last plan, and what to call it; returns its results. If it returns None,
    this function also returns None.
    """
    tune = loaded.suite.tune
    assert tune is not None
    settings: dict[str, list[Setting]] = {label: [] for label in sampling}
    seeds: dict[str, list[int]] = {label: [] for label in sampling}
    found: dict[str, dict[int, Trial]] = {label: {} for label in sampling}
    rows: list[RunRow] = []

    def run(numbers: Mapping[str, Sequence[int]], count: int, is_last: bool, what: str) -> bool:
        nonlocal rows
        for label, those in numbers.items():
            for trial in those:
                seeds[label][trial] = count
        planned = plan(tuning_suite(loaded, settings, seeds), plugins, **options.planning)
        results = results_of(planned, is_last, what)
        if results is None:
            return False
        rows = _rows(results, planned)
        for label, those in numbers.items():
            for trial in those:
                own = [row for row in rows if row.algorithm == trial_label(label, trial)]
                earlier = found[label].get(trial)
                known = _trial(trial, settings[label][trial], count, own, results.final_scores, earlier)
                found[label][trial] = _with_threshold(known, own, results.final_scores, tune.threshold)
        return True

    rounds, first = len(tune.rounds), tune.rounds[0]
    while (done := len(next(iter(settings.values())))) < first[0]:
        for label, source in sampling.items():
            told = [(trial.setting, trial.first_score) for trial in found[label].values()]
            settings[label] += source.batch(told)
            seeds[label] += [0] * (len(settings[label]) - len(told))
        numbers = {label: range(done, len(those)) for label, those in settings.items()}
        end = len(next(iter(settings.values())))
        what = plural(end, "trial") if (done, end) == (0, first[0]) else f"trials {done} to {end - 1} of {first[0]}"
        what = f"round 1 of {rounds}: {what} each with {plural(first[1], 'seed')}"
        if not run(numbers, first[1], rounds == 1 and end == first[0], what):
            return None
    entrants: Mapping[str, Sequence[int]] = {label: range(first[0]) for label in sampling}
    for number, (trials, count) in enumerate(tune.rounds[1:], 2):
        entrants = {label: survivors(*_merits(found[label], those)) for label, those in entrants.items()}
        what = f"round {number} of {rounds}: {plural(trials, 'trial')} each with {plural(count, 'seed')}"
        if not run(entrants, count, number == rounds, what):
            return None
    return [
        _searched(source, found[label], ranked(*_merits(found[label], entrants[label]))[0], rows)
        for label, source in sampling.items()
    ]


def _merits(trials: Mapping[int, Trial], numbers: Sequence[int]) -> tuple[dict[int, float], dict[int, float] | None]:
    """Return the score of each trial and, if there is a threshold, how many of its runs reached it."""
    reached = {number: float(count) for number in numbers if (count := trials[number].reached) is not None}
    return {number: trials[number].score for number in numbers}, reached or None


def _with_threshold(trial: Trial, rows: Sequence[RunRow], scores: Scores, threshold: float | None) -> Trial:
    return trial if threshold is None else replace(trial, reached=reached_by(rows, scores, threshold))


def reached_by(rows: Sequence[RunRow], scores: Scores, threshold: float) -> int:
    """Return how many runs have a score of at least the threshold. Runs that failed or diverged do not count."""
    runs: dict[str, list[float]] = {}
    for row in rows:
        if row.status == RunStatus.DONE:
            runs.setdefault(row.environment, []).append(row.score)
    return int(sum((values >= threshold).sum() for values in on_one_scale(runs, scores))) if runs else 0


def warn_of_changes(outcome: SuiteOutcome, reporter: ProgressReporter) -> None:
    """Warn of finished runs that were made by different code or settings.

    They are kept, and the choice is based on them.
    """
    if outcome.changed:
        differences = dict.fromkeys(text for texts in outcome.changed.values() for text in texts)
        reporter.warn(
            f"runs of {join_names(list(outcome.changed), 3)} were made by different code or settings than the present"
            f" ones ({'; '.join(differences)}): they are kept; to train new runs, choose another folder (-o)"
        )


def _finished(planned: Plan, store: Store) -> Results | None:
    """Return the folder's results if all runs of a round are in it and none is left to train; else None."""
    if not (store.root / "suite.json").exists() or store.damage():
        return None
    runs = [run for group in planned.groups for run in group.runs]
    statuses = [state.status for state in store.states(runs).values()]
    if not all(status.is_final for status in statuses):
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


def _trial(
    number: int, setting: Setting, seeds: int, rows: Sequence[RunRow], scores: Scores, earlier: Trial | None
) -> Trial:
    """Return a trial after a round. rows: its runs so far. earlier: the trial before the round, or None in round 1."""
    failures: dict[str, int] = {}
    for row in rows:
        if row.status != RunStatus.DONE:
            failures[row.status] = failures.get(row.status, 0) + 1
    if failures:
        return Trial(number, setting, seeds, -np.inf, failures, earlier.first if earlier else {})
    runs: dict[str, Any] = {}
    for row in rows:
        runs.setdefault(row.environment, []).append(row.score)
    scaled = dict(zip(runs, on_one_scale(runs, scores)))
    score = float(overall_iqm(list(scaled.values())))
    return Trial(number, setting, seeds, score, {}, earlier.first if earlier else scaled)


def on_one_scale(runs: Mapping[str, Any], scores: Scores) -> list[NDArray[np.float64]]:
    """Return the scores of each task as an array [n]: raw returns if there is a single task, else normalised scores."""
    normalised = scores.normalised(runs) if len(runs) > 1 else runs
    return [np.asarray(values, np.float64) for values in normalised.values()]


def _searched(
    sampling: TrialSampling, trials: Mapping[int, Trial], chosen: int, rows: Sequence[RunRow]
) -> AlgorithmSearch:
    label = sampling.label
    labels = {trial_label(label, number) for number in trials}
    own = [row for row in rows if row.algorithm in labels]
    tasks = tuple(dict.fromkeys(row.environment for row in own))
    steps = sum(row.steps for row in own)
    in_order = tuple(trials[number] for number in sorted(trials))
    return AlgorithmSearch(label, sampling, in_order, chosen, tasks, len(tasks) > 1, len(own), steps)
