"""Adaptive seeds: a suite is planned again with more of them until every pair of its algorithms is decided.

A look at k groups of n runs means seeds 0 to k·n - 1 of the algorithms still in question; what is finished is skipped as in
any second run of a suite. Source: Mathieu et al. 2023, AdaStop, arXiv:2306.10882; docs/adaptive.md.
"""

from __future__ import annotations

import dataclasses
import math
import time
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Any

import numpy as np

from rlbench.analysis import Scores, anchors_of, read_scores, seeded
from rlbench.analysis.sequential_log import NAME, Decisions, Look, as_document, read_decisions, write_decisions
from rlbench.api import RunStatus, StoreError, SuiteError
from rlbench.plugins import Plugins
from rlbench.results import Store
from rlbench.runner.run_suite import Options, Outcome, Watch, run_suite
from rlbench.stats.sequential_design import UNDECIDED, Design, PairTest, Reading, judge
from rlbench.suites import Draft, Plan, Suite, plan

MARGIN = 0.05  # between the anchors; raw scores have no margin of their own
_OPEN = (RunStatus.PENDING, RunStatus.INTERRUPTED, RunStatus.RUNNING)


@dataclass
class Adaptive:
    """A suite whose seeds are added until decided, in one folder. given: fields of Design that were asked for by name;
    current: the plan of the look that is being run."""

    asked: Suite | Draft
    plugins: Plugins
    store: Store
    options: Options
    given: Mapping[str, Any]
    planning: Mapping[str, Any] = dataclasses.field(default_factory=dict)
    current: Plan | None = None

    def planned(self) -> tuple[Plan, Decisions]:
        """What the next look needs, and what is decided so far; nothing is run or written.

        Raises: SuiteError for a suite that is wrong, or what is asked otherwise than it was at the beginning; StoreError.
        """
        before = read_decisions(self.store)
        design = before.design if before else _design(self.given, "raw")
        seeds = before.runs_of if before else lambda label: design.group_size
        planned = plan(_with_seeds(self.asked, design.cap), self.plugins, seeds=seeds, **self.planning)
        begun = self._begun(planned)
        if before is None:
            return planned, begun
        _refuse_changes(self.store, before, begun, self.given)
        allowed = (None,) if before.looks else (None, "failed")  # a failure a look was judged with is data
        if self.options.rerun not in allowed:
            raise SuiteError(
                f"--rerun {self.options.rerun}: what {self.store.root / NAME} decided rests on the runs as they are;"
                " choose another folder with -o"
            )
        return planned, before

    def _begun(self, planned: Plan) -> Decisions:
        """The decisions of a suite before its first look."""
        algorithms: dict[str, dict[str, str]] = {}
        tasks = {}
        for group in self.options.chosen(planned.groups):
            for run in group.runs:
                algorithms.setdefault(run.label, {}).setdefault(run.task.env_id, str(run.key))
                tasks[run.task.env_id] = run.task
        anchors = anchors_of(planned.suite.resolved(), tasks)
        without = [env for env in tasks if env not in anchors]
        if without and len(tasks) > 1:
            raise SuiteError(
                f"--until-decided judges all tasks together, which takes anchors, and {', '.join(without)} has none; measure"
                f" them with `rlbench anchors {without[0]}` and write them to the suite, or choose one task with -e"
            )
        scale = "raw" if without else "normalised"
        begun = Decisions(_design(self.given, scale), scale, algorithms, {} if without else anchors)
        if not begun.family:
            raise SuiteError("--until-decided compares algorithms: it takes at least two that share a task")
        return begun

    def run(self, watch: Watch) -> tuple[Plan, Outcome, Decisions]:
        """Run looks until all is decided, a look cannot be judged, or the cap is reached.

        Raises: as `planned` and `run_suite`.
        """
        _, expected = self.planned()
        ends = None if self.options.stop_after is None else time.monotonic() + self.options.stop_after
        self.store.lock()
        try:
            planned, decisions = self.planned()
            if as_document(decisions) != as_document(expected):
                raise StoreError(f"{self.store.root / NAME} was written meanwhile; run the command again")
            if not decisions.looks:
                write_decisions(self.store, decisions)  # fixed before a run is seen
            trained = 0
            while True:
                self.current = planned
                outcome = run_suite(planned, self.plugins, self.store, self.options, watch)
                trained += outcome.trained
                if decisions.finished or self._unfinished(outcome, decisions, watch):
                    break
                decisions = _look(self.store, decisions)
                write_decisions(self.store, decisions)
                _tell(decisions, watch)
                if decisions.finished:
                    break
                left = None if ends is None else max(1.0, ends - time.monotonic())
                self.options = replace(self.options, rerun=None, stop_after=left)  # again once, not at every look
                planned, _ = self.planned()
            outcome.trained = trained
            return planned, outcome, decisions
        finally:
            self.store.unlock()

    def _unfinished(self, outcome: Outcome, decisions: Decisions, watch: Watch) -> bool:
        """Whether runs of the look are still to come, so that it cannot be judged yet."""
        states = self.store.states(outcome.runs).values()
        left = sum(1 for state in states if state.status in _OPEN)
        if left:
            watch.warn(f"look {len(decisions.looks) + 1} is not judged: {left} of its runs are not finished")
        return left > 0


