"""index.parquet: a cache that changes no answer, whatever happens to it or to the runs."""

import dataclasses
import json
import os

import numpy as np
import pytest
from support.read_back import run_table
from support.tampered_runs import edit_result

from rlbench.analysis.suite_results import Results
from rlbench.api import EvaluationRecord, RunGroup, Task
from rlbench.results import JsonlSink, Store, file_io, index_file, publish, results_index

GROUP = RunGroup("random", {}, Task("CartPole-v1", 100), tuple(range(6)), label="chance")


@pytest.fixture
def store(tmp_path, monkeypatch):
    """Five of six runs published, seed 4 diverged; the cache is kept from three runs on."""
    monkeypatch.setattr(results_index, "_WORTH_KEEPING", 3)
    made = Store(tmp_path / "s")
    made.describe_suite({"name": "s"}, GROUP.runs, "0")
    attempt = made.new_attempt(GROUP, {}, "rlbench")
    sink = JsonlSink(attempt)
    for seed in GROUP.seeds:
        for step in (50, 100):
            sink.evaluation(EvaluationRecord(seed, step, step, "grid", step + seed, 0, 1, (1.0,), (1,), 0.5))
    sink.close()
    for run in GROUP.runs[:5]:
        facts = {"status": "diverged" if run.seed == 4 else "done", "steps": 100}
        publish(made.folder(run), run, attempt, {}, facts)
    return made


def facts(store):
    return Results(store).facts


def equal(one, two):
    return one.keys() == two.keys() and all(
        np.array_equal(a, b, equal_nan=np.issubdtype(np.asarray(a).dtype, np.floating))
        for key in one
        for a, b in zip(one[key], two[key])
    )


def test_the_cache_gives_what_the_files_give(store):
    anew = facts(store)
    assert (store.root / "index.parquet").exists() and equal(facts(store), anew)
    (found,) = {tuple(f.steps) for f in anew.values()}
    assert found == (50, 100) and anew[str(GROUP.runs[2].key)].returns.tolist() == [52.0, 102.0]


def test_runs_are_not_opened_again(store, monkeypatch):
    before = run_table(store)
    monkeypatch.setattr(results_index, "read_run_facts", lambda *_: pytest.fail("opened"))
    assert run_table(store).equals(before)


@pytest.mark.parametrize("harm", [b"", b"PAR1", None])
def test_a_cache_that_is_damaged_or_gone_is_made_again(store, harm):
    before = run_table(store)
    path = store.root / "index.parquet"
    path.unlink() if harm is None else path.write_bytes(harm)
    assert run_table(store).equals(before) and path.stat().st_size > 100


