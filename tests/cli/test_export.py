"""`rlbench export`: files that other programs read back as what was recorded, and that no spreadsheet runs."""

import csv
import errno
import json
import os

import pandas as pd
import pyarrow.parquet as pq
import pytest
from support import cli

import rlbench
from rlbench.analysis import Results
from rlbench.api import COLUMNS, DiskFull, EpisodeRecord, EvaluationRecord, MetricRecord, RunGroup, StoreError, Task
from rlbench.results import JsonlSink, Store, publish
from rlbench.results.file_io import write_json
from rlbench.results.table_export import export

GROUP = RunGroup("random", {}, Task("CartPole-v1", 100), (0, 1, 2), label="=HYPERLINK(A1)")
NAMES = ("+inf", "-x", "@SUM(A1)", "\t=1", "\r=1", " =1", "\x00=1", "lo\x1bss\n2", "ä,\"\u202e\x9b'")
SAFE = ("'+inf", "'-x", "'@SUM(A1)", "' =1", "' =1", "' =1", "'=1", "loss 2", "ä,\"'")
MESSAGE = "-boom\n\x1b[31min red\x07"
RETURNS = (-200.0, 0.1 + 0.2, 5e-324)


def run_command(*arguments):
    return cli.rlbench("export", *arguments)


@pytest.fixture
def folder(tmp_path):
    """Of three runs one is published, one running, one failed; every text is one a spreadsheet would run."""
    store = Store(tmp_path / "s")
    store.describe_suite({"name": "s"}, GROUP.runs, "0")
    attempt = record(store, GROUP)
    publish(store.folder(GROUP.runs[0]), GROUP.runs[0], attempt, {}, {"status": "done", "steps": 100})
    (running, failed) = (RunGroup("random", {}, GROUP.task, (seed,), label=GROUP.label) for seed in (1, 2))
    write_json(store.new_attempt(running, {}, "rlbench") / "made-by.json", {})
    write_json(store.new_attempt(failed, {}, "rlbench") / "exit.json", {"status": "failed", "message": MESSAGE})
    return store.root


def frames(folder):
    results = rlbench.load(folder)
    tables = {"evaluations": results.evaluations(), "episodes": results.episodes(), "metrics": results.metrics()}
    return {"runs": results.runs(), **tables}


def record(store, group):
    attempt = store.new_attempt(group, {}, "rlbench")
    sink = JsonlSink(attempt)
    for seed in group.seeds:
        sink.episode(EpisodeRecord(seed, 10, 0, 0, 7, -5.5, 10, "truncated"))
        sink.evaluation(EvaluationRecord(seed, 100, 100, "final", -1e-300, 1.0, 9.0, RETURNS, (9, 9, 9), 0.5))
        for name in NAMES:
            sink.metric(MetricRecord(seed, 10, name, float("nan") if name == "-x" else -0.1))
    sink.close()
    return attempt


