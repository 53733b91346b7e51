"""The result folder: what has become of a run is derived from its files, and nothing is ever half published."""

import dataclasses
import fcntl
import json
import math
import multiprocessing
import os
import subprocess
import sys

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from safetensors.numpy import load_file
from support import result_folders
from support.read_back import run_table

from rlbench.analysis import Results
from rlbench.api import (
    COLUMNS,
    EpisodeRecord,
    EvaluationRecord,
    LockedError,
    MetricRecord,
    RunGroup,
    RunStatus,
    StoreError,
    Task,
)
from rlbench.results import JsonlSink, Store, arrow_tables, publish
from rlbench.results import store as store_module
from rlbench.results.file_io import publish_file, replace_file, write_json
from rlbench.results.folder_lock import Lock
from rlbench.results.job_queue import JobQueue
from rlbench.results.jsonl_records import Earlier, read_lines
from rlbench.results.publication import schema
from rlbench.results.score_anchors import Anchors, shipped_anchors

GROUP = RunGroup("random", {}, Task("CartPole-v1", 100), (0, 1))
POLICY = {"weights": np.arange(3.0)}


@pytest.fixture
def store(tmp_path):
    made = Store(tmp_path / "s")
    made.lock()
    made.describe_suite({"name": "s"}, GROUP.runs, "0")
    yield made
    made.unlock()


def attempt(store, finish=()):
    """An attempt with two episodes and a final evaluation of each seed; `finish`: indices of runs to publish."""
    folder = store.new_attempt(GROUP, {}, "rlbench")
    sink = JsonlSink(folder)
    for seed in GROUP.seeds:
        for k in range(2):
            sink.episode(EpisodeRecord(seed, 10 * k, 0, k, 7, 5.0 + seed + k, 10, "truncated"))
        sink.evaluation(EvaluationRecord(seed, 100, 100, "final", 20.0 + seed, 1.0, 9.0, (19.0, 21.0), (9, 9), 0.5))
    sink.close()
    for i in finish:
        publish(store.folder(GROUP.runs[i]), GROUP.runs[i], folder, POLICY, {"status": "done", "steps": 100})
    return folder


def status(store):
    return [str(store.states(GROUP.runs)[run.key].status) for run in GROUP.runs]


def test_states_are_derived_from_the_files(store):
    assert status(store) == ["pending", "pending"]
    folder = attempt(store, finish=[1])
    assert status(store) == ["interrupted", "done"]
    write_json(folder / "exit.json", {"status": "failed", "message": "why"})
    assert status(store) == ["failed", "done"]
    attempt(store)
    assert status(store) == ["interrupted", "done"]


@pytest.mark.parametrize("text", ["", "{", '{"schema_version": 99}', "[]"])
def test_a_result_that_is_none_is_corrupt_and_touches_no_other(store, text):
    attempt(store, finish=[0, 1])
    (store.folder(GROUP.runs[0]) / "result.json").write_text(text)
    assert status(store) == ["corrupt", "done"]


def test_a_published_table_has_its_columns_units_and_rows(store):
    attempt(store, finish=[0, 1])
    for table, columns in COLUMNS.items():
        arrow = pq.read_table(store.folder(GROUP.runs[1]) / f"{table}.parquet")
        assert arrow.schema.names == [c.name for c in columns if not c.optional]
        assert arrow.schema.field("seed").metadata[b"meaning"] == b"the run's seed"
    episodes = pq.read_table(store.folder(GROUP.runs[1]) / "episodes.parquet").to_pylist()
    assert [(e["seed"], e["return"]) for e in episodes] == [(1, 6.0), (1, 7.0)]


def test_scores_are_those_of_the_final_policy(store):
    attempt(store, finish=[0, 1])
    frame = run_table(store)
    assert frame["score"].tolist() == [20.0, 21.0] and frame["training_return"].tolist() == [5.5, 6.5]


@pytest.mark.parametrize("harm", ["truncate", "flip", "delete"])
def test_a_damaged_table_makes_its_run_corrupt_and_no_other(store, harm):
    attempt(store, finish=[0, 1])
    path = store.folder(GROUP.runs[0]) / "evaluations.parquet"
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.unlink() if harm == "delete" else path.write_bytes(bytes(content[:-4] if harm == "truncate" else content))
    frame = run_table(store)
    assert frame["status"].tolist() == ["corrupt", "done"] and np.isnan(frame["score"][0])
    assert "was changed after the run was published" in frame["message"][0]


