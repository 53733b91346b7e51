"""The state of a folder while its suite runs, after it was killed, and when files in it are broken."""

import dataclasses
import json
import os

import pytest
from support.cli import rlbench
from support.live_folders import LiveAttempt, being_run
from support.report_pages import group, play, suite_of

from rlbench.analysis import Results
from rlbench.api import RunStatus, StoreError
from rlbench.results import results_index
from rlbench.results.job_queue import JobQueue
from rlbench.runner.setting_stacks import joined
from rlbench.viewer.live_state import FolderReader

A, B = group("a", 2, config={"n": 1}), group("b", 2, config={"n": 2})


@pytest.fixture
def store(tmp_path):
    return suite_of(tmp_path, [A, B])


def test_a_group_is_running_and_another_waits(store):
    with being_run(store):
        attempt = LiveAttempt(store, A)
        LiveAttempt(store, B, started=False)
        attempt.evaluates(0, 50, 10.0)
        attempt.evaluates(1, 50, 30.0)
        attempt.reaches(60)
        state = FolderReader(store.root).read()
    assert state.in_use and state.counts == {RunStatus.RUNNING: 2, RunStatus.PENDING: 2}
    (running,) = state.groups
    assert (running.algorithm, running.task, running.seeds, running.step, running.steps) == (
        "a",
        "CartPole-v1",
        [0, 1],
        60,
        100,
    )
    assert running.value == 20.0 and running.share == 0.6
    assert state.share == pytest.approx((60 + 60) / 400)
    (curve,) = state.curves["CartPole-v1"]
    assert curve.algorithm == "a" and curve.centre == [(50, 20.0)] and curve.singles == [[(50, 10.0)], [(50, 30.0)]]


def test_settings_of_one_stack_are_shown_each_with_its_own_records(tmp_path):
    stackable = [dataclasses.replace(one, per_seed=("n",)) for one in (A, B)]
    store = suite_of(tmp_path, stackable)
    with being_run(store):
        attempt = LiveAttempt(store, joined(stackable))
        for member, value in enumerate((10.0, 30.0, 1.0, 5.0)):
            attempt.evaluates(member, 50, value)
        attempt.reaches(60)
        state = FolderReader(store.root).read()
    assert [(one.algorithm, one.seeds, one.value) for one in state.groups] == [("a", [0, 1], 20.0), ("b", [0, 1], 3.0)]
    curves = {curve.algorithm: curve.singles for curve in state.curves["CartPole-v1"]}
    assert curves == {"a": [[(50, 10.0)], [(50, 30.0)]], "b": [[(50, 1.0)], [(50, 5.0)]]}


def test_a_group_that_waits_again_is_at_the_step_of_its_checkpoint_until_it_has_gone_beyond(store):
    saved = dict.fromkeys(A.seeds, "attempts/a/checkpoints/000000000040")
    attempt = LiveAttempt(store, A, started=False, restore=saved)
    JobQueue(store.root).add(attempt.folder, ["train"], [])
    assert FolderReader(store.root).read().share == pytest.approx((40 + 40) / 400)
    shown = json.loads(rlbench("status", store.root, "--json").stdout)["runs"]
    assert [(run["status"], run["step"]) for run in shown] == [("pending", 40)] * 2 + [("pending", 0)] * 2
    attempt.reaches(0)  # while it loads its checkpoint
    assert FolderReader(store.root).read().share == pytest.approx((40 + 40) / 400)
    attempt.reaches(20)  # its checkpoint could not be used, and it started again
    assert FolderReader(store.root).read().share == pytest.approx((20 + 20) / 400)
    assert '"step": 20' in rlbench("status", store.root, "--json").stdout
    for name in ("beyond", "9" * 5_000):
        saved = dict.fromkeys(B.seeds, f"attempts/b/checkpoints/{name}")
        LiveAttempt(store, B, started=False, restore=saved)
        assert FolderReader(store.root).read().share == pytest.approx((20 + 20) / 400)
        assert rlbench("status", store.root).returncode == 0


def test_the_same_reader_sees_what_comes_later(store):
    with being_run(store):
        attempt, reader = LiveAttempt(store, A), FolderReader(store.root)
        assert reader.read().curves == {}
        attempt.ends_episode(0, 3, 4.0)  # in the second of the 50 bins of 2 steps, whose middle is 3
        attempt.ends_episode(0, 4, 8.0)
        attempt.ends_episode(0, 5, 99.0, "abandoned")
        (curve,) = reader.read().curves["CartPole-v1"]
        assert (curve.kind, curve.centre) == ("training", [(3.0, 6.0)])
        attempt.evaluates(0, 50, 7.0)
        (curve,) = reader.read().curves["CartPole-v1"]
        assert (curve.kind, curve.centre) == ("evaluation", [(50, 7.0)])