@pytest.mark.parametrize("dated_back", [False, True])
def test_a_run_that_is_damaged_afterwards_is_corrupt_all_the_same(store, dated_back):
    run_table(store)
    path = store.folder(GROUP.runs[1]) / "evaluations.parquet"
    content, info = bytearray(path.read_bytes()), path.stat()
    content[len(content) // 2] ^= 1
    path.write_bytes(bytes(content))
    if dated_back:
        os.utime(path, ns=(info.st_atime_ns, info.st_mtime_ns))
    assert run_table(store)["status"].tolist()[:3] == ["done", "corrupt", "done"]


def test_a_folder_that_can_only_be_read_is_read(store, monkeypatch):
    def refuse(*_):
        raise OSError("read-only")

    monkeypatch.setattr(index_file, "replace_file", refuse)
    assert len(facts(store)) == 5 and not (store.root / "index.parquet").exists()


def test_a_small_folder_has_no_cache(store, monkeypatch):
    monkeypatch.setattr(results_index, "_WORTH_KEEPING", 7)
    run_table(store)
    assert not (store.root / "index.parquet").exists()


def test_a_flipped_bit_anywhere_in_the_cache_changes_no_answer(store):
    before = run_table(store)
    path = store.root / "index.parquet"
    content = path.read_bytes()
    for place in range(4, len(content), 97):
        damaged = bytearray(content)
        damaged[place] ^= 64
        path.write_bytes(damaged)
        assert run_table(store).equals(before)
    assert path.read_bytes() == content  # made again


def test_a_policy_that_is_not_what_was_published_makes_its_run_corrupt(store):
    run = GROUP.runs[5]
    publish(store.folder(run), run, store.attempts()[0][0], {"w": np.arange(3.0)}, {"status": "done", "steps": 100})
    assert run_table(store)["status"].tolist()[5] == "done"
    (store.folder(run) / "policy.safetensors").write_bytes(b"another")
    assert run_table(store)["status"].tolist()[5] == "corrupt"


def test_a_store_without_caches_reads_the_same_and_writes_nothing(store):
    assert equal(facts(Store(store.root, caches=False)), {**facts(store)})
    for name in ("index.parquet", "index.sha256"):
        (store.root / name).unlink()
    assert len(facts(Store(store.root, caches=False))) == 5
    assert not (store.root / "index.parquet").exists()


def test_a_store_is_in_use_while_another_one_has_its_lock(store):
    other = Store(store.root)
    assert not other.is_in_use()
    store.lock()
    assert other.is_in_use() and not store.is_in_use()
    store.unlock()
    assert not other.is_in_use()


def opened(monkeypatch):
    """The runs' files that are opened from now on, as RUN/FILE."""
    found, real = [], file_io.open_regular

    def record(path, *arguments):
        if path.parent.parent.name == "runs":
            found.append(f"{path.parent.name}/{path.name}")
        return real(path, *arguments)

    monkeypatch.setattr(file_io, "open_regular", record)
    return found


def everything(store):
    """What is known of the runs, with the order of the entries of result.json."""
    results = Results(store)
    states = {key: (str(s.status), s.message, json.dumps(s.result), s.attempt) for key, s in results.states.items()}
    return results.requested, states, run_table(store).to_json()


def test_of_a_run_in_the_cache_no_file_is_opened_and_all_of_it_is_the_same(store, monkeypatch):
    before = everything(store)
    (store.root / "index.parquet").unlink()
    assert everything(store) == before
    files = opened(monkeypatch)
    assert everything(store) == before
    assert set(files) <= {f"{GROUP.runs[5].name}/result.json"}  # which is not there


FILES = ("spec.json", "result.json", "evaluations.parquet", "episodes.parquet", "metrics.parquet")


def test_a_run_of_which_a_file_was_touched_is_read_again_and_no_other(store, monkeypatch):
    before = everything(store)
    monkeypatch.setattr(results_index, "_WORTH_KEEPING", 6)  # from here on the cache stays as it is
    files, touched = opened(monkeypatch), {GROUP.runs[5].name}  # that one is not published
    for run, name in zip(GROUP.runs, FILES):
        files.clear()
        touched.add(run.name)
        info = os.stat(store.folder(run) / name)
        (store.folder(run) / name).write_bytes((store.folder(run) / name).read_bytes())
        os.utime(store.folder(run) / name, ns=(info.st_atime_ns, info.st_mtime_ns))  # the change itself has a time, too
        assert everything(store) == before
        assert {f"{run.name}/{each}" for each in FILES} <= set(files), name
        assert {file.split("/")[0] for file in files} == touched, name


HARMS = {
    "spec.json": lambda path: path.write_text(path.read_text().replace('"steps": 100', '"steps": 101')),
    "result.json": lambda path: path.write_text(path.read_text().replace('"steps": 100', '"steps": 99')),
    "evaluations.parquet": lambda path: path.unlink(),
    "link": lambda path: path.parent.rename(path.parents[2] / "away") and path.parent.symlink_to("../away"),
    "link that leads out": lambda path: (
        path.parent.rename(path.parents[3] / "out") and path.parent.symlink_to("../../out")
    ),
}


@pytest.mark.parametrize("harm", HARMS)
def test_harm_to_a_run_in_the_cache_shows_as_it_does_without_one(store, harm):
    run_table(store)
    HARMS[harm](store.folder(GROUP.runs[1]) / harm)
    found = run_table(store)
    for name in ("index.parquet", "index.sha256"):
        (store.root / name).unlink()
    assert found.equals(run_table(store)) and found["status"][1] == ("done" if harm == "link" else "corrupt")


def test_what_changes_after_the_cache_was_written_shows(store):
    run_table(store)
    run, (attempt, _) = GROUP.runs[5], store.attempts()[0]
    publish(store.folder(run), run, attempt, {}, {"status": "done", "steps": 100})
    store.set_aside(GROUP.runs[0], again=True)
    assert run_table(store)["status"].tolist() == ["interrupted", "done", "done", "done", "diverged", "done"]
    task = dataclasses.replace(GROUP.task, label="pole")
    renamed = dataclasses.replace(GROUP, label="luck", task=task)
    store.describe_suite({"name": "s", "register": ["a:b"]}, renamed.runs, "0")
    found = Results(store)
    assert {row.algorithm for row in found.rows} == {"luck"} and {row.environment for row in found.rows} == {"pole"}
    assert [run.key for run in found.requested] == [run.key for run in GROUP.runs]
    assert {run.task.register for run in found.requested} == {("a:b",)}


def test_equal_parts_of_results_are_kept_once(store):
    part = {"files": {"a": "1"}}
    for run in GROUP.runs[:3]:
        edit_result(store.folder(run), lambda result: result.update(dependencies=part))
    for _ in ("from the files", "from the cache"):
        results = [state.result for state in Results(store).states.values()][:3]
        assert results[0]["dependencies"] is results[1]["dependencies"] is results[2]["dependencies"]
        assert results[0]["dependencies"] == part and Results(store).facts