def test_the_first_to_publish_wins(store):
    attempt(store, finish=[0])
    before = (store.folder(GROUP.runs[0]) / "result.json").read_bytes()
    attempt(store, finish=[0])
    assert (store.folder(GROUP.runs[0]) / "result.json").read_bytes() == before
    path = store.root / "once"
    assert publish_file(path, "a") and not publish_file(path, "b") and path.read_text() == "a"
    assert not list(store.root.glob(".*"))


@pytest.mark.parametrize("how", [KeyboardInterrupt, OSError, MemoryError])
def test_a_file_whose_writing_is_broken_off_stays_as_it_was_and_leaves_no_draft(tmp_path, how):
    (tmp_path / "x").write_text("before")

    def broken_off(draft):
        draft.write_text("half")
        raise how

    with pytest.raises(how):
        replace_file(tmp_path / "x", broken_off)
    assert [(path.name, path.read_text()) for path in tmp_path.iterdir()] == [("x", "before")]


def test_a_moved_folder_is_as_good(store, tmp_path):
    attempt(store, finish=[0, 1])
    before = run_table(store)
    moved = tmp_path / "elsewhere"
    store.root.rename(moved)
    assert run_table(Store(moved)).equals(before)
    assert str(tmp_path) not in "".join(p.read_text() for p in moved.rglob("*.json"))


def hold(root, ready, release):
    store = Store(root)
    store.lock()
    ready.set()
    release.wait()


def test_a_second_writer_is_told_who_the_first_is(tmp_path):
    context = multiprocessing.get_context("spawn")
    ready, release = context.Event(), context.Event()
    process = context.Process(target=hold, args=(tmp_path / "s", ready, release))
    process.start()
    assert ready.wait(60)
    second = Store(tmp_path / "s")
    with pytest.raises(LockedError, match=f"process {process.pid}, since 20") as error:
        second.lock()
    assert error.value.exit_code == 75
    process.kill()  # the kernel frees the lock, whatever LOCK says
    process.join()
    second.lock()
    second.unlock()


def test_a_lock_taken_again_by_its_holder_lasts_until_it_is_given_back_as_often(tmp_path):
    store, other = Store(tmp_path / "s"), Store(tmp_path / "s")
    store.lock()
    store.lock()
    store.unlock()
    with pytest.raises(LockedError):
        other.lock()
    store.unlock()
    other.lock()
    other.unlock()


def test_whoever_reads_refuses_no_writer(tmp_path, monkeypatch):
    store = Store(tmp_path)
    store.lock()
    store.unlock()
    with open(tmp_path / "LOCK") as reader:
        fcntl.flock(reader, fcntl.LOCK_SH)  # as one that asks whether it is held, for a moment
        monkeypatch.setattr(
            "rlbench.results.folder_lock.time.sleep", lambda seconds: fcntl.flock(reader, fcntl.LOCK_UN)
        )
        store.lock()
    store.unlock()


def test_whoever_reads_while_a_run_is_set_aside_misses_none(tmp_path):
    store = result_folders.folder(tmp_path, {"a": {"CartPole-v1": [1.0, 2.0]}})
    results, again = Results(tmp_path), Results(tmp_path)
    assert [str(state.status) for state in results.states.values()] == ["done", "done"]
    run, other = store.runs()
    store.set_aside(run, again=True)
    assert store.runs() == [run, other]  # its spec.json is there
    assert [row.status for row in results.rows] == ["interrupted", "done"]  # though it was there when states were read
    assert [row.status for row in again.rows] == ["interrupted", "done"]
    assert (store.root / "superseded").is_dir() and not list(store.root.glob("superseded/.*"))


@pytest.mark.parametrize("text", ["", "garbage", "host x, process 1, since never"])
def test_what_a_lock_file_says_is_information_only(tmp_path, text):
    (tmp_path / "LOCK").write_text(text)
    store = Store(tmp_path)
    store.lock()
    store.unlock()


@pytest.mark.parametrize(("content", "said"), [(b"", "an unidentified process"), (b"\xff\0{", "\ufffd")])
def test_a_lock_that_is_held_is_so_whatever_its_file_says(tmp_path, content, said):
    store, other = Store(tmp_path), Store(tmp_path)
    store.lock()
    (tmp_path / "LOCK").write_bytes(content)
    with pytest.raises(LockedError, match=f"is in use by {said}"):
        other.lock()
    store.unlock()


