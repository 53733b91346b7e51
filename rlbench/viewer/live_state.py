"""The state of a result folder at one moment, for the live part of the page. Reading it writes nothing."""

from __future__ import annotations

import hashlib
import os
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from rlbench.api import Run, RunStatus, canonical
from rlbench.api.series_styles import SeriesStyle, series_styles
from rlbench.results import RunState, Store
from rlbench.results.attempt_files import member_of
from rlbench.results.attempt_progress import step_of_checkpoints
from rlbench.results.random_policy import is_random
from rlbench.results.results_index import read_facts
from rlbench.viewer.attempt_curves import AttemptCurves, Points
from rlbench.viewer.group_progress import GroupClock, GroupProgress, overall_seconds
from rlbench.viewer.live_curves import MOST_CURVES, LiveCurve, live_curve


@dataclass(frozen=True)
class LiveState:
    """What the live part of the page shows.

    counts: number of runs by status. share: share of the suite's steps that are done. in_use: whether a command writes
    to the folder. groups: the groups that are being trained. failures: pairs of "algorithm on task" and the reason.
    curves: by task, only for tasks with unfinished runs. budgets: steps by task. report: a text that changes whenever
    the report on the page would change.
    """

    name: str
    counts: Mapping[RunStatus, int]
    share: float
    in_use: bool
    groups: Sequence[GroupProgress]
    seconds_left: float | None
    failures: Sequence[tuple[str, str]]
    curves: Mapping[str, Sequence[LiveCurve]]
    budgets: Mapping[str, int]
    styles: Mapping[str, SeriesStyle]
    report: str

    @property
    def is_unfinished(self) -> bool:
        return any(count and not status.is_final for status, count in self.counts.items())


class FolderReader:
    """Reads a folder again and again; from files of records, it reads only the new lines."""

    def __init__(self, folder: Path, clock: GroupClock | None = None) -> None:
        self.store = Store(folder, caches=False)
        self._clock = clock or GroupClock()
        self._attempts: dict[str, AttemptCurves] = {}
        self._descriptions: Mapping[str, Mapping[str, Any]] = {}  # group.json by attempt
        self._published: dict[tuple[str, str], Points] = {}  # evaluations by key and attempt

    def read(self) -> LiveState:
        """Return the present state. Raises: StoreError if the folder is not a result folder, or no longer one."""
        in_use = self.store.is_in_use()  # before the states, or a command that ends meanwhile looks interrupted
        document = self.store.suite()
        runs = self.store.runs(document)
        states = {str(key): state for key, state in self.store.states(runs).items()}
        attempts = self._descriptions = {path.name: description for path, description in self.store.attempts()}
        self._read_attempts(runs, states)
        groups, left = self._groups(runs, states, attempts)
        return LiveState(
            name=str(document["suite"]["name"]),
            counts=Counter(state.status for state in states.values()),
            share=self._share(runs, states, attempts),
            in_use=in_use,
            groups=groups,
            seconds_left=left,
            failures=_failures(runs, states),
            curves=self._curves(runs, states),
            budgets={run.task.name: run.task.steps for run in runs},
            styles=_styles(document, runs),
            report=_fingerprint(document, states, in_use, self.store.root / "videos"),
        )

    def _read_attempts(self, runs: Sequence[Run], states: Mapping[str, RunState]) -> None:
        """Read the records of attempts whose runs are not published, and forget all other attempts."""
        needed = {
            states[run.key].attempt: run.task.steps
            for run in runs
            if states[run.key].attempt and not states[run.key].status.has_score
        }
        self._attempts = {
            name: self._attempts.get(name) or AttemptCurves(self.store.root / "attempts" / name, steps)
            for name, steps in needed.items()
        }
        running = {state.attempt for state in states.values() if state.status == RunStatus.RUNNING}
        for name, records in self._attempts.items():
            records.read()
            if name in running:
                self._clock.advance(name, records.step)

    def _share(
        self, runs: Sequence[Run], states: Mapping[str, RunState], attempts: Mapping[str, Mapping[str, Any]]
    ) -> float:
        done = total = 0
        for run in runs:
            state, total = states[run.key], total + run.task.steps
            done += run.task.steps if state.status.is_final else self._step(run, state.attempt, attempts)
        return done / total if total else 1.0

    def _step(self, run: Run, attempt: str, attempts: Mapping[str, Mapping[str, Any]]) -> int:
        """Return the step that an attempt has reached, or will resume from."""
        records = self._attempts.get(attempt)
        restored = attempts.get(attempt, {}).get("restore", {}).values()
        return (records.step if records else 0) or min(step_of_checkpoints(restored), run.task.steps)

    def _groups(
        self, runs: Sequence[Run], states: Mapping[str, RunState], attempts: Mapping[str, Mapping[str, Any]]
    ) -> tuple[list[GroupProgress], float | None]:
        """Return the groups that are being trained, and the seconds until all runs are done."""
        by_attempt: dict[tuple[RunStatus, str], list[Run]] = {}
        for run in runs:
            by_attempt.setdefault((states[run.key].status, states[run.key].attempt), []).append(run)
        groups, running, waiting = list[GroupProgress](), [], []
        for (status, attempt), members in by_attempt.items():
            run, description = members[0], attempts.get(attempt, {})
            step = self._step(run, attempt, attempts)
            if status == RunStatus.PENDING:
                waiting.append(self._clock.seconds_left(attempt, description, step, run.task.steps))
            if status == RunStatus.RUNNING:
                left = self._clock.seconds_left(attempt, description, step, run.task.steps)
                running.append(left)
                groups += [self._progress(own, attempt, step, left) for own in _of_each_label(members)]
        return groups, overall_seconds(running, waiting)

    def _progress(self, runs: Sequence[Run], attempt: str, step: int, left: float | None) -> GroupProgress:
        """Return the progress of the runs of one setting, which train in one attempt."""
        run, numbers = runs[0], [self._member(run, attempt) for run in runs]
        value = _latest(self._attempts[attempt], numbers)
        seeds = [run.seed for run in runs]
        return GroupProgress(run.label or run.algorithm, run.task.name, seeds, step, run.task.steps, value, left)

    def _member(self, run: Run, attempt: str) -> int:
        """Return the number that a run has in an attempt's records; -1 if the attempt did not train it."""
        number = member_of(self._descriptions.get(attempt, {"keys": {}}), run.key)
        return -1 if number is None else number

    def _curves(self, runs: Sequence[Run], states: Mapping[str, RunState]) -> dict[str, Sequence[LiveCurve]]:
        unfinished = {run.task.name for run in runs if not states[run.key].status.is_final}
        shown = [run for run in runs if run.task.name in unfinished]
        self._read_published(shown, states)
        curves: dict[str, Sequence[LiveCurve]] = {}
        cells: dict[tuple[str, str], list[Run]] = {}
        for run in shown:
            cells.setdefault((run.task.name, run.label or run.algorithm), []).append(run)
        for (task, algorithm), members in cells.items():
            evaluations = [self._evaluations(run, states[run.key]) for run in members]
            training = [] if any(evaluations) else [self._training(run, states[run.key]) for run in members]
            curve = live_curve(algorithm, evaluations, training)
            if curve is not None and len(curves.get(task, ())) < MOST_CURVES:
                curves[task] = [*curves.get(task, ()), curve]
        return curves

    def _read_published(self, runs: Sequence[Run], states: Mapping[str, RunState]) -> None:
        new = [
            run
            for run in runs
            if states[run.key].status.has_score and (run.key, states[run.key].attempt) not in self._published
        ]
        for key, facts in read_facts(self.store, new, states).items():
            self._published[key, states[key].attempt] = dict(zip(facts.steps.tolist(), facts.returns.tolist()))

    def _evaluations(self, run: Run, state: RunState) -> Points:
        if state.status.has_score:
            return self._published.get((run.key, state.attempt), {})
        records = self._attempts.get(state.attempt)
        return {} if records is None else records.evaluations.get(self._member(run, state.attempt), {})

    def _training(self, run: Run, state: RunState) -> Points:
        records = self._attempts.get(state.attempt)
        if records is None or state.status.has_score:
            return {}
        return records.training().get(self._member(run, state.attempt), {})


