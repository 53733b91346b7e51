"""Damage in a result folder: it is one run's trouble, it is named by every command, and nothing passes with it."""

import json
import os
import shutil

import pytest
from support.cli import rlbench
from support.read_back import run_table
from support.result_folders import folder

from rlbench.api import RunGroup, RunStatus, StoreError
from rlbench.results import Store, publish
from rlbench.results.checksums import with_checksum
from rlbench.results.cost_estimates import estimate_seconds, remember_cost
from rlbench.results.json_shapes import ShapeError, check_event
from rlbench.results.table_repair import restore_tables

SCORES = {"a": {"CartPole-v1": [400.0 + i for i in range(6)]}, "random": {"CartPole-v1": [20.0] * 6}}
READERS = ("table", "status", "report", "export", "power")


@pytest.fixture
def store(tmp_path):
    return folder(tmp_path / "new", SCORES)


def first(store):
    return store.root / "runs" / store.suite()["runs"][0]["folder"]


def change(path, old, new):
    text = path.read_text()
    assert old in text
    path.write_text(text.replace(old, new, 1))


def remove(store):
    shutil.rmtree(first(store))


def spec_of_another(store):
    change(first(store) / "spec.json", '"as": "a"', '"as": "b"')


def spec_without_seed(store):
    change(first(store) / "spec.json", '"seed"', '"sfed"')


def spec_cut_short(store):
    (first(store) / "spec.json").write_bytes((first(store) / "spec.json").read_bytes()[:100])


def spec_not_utf8(store):
    (first(store) / "spec.json").write_bytes(b"\xe4")


def spec_a_pipe(store):
    (first(store) / "spec.json").unlink()
    os.mkfifo(first(store) / "spec.json")


def result_of_no_status(store):
    change(first(store) / "result.json", '"done"', '"dong"')


def result_without_files(store):
    change(first(store) / "result.json", '"files"', '"filer"')


def result_beyond_the_budget(store):
    change(first(store) / "result.json", '"steps": 1000', '"steps": 9000')


def result_of_an_attempt_elsewhere(store):
    change(first(store) / "result.json", '"attempt": "', '"attempt": "../../elsewhere/')


def result_an_endless_device(store):
    (first(store) / "result.json").unlink()
    (first(store) / "result.json").symlink_to("/dev/zero")


def result_of_another_run(store):
    other = store.root / "runs" / store.suite()["runs"][1]["folder"]
    shutil.copytree(other, first(store), ignore=shutil.ignore_patterns("spec.json"), dirs_exist_ok=True)


def metrics_flipped(store):
    path = first(store) / "metrics.parquet"
    path.write_bytes(path.read_bytes()[::-1])


SPECS = (remove, spec_of_another, spec_without_seed, spec_cut_short, spec_not_utf8, spec_a_pipe)
RESULTS = (
    result_of_no_status,
    result_without_files,
    result_beyond_the_budget,
    result_of_an_attempt_elsewhere,
    result_an_endless_device,
    result_of_another_run,
    metrics_flipped,
)


@pytest.mark.parametrize("harm", [*SPECS, *RESULTS], ids=lambda f: f.__name__)
def test_a_damaged_run_is_counted_and_named_and_the_others_are_shown(store, tmp_path, harm):
    shutil.copytree(store.root, tmp_path / "base")
    harm(store)
    frame = run_table(store)
    assert frame["status"].tolist() == ["corrupt", *["done"] * 11]
    assert frame[["algorithm", "environment", "seed"]].iloc[0].tolist() == ["a", "CartPole-v1", 0]
    told = rlbench("table", store.root, "--json")
    (cell,) = (cell for cell in json.loads(told.stdout)["cells"] if cell["algorithm"] == "a")
    assert told.returncode == 1 and (cell["n_valid"], cell["n"]) == (5, 6)
    assert "a on CartPole-v1, seed 0" in told.stderr and "seed 0" in json.loads(told.stdout)["corrupt"][0]
    gate = rlbench("gate", store.root, "--against", tmp_path / "base", "--margin", 0.5, "--json")
    assert gate.returncode == 5 and len(json.loads(gate.stdout)["corrupt"]) == 1
    assert rlbench("gate", tmp_path / "base", "--against", store.root, "--margin", 0.5).returncode == 5


