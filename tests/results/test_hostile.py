"""Folders made to harm: what is too large, hollow or of no character costs its own run, and is not unpacked."""

import hashlib
import json
import os

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from support.cli import rlbench
from support.read_back import run_table
from support.result_folders import folder

from rlbench.api import RunGroup, StoreError
from rlbench.results import parquet_reader
from rlbench.results.checksums import with_checksum
from rlbench.results.code_dependencies import changed_modules
from rlbench.results.file_io import parse_json, read_bytes
from rlbench.results.index_file import read_index_file
from rlbench.results.run_facts import read_arrow


@pytest.fixture
def store(tmp_path):
    return folder(tmp_path / "new", {"a": {"CartPole-v1": [400.0, 401.0, 402.0]}})


def edit(path, change):
    document = json.loads(path.read_text())
    change(document)
    path.write_text(json.dumps(with_checksum(document)))


def first(store):
    return store.folder(store.runs()[0])


def replace_table(store, table, name="evaluations"):
    """Put a table in the place of a published one, with the hash that belongs to it."""
    path = first(store) / f"{name}.parquet"
    pq.write_table(table, path)
    digest = hashlib.sha256(path.read_bytes()).hexdigest()
    edit(first(store) / "result.json", lambda said: said["files"][path.name].update(sha256=digest))


def read(store, name="evaluations"):
    return pq.read_table(first(store) / f"{name}.parquet")


def with_nulls(table):
    at = table.schema.get_field_index("return_mean")
    return table.set_column(at, "return_mean", pa.array([None] * len(table), pa.float64()))


def with_nulls_within(table):
    at = table.schema.get_field_index("returns")
    return table.set_column(at, "returns", pa.array([[None]] * len(table), pa.list_(pa.float64())))


def with_a_column_twice(table):
    return table.append_column("return_mean", table["return_mean"])


def with_other_bytes(table):
    at = table.schema.get_field_index("kind")
    odd = pa.array([b"\xff"] * len(table), pa.binary())
    return table.set_column(at, "kind", odd.view(pa.string()))


def with_more_rows(table):
    return pa.concat_tables([table] * 3)


def without_kinds(table):
    return table.drop_columns(["kind"])


HOLLOW = (without_kinds, with_nulls, with_a_column_twice, with_other_bytes, with_more_rows)


