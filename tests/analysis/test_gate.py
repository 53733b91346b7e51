"""The gate over result folders: what fails, passes, is identical or undecided, and what is named beside it."""

import json
from pathlib import Path

import numpy as np
import pytest
from support.result_folders import folder

from rlbench.analysis import Results
from rlbench.analysis.gate_verdicts import Case, case_verdicts, disagreement, explained_verdicts, overall
from rlbench.analysis.regression_gate import gate
from rlbench.analysis.training_speed import compare_speeds, loss_of
from rlbench.api import RunGroup, RunStatus, Task
from rlbench.results import RunState
from rlbench.results.checksums import with_checksum
from rlbench.results.score_anchors import shipped_anchors
from rlbench.stats import Interval

CARTPOLE, ACROBOT = "CartPole-v1", "Acrobot-v1"
LOWER = shipped_anchors()[CARTPOLE].lower
QUICK = {"permutations": 2_000}


def runs(mean, spread, n, seed=0):
    return list(np.random.default_rng(seed).normal(mean, spread, n).round(2))


def judged(tmp_path, new, base, environments=None, **arguments):
    """The gate of two folders with these scores, and its rows by algorithm and task."""
    stores = [folder(tmp_path / name, scores, environments) for name, scores in (("new", new), ("base", base))]
    found = gate(*map(Results, stores), **{**QUICK, **arguments})
    return found, {(row.algorithm, row.environment): row for row in found.rows if row.what == "score"}


def test_a_loss_beyond_the_margin_fails_and_names_its_cell(tmp_path):
    found, rows = judged(
        tmp_path,
        {"a": {CARTPOLE: runs(200, 20, 8)}, "b": {CARTPOLE: runs(400, 2, 8, 1)}},
        {"a": {CARTPOLE: runs(400, 20, 8, 2)}, "b": {CARTPOLE: runs(400, 2, 8, 3)}},
    )
    assert found.verdict == "fail" and rows["a", CARTPOLE].verdict == "fail" and rows["b", CARTPOLE].verdict == "pass"
    assert rows["a", CARTPOLE].details.test.difference == pytest.approx(-200 / (475 - LOWER), abs=0.03)


def test_it_passes_where_every_loss_is_shown_to_be_smaller(tmp_path):
    found, rows = judged(tmp_path, {"a": {CARTPOLE: runs(400, 2, 6)}}, {"a": {CARTPOLE: runs(401, 2, 6, 1)}})
    assert found.verdict == "pass" and rows["a", CARTPOLE].details.test.p_smaller == pytest.approx(1 / 924)


def test_the_same_runs_are_identical_and_need_no_test(tmp_path):
    scores = {"random": {CARTPOLE: [20, 22]}, "a": {CARTPOLE: [400, 100]}}
    found, rows = judged(tmp_path, scores, scores)
    assert found.verdict == "identical" and rows["a", CARTPOLE].details is None and not found.notes


def test_one_run_that_differs_is_enough_for_a_test(tmp_path):
    scores = runs(400, 2, 6)
    _, rows = judged(tmp_path, {"a": {CARTPOLE: [*scores[:5], 399.0]}}, {"a": {CARTPOLE: scores}})
    assert rows["a", CARTPOLE].verdict == "pass" and "5 runs identical" in rows["a", CARTPOLE].note


def test_what_too_few_runs_cannot_say_is_undecided_with_what_it_takes(tmp_path):
    found, rows = judged(tmp_path, {"a": {CARTPOLE: runs(300, 90, 6)}}, {"a": {CARTPOLE: runs(330, 90, 6, 1)}})
    plan = rows["a", CARTPOLE].details.plan
    assert found.verdict == "undecided" and plan.loss > 0.05 and plan.runs_if_equal > 6
    _, rows = judged(tmp_path / "few", {"a": {CARTPOLE: runs(100, 1, 4)}}, {"a": {CARTPOLE: runs(400, 1, 4, 1)}})
    assert rows["a", CARTPOLE].verdict == "undecided" and "descriptive only" in rows["a", CARTPOLE].note


def test_a_family_too_large_for_its_runs_says_how_many_it_takes():
    """Fourteen lost cells of five runs: 14 / 252 is more than 0.05."""
    g = np.random.default_rng(0)
    cases = {i: Case(g.normal(0.1, 0.01, 5), g.normal(0.9, 0.01, 5), 0.05, g) for i in range(14)}
    found = explained_verdicts(cases, 0.05, permutations=500)
    assert {one.verdict for one in found.values()} == {"undecided"}
    assert found[0].note == "n too small: with 14 cases, showing a loss takes 6 runs on each side"
    del cases[13], cases[12]  # 12 / 252 is less
    assert explained_verdicts(cases, 0.05, permutations=500)[0].verdict == "fail"