def _design(given: Mapping[str, Any], scale: str) -> Design:
    """The design asked for. Raises: SuiteError for one that is none."""
    values = {name: value for name, value in given.items() if value is not None}
    margin = values.pop("margin", MARGIN if scale == "normalised" else 0)
    try:
        return Design(**values, margin=margin or None)
    except (ValueError, TypeError) as error:
        raise SuiteError(f"--until-decided: {error}") from error


def _with_seeds(asked: Suite | Draft, count: int) -> Suite | Draft:
    """The suite with `count` seeds for every algorithm, whatever it says itself."""
    suite = asked.suite if isinstance(asked, Draft) else asked
    algorithms = tuple(a if a is None else a.model_copy(update={"seeds": None}) for a in suite.algorithms)
    suite = suite.model_copy(update={"algorithms": algorithms, "seeds": tuple(range(count))})
    return replace(asked, suite=suite) if isinstance(asked, Draft) else suite


def _refuse_changes(store: Store, before: Decisions, now: Decisions, given: Mapping[str, Any]) -> None:
    """Raises: SuiteError where something is asked for otherwise than at the beginning."""
    where = f"{store.root / NAME} was begun with"
    advice = "what is fixed at the beginning stays so; choose another folder with -o"
    for name, value in given.items():
        kept = getattr(before.design, name)
        if value is not None and (value or None) != kept:
            option = f"--{name.replace('_', '-')}"
            raise SuiteError(f"{where} {option} {'0' if kept is None else kept}, not {value}: {advice}")
    if {label: set(tasks) for label, tasks in before.algorithms.items()} != {
        label: set(tasks) for label, tasks in now.algorithms.items()
    }:
        pairs = "; ".join(f"{label} on {', '.join(tasks)}" for label, tasks in before.algorithms.items())
        raise SuiteError(f"{where} {pairs}: {advice}")
    for label, tasks in before.algorithms.items():
        for env, key in tasks.items():
            if now.algorithms[label][env] != key:
                raise SuiteError(
                    f"{where} other hyperparameters, another budget or another evaluation of {label} on {env}: {advice}"
                )
    kept, asked = ({env: (a.lower, a.upper) for env, a in d.anchors.items()} for d in (before, now))
    for env in dict.fromkeys([*kept, *asked]):
        if kept.get(env) != asked.get(env):
            said = "no anchors" if env not in kept else "anchors {:g} and {:g}".format(*kept[env])
            raise SuiteError(f"{where} {said} of {env}; they are others now: {advice}")


def _look(store: Store, decisions: Decisions) -> Decisions:
    """Judge the next look by the scores in the folder."""
    scores, look = read_scores(store, decisions.anchors), len(decisions.looks) + 1  # a diverged run may score the lower
    outcomes = decisions.outcomes
    active = [label for label in decisions.algorithms if any(label in p and not o for p, o in outcomes.items())]
    groups = {label: _groups(scores, decisions, label, look) for label in active}
    left_out = [label for label in active if not all(len(runs) for task in groups[label].values() for runs in task)]
    judged = {p: UNDECIDED if not o and set(p) & set(left_out) else o for p, o in outcomes.items()}
    keys = [key for tasks in decisions.algorithms.values() for key in tasks.values()]
    tests = {
        (ours, theirs): PairTest(decisions.design, groups[ours], groups[theirs], lambda: seeded(keys, "until decided"))
        for (ours, theirs), outcome in judged.items()
        if not outcome
    }
    readings = judge(decisions.design, tests, decisions.family, judged, look)
    readings += [
        Reading(*pair, look, UNDECIDED, "", math.nan, math.nan)
        for pair, outcome in judged.items()
        if outcome and not outcomes[pair]
    ]
    missing = [s.absent() for (label, env), s in scores.samples.items() if label in active and s.missing]
    at = datetime.now(UTC).isoformat(timespec="seconds")
    found = Look(look, at, tuple(readings), tuple(missing), tuple(left_out))
    return replace(decisions, looks=(*decisions.looks, found))


def _groups(scores: Scores, decisions: Decisions, label: str, looks: int) -> dict[str, list[np.ndarray]]:
    """The scores of an algorithm by environment and group of seeds, on the scale that was fixed."""
    found = {}
    size = decisions.design.group_size
    for env in decisions.algorithms[label]:
        sample = scores.samples[label, env]
        values = sample.scores
        if decisions.scale == "normalised":
            anchors = decisions.anchors[env]
            values = (values - anchors.lower) / (anchors.upper - anchors.lower)
        group = np.asarray(sample.seeds, dtype=int) // size
        found[env] = [values[group == place] for place in range(looks)]
    return found


def _tell(decisions: Decisions, watch: Watch) -> None:
    """What the newest look has decided."""
    look, design = decisions.looks[-1], decisions.design
    left = sum(1 for outcome in decisions.outcomes.values() if not outcome)
    pairs = "1 pair" if left == 1 else f"{left} pairs"
    watch.say(f"look {look.look} of {design.looks}, {look.look * design.group_size} runs each: {pairs} still open")
    for reading in look.readings:
        if reading.outcome:
            watch.say(f"  {decisions.told(reading)}")
    for text in look.missing:
        watch.warn(f"  judged without some: {text}")
    for label in look.left_out:
        watch.warn(f"  {label}: no run of a task has a score, so it is given no more")
