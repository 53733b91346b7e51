"""`rlbench doctor`: what it prints and changes, its exit codes, and that the next run does what it said."""

import io
import json
import re
import sys

import pytest
from support.cli import rlbench
from support.result_folders import folder
from support.tampered_runs import run_of

from rlbench.api import StoreError
from rlbench.cli.marked_lines import print_marked
from rlbench.maintenance import folder_checkup, machine_checkup
from rlbench.maintenance.findings import ok, to_do
from rlbench.results import Store

SUITE = """
name: small
algorithms: [random]
environments: [{id: CartPole-v1, steps: 30}]
seeds: 2
evaluation: {every: 0, final_episodes: 1}
"""


@pytest.fixture
def store(tmp_path):
    return folder(tmp_path / "made", {"a": {"CartPole-v1": [400.0, 401.0]}})


@pytest.fixture
def machine(monkeypatch):
    """What is found of the machine: to examine it takes seconds."""
    findings = [ok("torch", "fits")]
    monkeypatch.setattr(machine_checkup, "examine_machine", lambda results, plugins: iter(findings))
    return findings


def damage(store):
    path = run_of(store.root, "dqn") / "evaluations.parquet"
    path.write_bytes(path.read_bytes()[::-1])


@pytest.mark.slow
def test_this_machine_is_examined_where_no_folder_is_given(tmp_path):
    told = rlbench("doctor", "--json", RLBENCH_PLUGINS="random", RLBENCH_RESULTS=str(tmp_path))
    document = json.loads(told.stdout)
    assert told.returncode == (1 if document["to_do"] else 0) and document["directory"] is None
    seen = {finding["where"]: finding for finding in document["machine"]}
    assert re.search(r"of a worker|worker process on one thread", seen["torch"]["what"])
    kernels = re.search(r"\((\d+) kernels tried\)", seen["stacks"]["what"])
    assert kernels is not None and int(kernels[1]) > 20
    assert str(tmp_path) in seen["results"]["what"] and list(tmp_path.iterdir()) == []


def test_a_whole_folder_has_nothing_to_do_and_stays_as_it_is(store, machine):
    before = {path: path.read_bytes() for path in store.root.rglob("*") if path.is_file()}
    told = rlbench("doctor", store.root)
    assert told.returncode == 0 and told.stdout.endswith("\nnothing has to be done\n")
    assert "the next `rlbench run` keeps 2 runs as finished" in told.stdout and "  ok     torch: fits\n" in told.stdout
    assert {path: path.read_bytes() for path in store.root.rglob("*") if path.is_file()} == before


def test_something_to_do_with_the_machine_alone_gives_the_exit_code_1(store, machine):
    machine.append(to_do("memory", "none", "buy some"))
    told = rlbench("doctor", store.root)
    assert told.returncode == 1 and "  to do  memory: none; buy some\n" in told.stdout
    assert told.stdout.endswith("\n1 to do\n")


def test_damage_is_shown_in_one_line_then_mended_and_then_gone(store, machine):
    damage(store)
    told = rlbench("doctor", store.root)
    (line,) = [line for line in told.stdout.splitlines() if "evaluations.parquet" in line]
    assert line.startswith("  to do  runs/dqn--CartPole-v1--s00--") and "--fix restores" in line
    assert told.returncode == 1 and "--fix` does 1 of them" in told.stdout.splitlines()[-1]
    told = rlbench("doctor", store.root, "--fix")
    assert told.returncode == 0 and "  fixed  runs/dqn" in told.stdout
    told = rlbench("doctor", store.root, "--fix", "--json")
    document = json.loads(told.stdout)
    assert document["fixed"] == [] and document["to_do"] == 0
    assert set(document["disk_use"]) >= {"runs", "attempts", "superseded"}
    assert {finding["level"] for finding in document["folder"]} == {"ok"}


def test_many_findings_of_one_kind_are_counted_and_all_in_the_json(store, machine):
    for i in range(25):
        (store.root / f"attempts/half{i:02d}").mkdir()
    lines = rlbench("doctor", store.root).stdout.splitlines()
    assert sum("group.json cannot be read" in line for line in lines) == 10
    assert "  to do  and 15 more unreadable attempts; --json lists all" in lines and lines[-1].startswith("25 to do")
    assert json.loads(rlbench("doctor", store.root, "--json").stdout)["to_do"] == 25


