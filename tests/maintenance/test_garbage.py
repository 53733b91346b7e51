"""What may be deleted: only what no result needs, only what is old enough, and never through a link."""

import os
import shutil
import socket
import time
from pathlib import Path

import pytest
from support.result_folders import folder

from rlbench.api import RunGroup, StoreError
from rlbench.maintenance import garbage
from rlbench.maintenance.garbage import delete, garbage_of_caches, garbage_of_folder
from rlbench.results import Store
from rlbench.runtime import checkpoint
from rlbench.user_cache import cache_folder, remember

DEAD = 1 << 22  # above the highest process number of Linux
DAY = 24 * 3600.0


@pytest.fixture
def store(tmp_path):
    return folder(tmp_path / "made", {"a": {"CartPole-v1": [400.0, 401.0]}, "b": {"CartPole-v1": ["pending"]}})


@pytest.fixture
def cache(tmp_path, monkeypatch):
    monkeypatch.setenv("RLBENCH_CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache"


def listed(store, superseded=False, attempts=False, older_than=None):
    """Return what may be deleted, by kind, with paths relative to the folder."""
    found = garbage_of_folder(Store(store.root, caches=False), superseded, attempts, older_than)
    return {entry.what: [str(path.relative_to(store.root)) for path in entry.paths] for entry in found}


def save_checkpoint(attempt):
    return checkpoint.save(attempt / "checkpoints", [checkpoint.SeedState(0, 5, {}, {})])


def attempts(store):
    """Return the attempt of the published runs, and that of the other."""
    finished = {run.key for run in store.runs() if store.states([run])[run.key].result}
    by_state = {set(entry["keys"].values()) <= finished: path for path, entry in store.attempts()}
    return by_state[True], by_state[False]


def age(path, seconds):
    then = time.time() - seconds
    for each in [path, *path.rglob("*")]:
        os.utime(each, (then, then), follow_symlinks=False)


def test_a_new_folder_has_nothing_to_delete(store):
    assert listed(store) == {} and listed(store, superseded=True) == {}


def test_checkpoints_go_where_every_run_of_the_attempt_is_published(store):
    finished, unfinished = attempts(store)
    save_checkpoint(finished)
    save_checkpoint(unfinished)
    assert listed(store) == {"checkpoints of published runs": [f"attempts/{finished.name}/checkpoints"]}
    mixed = [run for run in store.runs() if run.label == "a"]
    more = RunGroup(mixed[0].algorithm, mixed[0].config, mixed[0].task, (0, 1, 2), "a")
    save_checkpoint(store.new_attempt(more, {}, "rlbench"))
    assert len(listed(store)["checkpoints of published runs"]) == 1


def test_attempts_of_published_runs_go_only_when_asked_for_and_of_a_certain_age(store):
    finished, _ = attempts(store)
    save_checkpoint(finished)
    assert listed(store, attempts=True) == {"attempts of published runs": [f"attempts/{finished.name}"]}
    assert list(listed(store, attempts=True, older_than=DAY)) == ["checkpoints of published runs"]
    age(finished, 2 * DAY)
    assert list(listed(store, attempts=True, older_than=DAY)) == ["attempts of published runs"]


def test_attempts_that_may_still_restore_or_resume_a_damaged_run_stay(store):
    finished, _ = attempts(store)
    save_checkpoint(finished)
    run = next(run for run in store.runs() if run.label == "a")
    table = store.folder(run) / "episodes.parquet"
    content = table.read_bytes()
    table.write_bytes(b"x")
    assert listed(store, attempts=True) == {}
    table.write_bytes(content)
    (store.root / "suite.json").write_text("{")  # the runs are known by their folders
    assert list(listed(store, attempts=True)) == ["attempts of published runs"]
    (store.folder(run) / "result.json").unlink()
    assert listed(store, attempts=True) == {}


def test_replaced_runs_go_only_when_asked_for_and_by_the_time_in_their_names(store):
    run = next(run for run in store.runs() if run.label == "a")
    age(store.folder(run), 100 * DAY)
    store.set_aside(run)
    old = store.root / f"superseded/suite.json--{time.time_ns() - int(3 * DAY * 1e9)}"
    old.write_text("{}")
    (store.root / "superseded/mine").write_text("x")
    assert listed(store) == {}
    assert len(listed(store, superseded=True)["what was replaced or put aside"]) == 3
    assert listed(store, superseded=True, older_than=DAY) == {
        "what was replaced or put aside": [f"superseded/{old.name}"]
    }


def test_drafts_go_if_their_process_is_gone(store):
    host = socket.gethostname()
    names = (f".result.json.{host}.{DEAD}.0123abcd.tmp", f".result.json.{host}.{os.getpid()}.0123abcd.tmp")
    for name in names:
        (store.root / "runs" / name).write_text("half")
    (store.root / "superseded").mkdir(exist_ok=True)
    (store.root / "superseded" / names[0]).write_text("half")
    assert listed(store) == {"drafts of killed processes": [f"runs/{names[0]}"]}


def test_nothing_is_listed_or_deleted_behind_a_link(store, tmp_path, cache):
    outside = tmp_path / "outside"
    finished, _ = attempts(store)
    save_checkpoint(finished)
    shutil.move(finished / "checkpoints", outside)
    (finished / "checkpoints").symlink_to(outside)
    assert listed(store) == {}
    shutil.move(finished, tmp_path / finished.name)
    finished.symlink_to(tmp_path / finished.name)
    assert listed(store, attempts=True) == {}
    shutil.rmtree(store.root / "superseded", ignore_errors=True)
    (store.root / "superseded").symlink_to(outside)
    assert listed(store, superseded=True) == {}
    (store.root / "superseded").unlink()
    draft = store.root / f".export.{socket.gethostname()}.{DEAD}.0123abcd.tmp"
    draft.symlink_to(outside)
    (store.root / "inner").mkdir()
    (store.root / "inner/out").symlink_to(outside)
    assert delete([draft, store.root / "inner"]) == (2, len(str(outside)) * 2)
    assert not os.path.lexists(draft) and not (store.root / "inner").exists()
    cache.mkdir()
    (cache / "compiled").symlink_to(outside)
    age(outside, 100 * DAY)
    assert list(garbage_of_caches(DAY)) == []
    assert sorted(path.name for path in outside.rglob("*")) == [
        "000000000005",
        "DONE",
        "seed-0.json",
        "seed-0.safetensors",
    ]


def test_cache_entries_go_if_they_were_neither_read_nor_written_for_long(cache):
    for kind in ("compiled", "environments", "speeds"):
        remember(cache_folder(kind) / "ab/used.json", {})
        remember(cache_folder(kind) / "ab/old.json", {})
        age(cache_folder(kind) / "ab/old.json", 40 * DAY)
        age(cache_folder(kind) / "ab/used.json", 40 * DAY)
        os.utime(cache_folder(kind) / "ab/used.json", (time.time(), time.time() - 40 * DAY))
    draft = cache / "kernels/x.123.tmp"
    remember(cache / "kernels/x.json", {})
    draft.write_text("")
    age(draft, 2 * DAY)
    found = {
        entry.what: [str(path.relative_to(cache)) for path in entry.paths] for entry in garbage_of_caches(30 * DAY)
    }
    assert found == {
        "old compiled graphs": ["compiled/ab/old.json"],
        "old environment facts": ["environments/ab/old.json"],
        "old trials of kernels": ["kernels/x.123.tmp"],
    }


def test_files_and_bytes_are_those_that_are_gone_afterwards(store):
    finished, _ = attempts(store)
    files = [path for path in finished.rglob("*") if path.is_file()]
    size = sum(path.stat().st_size for path in files)
    (entry,) = garbage_of_folder(store, False, True, None)
    assert (entry.files, entry.bytes) == (len(files), size) == delete(entry.paths)
    assert not finished.exists() and delete(entry.paths) == (0, 0)


def test_what_cannot_be_deleted_is_named(tmp_path, monkeypatch):
    def refuse(path):
        raise OSError(16, "Device or resource busy")

    (tmp_path / "x").mkdir()
    monkeypatch.setattr(garbage.shutil, "rmtree", refuse)
    with pytest.raises(StoreError, match="x cannot be deleted: Device or resource busy"):
        delete([tmp_path / "x"])
    (left,) = Path(tmp_path).iterdir()
    assert left.name.startswith(".deleted.")
