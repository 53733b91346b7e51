"""index.parquet: a cache that changes no answer, whatever happens to it or to the runs."""

import os

import numpy as np
import pytest
from support.read_back import run_table

from rlbench.api import EvaluationRecord, RunGroup, Task
from rlbench.results import JsonlSink, Store, publish, results_index

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
    runs = store.runs()
    return results_index.read_facts(store, runs, store.states(runs))


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
    monkeypatch.setattr(results_index, "_read_run", lambda *_: pytest.fail("opened"))
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

    monkeypatch.setattr(results_index, "replace_file", refuse)
    assert len(facts(store)) == 5 and not (store.root / "index.parquet").exists()


def test_a_small_folder_has_no_cache(store, monkeypatch):
    monkeypatch.setattr(results_index, "_WORTH_KEEPING", 6)
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
