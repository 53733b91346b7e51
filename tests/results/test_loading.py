"""`rlbench.load`: what was recorded, as pandas frames."""

import pandas as pd
import pytest

import rlbench
from rlbench.api import COLUMNS, EpisodeRecord, EvaluationRecord, MetricRecord, RunGroup, StoreError, Task
from rlbench.results import JsonlSink, Store, publish

GROUP = RunGroup("random", {}, Task("CartPole-v1", 100), (0, 1, 2), label="chance")


@pytest.fixture
def folder(tmp_path):
    """Two of three runs published; seed 1's episodes are damaged afterwards in one test."""
    store = Store(tmp_path / "s")
    store.describe_suite({"name": "s"}, GROUP.runs, "0")
    attempt = store.new_attempt(GROUP, {}, "rlbench")
    sink = JsonlSink(attempt)
    for seed in GROUP.seeds:
        sink.episode(EpisodeRecord(seed, 10, 0, 0, 7, 5.0 + seed, 10, "truncated"))
        sink.evaluation(EvaluationRecord(seed, 100, 100, "final", 20.0 + seed, 1.0, 9.0, (19.0, 21.0), (9, 9), 0.5))
        sink.metric(MetricRecord(seed, 10, "loss", float("nan") if seed else 0.25))
    sink.close()
    for run in GROUP.runs[:2]:
        publish(store.folder(run), run, attempt, {}, {"status": "done", "steps": 100})
    return store.root


def test_frames_have_the_documented_columns_and_a_row_a_record(folder):
    results = rlbench.load(folder)
    for table, frame in (
        ("episodes", results.episodes()),
        ("evaluations", results.evaluations()),
        ("metrics", results.metrics()),
    ):
        assert list(frame.columns) == [
            "algorithm",
            "environment",
            "key",
            *(c.name for c in COLUMNS[table] if not c.optional),
        ]
        assert frame["seed"].tolist() == [0, 1] and set(frame["algorithm"]) == {"chance"}
    assert results.episodes()["return"].tolist() == [5.0, 6.0]
    assert [list(r) for r in results.evaluations()["returns"]] == [[19.0, 21.0]] * 2
    assert results.metrics()["value"].isna().tolist() == [False, True]


def test_runs_are_there_whether_finished_or_not(folder):
    runs = rlbench.load(str(folder)).runs()
    assert runs["status"].tolist() == ["done", "done", "interrupted"] and runs["score"].tolist()[:2] == [20.0, 21.0]
    assert "2 done, 1 interrupted" in repr(rlbench.load(folder))


def test_a_damaged_table_is_left_out_and_named_among_the_runs(folder):
    (folder / "runs" / GROUP.runs[1].name / "episodes.parquet").write_bytes(b"x")
    results = rlbench.load(folder)
    assert results.episodes()["seed"].tolist() == [0] and results.evaluations()["seed"].tolist() == [0, 1]
    assert results.runs()["status"].tolist() == ["done", "corrupt", "interrupted"]


def test_a_folder_without_published_runs_gives_empty_frames_with_the_same_columns(tmp_path):
    store = Store(tmp_path)
    store.describe_suite({"name": "s"}, GROUP.runs, "0")
    frame = rlbench.load(tmp_path).evaluations()
    assert (
        frame.empty
        and isinstance(frame, pd.DataFrame)
        and list(frame.columns)[:4] == ["algorithm", "environment", "key", "seed"]
    )


def test_a_folder_that_holds_no_results_is_refused(tmp_path):
    with pytest.raises(StoreError, match="no results here"):
        rlbench.load(tmp_path)
