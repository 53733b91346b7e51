"""Pairs of algorithms: differences, families, what is said of few runs, and of folders that are not alike."""

import numpy as np
import pytest
from support.read_back import read_scores
from support.result_folders import folder

from rlbench.analysis import compare, pairs_between, pairs_within
from rlbench.analysis.crossplay_gaps import JOINT_CONTROL
from rlbench.analysis.pairwise import _defining
from rlbench.api import NothingToCompare, RlbenchError, StoreError, Task, Wrapper
from rlbench.stats import holm, iqm

CARTPOLE, PENDULUM = "CartPole-v1", "Pendulum-v1"


def noisy(centre, seed, n=8, spread=1.0):
    return np.random.default_rng(seed).normal(centre, spread, n).tolist()


def within(tmp_path, scores, *algorithms, baseline=None, **how):
    return compare(pairs_within(read_scores(folder(tmp_path / "s", scores, **how)), algorithms, baseline))


@pytest.fixture(scope="module")
def three(tmp_path_factory):
    scores = {
        "random": {CARTPOLE: noisy(22, 0), PENDULUM: noisy(-1200, 1)},
        "a": {CARTPOLE: noisy(400, 2), PENDULUM: noisy(-200, 3)},
        "b": {CARTPOLE: noisy(300, 4), PENDULUM: noisy(-200, 5)},
        "c": {CARTPOLE: noisy(200, 6)},
    }
    return folder(tmp_path_factory.mktemp("three") / "s", scores)


def test_a_difference_is_ours_minus_theirs_of_the_interquartile_means(three):
    scores = read_scores(three)
    row = next(r for r in compare(pairs_within(scores, ("a", "b"))).rows if r.environment == CARTPOLE)
    expected = iqm(scores.of("a")[CARTPOLE]) - iqm(scores.of("b")[CARTPOLE])
    assert row.difference.estimate == pytest.approx(expected) and row.difference.low < expected < row.difference.high
    assert row.verdict == "better" and row.cliffs_delta == 1.0 and row.n == (8, 8) and row.improvement.low < 1.0


def test_over_all_tasks_scores_are_normalised_and_only_tasks_that_both_have_count(three):
    scores = read_scores(three)
    rows = {(r.ours, r.theirs, r.environment): r for r in compare(pairs_within(scores)).rows}
    pooled = {name: np.concatenate(list(scores.of(name, normalised=True).values())) for name in "ab"}
    assert rows["a", "b", ""].estimates == tuple(pytest.approx(float(iqm(pooled[name]))) for name in "ab")
    assert rows["a", "b", ""].tasks == 2 and ("a", "c", "") not in rows and rows["a", "c", CARTPOLE].tasks == 1


def test_the_family_is_all_pairs_without_random_and_holm_adjusts_over_it(three):
    found = compare(pairs_within(read_scores(three)))
    single = [r for r in found.rows if r.environment]
    assert found.family == (1, 4) and {r.ours for r in found.rows} | {r.theirs for r in found.rows} == {"a", "b", "c"}
    adjusted = holm({str(i): r.p for i, r in enumerate(single)})
    assert [r.p_holm for r in single] == list(adjusted.values())


def test_a_baseline_is_taken_from_each_of_the_others(three):
    pairs = pairs_within(read_scores(three), (), "b")
    assert [(ours.algorithm, theirs.algorithm) for ours, theirs in pairs] == [("a", "b"), ("c", "b")]


def test_two_samples_of_one_distribution_are_undecided_and_not_called_equal(tmp_path):
    found = within(tmp_path, {"a": {CARTPOLE: noisy(400, 1)}, "b": {CARTPOLE: noisy(400, 2)}})
    assert [r.verdict for r in found.rows] == ["undecided"] and not found.decided


@pytest.mark.parametrize(("n", "verdict"), [(2, "too few runs"), (3, "descriptive only"), (4, "descriptive only")])
def test_nobody_is_better_on_fewer_than_five_runs_and_under_three_nothing_is_tested(tmp_path, n, verdict):
    found = within(tmp_path, {"a": {CARTPOLE: noisy(400, 1, n)}, "b": {CARTPOLE: noisy(100, 2)}})
    (row,) = found.rows
    assert row.verdict == verdict and (row.p is None) == (n < 3) and not found.decided


def test_where_holm_puts_the_level_out_of_reach_the_row_says_how_many_runs_it_takes(tmp_path):
    scores = {name: {CARTPOLE: noisy(100 * i, i, n=5)} for i, name in enumerate("abcd")}
    found = within(tmp_path, scores)
    assert {r.note for r in found.rows} == {
        f"every run of {name} scored higher; n too small for 6 pairs: needs n >= 6" for name in "bcd"
    }
    assert {r.verdict for r in found.rows} == {"undecided"}


