"""The JSON lines of a killed process, cut at each byte of their last two lines: every reader has every whole line."""

import json
import math

import pytest

from rlbench.api import EpisodeRecord, EvaluationRecord, Job, MetricRecord, RunGroup, StoreError, Task
from rlbench.results import JsonlSink, Store
from rlbench.results.attempt_progress import step_reached
from rlbench.results.jsonl_records import TABLES, Earlier, read_lines
from rlbench.results.publication import read_records
from rlbench.runner.record_tail import RecordTail
from rlbench.viewer.attempt_curves import AttemptCurves
from rlbench.viewer.growing_file import GrowingFile

GROUP = RunGroup("random", {}, Task("CartPole-v1", 400), (0, 1))


@pytest.fixture
def attempt(tmp_path):
    """An attempt with four lines in each file, with text beyond ASCII and numbers that are none."""
    store = Store(tmp_path)
    store.describe_suite({"name": "s"}, GROUP.runs, "0")
    folder = store.new_attempt(GROUP, {}, "rlbench")
    sink = JsonlSink(folder)
    for step in (100, 200):
        for seed in GROUP.seeds:
            sink.episode(EpisodeRecord(seed, step, 0, step // 100, 7, -1.5, 10, "trüncated"))
            sink.evaluation(
                EvaluationRecord(seed, step, step, "grid", math.nan, 0.0, 9.0, (math.inf, 2.0), (9, 9), 0.5)
            )
            sink.metric(MetricRecord(seed, step, "löss", 0.25))
    sink.close()
    return folder


def test_each_reader_has_every_whole_line_and_raises_nothing(attempt):
    for table in TABLES:
        path = attempt / f"{table}.jsonl"
        whole = path.read_bytes()
        lines = whole.splitlines(keepends=True)
        assert len(lines) == 4
        for cut in range(len(b"".join(lines[:2])), len(whole) + 1):
            path.write_bytes(whole[:cut])
            wanted = [json.loads(line) for line in lines[: whole[:cut].count(b"\n")]]
            text = json.dumps(wanted)
            assert json.dumps(list(read_lines(path))) == text
            assert json.dumps(GrowingFile(path).rows()) == text
            records = read_records(attempt)[table]
            assert sum(map(len, records.values())) == len(wanted)
            tail = RecordTail(Job(GROUP, attempt, (), 0, "", ()))
            assert (len(tail.metrics()), len(tail.episodes()))[table == "episodes"] == (
                4 if table == "evaluations" else len(wanted)
            )
            AttemptCurves(attempt, 400).read()
            Store(attempt.parent.parent).states(GROUP.runs)
            reached = step_reached(attempt, GROUP.runs[1].key)
            assert reached == (
                wanted[-1]["step"]
                if table == "evaluations" and wanted[-1]["seed"]
                else 200
                if table != "evaluations"
                else 100
            )
        path.write_bytes(whole)


def test_a_reader_that_follows_a_file_gets_a_cut_line_once_it_is_whole(attempt):
    path = attempt / "episodes.jsonl"
    whole = path.read_bytes()
    path.write_bytes(b"")
    readers = [GrowingFile(path).rows, RecordTail(Job(GROUP, attempt, (), 0, "", ())).episodes]
    found = [[], []]
    for cut in range(0, len(whole) + 1, 7):
        path.write_bytes(whole[:cut])
        for rows, read in zip(found, readers):
            rows += read()
    path.write_bytes(whole)
    for rows, read in zip(found, readers):
        rows += read()
        assert len(rows) == 4


def test_records_that_a_checkpoint_counts_on_and_that_are_gone_are_an_error(attempt, tmp_path):
    positions = {table: (attempt / f"{table}.jsonl").stat().st_size for table in TABLES}
    (tmp_path / "next").mkdir()
    JsonlSink(tmp_path / "next", {0: Earlier(attempt, positions, 0)}).close()
    for table in TABLES:
        path = attempt / f"{table}.jsonl"
        whole = path.read_bytes()
        for left in (whole[:-1], whole[: whole.index(b"\n") + 1], b""):
            path.write_bytes(left)
            with pytest.raises(StoreError, match=f"{table}.jsonl has lost records"):
                JsonlSink(tmp_path / "next", {0: Earlier(attempt, positions, 0)})
        path.unlink()
        with pytest.raises(StoreError, match=f"{table}.jsonl has lost records"):
            JsonlSink(tmp_path / "next", {0: Earlier(attempt, positions, 0)})
        path.write_bytes(whole)
