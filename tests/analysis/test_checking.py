"""Our runs against published scores: our statistic made as theirs, and whether theirs is to be expected from runs like ours."""

import math
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from support.result_folders import folder

from rlbench.analysis import Results
from rlbench.analysis.published_check import check_against, expectation, moving_average, verdict
from rlbench.analysis.published_scores import PROTOCOLS, published_scores
from rlbench.api import EpisodeRecord, EvaluationRecord, RunGroup, Task
from rlbench.results import JsonlSink, Store, publish
from rlbench.results.score_anchors import Anchors, shipped_anchors

CARTPOLE, ACROBOT = "CartPole-v1", "Acrobot-v1"
LOWER = shipped_anchors()[CARTPOLE].lower


def one(source, environment, algorithm):
    (found,) = [p for p in published_scores(source) if (p.environment, p.algorithm) == (environment, algorithm)]
    return found


def test_published_numbers_are_shipped_with_what_they_are_means_of():
    assert {source: len(published_scores(source)) for source in PROTOCOLS} == {"zoo": 69, "cleanrl": 6, "slm-lab": 157}
    zoo, cleanrl, slm = one("zoo", ACROBOT, "dqn"), one("cleanrl", ACROBOT, "dqn"), one("slm-lab", ACROBOT, "dqn")
    assert (zoo.mean, zoo.std, zoo.runs, zoo.train_steps) == (-76.639, 11.752, 1, 100_000)
    assert (cleanrl.mean, cleanrl.std, cleanrl.runs) == (-91.54, 7.20, 3)
    assert (slm.mean, slm.std, slm.runs) == (-94.17, None, 4)
    breakout, pong = one("zoo", "BreakoutNoFrameskip-v4", "dqn"), one("slm-lab", "ALE/Pong-v5", "ppo")
    assert (breakout.mean, breakout.std, pong.mean, pong.runs) == (358.327, 61.981, 16.69, 4)


def test_one_published_agent_is_held_against_the_prediction_of_one_more_run():
    """Runs -80, -82, -84: mean -82, deviation 2, t = 4.30265; widened by 11.752/√1875 of its own episodes."""
    reference, runs = one("zoo", ACROBOT, "dqn"), np.array([-80.0, -82.0, -84.0])
    found, what = expectation(runs, reference, 11.752 / math.sqrt(1_875))
    reach = math.hypot(4.30265 * 2 * math.sqrt(4 / 3), 1.959964 * 11.752 / math.sqrt(1_875))
    assert found == pytest.approx((-82 - reach, -82 + reach), abs=1e-3) and what == "prediction of one more run"
    assert verdict(reference.mean, found) == "consistent"


def test_a_mean_of_runs_without_spread_is_held_against_the_prediction_of_such_a_mean():
    found, what = expectation(np.array([1.0, 2.0, 3.0]), one("slm-lab", ACROBOT, "dqn"))
    assert found[1] == pytest.approx(2 + 4.30265 * math.sqrt(1 / 3 + 1 / 4), abs=1e-4)
    assert what == "prediction of the mean of 4 more runs"


def test_a_spread_over_seeds_is_welchs_difference():
    from scipy import stats

    reference, runs = one("cleanrl", ACROBOT, "dqn"), np.array([-85.0, -90.0, -88.0, -95.0])
    found, _ = expectation(runs, reference)
    std = 7.2 * math.sqrt(3 / 2)
    p = stats.ttest_ind_from_stats(runs.mean(), runs.std(ddof=1), 4, reference.mean, std, 3, equal_var=False).pvalue
    assert (found[0] <= reference.mean <= found[1]) == (p >= 0.05)
    edge = replace(reference, mean=runs.mean() - (found[1] - found[0]) / 2)
    p = stats.ttest_ind_from_stats(runs.mean(), runs.std(ddof=1), 4, edge.mean, std, 3, equal_var=False).pvalue
    assert p == pytest.approx(0.05, abs=1e-6)  # a published mean at the edge of what is expected


@pytest.mark.parametrize(
    "theirs, said", [(500.0, "lower"), (480.0, "consistent"), (450.0, "higher"), (490.004, "consistent")]
)
def test_ours_is_named_from_our_side_and_rounding_is_no_difference(theirs, said):
    assert verdict(theirs, (470.0, 490.0)) == said
    assert verdict(theirs, None) == "too few runs"


def test_the_zoos_statistic_is_the_final_evaluation_of_each_run(tmp_path):
    scores = {"random": {CARTPOLE: [20]}, "mine": {CARTPOLE: [500, 500, 500], "Pendulum-v1": [-150] * 3}}
    store = folder(tmp_path / "s", scores, {CARTPOLE: {"steps": 50_000}})
    (found,) = check_against(Results(store), "zoo")  # no published dqn on Pendulum
    assert (found.algorithm, found.environment, found.n, found.mean) == ("mine", CARTPOLE, 3, 500.0)
    assert found.verdict == "consistent" and found.comparable and "descriptive only" in found.notes


def test_another_budget_than_theirs_has_no_verdict(tmp_path):
    """Scores that would be called equal, but after 49 999 steps instead of 50 000."""
    store = folder(tmp_path / "s", {"mine": {CARTPOLE: [500.0] * 5}}, {CARTPOLE: {"steps": 49_999}})
    (found,) = check_against(Results(store), "zoo")
    assert (found.verdict, found.comparable, found.expected, found.expected_of) == ("not comparable", False, None, "")
    assert found.notes == ("different budgets: ours 49,999 steps, theirs 50,000",)
    assert (found.mean, found.n) == (500.0, 5)  # what ours scored is told all the same


