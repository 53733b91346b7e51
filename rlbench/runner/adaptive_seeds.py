"""Adaptive seeds: run a suite with more and more seeds until every pair of its algorithms is decided.

Interim analysis k (a "look") uses k batches of n runs: seeds 0 to k·n - 1 of each undecided algorithm. Finished runs
are not trained again. Source: Mathieu et al. 2023, AdaStop, arXiv:2306.10882; docs/adaptive.md.
"""

from __future__ import annotations

import math
import shlex
import time
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Any

import numpy as np

from rlbench.analysis import Results, Scores, anchors_of, seeded_generator
from rlbench.analysis.sequential_log import (
    NAME,
    Decisions,
    InterimAnalysis,
    as_document,
    read_decisions,
    write_decisions,
)
from rlbench.api import StoreError, SuiteError
from rlbench.plugins import Plugins
from rlbench.results import Store
from rlbench.run_options import RunOptions
from rlbench.runner.progress_reporter import ProgressReporter
from rlbench.runner.run_suite import SuiteOutcome, run_suite
from rlbench.stats.sequential_design import UNDECIDED, Design, InterimResult, PairTest, interim_results
from rlbench.suites import LoadedSuite, Plan, Suite, plan
from rlbench.text import plural

MARGIN = 0.05  # of scores normalised between the anchors; for raw scores there is no default margin


@dataclass
class AdaptiveRunner:
    """Runs a suite in one folder, adding seeds until every pair is decided.

    design_options: the fields of Design that the user requests, by name. current: the plan that is running.
    """

    suite: Suite | LoadedSuite
    plugins: Plugins
    store: Store
    options: RunOptions
    design_options: Mapping[str, Any]
    current: Plan | None = None

    def plan_next(self) -> tuple[Plan, Decisions]:
        """Plan the next interim analysis. Run and write nothing. Returns: the plan, and the decisions so far.

        Raises: SuiteError if the suite is invalid, or differs from the suite with which the folder was started;
        StoreError.
        """
        before = read_decisions(self.store)
        design = before.design if before else _design(self.design_options, "raw")
        seeds = before.runs_of if before else lambda label: design.group_size
        planned = plan(_with_seeds(self.suite, design.cap), self.plugins, seeds=seeds, **self.options.planning)
        initial = self._initial_decisions(planned)
        if before is None:
            return planned, initial
        _refuse_changes(self.store, before, initial, self.design_options)
        allowed = (None,) if before.looks else (None, "failed")  # after an interim analysis, a failure counts
        if self.options.rerun not in allowed:
            raise SuiteError(
                f"--rerun {self.options.rerun}: the decisions in {self.store.root / NAME} depend on the present runs,"
                " so these are not trained again; choose another folder with -o"
            )
        return planned, before

    def _initial_decisions(self, planned: Plan) -> Decisions:
        """Return decisions without an interim analysis: the design, algorithms and anchors of a plan."""
        algorithms: dict[str, dict[str, str]] = {}
        tasks = {}
        for group in self.options.chosen(planned.groups):
            for run in group.runs:
                algorithms.setdefault(run.label, {}).setdefault(run.task.name, str(run.key))
                tasks[run.task.name] = run.task
        anchors = anchors_of(planned.suite.resolved(), tasks)
        unanchored = [env for env in tasks if env not in anchors]
        if unanchored and len(tasks) > 1:
            raise SuiteError(
                "--until-decided compares scores over all tasks and needs anchors for each; "
                f"{', '.join(unanchored)} has none. Measure some with `rlbench anchors {shlex.quote(unanchored[0])}` "
                "and add them to the suite, or choose one task with -e"
            )
        scale = "raw" if unanchored else "normalised"
        initial = Decisions(_design(self.design_options, scale), scale, algorithms, {} if unanchored else anchors)
        if not initial.family:
            raise SuiteError("--until-decided compares algorithms: it needs at least two that share a task")
        return initial

    def run(self, reporter: ProgressReporter) -> tuple[Plan, SuiteOutcome, Decisions]:
        """Run until every pair is decided, the cap is reached, or runs of an interim analysis are not finished.

        Raises: the errors of `plan_next` and `run_suite`.
        """
        _, expected = self.plan_next()
        deadline = None if self.options.stop_after is None else time.monotonic() + self.options.stop_after
        self.store.lock()
        try:
            planned, decisions = self.plan_next()
            if as_document(decisions) != as_document(expected):
                raise StoreError(f"{self.store.root / NAME} was changed by another process; run the command again")
            if not decisions.looks:
                write_decisions(self.store, decisions)  # fix the design before any run is trained
            trained = 0
            while True:
                self.current = planned
                outcome = run_suite(planned, self.plugins, self.store, self.options, reporter)
                trained += outcome.trained
                if decisions.finished or self._has_unfinished_runs(outcome, decisions, reporter):
                    break
                decisions = _analyse(self.store, decisions)
                write_decisions(self.store, decisions)
                _report(decisions, reporter)
                if decisions.finished:
                    break
                remaining = None if deadline is None else max(1.0, deadline - time.monotonic())
                # --rerun applies once, not at every interim analysis.
                self.options = replace(self.options, rerun=None, stop_after=remaining)
                planned, _ = self.plan_next()
            outcome.trained = trained
            return planned, outcome, decisions
        finally:
            self.store.unlock()

    def _has_unfinished_runs(self, outcome: SuiteOutcome, decisions: Decisions, reporter: ProgressReporter) -> bool:
        """Return whether runs of the next interim analysis are not finished, and warn if so."""
        count = sum(1 for run in outcome.runs if not outcome.results.states[run.key].status.is_final)
        if count:
            reporter.warn(f"interim analysis {len(decisions.looks) + 1} skipped: {count} of its runs are not finished")
        return count > 0


