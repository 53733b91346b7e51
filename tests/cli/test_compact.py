"""`rlbench compact`: what it prints, and that other commands read what it leaves."""

import shutil

import pytest
from support.cli import rlbench
from support.result_folders import folder

from rlbench.results import Store


@pytest.fixture
def store(tmp_path):
    made = folder(tmp_path / "made", {"a": {"CartPole-v1": [400.0, 401.0]}, "b": {"CartPole-v1": [30.0, 31.0]}})
    for path, _ in made.attempts():
        (path / "stderr.log").write_text("what was said\n")
        (path / "stdout.log").write_text("what was printed\n")
    return made


def attempts(store):
    return sorted(path.suffix for path in (store.root / "attempts").iterdir())


def test_attempts_are_packed_and_unpacked_and_commands_print_the_same(store):
    run = store.folder(store.runs()[0])
    commands = (("logs", run), ("logs", run, "--stdout"), ("show", run), ("status", store.root), ("table", store.root))
    before = [rlbench(*command) for command in commands]
    assert before[0].stdout == "what was said\n"
    told = rlbench("compact", store.root)
    assert (
        told.returncode == 0
        and told.stdout.startswith("2 attempts packed: 12 files, ")
        and " before; 2 files, " in told.stdout
    )
    assert attempts(store) == [".zip", ".zip"] and [rlbench(*command) for command in commands] == before
    assert rlbench("compact", store.root).stdout == "no attempt to pack\n"
    told = rlbench("compact", store.root, "--undo")
    assert told.returncode == 0 and told.stdout.startswith("2 attempts unpacked: 2 files, ")
    assert [rlbench(*command) for command in commands] == before
    assert rlbench("compact", store.root, "--undo").stdout == "no archive to unpack\n"


@pytest.mark.parametrize("file", ["result.json", "spec.json"])
def test_the_log_of_a_damaged_run_is_that_of_its_newest_attempt(store, file):
    run = store.folder(store.runs()[0])
    (run / file).write_text("x")
    assert rlbench("logs", run).stdout == "what was said\n"
    assert rlbench("compact", store.root).returncode == 0
    assert rlbench("logs", run).stdout == "what was said\n"
    shutil.rmtree(store.root / "attempts")
    assert rlbench("logs", run).stderr == "no log: its attempt was deleted\n"


def test_an_imported_run_has_no_log(store, tmp_path):
    (tmp_path / "x.csv").write_text("step,return\n500,1\n1000,2\n")
    given = ("--algorithm", "mine", "--environment", "CartPole-v1")
    assert rlbench("import", tmp_path / "x.csv", "-o", store.root, *given).returncode == 0
    (run,) = (store.folder(run) for run in store.runs() if run.label == "mine")
    assert rlbench("logs", run).stderr == "no log: the run was imported\n"


def test_archives_are_deleted_with_the_other_attempts(store):
    assert rlbench("compact", store.root).returncode == 0
    assert rlbench("gc", store.root, "--yes").stdout == "nothing to delete\n" and attempts(store)
    told = rlbench("gc", store.root, "--yes", "--attempts", "--older-than", "1d")
    assert told.stdout == "nothing to delete\n" and attempts(store)
    assert rlbench("gc", store.root, "--yes", "--attempts").returncode == 0 and attempts(store) == []
    told = rlbench("logs", store.folder(store.runs()[0]))
    assert (
        told.returncode == 0
        and told.stderr == "no log: its attempt was deleted\n"
        and rlbench("table", store.root).returncode == 0
    )


def test_a_damaged_archive_is_an_error_of_the_commands_that_need_it(store):
    assert rlbench("compact", store.root).returncode == 0
    for path in (store.root / "attempts").iterdir():
        path.write_bytes(b"x")
    told = rlbench("logs", store.folder(store.runs()[0]))
    assert told.returncode == 73 and "cannot be read" in told.stderr
    assert rlbench("table", store.root).returncode == 0 and rlbench("compact", store.root).returncode == 0


def test_what_stays_is_named_without_control_characters(store):
    path, _ = store.attempts()[0]
    (path / "link\x1b[2J").symlink_to("stderr.log")
    told = rlbench("compact", store.root)
    assert told.returncode == 0 and f"stays as it is: attempts/{path.name}: link?[2J is a link" in told.stdout
    assert told.stdout.splitlines()[-1].startswith("1 attempt packed")


def test_a_folder_in_use_or_without_results_is_refused(store, tmp_path):
    store.lock()
    try:
        told = rlbench("compact", store.root)
        assert told.returncode == 75 and "is in use by" in told.stderr and attempts(store) == ["", ""]
    finally:
        store.unlock()
    assert rlbench("compact", store.root).returncode == 0
    Store(store.root).lock()  # the lock is free again
    (tmp_path / "mine").mkdir()
    assert rlbench("compact", tmp_path / "mine").returncode == 73 and list((tmp_path / "mine").iterdir()) == []
    assert rlbench("compact").returncode == 2
