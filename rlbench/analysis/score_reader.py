"""Results of a folder in Python: recorded data, scores and comparisons as tidy pandas frames."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pandas as pd

from rlbench.analysis.curve_frames import curve_frame, read_curves
from rlbench.analysis.final_scores import Scores, read_scores
from rlbench.analysis.frames import aggregate_frame, comparison_frame, profile_frame, score_frame
from rlbench.analysis.pair_selection import pairs_between, pairs_within
from rlbench.analysis.pairwise import ALPHA, compare
from rlbench.analysis.sensitivity import sensitivity
from rlbench.analysis.sequential_log import COLUMNS as DECISION_COLUMNS
from rlbench.analysis.sequential_log import read_decisions
from rlbench.results.record_reader import Records
from rlbench.results.score_anchors import Anchors, as_anchors, read_anchors

SuppliedAnchors = str | Path | Mapping[str, Any]


class Results(Records):
    """A result folder. Reading takes no lock and works while the suite runs; it sees what is published so far.

    anchors: for tasks that have none, or to replace theirs. Either a file written by `rlbench anchors -o FILE`, or a
    mapping from environment ids to {"lower": …, "upper": …}.
    """

    def __init__(self, folder: str | Path, anchors: SuppliedAnchors | None = None) -> None:
        super().__init__(folder)
        self._anchors = _read_supplied(anchors)

    def _scores(self) -> Scores:
        return read_scores(self._store, self._anchors)

    def scores(self, normalized: bool = True) -> pd.DataFrame:
        """Return one row for each run that has a score: algorithm (label), id, environment, seed, key, diverged, score.

        score: mean return of the final policy; for a diverged run, the lower of its last finite evaluation and the
        lower anchor.
        normalized: scale scores so that the task's anchors are 0 and 1. Runs without a score are in `runs()`, with
        their status.
        Raises: StoreError if normalized and a task has no anchors.
        """
        return score_frame(self._scores(), normalized)

    def aggregate(self, normalized: bool = True) -> pd.DataFrame:
        """Return estimates with 95 % intervals: one row for each algorithm, environment ("" over all tasks) and
        statistic.

        Columns: algorithm, environment, statistic (iqm, mean, median and, over all tasks, optimality_gap), tasks, n
        (runs that have a score), planned, estimate, low, high, method (percentile or bootstrap-t), note. normalized:
        only tasks with anchors; otherwise each task's raw returns, and nothing over tasks.
        """
        return aggregate_frame(self._scores(), normalized)

    def compare(
        self,
        *algorithms: str,
        baseline: str | None = None,
        other: Results | None = None,
        statistic: str = "iqm",
        alpha: float = ALPHA,
    ) -> pd.DataFrame:
        """Compare pairs of algorithms, ours minus theirs: all pairs of the named ones, or of all but `random`.

        baseline: compare each of the others with this one instead. other: compare each algorithm with the same one in
        another folder.
        statistic: "iqm" or "mean". All pairs are one family for Holm, at `alpha`. Columns:
        rlbench.analysis.frames.comparison_frame.
        """
        if other is None:
            pairs = pairs_within(self._scores(), algorithms, baseline)
        else:
            names = (str(self._store.root), str(other._store.root))
            pairs = pairs_between(self._scores(), other._scores(), names, algorithms)
        return comparison_frame(compare(pairs, statistic, alpha))

    def profile(self, thresholds: Sequence[float] | None = None) -> pd.DataFrame:
        """Return performance profiles.

        Columns: algorithm, threshold (normalised score), share (of runs above it, tasks weighing the same), low, high
        (pointwise 95 % band), tasks, n. thresholds: by default 101 values from 0 to the best score, at least 1.1.
        """
        return profile_frame(self._scores(), thresholds)

    def curves(self, normalized: bool = False, against: str = "steps") -> pd.DataFrame:
        """Return the IQM over runs at each evaluation during training.

        Columns: algorithm, environment, at, n, iqm, low, high (pointwise 95 %). against: "steps", "wall_seconds" or
        "cpu_seconds", the unit of `at`; seconds are the median over runs. normalized: scores between the anchors;
        against steps this adds curves over all tasks (environment ""), with `at` in shares of the budget.
        """
        return curve_frame(*read_curves(self._store, self._anchors), normalized, against)

    def decisions(self) -> pd.DataFrame:
        """Return what `--until-decided` found: one row for each pair at each interim analysis at which it was open.

        Columns: look, runs (of each side on each task until then), ours, theirs, outcome (better, equivalent, undecided
        at the cap, or "" for open), winner, difference (ours minus theirs), boundary, within_low, within_high, p_welch
        (docs/adaptive.md). Empty if the suite never ran with `--until-decided`.
        """
        decisions = read_decisions(self._store)
        return pd.DataFrame(columns=DECISION_COLUMNS) if decisions is None else decisions.frame()

    def sensitivity(self) -> pd.DataFrame:
        """Return the results of a suite's sweeps: one row for each value of each swept hyperparameter on each task.

        Columns: environment, algorithm (label of the sweep), parameter, value, points (combinations with this value), n
        (runs planned), n_valid, iqm, low, high (95 %, of the raw returns). The best point is chosen on its own seeds.
        """
        return sensitivity(self._store, self.runs()).frame()


def _read_supplied(anchors: SuppliedAnchors | None) -> Mapping[str, Anchors]:
    if anchors is None:
        return {}
    if isinstance(anchors, (str, Path)):
        return read_anchors(Path(anchors))
    return {
        name: entry if isinstance(entry, Anchors) else as_anchors(entry, f"anchors of {name}")
        for name, entry in anchors.items()
    }


def load(folder: str | Path, anchors: SuppliedAnchors | None = None) -> Results:
    """Open a result folder. anchors: as in `Results`.

    Raises: StoreError if it is not a result folder or was written by a newer rlbench; AnchorsError for invalid anchors.
    """
    return Results(folder, anchors)