def test_runs_that_are_missing_are_named_and_a_side_without_any_is_in_the_family(tmp_path):
    scores = {
        "a": {CARTPOLE: [*noisy(400, 1), "failed"]},
        "b": {CARTPOLE: noisy(100, 2)},
        "c": {CARTPOLE: ["failed"] * 8},
    }
    found = within(tmp_path, scores)
    assert "a on CartPole-v1: 8 of 9 runs, 1 interrupted" in found.absent
    assert [r.verdict for r in found.rows] == ["better", "no scores", "no scores"] and found.family == (0, 3)
    assert found.rows[0].p_holm == pytest.approx(3 * found.rows[0].p)


def test_a_task_without_anchors_has_its_own_row_and_is_left_out_over_all(tmp_path):
    scores = {name: {e: noisy(100, i, 5) for e in (CARTPOLE, PENDULUM, "Mine-v0")} for i, name in enumerate("ab")}
    found = within(tmp_path, scores)
    assert [r.tasks for r in found.rows] == [2, 1, 1, 1] and "no anchors for Mine-v0" in found.apart[0]


def test_a_run_that_diverged_counts_and_is_told(tmp_path):
    found = within(tmp_path, {"a": {CARTPOLE: [*noisy(400, 1, 4), (9.0, "diverged")]}, "b": {CARTPOLE: noisy(100, 2)}})
    assert found.rows[0].n == (5, 8) and "1 against 0 runs diverged" in found.rows[0].note


def test_another_budget_is_told_and_another_task_is_not_compared(tmp_path):
    one = read_scores(folder(tmp_path / "1", {"a": {CARTPOLE: noisy(1, 1), PENDULUM: noisy(1, 2)}}))
    other = {CARTPOLE: {"steps": 2_000}, PENDULUM: {"kwargs": {"g": 1.0}}}
    two = read_scores(folder(tmp_path / "2", {"a": {CARTPOLE: noisy(1, 3), PENDULUM: noisy(1, 4)}}, environments=other))
    found = compare(pairs_between(one, two, ("1", "2")))
    assert [r.environment for r in found.rows] == [CARTPOLE] and "steps 1,000 against 2,000" in found.rows[0].note
    assert found.apart == (
        "Pendulum-v1 is a different task in a (1) than in a (2): keyword arguments {} against"
        ' {"g":1.0} (as written in the suites)',
    )


def test_folders_of_nothing_but_random_are_compared_by_it(tmp_path):
    one, two, more = (
        read_scores(folder(tmp_path / name, scores))
        for name, scores in (
            ("1", {"random": {CARTPOLE: noisy(22, 1)}}),
            ("2", {"random": {CARTPOLE: noisy(22, 2)}}),
            ("3", {"random": {CARTPOLE: noisy(22, 3)}, "a": {CARTPOLE: noisy(22, 4)}}),
        )
    )
    found = compare(pairs_between(one, two, ("1", "2")))
    assert [(row.ours, row.theirs) for row in found.rows] == [("random (1)", "random (2)")] and found.family == (0, 1)
    with pytest.raises(
        NothingToCompare, match="no algorithm is in both folders but random, .*: 1 has random, 3 random, a"
    ):
        pairs_between(one, more, ("1", "3"))
    with pytest.raises(RlbenchError, match=r"it has only random, a \(random is only compared if named\)"):
        pairs_within(more)


def test_the_same_runs_with_the_same_scores_are_identical(tmp_path):
    scores = {"a": {CARTPOLE: noisy(1, 1)}}
    one, two = (read_scores(folder(tmp_path / name, scores)) for name in ("1", "2"))
    found = compare(pairs_between(one, two, ("1", "2")))
    assert [r.verdict for r in found.rows] == ["identical"] and found.decided


def test_two_scales_are_not_mixed(tmp_path):
    scores = {"a": {CARTPOLE: noisy(1, 1), PENDULUM: noisy(1, 1)}}
    one = read_scores(folder(tmp_path / "1", scores))
    two = read_scores(folder(tmp_path / "2", scores, suite={CARTPOLE: {"anchors": {"lower": 0, "upper": 1}}}))
    with pytest.raises(StoreError, match=r"CartPole-v1 is normalised between .* --anchors FILE"):
        compare(pairs_between(one, two, ("1", "2")))


def test_the_same_folder_gives_the_same_digits(three):
    assert compare(pairs_within(read_scores(three))) == compare(pairs_within(read_scores(three)))


@pytest.mark.parametrize(
    ("asked", "told"), [(("a", "random2"), "no algorithm .random2.; did you mean .random."), (("a",), "needs two")]
)
def test_what_cannot_be_compared_is_said(three, asked, told):
    with pytest.raises(RlbenchError, match=told):
        pairs_within(read_scores(three), asked)


def test_what_a_plan_adds_to_fit_an_algorithm_makes_no_other_task_but_control_of_all_agents_does():
    added = (
        "rlbench.envs.flat_observation:FlatObservation",
        "rlbench.envs.image_observation:ImageObservation",
        "rlbench.envs.action_wrappers:ActionsAsOneChoice",
    )
    own, joint = Wrapper("gymnasium.wrappers:ClipReward"), Wrapper(JOINT_CONTROL)
    task = Task("X-v0", 1, wrappers=(own, *map(Wrapper, added), joint))
    assert _defining(task) == (own, joint)
