"""How many runs a difference takes: against the textbook's number, and against the test that is to find it."""

import json

import numpy as np
import pytest
from numpy.random import PCG64, Generator, SeedSequence
from support.cli import rlbench
from support.read_back import read_scores
from support.result_folders import folder

from rlbench.analysis.power_analysis import power_of
from rlbench.api import NothingToCompare
from rlbench.stats import two_sample_test

UNIT = {"anchors": {"lower": 0.0, "upper": 1.0}}


def scores(tmp_path, runs, env="Made-v0"):
    return read_scores(folder(tmp_path / "s", {"a": {env: runs}}, suite={env: UNIT}))


def normal_quantiles(n):
    """n numbers that are spread as a normal sample of mean 0 and variance 1 is on average."""
    from statistics import NormalDist

    values = np.array([NormalDist().inv_cdf((i + 0.5) / n) for i in range(n)])
    return ((values - values.mean()) / values.std(ddof=1)).tolist()


def test_a_mean_of_normal_scores_takes_what_the_textbook_says(tmp_path):
    """n = 2 (z₀.₉₇₅ + z₀.₈)² σ² / d² = 15.7 for d = σ, 62.8 for half of it; by Student's t 16.7 and 63.8 (Cohen 1988)."""
    (row,) = power_of(scores(tmp_path, normal_quantiles(30)), (1.0, 0.5), statistic="mean")
    assert row.needed[1.0] in (16, 17, 18) and 60 <= row.needed[0.5] <= 68
    assert row.detectable == pytest.approx(2.8 * np.sqrt(2 / 30), rel=0.06)


def test_the_test_has_about_the_power_that_was_promised(tmp_path):
    (row,) = power_of(scores(tmp_path, normal_quantiles(30)), (1.5,))
    draw = Generator(PCG64(SeedSequence(0)))
    n = row.needed[1.5]
    won = [
        two_sample_test(
            [draw.standard_normal(n) + 1.5], [draw.standard_normal(n)], draw, permutations=500, exact_up_to=0
        ).p
        <= 0.05
        for _ in range(200)
    ]
    assert 0.68 < np.mean(won) < 0.9  # 0.8 ± 3.5 standard errors


def test_no_fewer_runs_are_asked_for_than_the_test_needs_and_a_family_needs_more(tmp_path):
    found = scores(tmp_path, normal_quantiles(8))
    (row,), (family,) = power_of(found, (50.0,)), power_of(found, (50.0,), pairs=66)
    assert row.needed[50.0] == 5 and family.needed[50.0] == 9 and family.detectable is None


def test_the_critical_value_of_a_large_family_lies_beyond_its_alpha(tmp_path):
    """Means of 30 normal scores at alpha/1000: d = (t₀.₉₉₉₉₇₅ + z₀.₈) σ √(2/30) = (4.386 + 0.842) 0.258 = 1.350."""
    (row,) = power_of(scores(tmp_path, normal_quantiles(30)), (50.0,), pairs=1000, statistic="mean")
    assert row.detectable == pytest.approx(1.350, rel=0.06) and "imprecise" in row.note
    (row,) = power_of(scores(tmp_path / "2", normal_quantiles(30)), (50.0,), pairs=100, statistic="mean")
    assert row.detectable == pytest.approx((3.690 + 0.842) * 0.2582, rel=0.04) and not row.note


def test_a_difference_out_of_reach_is_said_to_be_so_and_few_or_equal_runs_are_a_guess(tmp_path):
    (row,) = power_of(scores(tmp_path, [0.0, 1.0, 2.0]), (0.001,))
    assert row.needed == {0.001: None} and row.detectable is None and "a guess" in row.note
    (row,) = power_of(scores(tmp_path / "2", [1.0] * 6), (0.1,))
    assert "unknown" in row.note


def test_without_anchors_there_is_no_scale_for_a_difference(tmp_path):
    with pytest.raises(NothingToCompare, match="no anchors for Mine-v0"):
        power_of(read_scores(folder(tmp_path / "s", {"a": {"Mine-v0": [1.0, 2.0, 3.0]}})))


def test_what_is_left_out_is_named(tmp_path):
    runs = {"CartPole-v1": [400.0, 420, 440, 460, 480], "Mine-v0": [1.0, 2.0, 3.0]}
    folder(tmp_path / "s", {"a": runs, "b": {"CartPole-v1": [400.0, 420.0]}})
    ran = rlbench("power", tmp_path / "s")
    assert ran.returncode == 0 and "left out: no anchors for Mine-v0" in ran.stdout
    assert "left out: b: under 3 runs on CartPole-v1 (2)" in ran.stdout
    assert len(json.loads(rlbench("power", tmp_path / "s", "--json").stdout)["left_out"]) == 2
    folder(tmp_path / "none", {"a": {"Mine-v0": [1.0, 2.0, 3.0]}})
    assert rlbench("power", tmp_path / "none").returncode == 4


def test_the_command_prints_a_column_for_each_difference(tmp_path):
    folder(tmp_path / "s", {"random": {"CartPole-v1": [20.0] * 5}, "a": {"CartPole-v1": [400.0, 420, 440, 460, 480]}})
    ran = rlbench("power", tmp_path / "s", "--difference", 0.1, "--difference", 0.5)
    assert ran.returncode == 0 and "d = 0.1   d = 0.5" in ran.stdout and "random" not in ran.stdout
    (row,) = json.loads(rlbench("power", tmp_path / "s", "--json").stdout)["rows"]
    assert [entry["difference"] for entry in row["needed"]] == [0.05, 0.1, 0.2] and row["algorithm"] == "a"