def test_no_name_in_the_folder_reaches_the_terminal_as_a_command(store, machine):
    (store.root / "mine\x1b]0;gotcha\x07\n\u202e").write_text("")
    (store.root / "out\x1b[2J").symlink_to("/somewhere\x1b[2J")
    told = rlbench("doctor", store.root)
    assert "mine?]0;gotcha???" in told.stdout and "to /somewhere?[2J" in told.stdout
    assert not set(told.stdout) & {"\x1b", "\x07", "\u202e"}


def test_a_terminal_gets_colours_and_wrapped_lines_but_nothing_from_the_folder(store, monkeypatch):
    terminal = io.StringIO()
    terminal.isatty = lambda: True
    monkeypatch.setattr(sys, "stdout", terminal)
    for name, value in {"TERM": "xterm", "COLUMNS": "40"}.items():
        monkeypatch.setenv(name, value)
    for name in ("NO_COLOR", "FORCE_COLOR"):
        monkeypatch.delenv(name, raising=False)
    print_marked([("", "a folder\x1b[2J"), ("to do", "out\x1b]0;gotcha\x07: [bold]" + "long " * 12)], {"to do": "red"})
    shown = terminal.getvalue()
    assert set(re.findall(r"\x1b\[[\d;]*.|\x1b.", shown)) == {"\x1b[1m", "\x1b[31m", "\x1b[0m"} and "\x07" not in shown
    title, first, second, *_ = re.sub(r"\x1b\[\d*m", "", shown).splitlines()
    assert title == "a folder?[2J" and first.startswith("to do    out?]0;gotcha?: [bold]long")
    assert second.startswith(" " * 9 + "long")


def test_a_folder_in_which_a_command_is_running_is_not_changed(store, machine):
    (store.root / "attempts/half").mkdir()
    store.lock()
    try:
        told = rlbench("doctor", store.root, "--fix")
        assert told.returncode == 75 and "is in use by" in told.stderr and told.stdout == ""
        assert (store.root / "attempts/half").exists()
        assert rlbench("doctor", store.root).returncode == 0
    finally:
        store.unlock()
    assert rlbench("doctor", store.root, "--fix").returncode == 0 and not (store.root / "attempts/half").exists()
    Store(store.root).lock()  # the lock is free again


def test_a_folder_without_results_is_refused_and_nothing_is_written_there(tmp_path, machine):
    (tmp_path / "notes.txt").touch()
    for options in ((), ("--fix",)):
        told = rlbench("doctor", tmp_path, *options)
        assert told.returncode == 73 and "no results here" in told.stderr
        assert [path.name for path in tmp_path.iterdir()] == ["notes.txt"]
    told = rlbench("doctor", "--fix")
    assert told.returncode == 2 and "needs a DIRECTORY" in told.stderr
    assert rlbench("doctor", tmp_path / "gone").returncode == 2


def test_an_empty_folder_is_examined_before_anything_is_written_there(tmp_path, machine):
    (tmp_path / "out").mkdir()
    ran = rlbench("doctor", tmp_path / "out")
    assert "locks, hard links, atomic renames and fsync work" in ran.stdout and ran.returncode == 0
    assert list((tmp_path / "out").iterdir()) == []


def test_the_lock_is_given_back_when_mending_fails(store, machine, monkeypatch):
    def fail(store):
        raise StoreError("no more")

    monkeypatch.setattr(folder_checkup, "mend", fail)
    assert rlbench("doctor", store.root, "--fix").returncode == 73
    store.lock()
    store.unlock()


def test_the_next_run_does_what_doctor_said_and_then_all_is_well(tmp_path, machine):
    (tmp_path / "s.yaml").write_text(SUITE)
    run = ("run", tmp_path / "s.yaml", "-o", tmp_path / "out", "--executor", "serial")
    assert rlbench(*run).returncode == 0
    result = run_of(tmp_path / "out", "random", 0) / "result.json"
    result.write_text("{")
    told = rlbench("doctor", tmp_path / "out", "--fix")
    assert told.returncode == 1 and "keeps 1 run as finished, trains 1 run from step 0" in told.stdout
    told = rlbench(*run)
    assert told.returncode == 0 and "2 runs, 1 to do in 1 group" in told.stderr, told.stderr
    assert rlbench("doctor", tmp_path / "out").returncode == 0