@pytest.mark.parametrize(
    ("source", "steps", "said"),
    [
        ("zoo", 50_000, ["theirs is one agent, so the interval is a prediction, not a test"]),
        ("slm-lab", 200_000, ["theirs has no spread, so the interval is a prediction, not a test"]),
        ("cleanrl", 500_000, []),
    ],
)
def test_where_no_means_are_tested_the_row_says_so(tmp_path, source, steps, said):
    group = RunGroup("dqn", {}, Task(CARTPOLE, steps), tuple(range(5)))
    store = Store(tmp_path / "s")
    store.describe_suite({"name": "s"}, group.runs, "0")
    attempt = store.new_attempt(group, {}, "rlbench")
    sink = JsonlSink(attempt)
    for seed in group.seeds:
        sink.episode(EpisodeRecord(seed, steps, 0, 0, 7, 400.0 + seed, 10, "terminated"))
        sink.evaluation(EvaluationRecord(seed, steps, steps, "final", 400.0 + seed, 1.0, 9.0, (9.0,), (9,), 0.5))
    sink.close()
    for run in group.runs:
        publish(store.folder(run), run, attempt, {}, {"status": "done", "steps": steps})
    (found,) = check_against(Results(store), source)
    assert found.comparable and list(found.notes) == said


def test_missing_and_diverged_runs_are_named(tmp_path):
    scores = {"mine": {CARTPOLE: [500, "failed", (90.0, "diverged")]}}
    store = folder(tmp_path / "s", scores, {CARTPOLE: {"steps": 50_000}})
    (found,) = check_against(Results(store), "zoo")
    assert found.n == 2 and found.verdict == "too few runs" and found.mean == pytest.approx((500 + LOWER) / 2)
    assert {"1 of 3 runs missing", "1 diverged"} <= set(found.notes)
    (found,) = check_against(Results(store, {CARTPOLE: Anchors(30.0, 475.0)}), "zoo")
    assert found.mean == pytest.approx((500 + 30) / 2)


def test_where_nothing_says_how_many_episodes_the_zoo_played_its_mean_has_no_interval(tmp_path):
    store = folder(tmp_path / "s", {"mine": {CARTPOLE: ["failed", (None, "diverged")]}})
    (found,) = check_against(Results(store), "zoo")
    assert found.reference.std is not None and (found.their_low, found.their_high) == (None, None)


def test_training_returns_are_of_the_last_hundred_whole_episodes_or_of_checkpoints(tmp_path):
    """200 episodes of ten steps; the last is abandoned. Another library's dqn is a dqn."""
    group = RunGroup("sb3/dqn", {}, Task(CARTPOLE, 2_000), (0, 1, 2), "theirs")
    store = Store(tmp_path / "s")
    store.describe_suite({"name": "s"}, group.runs, "0")
    attempt = store.new_attempt(group, {}, "sb3")
    sink = JsonlSink(attempt)
    for seed in group.seeds:
        for k in range(200):
            end = "abandoned" if k == 199 else "terminated"
            sink.episode(EpisodeRecord(seed, 10 * (k + 1), 0, k, 7, float(k + seed), 10, end))
        sink.evaluation(EvaluationRecord(seed, 2_000, 2_000, "final", 9.0, 1.0, 9.0, (9.0,), (9,), 0.5))
    sink.close()
    for run in group.runs:
        publish(store.folder(run), run, attempt, {}, {"status": "done", "steps": 2_000})
    (found,) = check_against(Results(store), "cleanrl")
    assert found.algorithm == "theirs" and found.mean == pytest.approx(np.mean(range(99, 199)) + 1)
    (found,) = check_against(Results(store), "slm-lab")
    assert found.mean == pytest.approx(np.mean([198, 149, 99, 49]) + 1)  # at steps 2000, 1500, 1000 and 500


def test_slm_labs_checkpoints_are_further_apart_on_longer_tasks_and_other_sources_have_none():
    spacing = {(p.environment, p.checkpoint_every) for p in published_scores("slm-lab")}
    assert {(CARTPOLE, 500), ("LunarLander-v3", 1_000), ("HalfCheetah-v5", 10_000)} <= spacing
    assert {p.checkpoint_every for source in ("zoo", "cleanrl") for p in published_scores(source)} == {None}


def test_a_task_of_a_module_and_an_algorithm_of_a_library_are_found_by_their_own_names():
    (score,) = [p for p in published_scores("zoo") if p.environment == "MiniGrid-Empty-Random-5x5-v0"]
    assert score.is_of("sb3/ppo", "minigrid:MiniGrid-Empty-Random-5x5-v0")
    assert not score.is_of("ppo", "MiniGrid-Empty-5x5-v0") and not score.is_of("dqn", score.environment)
    assert one("slm-lab", CARTPOLE, "double_dqn+per").is_of("per_dqn", CARTPOLE)


@pytest.mark.parametrize("every", [500, 300])
def test_the_moving_average_over_checkpoints_is_that_of_a_slow_loop(every):
    g = np.random.default_rng(0)
    rows = [(rank, step, g.normal()) for rank in (0, 1, 2) for step in sorted(g.choice(np.arange(30_000, 80_000), 60))]
    episodes = pd.DataFrame(rows, columns=["rank", "step", "return"]).sort_values("step", kind="stable")
    seen = []
    for checkpoint in range(80_000 - 99 * every, 80_001, every):
        last = [[r for k, s, r in rows if k == rank and s <= checkpoint] for rank in (0, 1, 2)]
        held = [returns[-1] for returns in last if returns]
        seen += [sum(held) / len(held)] if held else []
    assert moving_average(episodes, 80_000, every) == pytest.approx(sum(seen) / len(seen), abs=1e-12)