def read(path):
    with open(path, newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


def test_csv_is_read_back_as_what_was_recorded_while_the_suite_runs(folder):
    store = Store(folder)
    store.lock()
    ran = run_command(folder)
    store.unlock()
    rows = {"runs": 3, "evaluations": 1, "episodes": 1, "metrics": 9}
    said = [f"{folder}/export/{name}.csv: {n} row{'s' if n > 1 else ''}" for name, n in rows.items()]
    assert (ran.returncode, ran.stdout.splitlines(), ran.stderr) == (0, said, "")
    found = {name: read(folder / "export" / f"{name}.csv") for name in rows}
    assert {name: len(lines) for name, lines in found.items()} == rows
    for table in COLUMNS:
        assert list(found[table][0]) == [
            "algorithm",
            "environment",
            "key",
            *(c.name for c in COLUMNS[table] if not c.optional),
        ]
        assert found[table][0]["key"] == GROUP.runs[0].key
    (evaluation,) = found["evaluations"]
    assert json.loads(evaluation["returns"]) == list(RETURNS) and json.loads(evaluation["lengths"]) == [9, 9, 9]
    assert float(evaluation["return_mean"]) == -1e-300 and evaluation["nominal_step"] == "100"
    assert [run["status"] for run in found["runs"]] == ["done", "running", "failed"]
    assert [run["score"] for run in found["runs"]] == ["-1e-300", "", ""]


def test_text_that_a_spreadsheet_would_run_is_quoted_and_numbers_are_not(folder):
    run_command(folder, "--format", "csv")
    metrics, runs = (read(folder / "export" / f"{name}.csv") for name in ("metrics", "runs"))
    assert [row["name"] for row in metrics] == list(SAFE)
    assert [row["value"] for row in metrics] == ["-0.1", "", *["-0.1"] * 7]
    assert {row["algorithm"] for row in metrics + runs} == {"'=HYPERLINK(A1)"}
    assert runs[2]["message"] == "'-boom [31min red"
    for name in ("runs", "evaluations", "episodes", "metrics"):
        assert not set((folder / "export" / f"{name}.csv").read_bytes()) & set(range(32)) - set(b"\n")


def test_parquet_keeps_everything_with_units_and_meanings(folder, tmp_path):
    ran = run_command(folder, "--format", "parquet", "-o", tmp_path / "new/folder")
    assert ran.returncode == 0, ran.stderr
    assert sorted(os.listdir(tmp_path / "new/folder")) == [
        f"{name}.parquet" for name in ("episodes", "evaluations", "metrics", "runs")
    ]
    for table, columns in COLUMNS.items():
        found, original = (
            pq.read_table(path / f"{table}.parquet")
            for path in (tmp_path / "new/folder", folder / "runs" / GROUP.runs[0].name)
        )
        assert str(found.drop(["algorithm", "environment", "key"]).to_pylist()) == str(original.to_pylist())  # NaN
        for column in (c for c in columns if not c.optional):
            field = found.schema.field(column.name)
            assert field.metadata == {b"unit": column.unit.encode(), b"meaning": column.meaning.encode()}
            assert field.type == original.schema.field(column.name).type
        assert set(found["algorithm"].to_pylist()) == {"=HYPERLINK(A1)"}
    assert pq.read_table(tmp_path / "new/folder/runs.parquet")["message"].to_pylist() == [
        "",
        "its process exited without reporting a result",
        MESSAGE,
    ]


@pytest.mark.parametrize("form", ["csv", "parquet"])
def test_a_folder_without_published_runs_gives_files_with_columns_and_no_rows(tmp_path, form):
    Store(tmp_path).describe_suite({"name": "s"}, GROUP.runs, "0")
    rows = export(frames(tmp_path), tmp_path / "e", form).rows
    assert list(rows.values()) == [3, 0, 0, 0]
    read_back = pd.read_csv if form == "csv" else pd.read_parquet
    assert list(read_back(tmp_path / "e" / f"metrics.{form}").columns[-3:]) == ["step", "name", "value"]


def test_a_run_that_is_published_meanwhile_is_in_none_of_the_tables(folder, monkeypatch):
    store, run = Store(folder), GROUP.runs[1]
    late = record(store, RunGroup("random", {}, GROUP.task, (1,), label=GROUP.label))
    look = Results.runs

    def runs(results):
        seen = look(results)
        publish(store.folder(run), run, late, {}, {"status": "done", "steps": 100})
        return seen

    monkeypatch.setattr(Results, "runs", runs)
    assert [len(frame) for frame in frames(folder).values()] == [3, 1, 1, 9]
    monkeypatch.undo()
    assert [len(frame) for frame in frames(folder).values()] == [3, 2, 2, 18]


def test_a_damaged_run_is_named_on_stderr(folder):
    (folder / "runs" / GROUP.runs[0].name / "episodes.parquet").write_bytes(b"x")
    ran = run_command(folder)
    assert ran.returncode == 1 and ran.stderr.startswith("corrupt: ") and "episodes.parquet" in ran.stderr
    assert read(folder / "export/episodes.csv") == [] and len(read(folder / "export/evaluations.csv")) == 1


def test_where_nothing_can_be_written_it_says_so(folder, tmp_path):
    (tmp_path / "file").write_text("mine")
    for place in (tmp_path / "file", tmp_path / "file/below"):
        ran = run_command(folder, "-o", place)
        assert ran.returncode == 73 and str(place) in ran.stderr and ran.stdout == "", ran.stderr
    assert (tmp_path / "file").read_text() == "mine"
    (tmp_path / "e/runs.csv").mkdir(parents=True)
    with pytest.raises(StoreError, match=r"runs\.csv"):
        export(frames(folder), tmp_path / "e", "csv")
    ran = run_command(tmp_path)
    assert ran.returncode == 73 and "no results here" in ran.stderr


def test_a_full_disk_leaves_the_earlier_file_whole_and_no_draft(folder, monkeypatch):
    results = frames(folder)
    export(results, folder / "export", "csv")
    before = {path: path.read_bytes() for path in (folder / "export").iterdir()}

    def to_csv(frame, path, **options):
        path.write_text("algorithm,")
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(pd.DataFrame, "to_csv", to_csv)
    with pytest.raises(DiskFull, match=r"runs\.csv"):
        export(results, folder / "export", "csv")
    assert {path: path.read_bytes() for path in (folder / "export").iterdir()} == before