def test_a_finished_run_stays_in_the_curves_of_a_task_with_unfinished_ones(store):
    with being_run(store):
        play(store, A, [90.0, 70.0], [[(50, 40.0)], [(50, 20.0)]])
        attempt = LiveAttempt(store, B)
        attempt.evaluates(0, 50, 5.0)
        state = FolderReader(store.root).read()
    assert [(c.algorithm, c.centre) for c in state.curves["CartPole-v1"]] == [("a", [(50, 30.0)]), ("b", [(50, 5.0)])]


def test_a_suite_whose_runs_are_done_has_no_live_curves(store):
    for one in (A, B):
        play(store, one, [90.0, 70.0], [[(50, 40.0)], [(50, 20.0)]])
    state = FolderReader(store.root).read()
    assert not state.is_unfinished and state.share == 1.0 and state.curves == {} and state.groups == []


def test_a_killed_command_leaves_interrupted_and_pending_runs_and_nobody_who_writes(store):
    with being_run(store):
        attempt = LiveAttempt(store, A)
        attempt.evaluates(0, 50, 5.0)
    state = FolderReader(store.root).read()
    assert not state.in_use and state.is_unfinished and state.groups == [] and state.seconds_left is None
    assert state.counts == {RunStatus.INTERRUPTED: 2, RunStatus.PENDING: 2}
    assert [c.centre for c in state.curves["CartPole-v1"]] == [[(50, 5.0)]]  # what is on disk is still shown


def test_a_failure_is_named_once_for_all_seeds(store):
    LiveAttempt(store, A).ends("failed", "ValueError: no")
    assert FolderReader(store.root).read().failures == [("a on CartPole-v1", "failed: ValueError: no")]


def test_a_broken_run_is_named_and_the_others_are_shown(store):
    (store.folder(A.runs[0]) / "spec.json").write_text("{")
    with being_run(store):
        attempt = LiveAttempt(store, B)
        attempt.evaluates(0, 50, 5.0)
        (attempt.folder / "heartbeat").write_text('{"step": "far"}')
        (attempt.folder / "metrics.jsonl").unlink()
        state = FolderReader(store.root).read()
    assert state.counts[RunStatus.CORRUPT] == 1 and "spec.json" in state.failures[0][1]
    assert state.groups[0].step == 50


@pytest.mark.parametrize("value", ['"high"', "NaN", "1e200", "null", "true", "[1]"])
def test_a_record_without_a_number_is_left_out(store, value):
    with being_run(store):
        attempt = LiveAttempt(store, A)
        with open(attempt.folder / "evaluations.jsonl", "a") as file:
            file.write(f'{{"seed": 0, "nominal_step": 50, "step": 50, "kind": "grid", "return_mean": {value}}}\n')
        assert FolderReader(store.root).read().curves == {}


def test_the_report_is_out_of_date_when_a_run_ends_but_not_while_it_trains(store):
    reader = FolderReader(store.root)
    with being_run(store):
        attempt = LiveAttempt(store, A)
        first = reader.read().report
        attempt.evaluates(0, 50, 5.0)
        LiveAttempt(store, B)
        assert reader.read().report == first
        play(store, A, [90.0, 70.0])
        second = reader.read().report
        assert second != first
    assert reader.read().report not in (first, second)  # nobody trains any more: what was running is interrupted


def test_a_folder_that_has_gone_is_an_error_that_names_it(store):
    reader = FolderReader(store.root)
    os.rename(store.root / "suite.json", store.root / "other.json")
    with pytest.raises(StoreError, match="no results here"):
        reader.read()


def test_the_colours_are_those_of_the_report(store):
    assert FolderReader(store.root).read().styles == Results(store.root).styles


def listing(root):
    return {path: os.stat(path).st_mtime_ns for path in root.rglob("*")}


def test_a_large_folder_is_read_without_writing_anything_into_it(store, monkeypatch):
    monkeypatch.setattr(results_index, "_WORTH_KEEPING", 2)
    play(store, A, [90.0, 70.0], [[(50, 40.0)], [(50, 20.0)]])
    before = listing(store.root)
    assert FolderReader(store.root).read().curves["CartPole-v1"][0].runs == 2
    assert listing(store.root) == before
    assert len(Results(store.root).facts) == 2 and (store.root / "index.parquet").exists()  # as another reader does
