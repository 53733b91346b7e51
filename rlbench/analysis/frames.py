"""Scores, aggregates, profiles and comparisons as tidy frames, with a row for each run, estimate, threshold or pair."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd

from rlbench.analysis.estimates import OF_ALL, OF_ONE, interval_estimate
from rlbench.analysis.final_scores import Scores, keys_of, seeded_generator
from rlbench.analysis.pairwise import Comparison
from rlbench.api import StoreError
from rlbench.stats import performance_profile

SCORE_COLUMNS = ("algorithm", "id", "environment", "seed", "key", "diverged", "score")
AGGREGATE_COLUMNS = (
    "algorithm",
    "environment",
    "statistic",
    "tasks",
    "n",
    "planned",
    "estimate",
    "low",
    "high",
    "method",
    "note",
)
PROFILE_COLUMNS = ("algorithm", "threshold", "share", "low", "high", "tasks", "n")


def score_frame(scores: Scores, normalised: bool) -> pd.DataFrame:
    """Return one row for each run that has a score, with the columns of SCORE_COLUMNS.

    Raises: StoreError if normalised and an environment has no anchors.
    """
    if normalised:
        scores.need_anchors(scores.environments)
    parts = []
    for sample in scores.samples.values():
        values = scores.normalised({sample.environment: sample.scores}) if normalised and sample.n else {}
        parts.append(
            pd.DataFrame(
                {
                    "algorithm": sample.algorithm,
                    "id": sample.id,
                    "environment": sample.environment,
                    "seed": np.array(sample.seeds, np.int64),
                    "key": list(sample.keys),
                    "diverged": sample.diverged,
                    "score": values.get(sample.environment, sample.scores),
                }
            )
        )
    return pd.concat(parts, ignore_index=True) if parts else pd.DataFrame(columns=list(SCORE_COLUMNS))


def aggregate_frame(scores: Scores, normalised: bool) -> pd.DataFrame:
    """Return point estimates with 95 % intervals for each algorithm, with the columns of AGGREGATE_COLUMNS.

    normalised: estimate normalised scores over all tasks that have anchors (environment "") and on each of them.
    Otherwise estimate raw returns on each task.
    statistic: iqm, mean, median and, over all tasks, optimality_gap.
    n: runs that have a score. planned: runs in the suite.
    low, high: NaN if a task has fewer than 3 runs. method, note: as in rlbench.stats.Interval.
    """
    rows: list[tuple[object, ...]] = []
    for algorithm in scores.algorithms:
        scores_by_env = scores.of(algorithm, normalised)
        if normalised and scores_by_env:
            rows += _estimates(scores, algorithm, scores_by_env, list(scores_by_env), "")
        for env in scores_by_env:
            rows += _estimates(scores, algorithm, scores_by_env, [env], env)
    return pd.DataFrame(rows, columns=list(AGGREGATE_COLUMNS))


def _estimates(
    scores: Scores, algorithm: str, scores_by_env: dict[str, np.ndarray], tasks: Sequence[str], environment: str
) -> list[tuple[object, ...]]:
    samples = [scores.samples[algorithm, env] for env in tasks]
    values = [scores_by_env[env] for env in tasks]
    counts = len(tasks), sum(s.n for s in samples), sum(s.planned for s in samples)
    rows: list[tuple[object, ...]] = []
    of = OF_ALL if environment == "" else OF_ONE
    for name in of:
        i = interval_estimate(values, keys_of(samples), name, of)
        rows.append((algorithm, environment, name, *counts, i.estimate, i.low, i.high, i.method, i.note))
    return rows


def profile_frame(scores: Scores, thresholds: Sequence[float] | None = None) -> pd.DataFrame:
    """Return the share of runs above each normalised threshold, over the tasks with anchors; columns: PROFILE_COLUMNS.

    thresholds: by default 101 values from 0 to 1.1, or to the best score if that is higher. low, high: pointwise 95 %
    band.
    Raises: StoreError if no task has anchors.
    """
    by_algorithm = {
        name: scores_by_env for name in scores.algorithms if (scores_by_env := scores.of(name, normalised=True))
    }
    if not by_algorithm:
        scores.need_anchors(scores.environments)
        raise StoreError(f"{scores.name}: no run has a score yet")
    best = max(float(runs.max()) for scores_by_env in by_algorithm.values() for runs in scores_by_env.values())
    points = np.linspace(0, max(1.1, best), 101) if thresholds is None else np.asarray(thresholds, float)
    parts = []
    for name, scores_by_env in by_algorithm.items():
        samples = [scores.samples[name, env] for env in scores_by_env]
        band = performance_profile(scores_by_env, points, seeded_generator(keys_of(samples), "profile"))
        columns = (name, points, band.share, band.low, band.high, len(scores_by_env), sum(s.n for s in samples))
        parts.append(pd.DataFrame(dict(zip(PROFILE_COLUMNS, columns))))
    return pd.concat(parts, ignore_index=True)


def comparison_frame(comparison: Comparison) -> pd.DataFrame:
    """Return one row for each pair over all tasks (environment "", normalised scores) and on each task (raw returns).

    Columns (missing values are NaN):
    ours, theirs, environment, tasks, n_ours, n_theirs.
    statistic: iqm or mean. ours_estimate, theirs_estimate: the statistic of each side.
    difference, low, high, method: ours minus theirs with its 95 % interval.
    improvement, improvement_low, improvement_high: P(a run of ours beats one of theirs), with its interval.
    cliffs_delta in [-1, 1], hedges_g: only on single tasks.
    p, p_permutation, p_welch, p_holm, smallest_p, runs_to_show, verdict, note: as in rlbench.analysis.Row.
    family: number of tests that Holm adjusts for.
    """
    rows = []
    for row in comparison.rows:
        difference, improvement, estimates = row.difference, row.improvement, row.estimates or (np.nan, np.nan)
        rows.append(
            {
                "ours": row.ours,
                "theirs": row.theirs,
                "environment": row.environment,
                "tasks": row.tasks,
                "n_ours": row.n[0],
                "n_theirs": row.n[1],
                "statistic": comparison.statistic,
                "ours_estimate": estimates[0],
                "theirs_estimate": estimates[1],
                "difference": estimates[0] - estimates[1],
                "low": difference.low if difference else np.nan,
                "high": difference.high if difference else np.nan,
                "method": difference.method if difference else "",
                "improvement": improvement.estimate if improvement else np.nan,
                "improvement_low": improvement.low if improvement else np.nan,
                "improvement_high": improvement.high if improvement else np.nan,
                **{name: _number(getattr(row, name)) for name in ("cliffs_delta", "hedges_g", *_TESTS)},
                "family": comparison.family[bool(row.environment)],
                "verdict": row.verdict,
                "note": row.note,
            }
        )
    return pd.DataFrame(rows, columns=list(COMPARISON_COLUMNS))


_TESTS = ("p", "p_permutation", "p_welch", "p_holm", "smallest_p", "runs_to_show")
COMPARISON_COLUMNS = (
    *("ours", "theirs", "environment", "tasks", "n_ours", "n_theirs", "statistic", "ours_estimate", "theirs_estimate"),
    *("difference", "low", "high", "method", "improvement", "improvement_low", "improvement_high", "cliffs_delta"),
    *("hedges_g", *_TESTS, "family", "verdict", "note"),
)


def _number(value: float | None) -> float:
    return np.nan if value is None else value