def test_an_interval_across_the_margin_beside_a_verdict_is_explained():
    g = np.random.default_rng(0)
    new = np.array([-1.0, -1.0, 0.0, 0.01, 0.02, 0.01, 0.0, 0.02])
    base = np.array([0.0, 0.01, -0.01, 0.0, 0.01, -0.01, 0.0, 0.01])
    (found,) = explained_verdicts({"a": Case(new, base, 0.05, g)}, 0.05, permutations=2_000).values()
    assert found.verdict == "pass" and found.interval.low < -0.05
    assert found.note == "the tests show a loss below the margin, although the bootstrap interval includes a larger one"
    across, beyond = (Interval(-0.2, -0.3, high, 0.95, "percentile") for high in (-0.01, -0.06))
    assert "bootstrap interval includes a smaller one" in disagreement("fail", across, 0.05)
    assert disagreement("fail", beyond, 0.05) == disagreement("pass", Interval(0, -0.05, 0.1, 0.95, ""), 0.05) == ""


def test_a_run_that_fails_anew_is_named_and_its_cell_cannot_pass(tmp_path):
    scores = runs(400, 2, 8)
    found, rows = judged(
        tmp_path, {"a": {CARTPOLE: [*scores[:7], "failed"]}}, {"a": {CARTPOLE: [*runs(400, 2, 7, 1), 400.0]}}
    )
    assert found.verdict == "undecided" and "cannot pass" in rows["a", CARTPOLE].note
    both = {"a": {CARTPOLE: [*scores[:7], "failed"]}}
    found, rows = judged(tmp_path / "both", both, both)
    assert found.verdict == "identical" and rows["a", CARTPOLE].note == "1 without a score on both sides"


def test_a_run_that_diverges_anew_is_named_and_counts_with_the_lower_anchor(tmp_path):
    found, rows = judged(tmp_path, {"a": {CARTPOLE: [(90.0, "diverged")] * 6}}, {"a": {CARTPOLE: runs(400, 2, 6)}})
    assert found.verdict == "fail" and rows["a", CARTPOLE].values[0] == LOWER
    assert len(found.gone_wrong) == 6 and "a on CartPole-v1, seed 0: diverged (was done)" in found.gone_wrong
    assert "6 diverged, 0 in the base" in rows["a", CARTPOLE].note


def test_cells_that_cannot_be_compared_keep_the_gate_undecided(tmp_path):
    stores = [
        folder(tmp_path / "new", {"a": {CARTPOLE: runs(400, 1, 5)}}, {CARTPOLE: {"steps": 2_000}}),
        folder(tmp_path / "base", {"a": {CARTPOLE: runs(400, 1, 5)}, "b": {ACROBOT: runs(-90, 1, 5)}}),
    ]
    found = gate(*map(Results, stores), **QUICK)
    assert (
        found.verdict == "undecided"
        and [row.verdict for row in found.rows if row.what == "score"] == ["not compared"] * 2
    )
    assert found.rows[0].note == "not the same task: steps 2000 and 1000"
    assert found.rows[1].note == "not in the new results"


def test_a_task_without_anchors_is_named_with_what_to_do(tmp_path):
    score = {"a": {"Own-v0": runs(1, 1, 5)}}
    found, rows = judged(tmp_path, score, {"a": {"Own-v0": runs(1, 1, 5, 1)}})
    assert found.verdict == "undecided" and "rlbench anchors Own-v0" in rows["a", "Own-v0"].note


def test_new_algorithms_and_a_random_policy_that_moved_are_noted(tmp_path):
    same = {"a": {CARTPOLE: runs(400, 1, 5)}}
    found, _ = judged(
        tmp_path, {"random": {CARTPOLE: [30.0]}, **same, "z": same["a"]}, {"random": {CARTPOLE: [20.0]}, **same}
    )
    assert found.verdict == "identical"
    assert "only in the new results, so not compared: z on CartPole-v1" in found.notes
    assert any(note.startswith("random on CartPole-v1 has other scores") for note in found.notes)


def test_runs_of_one_cell_that_other_code_made_are_noted(tmp_path):
    stores = [folder(tmp_path / name, {"a": {CARTPOLE: runs(400, 1, 5)}}) for name in ("new", "base")]
    for path, code in zip(sorted((tmp_path / "new").glob("runs/*/result.json")), ("old", *["now"] * 4)):
        path.write_text(json.dumps(with_checksum({**json.loads(path.read_text()), "code": {"plugin_sources": code}})))
    assert gate(*map(Results, stores), **QUICK).notes == (
        "a on CartPole-v1 in the new results: its runs were produced differently (code: plugin_sources)",
    )


def test_the_mean_sees_a_fifth_of_failing_runs_and_the_iqm_does_not(tmp_path):
    new, base = {"a": {CARTPOLE: [*runs(450, 1, 8), 22.0, 22.0]}}, {"a": {CARTPOLE: runs(450, 1, 10, 1)}}
    _, iqm = judged(tmp_path / "iqm", new, base)
    _, mean = judged(tmp_path / "mean", new, base, statistic="mean")
    assert iqm["a", CARTPOLE].verdict == "pass" and mean["a", CARTPOLE].verdict == "undecided"
    assert mean["a", CARTPOLE].details.test.difference == pytest.approx(-0.19, abs=0.01)