@pytest.mark.parametrize("command", READERS)
def test_every_command_that_reads_says_so_and_by_its_exit_code(store, tmp_path, command, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert rlbench(command, store.root).returncode == 0
    remove(store)
    told = rlbench(command, store.root)
    assert told.returncode == 1
    assert first(store).name in told.stdout + told.stderr


def test_compare_names_it_in_text_and_json(store):
    remove(store)
    told = rlbench("compare", "a", "random", "-d", store.root, "--json")
    assert told.returncode == 1 and first(store).name in told.stderr
    assert first(store).name in json.loads(told.stdout)["corrupt"][0]


@pytest.mark.parametrize("harm", SPECS, ids=lambda f: f.__name__)
def test_describing_the_suite_again_restores_what_the_plan_knows(store, harm):
    before = run_table(store)
    runs = store.runs()
    result = (first(store) / "result.json").read_bytes()
    harm(store)
    store.describe_suite(store.suite()["suite"], runs, "0")
    if harm is remove:
        assert run_table(store)["status"].tolist() == ["interrupted", *["done"] * 11]
    else:
        assert run_table(store).equals(before) and (first(store) / "result.json").read_bytes() == result


@pytest.mark.parametrize("harm", ["flip", "delete"])
def test_a_damaged_table_is_made_again_from_what_it_was_made_of(store, harm):
    before, run = run_table(store), store.runs()[0]
    path = first(store) / "evaluations.parquet"
    content = path.read_bytes()
    path.unlink() if harm == "delete" else path.write_bytes(content[::-1])
    state = store.states([run])[run.key]
    assert restore_tables(store, run, state) == ["evaluations.parquet"]
    assert path.read_bytes() == content and run_table(store).equals(before)
    assert restore_tables(store, run, state) == []
    path.unlink()
    change(
        store.attempts()[-1][0] / "evaluations.jsonl", "400.0", "500.0"
    )  # what would be made is not what was published
    assert restore_tables(store, run, state) == [] and not path.exists()
    assert run_table(store)["status"][0] == "corrupt"


def test_a_cell_of_which_no_run_is_left_is_counted_too(store):
    for entry in store.suite()["runs"][:6]:
        shutil.rmtree(store.root / "runs" / entry["folder"])
    frame = run_table(store)
    lost = frame[frame["status"] == RunStatus.CORRUPT]
    assert set(lost["algorithm"]) == {"a"} and lost["seed"].tolist() == list(range(6))
    assert set(lost["environment"]) == {"CartPole-v1"} and lost["key"].is_unique


@pytest.mark.parametrize(
    "old, new",
    [('"folder"', '"foldes"'), ('"runs"', '"runt"'), ('"suite"', '"suitf"'), ('"name"', '"nbme"'), ("{", "")],
)
def test_a_damaged_suite_file_is_named_with_what_to_do(store, old, new):
    change(store.root / "suite.json", old, new)
    for command in READERS:
        told = rlbench(command, store.root)
        assert told.returncode == 73 and "suite.json does not have the form that rlbench writes" in told.stderr
        assert "rlbench run SUITE -o" in told.stderr


@pytest.mark.parametrize("name", ["../out", "/out", "..", "", "a/b"])
def test_a_folder_outside_is_no_run(store, name):
    document = json.loads((store.root / "suite.json").read_text())
    document["runs"][0]["folder"] = name
    (store.root / "suite.json").write_text(json.dumps(with_checksum(document)))
    with pytest.raises(StoreError, match="'folder' in a run is"):
        store.runs()


@pytest.mark.parametrize("garbage", ["garbage", None])
def test_imported_runs_outlive_their_suite_file(store, tmp_path, garbage):
    (tmp_path / "x.csv").write_text("step,return\n" + "".join(f"{100 * i},{i}\n" for i in range(1, 11)))
    given = ("import", tmp_path / "x.csv", "-o", store.root, "--algorithm", "mine", "--environment", "CartPole-v1")
    assert rlbench(*given).returncode == 0
    suite, planned = store.suite()["suite"], [run for run in store.runs() if run.label != "mine"]
    before = run_table(store)
    path = store.root / "suite.json"
    path.write_text(garbage) if garbage else path.unlink()
    store.describe_suite(suite, planned, "0")
    assert run_table(store).equals(before)
    assert len(list(store.root.glob("superseded/suite.json--*"))) == bool(garbage)


@pytest.mark.parametrize("name", ["runs", "attempts"])
def test_nothing_is_written_through_a_link_that_leads_out(store, tmp_path, name):
    os.rename(store.root / name, tmp_path / "elsewhere")
    (store.root / name).symlink_to(tmp_path / "elsewhere")
    with pytest.raises(StoreError, match="leads out of"):
        store.lock()
    (store.root / "LOCK").unlink()
    (store.root / "LOCK").symlink_to(tmp_path / "made")
    with pytest.raises(StoreError, match="not a regular file"):
        store.lock()
    assert not (tmp_path / "made").exists()


def test_no_run_is_written_through_a_link_that_leads_out(store, tmp_path):
    runs = store.runs()
    os.rename(first(store), tmp_path / first(store).name)
    first(store).symlink_to(tmp_path / first(store).name)
    with pytest.raises(StoreError, match="leads out of"):
        store.describe_suite(store.suite()["suite"], runs, "0")


def row(kind, step, **more):
    return {"kind": kind, "nominal_step": step, "step": step, **more}


@pytest.mark.parametrize(
    "table, rows, said",
    [
        ("evaluations", [row("final", 1000)] * 2, "2 final evaluations"),
        ("evaluations", [row("grid", 500)] * 2, "2 evaluations at step 500"),
        ("evaluations", [row("grid", 1001)], "a record of step 1001"),
        (
            "episodes",
            [row("", 900, rank=0, episode=3, length=10)] * 2,
            "episode 3 of environment 0 is recorded 2 times",
        ),
        ("episodes", [row("", 900, rank=i, episode=0, length=600) for i in (0, 1)], "episodes have 1200 steps"),
    ],
)
def test_records_that_do_not_add_up_to_one_run_are_not_published(store, tmp_path, table, rows, said):
    run = store.runs()[0]
    records = {name: {run.seed: rows if name == table else []} for name in ("evaluations", "episodes", "metrics")}
    with pytest.raises(StoreError, match=said):
        publish(tmp_path, run, tmp_path, {}, {"status": "done", "steps": 1000}, records)
    assert not (tmp_path / "result.json").exists()


@pytest.mark.parametrize(
    "event",
    [
        [],
        {},
        {"event": "exit", "code": 0},
        {"event": "started"},
        {"event": "progress", "step": "1", "pulse": 1},
        {"event": "evaluated", "kind": "grid", "step": 1, "returns": []},
        {"event": "evaluated", "kind": "grid", "step": 1, "returns": ["x"]},
        {"event": "finished", "status": "dong", "message": ""},
        {"event": "finished", "status": "done"},
    ],
)
def test_what_is_no_report_of_a_worker_is_none(event):
    with pytest.raises(ShapeError):
        check_event(event)


def test_attempts_are_in_the_order_they_were_made_whatever_the_clock_says(store, monkeypatch):
    run = store.runs()[0]
    group = RunGroup(run.algorithm, run.config, run.task, (run.seed,), run.label)
    ahead = store.new_attempt(group, {}, "rlbench")
    monkeypatch.setattr("time.time_ns", lambda: 1)
    after = store.new_attempt(group, {}, "rlbench")
    assert [path for path, _ in Store(store.root).attempts()][:2] == [after, ahead]


@pytest.mark.parametrize("text", ["{}", "[]", '{"seconds_per_step": "x", "bytes_per_step": 1}'])
def test_a_cost_that_is_remembered_in_another_shape_is_not_known(store, tmp_path, monkeypatch, text):
    monkeypatch.setenv("RLBENCH_CACHE", str(tmp_path / "cache"))
    run = store.runs()[0]
    group = RunGroup(run.algorithm, run.config, run.task, (run.seed,), run.label)
    remember_cost(group, 1.0, 2.0, [])
    assert estimate_seconds(group) == 3.0
    (entry,) = (tmp_path / "cache" / "speeds").glob("*.json")
    entry.write_text(text)
    assert estimate_seconds(group) is None
