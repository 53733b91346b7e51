"""`rlbench merge`: what it prints, and with which exit code it ends."""

from support.cli import rlbench
from support.live_folders import being_run
from support.result_folders import folder
from support.tampered_runs import rewrite_table, run_of

from rlbench.results.file_io import write_json

POLE = "CartPole-v1"


def test_what_was_copied_is_counted_and_what_was_not_is_named(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    one = folder(tmp_path / "results/one", {"a": {POLE: [400.0, 401.0]}, "random": {POLE: ["pending"]}})
    folder(tmp_path / "two", {"a": {POLE: [400.0]}, "b": {POLE: [300.0]}})
    told = rlbench("merge", "one", "two", "-o", "both")
    trains = "`rlbench run SUITE -o both` trains these\n"
    assert (told.returncode, told.stdout, told.stderr) == (0, "both: 3 runs copied, 1 not finished\n" + trains, "")
    told = rlbench("merge", "one", "two", "one", tmp_path / "results/../two", "both", "-o", "both")
    assert (told.returncode, told.stdout) == (0, "both: 0 runs copied, 3 already there, 1 not finished\n" + trains)
    rewrite_table(run_of(one.root, "dqn", 1), "evaluations", lambda rows: rows[-1].update(returns=[1.0]))
    told = rlbench("merge", "one", "-o", "both")
    assert told.returncode == 1 and "3 already" not in told.stdout
    assert told.stderr.startswith("warning: dqn") and "has other records in" in told.stderr
    with being_run(one):
        told = rlbench("merge", "one", "-o", "three")
    assert told.returncode == 1 and "results/one is in use: its runs are copied as they are now\n" in told.stderr
    assert rlbench("table", "both").returncode == 0 and rlbench("merge", "one", "-o", "three").returncode == 0


def test_runs_that_failed_are_counted_apart_from_those_that_are_not_finished(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    one = folder(tmp_path / "one", {"a": {POLE: [400.0]}, "b": {POLE: ["failed", "pending"]}})
    two = folder(tmp_path / "two", {"c": {POLE: ["failed"]}})
    for store, report in (
        (one, {"status": "interrupted", "failed": {"0": "ValueError: no"}}),
        (two, {"status": "failed"}),
    ):
        attempt, _ = store.attempts()[0]
        write_json(attempt / "exit.json", report)
    told = rlbench("merge", "one", "two", "-o", "all")
    assert told.returncode == 0 and told.stdout == (
        "all: 1 run copied, 2 failed, 1 not finished\n`rlbench run SUITE -o all --rerun failed` trains these\n"
    )


def test_a_merge_that_is_refused_leaves_what_was_there(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    folder(tmp_path / "one", {"a": {POLE: [400.0]}})
    folder(tmp_path / "two", {"a": {POLE: [400.0]}}, environments={POLE: {"steps": 500}})
    (tmp_path / "empty").mkdir()
    for target in ("new", "empty", "deep/new"):
        told = rlbench("merge", "one", "two", "-o", target)
        assert told.returncode == 2 and "is another task in" in told.stderr
    assert sorted(path.name for path in tmp_path.iterdir()) == ["empty", "one", "two"]
    assert list((tmp_path / "empty").iterdir()) == []


def test_a_folder_alone_or_without_results_is_an_error(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    folder(tmp_path / "one", {"a": {POLE: [400.0]}})
    (tmp_path / "link").symlink_to("one")
    (tmp_path / "none").mkdir()
    told = rlbench("merge", "one", "-o", "link")
    assert told.returncode == 2 and "link is the only folder" in told.stderr
    assert rlbench("merge", "-o", "two").returncode == 2 and rlbench("merge", "one").returncode == 2
    told = rlbench("merge", "one", "none", "-o", "two")
    assert told.returncode == 73 and "none: no results here" in told.stderr and not (tmp_path / "two").exists()
