"""Scores of a folder: arrays of runs by algorithm and task, between fixed anchors; what is missing is named."""

import json
from pathlib import Path

import pytest
from support.read_back import read_scores
from support.result_folders import folder

from rlbench.analysis import Anchors, shipped_anchors
from rlbench.api import StoreError
from rlbench.results import results_index
from rlbench.suites.loader import builtin_suites, load_suite

CARTPOLE, PENDULUM = "CartPole-v1", "Pendulum-v1"
MINE = {"lower": -10.0, "upper": 10.0}


def test_scores_are_arrays_of_runs_by_label_and_task(tmp_path):
    found = read_scores(folder(tmp_path / "s", {"random": {CARTPOLE: [20, 24]}, "quick": {CARTPOLE: [475, 100, 30]}}))
    assert found.algorithms == ("random", "quick") and found.learners == ("quick",)
    assert found.environments == (CARTPOLE,)
    assert {env: s.tolist() for env, s in found.of("quick").items()} == {CARTPOLE: [475.0, 100.0, 30.0]}
    assert found.samples["quick", CARTPOLE].seeds == (0, 1, 2) and found.absent() == []


def test_the_normalised_scale_runs_between_the_anchors_and_not_between_the_runs(tmp_path):
    store = folder(tmp_path / "s", {"quick": {CARTPOLE: [0.0, 5.0]}}, suite={CARTPOLE: {"anchors": MINE}})
    assert read_scores(store).of("quick", normalised=True)[CARTPOLE].tolist() == [0.5, 0.75]


def test_runs_without_a_score_are_counted_and_named_and_enter_no_array(tmp_path):
    found = read_scores(folder(tmp_path / "s", {"quick": {CARTPOLE: [475, "interrupted", 30, "interrupted"]}}))
    assert found.of("quick")[CARTPOLE].tolist() == [475.0, 30.0]
    assert found.absent() == ["quick on CartPole-v1: 2 of 4 runs, 2 interrupted"]


@pytest.mark.parametrize(("last", "score"), [(3.0, 3.0), (400.0, 22.0), (None, 22.0)])
def test_a_diverged_run_scores_the_lower_of_its_last_evaluation_and_the_lower_anchor(tmp_path, last, score):
    entry = {CARTPOLE: {"anchors": {"lower": 22.0, "upper": 475.0}}}
    found = read_scores(folder(tmp_path / "s", {"quick": {CARTPOLE: [(last, "diverged"), 475]}}, suite=entry))
    sample = found.samples["quick", CARTPOLE]
    assert sample.scores.tolist() == [score, 475.0] and sample.diverged.tolist() == [True, False]


def test_anchors_given_come_before_the_suites_and_those_before_the_shipped(tmp_path):
    store = folder(tmp_path / "s", {"quick": {CARTPOLE: [1.0], PENDULUM: [1.0]}}, suite={CARTPOLE: {"anchors": MINE}})
    assert read_scores(store).anchors[CARTPOLE] == Anchors(-10.0, 10.0)
    assert read_scores(store).anchors[PENDULUM] == shipped_anchors()[PENDULUM]
    assert read_scores(store, {CARTPOLE: Anchors(0, 1)}).anchors[CARTPOLE] == Anchors(0, 1)


def test_an_unknown_task_has_raw_scores_only_and_the_error_says_what_to_do(tmp_path):
    found = read_scores(folder(tmp_path / "s", {"quick": {"Mine-v0": [1.0]}}))
    assert found.of("quick")["Mine-v0"].tolist() == [1.0] and found.of("quick", normalised=True) == {}
    with pytest.raises(
        StoreError, match=r"no anchors for Mine-v0, so scores there cannot be normalised: .* `rlbench anchors"
    ):
        found.need_anchors(["Mine-v0"])


def test_shipped_anchors_are_not_taken_for_a_task_that_was_changed(tmp_path):
    other = {PENDULUM: {"kwargs": {"g": 1.0}}}
    assert read_scores(folder(tmp_path / "s", {"quick": {PENDULUM: [1.0]}}, environments=other)).anchors == {}


def test_every_task_of_the_shipped_suites_has_anchors_and_the_lower_is_the_best_of_what_was_measured():
    entries = [entry for path in builtin_suites().values() for entry in load_suite(path).environments]
    tasks = {entry.id for entry in entries if entry.anchors is None}
    document = json.loads((Path(results_index.__file__).parent / "anchors.json").read_text())["anchors"]
    assert tasks <= shipped_anchors().keys() and shipped_anchors().keys() == document.keys()
    for entry in document.values():
        assert entry["lower"] == max(m["mean"] for m in entry["measured"]) and entry["commit"] and entry["command"]
        assert {m["episodes"] for m in entry["measured"]} == {10_000} and entry["upper_source"]
