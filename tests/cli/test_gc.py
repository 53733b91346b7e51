"""`rlbench gc`: it lists first, asks, deletes what was listed under the lock, and leaves every result as it was."""

import io
import os
import shutil
import socket
import subprocess
import sys
import time

import pytest
from support.cli import rlbench
from support.result_folders import folder

from rlbench.cli.commands import gc as command
from rlbench.results import Store
from rlbench.runtime import checkpoint

DEAD = 1 << 22  # above the highest process number of Linux
NO_TERMINAL = "nothing was deleted, because there is no terminal to ask on; --yes deletes without a question\n"


@pytest.fixture(autouse=True)
def cache(tmp_path, monkeypatch):
    monkeypatch.setenv("RLBENCH_CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache"


@pytest.fixture
def store(tmp_path):
    made = folder(tmp_path / "results/made", {"a": {"CartPole-v1": [400.0, 401.0, 402.0]}})
    checkpoint.save(made.attempts()[0][0] / "checkpoints", [checkpoint.SeedState(0, 5, {}, {})])
    return made


def checkpoints(store):
    return list(store.root.glob("attempts/*/checkpoints"))


def answer(monkeypatch, text):
    terminal = io.StringIO(text)
    terminal.isatty = lambda: True
    monkeypatch.setattr(sys, "stdin", terminal)


def test_it_lists_and_deletes_nothing_without_a_terminal_or_with_a_dry_run(store):
    told = rlbench("gc", store.root)
    assert told.returncode == 0 and told.stdout.endswith(NO_TERMINAL) and checkpoints(store)
    (line,) = [line for line in told.stdout.splitlines() if "checkpoints of published runs" in line]
    assert "3 files" in line and line.rstrip().endswith("/made/attempts/" + store.attempts()[0][0].name)
    assert "costs nothing: these runs are finished" in line
    told = rlbench("gc", store.root, "--dry-run", "--yes")
    assert told.returncode == 0 and NO_TERMINAL not in told.stdout and "together" in told.stdout and checkpoints(store)


@pytest.mark.parametrize("text", ["y\n", "n\n"])
def test_it_asks_on_a_terminal_and_does_what_the_answer_says(store, monkeypatch, text):
    answer(monkeypatch, text)
    told = rlbench("gc", store.root)
    assert told.returncode == 0 and "delete this?" in told.stdout and bool(checkpoints(store)) == (text == "n\n")
    assert ("nothing was deleted" in told.stdout) == (text == "n\n")


def test_replaced_runs_stay_until_they_are_asked_for(store):
    before = rlbench("table", store.root, "--json").stdout
    run = store.runs()[0]
    shutil.copytree(store.folder(run), store.root / f"superseded/{run.name}--{time.time_ns()}")
    assert rlbench("gc", store.root, "--yes").returncode == 0 and len(list(store.root.glob("superseded/*"))) == 1
    told = rlbench("gc", store.root, "--yes", "--superseded")
    assert "costs the runs that were replaced" in told.stdout and not list(store.root.glob("superseded/*"))
    assert rlbench("table", store.root, "--json").stdout == before


def test_attempts_go_when_asked_for_and_tables_stay(store):
    before = rlbench("table", store.root, "--json").stdout
    told = rlbench("gc", store.root, "--yes", "--attempts")
    assert told.returncode == 0 and not list(store.root.glob("attempts/*")), told
    assert rlbench("table", store.root, "--json").stdout == before
    assert rlbench("gc", store.root, "--attempts").stdout == "nothing to delete\n"


def test_all_result_folders_are_taken_if_none_is_given(store, tmp_path):
    other = folder(tmp_path / "results/other", {"a": {"CartPole-v1": [400.0]}})
    checkpoint.save(other.attempts()[0][0] / "checkpoints", [checkpoint.SeedState(0, 5, {}, {})])
    (tmp_path / "results/mine").mkdir()
    assert rlbench("gc", "--yes", RLBENCH_RESULTS=str(tmp_path / "results")).returncode == 0
    assert not checkpoints(store) and not checkpoints(other)
    told = rlbench("gc", tmp_path / "results/mine")
    assert told.returncode == 73 and "no results here" in told.stderr


def test_a_folder_in_use_is_left_alone_and_the_others_are_not(store, tmp_path):
    other = folder(tmp_path / "results/other", {"a": {"CartPole-v1": [400.0]}})
    checkpoint.save(other.attempts()[0][0] / "checkpoints", [checkpoint.SeedState(0, 5, {}, {})])
    store.lock()
    try:
        told = rlbench("gc", store.root, other.root, "--yes")
    finally:
        store.unlock()
    assert told.returncode == 75 and "a command or a task of a cluster writes to it, so it is left alone" in told.stdout
    assert checkpoints(store) and not checkpoints(other)


def test_a_folder_in_which_a_command_is_started_meanwhile_is_left_alone(store, tmp_path, monkeypatch):
    other = folder(tmp_path / "results/other", {"a": {"CartPole-v1": [400.0]}})
    checkpoint.save(other.attempts()[0][0] / "checkpoints", [checkpoint.SeedState(0, 5, {}, {})])
    holder = Store(store.root)
    monkeypatch.setattr(command, "_is_wanted", lambda yes: holder.lock() or True)
    told = rlbench("gc", store.root, other.root, "--yes")
    holder.unlock()
    assert told.returncode == 75 and "is in use by" in told.stderr and checkpoints(store) and not checkpoints(other)


def test_what_was_not_listed_is_not_deleted(store, monkeypatch):
    draft = store.root / f".a.{socket.gethostname()}.{DEAD}.0123abcd.tmp"
    monkeypatch.setattr(command, "_is_wanted", lambda yes: draft.write_text("") == 0)
    assert rlbench("gc", store.root).returncode == 0
    assert draft.exists() and not checkpoints(store)


def test_what_is_needed_again_since_it_was_listed_is_not_deleted(store, monkeypatch, cache):
    entry = cache / "compiled/old"
    entry.parent.mkdir(parents=True)
    entry.write_text("")
    os.utime(entry, (1, 1))
    result = store.folder(store.runs()[0]) / "result.json"

    def meanwhile(yes):
        os.utime(entry)
        result.unlink()
        return True

    monkeypatch.setattr(command, "_is_wanted", meanwhile)
    told = rlbench("gc", store.root)
    assert "old compiled graphs" in told.stdout and "deleted 0 B in 0 files" in told.stdout
    assert entry.exists() and checkpoints(store)


def test_caches_are_taken_after_thirty_days_or_as_the_user_says(cache):
    entry = cache / "environments/x.json"
    entry.parent.mkdir(parents=True)
    entry.write_text("{}")
    ten_days_ago = time.time() - 10 * 24 * 3600
    os.utime(entry, (ten_days_ago, ten_days_ago))
    assert rlbench("gc", "--yes", RLBENCH_RESULTS="nowhere").stdout == "nothing to delete\n"
    told = rlbench("gc", "--yes", "--older-than", "9d", RLBENCH_RESULTS="nowhere")
    assert "old environment facts" in told.stdout and not entry.exists()
    assert rlbench("gc", "--older-than", "soon").returncode == 2


def test_names_reach_the_terminal_without_control_characters(tmp_path):
    made = folder(tmp_path / "out\x1b[2J", {"a": {"CartPole-v1": [400.0]}})
    told = rlbench("gc", made.root, "--attempts", "--dry-run")
    assert "out?[2J" in told.stdout and "\x1b" not in told.stdout


@pytest.mark.faults
def test_what_a_killed_gc_has_begun_the_next_one_ends(store):
    code = f"from support.cli import rlbench; rlbench('gc', {str(store.root)!r}, '--yes', '--attempts')"
    environment = {**os.environ, "RLBENCH_FAIL_AT": "deleting", "PYTHONPATH": "tests"}
    ran = subprocess.run(
        [sys.executable, "-c", code], env=environment, cwd=os.path.dirname(os.path.dirname(__file__)) + "/.."
    )
    assert ran.returncode == -9
    (left,) = store.root.glob("attempts/.*")
    assert left.name.startswith(".deleted.") and list(left.iterdir())
    told = rlbench("gc", store.root, "--yes")
    assert "drafts of killed processes" in told.stdout and not list(store.root.glob("attempts/*")) and not left.exists()