def test_a_folder_that_cannot_be_made_is_told_before_training(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(StoreError, match="file") as error:
        Store(tmp_path / "file" / "s").lock()
    assert error.value.exit_code == 73


def test_a_newer_versions_folder_is_neither_read_nor_written(store):
    write_json(store.root / "suite.json", {"schema_version": 99, "rlbench": "9.0", "runs": []})
    with pytest.raises(StoreError, match=r"newer rlbench \(9.0\)"):
        store.runs()
    store.unlock()
    with pytest.raises(StoreError, match=r"newer rlbench \(9.0\)"):
        store.lock()
    assert not Lock(store.root).is_held_elsewhere()


@pytest.mark.parametrize("supplied", [{}, {"CartPole-v1": Anchors(3.0, 9.0)}])
def test_a_diverged_run_without_an_evaluation_counts_with_the_lower_anchor(store, supplied):
    folder = store.new_attempt(GROUP, {}, "rlbench")
    publish(store.folder(GROUP.runs[1]), GROUP.runs[1], folder, {}, {"status": "diverged", "steps": 3})
    lower = {**shipped_anchors(), **supplied}["CartPole-v1"].lower
    assert run_table(store, supplied)["score"].tolist()[1] == lower


def test_where_a_task_has_no_anchors_the_folders_random_runs_stand_for_the_lower_one(store):
    group = dataclasses.replace(GROUP, task=dataclasses.replace(GROUP.task, kwargs={"sutton_barto_reward": True}))
    store.describe_suite({"name": "s"}, group.runs, "0")
    folder = store.new_attempt(group, {}, "rlbench")
    sink = JsonlSink(folder)
    sink.evaluation(EvaluationRecord(0, 100, 100, "final", 20.0, 1.0, 9.0, (20.0,), (9,), 0.5))
    sink.close()
    publish(store.folder(group.runs[0]), group.runs[0], folder, {}, {"status": "done", "steps": 100})
    publish(store.folder(group.runs[1]), group.runs[1], folder, {}, {"status": "diverged", "steps": 3})
    assert run_table(store)["score"].tolist() == [20.0, 20.0]


def test_a_partial_last_line_is_ignored_at_every_byte(tmp_path):
    path = tmp_path / "x.jsonl"
    lines = [json.dumps({"seed": i, "text": "é"}) + "\n" for i in range(3)]
    whole = "".join(lines).encode()
    for cut in range(len(lines[0].encode()), len(whole) + 1):
        path.write_bytes(whole[:cut])
        rows = list(read_lines(path))
        assert [r["seed"] for r in rows] == list(range(len(rows))) and len(rows) == whole[:cut].count(b"\n")


def test_half_a_character_in_a_name_costs_no_run(store):
    folder = attempt(store)
    sink = JsonlSink(folder)
    sink.metric(MetricRecord(0, 100, "l\ud800ss \U0001f600", 0.25))
    sink.close()
    publish(store.folder(GROUP.runs[0]), GROUP.runs[0], folder, POLICY, {"status": "done", "steps": 100})
    (row,) = pq.read_table(store.folder(GROUP.runs[0]) / "metrics.parquet").to_pylist()
    assert row["name"] == "l?ss \U0001f600"


def test_an_earlier_broken_line_is_an_error_with_its_number(tmp_path):
    path = tmp_path / "x.jsonl"
    path.write_text('{"seed": 0}\n\0\0\n{"seed": 1}\n')
    with pytest.raises(StoreError, match=r"x\.jsonl:2"):
        list(read_lines(path))


def test_records_in_the_place_of_which_there_is_something_else_are_an_error(tmp_path):
    path = tmp_path / "x.jsonl"
    assert list(read_lines(path)) == []
    os.mkfifo(path)
    with pytest.raises(StoreError, match=r"x\.jsonl: cannot be read"):
        list(read_lines(path))


def test_records_of_an_earlier_attempt_are_taken_over_up_to_the_checkpoint(tmp_path):
    first, second = tmp_path / "1", tmp_path / "2"
    first.mkdir(), second.mkdir()
    sink = JsonlSink(first)
    sink.episode(EpisodeRecord(0, 1, 0, 0, 7, 1.0, 1, "terminated"))
    sink.episode(EpisodeRecord(1, 1, 0, 0, 7, 2.0, 1, "terminated"))
    positions = sink.positions()
    sink.episode(EpisodeRecord(0, 2, 0, 1, 7, 3.0, 1, "terminated"))
    sink.close()
    JsonlSink(second, {7: Earlier(first, positions, 0)}).close()  # it has another number among its group now
    assert [(r["seed"], r["return"]) for r in read_lines(second / "episodes.jsonl")] == [(7, 1.0)]


def test_a_run_that_failed_in_a_group_is_a_status_of_its_own():
    assert RunStatus("failed") is RunStatus.FAILED and str(RunStatus.DONE) == "done"


def test_a_published_policy_may_hold_a_number_for_each_seed(store):
    folder = attempt(store)
    publish(
        store.folder(GROUP.runs[0]), GROUP.runs[0], folder, {"scale": np.arange(2.0)[0]}, {"status": "done", "steps": 1}
    )
    assert load_file(store.folder(GROUP.runs[0]) / "policy.safetensors")["scale"] == 0.0


def test_a_message_that_is_no_text_spoils_no_table(store):
    folder = attempt(store)
    write_json(folder / "exit.json", {"status": "failed", "message": "no file '\udcff'"})
    assert run_table(store)["message"].tolist() == ["no file '?'"] * 2


def test_a_table_is_what_pyarrow_makes_of_the_rows_and_nothing_else_fits():
    row = dict(zip((c.name for c in COLUMNS["evaluations"]), (3, 100, 104, "grid", -0.0, 1e-300, 2, (), (), math.nan)))
    rows = [row, row | {"kind": "fünal", "returns": [1.5, math.inf, 2], "lengths": [2**62], "seed": -1}, row]
    wanted = schema("evaluations")
    for some in (rows, []):
        made, theirs = arrow_tables.table(some, wanted), pa.Table.from_pylist(some, wanted)
        made.validate(full=True)
        assert made.schema.equals(theirs.schema, check_metadata=True) and str(made.to_pylist()) == str(
            theirs.to_pylist()
        )
    for name, value in (
        ("seed", 1.5),
        ("seed", None),
        ("seed", 2**63),
        ("kind", 1),
        ("returns", ["x"]),
        ("returns", 1.0),
    ):
        with pytest.raises((TypeError, OverflowError, AttributeError)):
            arrow_tables.table([row | {name: value}], wanted)
    with pytest.raises(KeyError, match="kind"):
        arrow_tables.table([{name: value for name, value in row.items() if name != "kind"}], wanted)


def test_what_a_worker_imports_and_writes_tables_with_needs_no_pandas(tmp_path):
    code = (
        "import sys, pathlib; import rlbench.executors.worker_main; from rlbench.results.publication import schema;"
        "from rlbench.results.arrow_tables import table; import pyarrow.parquet as pq;"
        "pq.write_table(table([], schema('metrics')), sys.argv[1]); print('pandas' in sys.modules)"
    )
    assert subprocess.check_output([sys.executable, "-c", code, tmp_path / "x"], text=True) == "False\n"


def test_attempts_are_numbered_and_ordered_without_reading_the_others_each_time(store, monkeypatch):
    other = dataclasses.replace(GROUP, seeds=(7,))
    made = [Store(store.root).new_attempt(GROUP, {}, "rlbench")]  # before the store counts
    read, parse = [], store_module.parse_json
    monkeypatch.setattr(store_module, "parse_json", lambda path, *most: read.append(path) or parse(path, *most))
    made += [store.new_attempt(group, {}, "rlbench") for group in (GROUP, other, GROUP)]
    numbers = [path.name.rpartition("--")[2].split("-")[1] for path in made]
    assert numbers == ["0001", "0002", "0001", "0003"] and read == [made[0] / "group.json"]
    assert [path for path, _ in store.attempts()] == made[::-1]
    store.unlock()
    unlocked = [each.new_attempt(other, {}, "rlbench") for each in (store, Store(store.root), store)]
    store.lock()
    numbers = [path.name.rpartition("--")[2].split("-")[1] for path in unlocked]
    assert numbers == ["0002", "0003", "0004"] and "-0005-" in store.new_attempt(other, {}, "rlbench").name


def test_with_a_queue_attempts_of_tasks_elsewhere_are_counted_while_the_folder_is_locked(store):
    JobQueue(store.root).folder.mkdir()
    first = store.new_attempt(GROUP, {}, "rlbench")
    elsewhere = Store(store.root).new_attempt(GROUP, {}, "rlbench")
    last = store.new_attempt(GROUP, {}, "rlbench")
    assert "-0003-" in last.name and [path for path, _ in store.attempts()] == [last, elsewhere, first]


def test_only_attempts_that_may_have_trained_a_run_are_read_for_its_state(store, monkeypatch):
    other = dataclasses.replace(GROUP, algorithm="other")
    for group in (GROUP, other):
        store.new_attempt(group, {}, "rlbench")
    read, parse = [], store_module.parse_json
    monkeypatch.setattr(store_module, "parse_json", lambda path, *most: read.append(path) or parse(path, *most))
    (state,) = store.states([other.runs[0]]).values()
    assert state.attempt.startswith("other--") and [path.parent.name for path in read] == [state.attempt]
