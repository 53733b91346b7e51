"""Against rliable 1.2.0 on the same matrices, as stored by golden/make_golden.py."""

import json
from pathlib import Path

import numpy as np
import pytest

from rlbench.stats import (
    bootstrap_interval,
    optimality_gap,
    overall_iqm,
    overall_mean,
    overall_median,
    performance_profile,
    probability_of_improvement,
)

GOLDEN = json.loads(Path(__file__).with_name("golden").joinpath("rliable.json").read_text())
STATISTICS = {
    "iqm": overall_iqm,
    "mean": overall_mean,
    "median": overall_median,
    "optimality_gap": optimality_gap,
}
FEW = GOLDEN["made_with"]["few_reps"]

every_case = pytest.mark.parametrize("case", GOLDEN["cases"].values(), ids=GOLDEN["cases"])


def close(found, wanted, reps, step=0.0):
    """Bounds of two bootstraps of `reps` resamples or more, within four standard errors of their Monte Carlo, and a step
    of a statistic that takes few values.

    The 2.5 % quantile of a normal statistic of deviation σ, a quarter of the interval's width, has the standard error
    √(0.025·0.975/reps)/φ(1.96)·σ = 2.67 σ/√reps; two of them differ by √2 times that.
    """
    slack = 4 * np.sqrt(2) * 2.67 / np.sqrt(reps) * (wanted[1] - wanted[0]) / 3.92 + step + 1e-9
    assert np.abs(np.subtract(found, wanted)).max() <= slack


@every_case
@pytest.mark.parametrize("name", STATISTICS)
def test_point_estimates_are_rliables(case, name):
    assert STATISTICS[name](case["ours"]) == pytest.approx(case["estimates"][name], abs=1e-9)


@every_case
@pytest.mark.parametrize("name", STATISTICS)
def test_intervals_are_rliables_within_monte_carlo_error(case, name):
    found = bootstrap_interval(case["ours"], STATISTICS[name], np.random.default_rng(0))
    # Scores in quarters: the IQM of 24 runs moves in steps of 1/48. 97.68 % of its resamples lie at or below 0.6875, so
    # that 20 000 of them put the 97.5 % quantile there or, at 1.6 standard errors, one step above.
    coarse = np.array_equal(np.array(case["ours"]) % 0.25, np.zeros_like(case["ours"]))
    close((found.low, found.high), case["intervals"][name], GOLDEN["made_with"]["reps"], step=coarse / 48)


@every_case
def test_profiles_are_rliables(case):
    profile = case["profile"]
    found = performance_profile(case["ours"], np.array(profile["thresholds"]), np.random.default_rng(0), resamples=FEW)
    assert found.share == pytest.approx(np.array(profile["share"]), abs=1e-9)
    for bounds in zip(zip(found.low, found.high), zip(*profile["band"])):
        close(*bounds, FEW, step=1 / np.size(case["ours"]))


@every_case
def test_probabilities_of_improvement_are_rliables(case):
    found = probability_of_improvement(case["ours"], case["theirs"], np.random.default_rng(0))
    assert found.estimate == pytest.approx(case["improvement"]["estimate"], abs=1e-9)
    close((found.low, found.high), case["improvement"]["interval"], FEW)