# -- speeds ------------------------------------------------------------------------------------------------------
GROUP = RunGroup("dqn", {}, Task(CARTPOLE, 100), tuple(range(6)), "a")
FACTS = {
    "hardware": {"cpu": "one", "cores": 2, "memory_bytes": 2**34, "system": "Linux 6"},
    "numerics": {"device": "cpu", "threads": 1},
    "stack_size": 1,
    "load_average": 1.1,
    "resumed_from": 0,
}


def side(speeds, **facts):
    """The states of runs that were processes of their own, at these steps a second."""
    made = [{**FACTS, **facts, "steps_per_second": speed} for speed in speeds]
    return [RunState(RunStatus.DONE, "", result, f"{i}") for i, result in enumerate(made)]


def test_speeds_of_one_quiet_machine_are_compared_by_process():
    found = compare_speeds(side([90.0] * 6), side([100.0] * 6))
    assert found.reason == "" and list(found.new) == [90.0] * 6 and found.ratio == pytest.approx(0.9)
    assert loss_of(0.1) == pytest.approx(np.log(100) - np.log(90))


@pytest.mark.parametrize(
    "facts, reason",
    [
        ({"hardware": {**FACTS["hardware"], "cpu": "another"}}, "the speeds are from 2 different machines or devices"),
        ({"numerics": {"device": "cuda:0", "threads": 1}}, "the speeds are from 2 different machines or devices"),
        ({"stack_size": 5}, "the number of seeds"),
        ({"load_average": 2.6}, "shared (load 1.6 beyond"),
        ({"load_average": None}, "not recorded"),
        ({"resumed_from": 50}, "one side has no process"),
    ],
)
def test_speeds_that_say_nothing_are_not_compared_and_the_reason_is_said(facts, reason):
    assert reason in compare_speeds(side([90.0] * 6, **facts), side([100.0] * 6)).reason


def test_seeds_that_share_a_process_are_one_measurement():
    one = side([90.0] * 6)
    together = [RunState(state.status, "", state.result, "0") for state in one]
    assert compare_speeds(together, one).reason.startswith("1 against 6 processes")


@pytest.mark.parametrize("speed, verdict", [(50.0, "fail"), (99.0, "pass"), (90.0, "undecided")])
def test_a_speed_lost_beyond_its_margin_fails_the_gate_although_the_scores_are_identical(tmp_path, speed, verdict):
    scores = {"a": {CARTPOLE: runs(400, 1, 6)}}
    stores = [folder(tmp_path / name, scores) for name in ("new", "base")]
    for store, per_second in zip(stores, (speed, 100.0)):
        for i, path in enumerate(sorted(store.root.glob("runs/*/result.json"))):
            facts = {**FACTS, "steps_per_second": per_second + i % 3, "attempt": f"{i}"}
            path.write_text(json.dumps(with_checksum({**json.loads(path.read_text()), **facts})))
    found = gate(*map(Results, stores), **QUICK)
    assert [(row.what, row.verdict) for row in found.rows] == [("score", "identical"), ("speed", verdict)]
    assert found.verdict == verdict
    without = gate(*map(Results, stores), **{**QUICK, "speed_margin": None})
    assert without.verdict == "identical" and len(without.rows) == 1


# -- how often it is wrong: benchmarks/gate.py at length ----------------------------------------------------------
def test_halves_of_one_sample_raise_an_alarm_in_at_most_the_stated_share():
    """40 gates of two cells: 0.05 allows 2; 8 would be a chance of one in two thousand."""
    g = np.random.default_rng(1)
    said = []
    for _ in range(40):
        cells = [np.where(g.random((2, 5)) < 1 / 3, g.normal(0.25, 0.08, (2, 5)), 1.0) for _ in range(2)]
        cases = {i: Case(new, base, 0.05, g) for i, (new, base) in enumerate(cells)}
        said.append(overall([found.verdict for found in case_verdicts(cases, 0.05).values()]))
    assert said.count("fail") < 8


def test_the_loss_planted_in_dqn_is_seen():
    """Its target network was never updated; the scores of docs/gate.md."""
    stored = json.loads((Path(__file__).parents[2] / "results/reference/gate.json").read_text())
    new, base = (np.array(stored[name]["normalised"]) for name in ("never_updated", "base"))
    again = np.array(stored["again"]["normalised"])
    g = np.random.default_rng(0)
    assert case_verdicts({"dqn": Case(new, base, 0.05, g)}, 0.05, permutations=2_000)["dqn"].verdict == "fail"
    assert case_verdicts({"dqn": Case(again, base, 0.05, g)}, 0.05, permutations=2_000)["dqn"].verdict != "fail"
