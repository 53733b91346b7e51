"""Statistics over runs in vectorised numpy. Whatever draws random numbers takes an explicit generator.

Scores are a mapping or a sequence of arrays, one [n_task] a task; run counts may differ. docs/statistics.md gives the
definition, the source and the limits of each statistic.
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
from rlbench.stats.curve_summaries import Band, ThresholdSteps, area_under_curve, efficiency_curve, steps_to_threshold
from rlbench.stats.differences import NonInferiority, difference, difference_per_task, not_worse
from rlbench.stats.effect_sizes import cliffs_delta, standardised_difference
from rlbench.stats.improvement import probability_of_improvement
from rlbench.stats.noninferiority import DetectableLoss, MarginTest, detectable_loss, fewest_runs, margin_test
from rlbench.stats.performance_profiles import Profile, performance_profile
from rlbench.stats.permutation import (
    EXACT_UP_TO,
    PermutationTest,
    holm,
    permutation_test,
    runs_needed,
    smallest_p,
    too_few,
)
from rlbench.stats.prediction_intervals import mean_interval, prediction_interval, welch_interval
from rlbench.stats.samples import Statistic, normalise
from rlbench.stats.sequential import Crossing, Trajectories, crossing, trajectories, uniform_spending
from rlbench.stats.sequential_design import Design, InterimResult, PairTest, interim_results, pairs_of
from rlbench.stats.tolerance_intervals import ToleranceInterval, normal_tolerance_interval, tolerance_interval
from rlbench.stats.two_sample import TwoSampleTest, two_sample_test
from rlbench.stats.welch import WelchTest, welch_test

__all__ = [
    "EXACT_UP_TO",
    "Band",
    "Crossing",
    "Design",
    "DetectableLoss",
    "InterimResult",
    "Interval",
    "MarginTest",
    "NonInferiority",
    "PairTest",
    "PermutationTest",
    "Profile",
    "Statistic",
    "ThresholdSteps",
    "ToleranceInterval",
    "Trajectories",
    "TwoSampleTest",
    "WelchTest",
    "area_under_curve",
    "bootstrap_interval",
    "cliffs_delta",
    "crossing",
    "detectable_loss",
    "difference",
    "difference_per_task",
    "efficiency_curve",
    "fewest_runs",
    "holm",
    "interim_results",
    "iqm",
    "iqm_of_draws",
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
