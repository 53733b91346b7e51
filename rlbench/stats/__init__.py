"""Statistics over runs: vectorised numpy, one explicit generator wherever something is drawn.

Scores are a mapping or a sequence of arrays, one [n_task] a task; run counts may differ. docs/statistics.md says what each
statistic is, where it comes from and where it ends.
"""

from rlbench.stats.aggregates import (
    iqm,
    iqm_of_draws,
    optimality_gap,
    overall_iqm,
    overall_mean,
    overall_median,
    per_task,
    pooled_median,
)
from rlbench.stats.bootstrap import Interval, bootstrap_interval, percentile_interval
from rlbench.stats.curve_summaries import Band, Reached, area_under_curve, efficiency_curve, steps_to_threshold
from rlbench.stats.differences import NotWorse, difference, difference_per_task, not_worse
from rlbench.stats.effect_sizes import cliffs_delta, standardised_difference
from rlbench.stats.improvement import probability_of_improvement
from rlbench.stats.noninferiority import Detectable, MarginTest, detectable, fewest_runs, margin_test
from rlbench.stats.performance_profiles import Profile, performance_profile
from rlbench.stats.permutation import EXACT_UP_TO, Permutation, holm, permutation_test, runs_needed, smallest_p, too_few
from rlbench.stats.prediction_intervals import mean_interval, prediction_interval, welch_interval
from rlbench.stats.samples import Statistic, normalise
from rlbench.stats.sequential import Crossing, Trajectories, crossing, trajectories, uniform_spending
from rlbench.stats.sequential_design import Design, PairTest, Reading, judge, pairs_of
from rlbench.stats.tolerance_intervals import Tolerance, normal_tolerance_interval, tolerance_interval
from rlbench.stats.two_sample import TwoSample, two_sample_test
from rlbench.stats.welch import Welch, welch_test

__all__ = [
    "EXACT_UP_TO",
    "Band",
    "Crossing",
    "Design",
    "Detectable",
    "Interval",
    "MarginTest",
    "NotWorse",
    "PairTest",
    "Permutation",
    "Profile",
    "Reached",
    "Reading",
    "Statistic",
    "Tolerance",
    "Trajectories",
    "TwoSample",
    "Welch",
    "area_under_curve",
    "bootstrap_interval",
    "cliffs_delta",
    "crossing",
    "detectable",
    "difference",
    "difference_per_task",
    "efficiency_curve",
    "fewest_runs",
    "holm",
    "iqm",
    "iqm_of_draws",
    "judge",
    "margin_test",
    "mean_interval",
    "normal_tolerance_interval",
    "normalise",
    "not_worse",
    "optimality_gap",
    "overall_iqm",
    "overall_mean",
    "overall_median",
    "pairs_of",
    "per_task",
    "percentile_interval",
    "performance_profile",
    "permutation_test",
    "pooled_median",
    "prediction_interval",
    "probability_of_improvement",
    "runs_needed",
    "smallest_p",
    "standardised_difference",
    "steps_to_threshold",
    "tolerance_interval",
    "too_few",
    "trajectories",
    "two_sample_test",
    "uniform_spending",
    "welch_interval",
    "welch_test",
]