def _design(options: Mapping[str, Any], scale: str) -> Design:
    """Return the requested design. Raises: SuiteError for invalid values."""
    values = {name: value for name, value in options.items() if value is not None}
    margin = values.pop("margin", MARGIN if scale == "normalised" else 0)
    try:
        return Design(**values, margin=margin or None)
    except (ValueError, TypeError) as error:
        raise SuiteError(f"--until-decided: {error}") from error


def _with_seeds(source: Suite | LoadedSuite, count: int) -> Suite | LoadedSuite:
    """Return the suite with seeds 0 to `count` - 1 for every algorithm."""
    suite = source.suite if isinstance(source, LoadedSuite) else source
    algorithms = tuple(a if a is None else a.model_copy(update={"seeds": None}) for a in suite.algorithms)
    suite = suite.model_copy(update={"algorithms": algorithms, "seeds": tuple(range(count))})
    return replace(source, suite=suite) if isinstance(source, LoadedSuite) else suite


def _refuse_changes(store: Store, before: Decisions, now: Decisions, options: Mapping[str, Any]) -> None:
    """Check that the request equals the one with which the folder was started. Raises: SuiteError if it differs."""
    where = f"{store.root / NAME} was started with"
    advice = "this cannot change afterwards; choose another folder with -o"
    for name, value in options.items():
        fixed = getattr(before.design, name)
        if value is not None and (value or None) != fixed:
            option = f"--{name.replace('_', '-')}"
            raise SuiteError(f"{where} {option} {'0' if fixed is None else fixed}, not {value}: {advice}")
    if {label: set(tasks) for label, tasks in before.algorithms.items()} != {
        label: set(tasks) for label, tasks in now.algorithms.items()
    }:
        pairs = "; ".join(f"{label} on {', '.join(tasks)}" for label, tasks in before.algorithms.items())
        raise SuiteError(f"{where} {pairs}: {advice}")
    for label, tasks in before.algorithms.items():
        for env, key in tasks.items():
            if now.algorithms[label][env] != key:
                raise SuiteError(
                    f"{where} different hyperparameters, budget or evaluation for {label} on {env}: {advice}"
                )
    fixed, requested = ({env: (a.lower, a.upper) for env, a in d.anchors.items()} for d in (before, now))
    for env in dict.fromkeys([*fixed, *requested]):
        if fixed.get(env) != requested.get(env):
            anchors = "no anchors" if env not in fixed else "anchors {:g} and {:g}".format(*fixed[env])
            raise SuiteError(f"{where} {anchors} for {env}, but the suite now has others: {advice}")


def _analyse(store: Store, decisions: Decisions) -> Decisions:
    """Return the decisions with one more interim analysis, made from the scores in the folder."""
    # The anchors are needed here because a diverged run may score the lower anchor.
    scores, look = Results(store, decisions.anchors).final_scores, len(decisions.looks) + 1
    outcomes = decisions.outcomes
    active = [label for label in decisions.algorithms if any(label in p and not o for p, o in outcomes.items())]
    groups = {label: _groups(scores, decisions, label, look) for label in active}
    left_out = [label for label in active if not all(len(runs) for task in groups[label].values() for runs in task)]
    judged = {p: UNDECIDED if not o and set(p) & set(left_out) else o for p, o in outcomes.items()}
    keys = [key for tasks in decisions.algorithms.values() for key in tasks.values()]
    tests = {
        (ours, theirs): PairTest(
            decisions.design, groups[ours], groups[theirs], lambda: seeded_generator(keys, "until decided")
        )
        for (ours, theirs), outcome in judged.items()
        if not outcome
    }
    results = interim_results(decisions.design, tests, decisions.family, judged, look)
    results += [
        InterimResult(*pair, look, UNDECIDED, "", math.nan, math.nan)
        for pair, outcome in judged.items()
        if outcome and not outcomes[pair]
    ]
    missing = [s.absent() for (label, env), s in scores.samples.items() if label in active and s.missing]
    at = datetime.now(UTC).isoformat(timespec="seconds")
    newest = InterimAnalysis(look, at, tuple(results), tuple(missing), tuple(left_out))
    return replace(decisions, looks=(*decisions.looks, newest))


def _groups(scores: Scores, decisions: Decisions, label: str, looks: int) -> dict[str, list[np.ndarray]]:
    """Return an algorithm's scores by environment, an array for each interim analysis, on the decisions' scale."""
    groups = {}
    size = decisions.design.group_size
    for env in decisions.algorithms[label]:
        sample = scores.samples[label, env]
        values = sample.scores
        if decisions.scale == "normalised":
            anchors = decisions.anchors[env]
            values = (values - anchors.lower) / (anchors.upper - anchors.lower)
        group = np.asarray(sample.seeds, dtype=int) // size
        groups[env] = [values[group == place] for place in range(looks)]
    return groups


def _report(decisions: Decisions, reporter: ProgressReporter) -> None:
    """Report what the newest interim analysis has decided."""
    look, design = decisions.looks[-1], decisions.design
    pairs = plural(sum(1 for outcome in decisions.outcomes.values() if not outcome), "pair")
    reporter.say(
        f"interim analysis {look.look} of {design.looks}, {look.look * design.group_size} runs each: {pairs} still open"
    )
    for reading in look.readings:
        if reading.outcome:
            reporter.say(f"  {decisions.sentence(reading)}")
    for text in look.missing:
        reporter.warn(f"  some scores are missing: {text}")
    for label in look.left_out:
        reporter.warn(f"  {label}: no run on one of its tasks has a score, so it gets no more seeds")