@pytest.mark.parametrize("harm", HOLLOW, ids=lambda f: f.__name__)
def test_a_table_that_cannot_be_what_was_published_makes_its_run_corrupt(store, harm, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    replace_table(store, read(store))
    assert rlbench("table", store.root).returncode == 0
    replace_table(store, harm(read(store)))
    told = rlbench("table", store.root)
    assert told.returncode == 1 and "seed 0" in told.stderr
    for command in ("report", "export"):
        assert rlbench(command, store.root).returncode == 1


def test_a_column_that_no_score_is_made_of_is_held_to_it_when_it_is_read(store, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    replace_table(store, with_nulls_within(read(store)))
    run = store.runs()[0]
    with pytest.raises(StoreError, match="empty entries"):
        read_arrow(store.folder(run), "evaluations", store.states([run])[run.key])
    for command in ("table", "report", "export"):
        assert rlbench(command, store.root).returncode in (0, 1, 73)


def test_a_table_that_would_fill_the_memory_is_not_unpacked(store, monkeypatch):
    monkeypatch.setattr(parquet_reader, "MOST_VALUES", 10_000)
    whole = read(store)
    replace_table(store, pa.concat_tables([whole] * 10_000))
    rows = 10_000 * len(whole)
    edit(first(store) / "result.json", lambda said: said["files"]["evaluations.parquet"].update(rows=rows))
    assert run_table(store)["status"].tolist() == ["corrupt", "done", "done"]


def test_one_long_text_repeated_is_not_written_out_for_every_row(store, monkeypatch):
    whole = read(store)
    long = pa.array(["grid" + "x" * 10_000] * len(whole))
    at = whole.schema.get_field_index("kind")
    replace_table(store, whole.set_column(at, whole.field(at), long))
    run = store.runs()[0]
    found = read_arrow(store.folder(run), "evaluations", store.states([run])[run.key])
    assert found.schema == whole.schema and found["kind"].to_pylist() == long.to_pylist()
    monkeypatch.setattr(parquet_reader, "_MOST_TEXT", 10_004 * len(whole) - 1)
    assert run_table(store)["status"].tolist() == ["corrupt", "done", "done"]


@pytest.mark.parametrize(
    "column, value",
    [
        ("return_mean", -np.inf),
        ("return_mean", np.nan),
        ("return_mean", 1e308),
        ("return_mean", -1e308),
        ("wall_seconds", 1e308),
        ("wall_seconds", -1.0),
        ("nominal_step", 1 << 62),
        ("nominal_step", -1),
    ],
)
def test_a_number_that_no_run_has_makes_its_run_corrupt(store, tmp_path, monkeypatch, column, value):
    monkeypatch.chdir(tmp_path)
    table = read(store)
    at = table.schema.get_field_index(column)
    values = [*table[column].to_pylist()[:-1], value]
    replace_table(store, table.set_column(at, table.field(at), pa.array(values, table.field(at).type)))
    for command in ("table", "report", "export"):
        told = rlbench(command, store.root)
        assert told.returncode == 1 and f"has a {column} that is not from" in told.stderr
        assert "Warning" not in told.stderr


def test_training_returns_that_are_no_numbers_are_not_counted(store):
    shape = read(store, "episodes").schema
    row = {field.name: {"string": "terminated", "double": 0.0}.get(str(field.type), 1) for field in shape}
    rows = [row | {"return": value} for value in (1e308, -np.inf, np.nan, 3.0, 5.0)]
    replace_table(store, pa.Table.from_pylist(rows, shape), "episodes")
    edit(first(store) / "result.json", lambda said: said["files"]["episodes.parquet"].update(rows=len(rows)))
    assert run_table(store)["training_return"][0] == 4


@pytest.mark.parametrize("file", ["suite.json", "result.json"])
def test_json_of_very_many_values_is_not_read(store, monkeypatch, file):
    monkeypatch.setattr("rlbench.results.file_io._MOST_VALUES", 5_000)
    path = store.root / file if file == "suite.json" else first(store) / file
    edit(path, lambda said: said.update(more=[{}] * 5_000))
    told = rlbench("table", store.root)
    assert told.returncode == (73 if file == "suite.json" else 1) and "too many values" in told.stderr


def test_a_file_that_no_score_is_made_of_may_be_sparse_or_a_pipe(store, monkeypatch):
    """It is hashed piece by piece, never read as a whole; what cannot be hashed makes its run corrupt."""
    read = []
    monkeypatch.setattr(
        "rlbench.results.run_facts.read_bytes", lambda path, *a: read.append(path.name) or read_bytes(path)
    )
    edit(first(store) / "result.json", lambda said: said["files"].update(z={"sha256": "0", "rows": 0}))
    with open(first(store) / "z", "wb") as file:
        file.truncate(1 << 24)
    assert run_table(store)["status"].tolist() == ["corrupt", "done", "done"]
    (first(store) / "z").unlink()
    os.mkfifo(first(store) / "z")
    assert run_table(store)["status"].tolist() == ["corrupt", "done", "done"]
    assert "z" not in read


@pytest.mark.parametrize(
    "entries",
    [
        {"dependencies": [1]},
        {"dependencies": {"files": [1]}},
        {"dependencies": {"files": {"a": 1}}},
        {"dependencies": {"filer": {}}},
        {"score_from": "trainink"},
        {"metering": "boundarz"},
        {"resume": "exacu"},
        {"numerics": {"stack_independence": "bitwisf"}},
        {"numerics": {"mkl": "/tmp/x"}},
        {"numerics": {"mkl": "AVX2\n"}},
        {"attempt": "a" * 300},
        {"wall_seconds": int("9" * 400)},
        {"hardware": json.loads("[" * 60 + "]" * 60)},
    ],
    ids=lambda entries: str(entries)[:40],
)
def test_a_result_of_another_shape_makes_its_run_corrupt(store, entries):
    edit(first(store) / "result.json", lambda said: said.update(entries))
    told = rlbench("table", store.root)
    assert told.returncode == 1 and "seed 0" in told.stderr
    assert run_table(store)["status"].tolist() == ["corrupt", "done", "done"]


def test_halves_of_characters_are_shown_as_question_marks(store, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    edit(store.root / "suite.json", lambda suite: [run.update(label="a\ud800") for run in suite["runs"]])
    (tmp_path / "x.json").write_text('["\\ud83d\\ude00", "\\uD800"]')
    assert parse_json(tmp_path / "x.json") == ["\U0001f600", "?"]
    for command in ("table", "report", "export", "status"):
        told = rlbench(command, store.root)
        assert told.returncode == 0, told.stderr


def test_a_suite_that_lists_a_run_twice_is_damaged(store):
    edit(store.root / "suite.json", lambda suite: suite["runs"].append(suite["runs"][0]))
    told = rlbench("table", store.root)
    assert told.returncode == 73 and "twice" in told.stderr
    with pytest.raises(StoreError, match="lists the run .* twice"):
        store.suite()


def test_an_index_of_too_many_rows_or_with_empty_entries_is_made_again(store, monkeypatch):
    monkeypatch.setattr("rlbench.results.results_index._WORTH_KEEPING", 1)
    before = run_table(store)
    path = store.root / "index.parquet"
    kept = pq.read_table(path)
    nothing = pa.nulls(len(kept), pa.string())
    for table in (
        pa.concat_tables([kept] * 9),
        kept.set_column(kept.schema.get_field_index("damaged"), "damaged", nothing),
    ):
        pq.write_table(table, path)
        (store.root / "index.sha256").write_text(hashlib.sha256(path.read_bytes()).hexdigest())
        assert run_table(store).equals(before)
    assert np.isfinite(before["score"]).all()


def with_part(row, column, **parts):
    """A row that has another part of result.json in a column."""
    row = {**row, column: json.dumps({**json.loads(row[column]), **parts})}
    common = json.loads(row["common"])
    return {**row, "common": json.dumps({**common, "order": [*common["order"], *parts]})}


NO_RUN_HAS = [
    ("score", lambda row: np.inf),
    ("score", lambda row: 1e308),
    ("returns", lambda row: [-1e308]),
    ("steps", lambda row: [-1]),
    ("wall_seconds", lambda row: [-1.0]),
    ("steps", lambda row: [1, 2]),
    ("seed", lambda row: row["seed"] + 1),
    ("key", lambda row: row["key"][::-1]),
    ("name", lambda row: "../../elsewhere"),
    ("request", lambda row: "{}"),
    ("request", lambda row: "[" * 100_000),
    ("request", lambda row: row["request"].replace("CartPole", "Other")),
    ("own", lambda row: "[]"),
    ("own", lambda row: row["own"].replace('"attempt": "', '"attempt": "../../')),
    ("own", lambda row: row["own"].replace('"steps": 100', '"steps": 101')),
    ("own", lambda row: row["own"].replace('"schema_version": 1', '"schema_version": 2')),
    ("own", lambda row: row["own"].replace('"status": "done"', '"status": "pending"')),
    ("own", lambda row: row["own"].replace("episodes.parquet", "../episodes.parquet")),
    ("common", lambda row: row["common"].replace('"key"', '"other"')),
    ("common", lambda row: row["common"].replace('"key"', '"steps"')),
    ("common", lambda row: row["common"].replace('"key", ', "")),
    ("common", lambda row: "1"),
    ("", lambda row: with_part(row, "common", dependencies={"files": {"a": 1}})),
    ("", lambda row: with_part(row, "common", numerics={"mkl": "a=b"})),
    ("", lambda row: with_part(row, "common", group_profile={})),
    ("", lambda row: with_part(row, "group", group_profile={})),
    ("", lambda row: with_part(row, "group", numerics={"mkl": "a=b"})),
    ("", lambda row: with_part(row, "own", numerics={"mkl": "a=b"})),
    ("", lambda row: with_part(row, "own", load_average="high")),
]


def test_an_index_with_what_no_run_has_is_made_again(store, monkeypatch):
    monkeypatch.setattr("rlbench.results.results_index._WORTH_KEEPING", 1)
    before = run_table(store)
    path = store.root / "index.parquet"
    schema, made = pq.read_schema(path), path.read_bytes()
    assert len(read_index_file(store.root, most=3) or ()) == 3
    for column, value in NO_RUN_HAS:
        rows = pq.read_table(path).to_pylist()
        # Not the first row of its request, of which more is checked.
        rows[1] |= {"steps": [1], "returns": [1.0], "wall_seconds": [1.0]}
        rows[1] = {**rows[1], column: value(rows[1])} if column else value(rows[1])
        pq.write_table(pa.Table.from_pylist(rows, schema), path)
        harmed = path.read_bytes()
        assert harmed != made, column
        (store.root / "index.sha256").write_text(hashlib.sha256(harmed).hexdigest())
        assert run_table(store).equals(before) and path.read_bytes() == made, column


def test_an_attempt_numbered_beyond_all_others_is_passed_over(store):
    run = store.runs()[0]
    first_attempt, second = (store.new_attempt(RunGroup("a", {}, run.task, (0,)), {}, "x") for _ in range(2))
    edit(first_attempt / "group.json", lambda said: said.update(order=(1 << 63) - 1))
    third = store.new_attempt(RunGroup("a", {}, run.task, (0,)), {}, "x")
    assert [path for path, _ in store.attempts()][:2] == [third, second]


def test_a_dependency_that_is_a_path_is_not_looked_up(tmp_path):
    outside = tmp_path / "outside.py"
    outside.write_text("x = 1")
    for name in (f"rlbench.{tmp_path}/outside", "rlbench." + "a" * 300):
        (change,) = changed_modules({"rlbench": {name: "0123456789abcdef"}})
        assert "does not have the form" in change and "outside" not in change
    for recorded in ("abc", [1], {"files": ["x"]}, {"distributions": {"": "1"}}):
        assert changed_modules(recorded) == ["the record of its imports does not have the form that rlbench writes"]


@pytest.mark.parametrize(
    ("outer", "name", "value"),
    [
        ((), "group", []),
        (("group",), "seeds", ["0"]),
        (("group",), "seeds", []),
        (("group",), "timeout", "soon"),
        (("group", "task"), "steps", None),
        (("group", "task", "evaluation"), "every", "100"),
        (("group", "task"), "wrappers", [1]),
    ],
    ids=str,
)
def test_an_attempt_that_describes_no_group_is_passed_over(store, outer, name, value):
    newest, _ = store.attempts()[0]
    document = json.loads((newest / "group.json").read_text())
    part = document
    for key in outer:
        part = part[key]
    part[name] = value
    (newest / "group.json").write_text(json.dumps(document))
    assert newest not in [path for path, _ in store.attempts()]
