"""The final comparison: chosen settings, the suite's own and untuned algorithms, on seeds that no trial used."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from numpy.random import Generator

from rlbench.analysis import Results
from rlbench.analysis.final_scores import Scores, keys_of, resamples_for, seeded_generator
from rlbench.analysis.pairwise import ALPHA, FEWEST_PERMUTATIONS
from rlbench.api import RunStatus
from rlbench.plugins import Plugins
from rlbench.results import Store
from rlbench.results.run_rows import RunRow
from rlbench.run_options import RunOptions
from rlbench.runner import ProgressReporter, run_suite
from rlbench.stats import Interval, holm
from rlbench.suites import LoadedSuite, plan
from rlbench.tuning.algorithm_search import AlgorithmSearch
from rlbench.tuning.trial_rounds import on_one_scale, reached_by, warn_of_changes
from rlbench.tuning.trial_suites import final_suite, tuned_label
from rlbench.tuning.winners_curse import FreshEvidence, fresh_evidence


@dataclass(frozen=True)
class Finals:
    """The results of the final comparison.

    evidence: by label of the tuned algorithm; None if one of its settings has no score on some task. p_holm: by the
    same label, p of the gain after Holm's correction for the number of gains. untuned: the score of each algorithm
    without a space, by its label; None if it has no score. absent: sentences on runs without a score. complete: whether
    every run is done. runs, steps: runs and environment steps of the comparison. reached: by label, how many runs
    reached the threshold, and of how many; empty if there is no threshold.
    """

    evidence: Mapping[str, FreshEvidence | None]
    p_holm: Mapping[str, float]
    untuned: Mapping[str, Interval | None]
    absent: Sequence[str]
    complete: bool
    runs: int
    steps: int
    reached: Mapping[str, tuple[int, int]]

    def verdict(self, label: str) -> Literal["better", "worse", "undecided"] | None:
        """Return what the gain of a tuned algorithm shows; None if scores are missing or no new setting was chosen.

        Better and worse: the interval of the gain excludes 0, and its p is at most 0.05 after Holm's correction.
        """
        evidence = self.evidence.get(label)
        if evidence is None or evidence.gain is None:
            return None
        if self.p_holm.get(label, 1.0) > ALPHA or evidence.gain.low <= 0 <= evidence.gain.high:
            return "undecided"
        return "better" if evidence.gain.estimate > 0 else "worse"


def run_finals(
    loaded: LoadedSuite,
    searches: Sequence[AlgorithmSearch],
    plugins: Plugins,
    store: Store,
    options: RunOptions,
    reporter: ProgressReporter,
    where: str = "",
) -> Finals:
    """Train the runs of the final comparison that are not finished, and return what they show. Raises: as `run_suite`.

    where: the command, which the folder's suite names as the source of the chosen numbers.
    """
    chosen = {found.algorithm: found.winner.setting for found in searches}
    suite = final_suite(loaded, chosen, {found.algorithm: found.tuned(where) for found in searches})
    planned = plan(suite, plugins, **options.planning)
    reporter.say("final comparison, on seeds that no trial used")
    outcome = run_suite(planned, plugins, store, options, reporter)
    warn_of_changes(outcome, reporter)
    results = outcome.results
    keys = {run.key for group in planned.groups for run in group.runs}
    rows = [row for row in results.rows if row.key in keys]
    scores = results.final_scores
    evidence = {found.algorithm: _evidence(found, scores) for found in searches}
    tuned = {label for name in evidence for label in (name, tuned_label(name))}
    p = {label: shown.p for label, shown in evidence.items() if shown is not None and shown.p is not None}
    return Finals(
        evidence,
        holm(p),
        {
            label: _untuned(results, label)
            for label in dict.fromkeys(g.label for g in planned.groups)
            if label not in tuned
        },
        scores.absent(),
        not planned.broken and all(row.status == RunStatus.DONE for row in rows),
        len(rows),
        sum(row.steps for row in rows),
        _reached(loaded, rows, scores),
    )


def _reached(loaded: LoadedSuite, rows: Sequence[RunRow], scores: Scores) -> dict[str, tuple[int, int]]:
    assert loaded.suite.tune is not None
    if (threshold := loaded.suite.tune.threshold) is None:
        return {}
    own: dict[str, list[RunRow]] = {}
    for row in rows:
        own.setdefault(row.algorithm, []).append(row)
    return {label: (reached_by(those, scores, threshold), len(those)) for label, those in own.items()}


def _evidence(found: AlgorithmSearch, scores: Scores) -> FreshEvidence | None:
    """Return the evidence on the choice, with the digits that `rlbench table` and `compare` print for these runs."""
    is_own = not found.winner.setting
    labels = [found.algorithm] if is_own else [tuned_label(found.algorithm), found.algorithm]
    samples = [[scores.samples[label, task] for task in found.tasks] for label in labels]
    if not all(sample.n for side in samples for sample in side):
        return None
    sides = [dict(zip(found.tasks, on_one_scale({s.environment: s.scores for s in side}, scores))) for side in samples]

    def generator(what: str) -> Generator:
        if what == "score":
            return seeded_generator(keys_of(samples[0]))
        return seeded_generator(keys_of([s for side in samples for s in side]), f"iqm {' '.join(found.tasks)}")

    runs = sum(sample.n for side in samples for sample in side)
    permutations = int(max(FEWEST_PERMUTATIONS, 10 / ALPHA))
    own = None if is_own else sides[1]
    return fresh_evidence(found.winner.score, sides[0], own, generator, resamples_for(runs), permutations)


def _untuned(results: Results, label: str) -> Interval | None:
    from rlbench.analysis.estimates import OF_ALL, interval_estimate

    scores = results.final_scores
    samples = [sample for (name, _), sample in scores.samples.items() if name == label]
    if not samples or not all(sample.n for sample in samples):
        return None
    if len(samples) > 1 and not all(sample.environment in scores.anchors for sample in samples):
        return None
    runs = on_one_scale({sample.environment: sample.scores for sample in samples}, scores)
    return interval_estimate(runs, keys_of(samples), of=OF_ALL)