def _of_each_label(runs: Sequence[Run]) -> list[list[Run]]:
    labels: dict[str, list[Run]] = {}
    for run in runs:
        labels.setdefault(run.label, []).append(run)
    return list(labels.values())


def _latest(records: AttemptCurves, members: Sequence[int]) -> float | None:
    """Return the mean of these runs' last evaluations or, if there are none, of their latest training episodes."""
    for by_member in (records.evaluations, records.training()):
        values = [points[max(points)] for member in members if (points := by_member.get(member))]
        if values:
            return sum(values) / len(values)
    return None


def _failures(runs: Sequence[Run], states: Mapping[str, RunState]) -> list[tuple[str, str]]:
    """Return what failed or is damaged, each reason once for all seeds of an algorithm on a task."""
    failures: dict[tuple[str, str], None] = {}  # a set in the suite's order
    for run in runs:
        state = states[run.key]
        if state.status.is_failure or state.status == RunStatus.CORRUPT:
            failures[f"{run.label or run.algorithm} on {run.task.name}", state.status.describe(state.message)] = None
    return list(failures)


def _styles(document: Mapping[str, Any], runs: Sequence[Run]) -> dict[str, SeriesStyle]:
    """Return the styles that the report uses, so that an algorithm has one colour on the whole page."""
    listed = [str(entry.get("label") or entry["id"]) for entry in document["suite"].get("algorithms", [])]
    chance = {run.label or run.algorithm for run in runs if is_random(run.algorithm)}
    return series_styles([*listed, *(run.label or run.algorithm for run in runs)], chance)


def _fingerprint(document: Mapping[str, Any], states: Mapping[str, RunState], in_use: bool, videos: Path) -> str:
    """Return a hash of what the report shows, except for the progress of runs that are not finished."""
    final = {key: (state.status, state.attempt) for key, state in states.items() if state.status.is_final}
    try:
        films = sorted(os.listdir(videos))
    except OSError:
        films = []
    return hashlib.sha256(canonical([document, final, in_use, films]).encode("utf-8", "replace")).hexdigest()
