"""`rlbench merge`: what it prints, and with which exit code it ends."""

from support.cli import rlbench
from support.live_folders import being_run
from support.result_folders import folder
from support.tampered_runs import rewrite_table, run_of

POLE = "CartPole-v1"


def test_what_was_copied_is_counted_and_what_was_not_is_named(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    one = folder(tmp_path / "results/one", {"a": {POLE: [400.0, 401.0]}, "random": {POLE: ["pending"]}})
    folder(tmp_path / "two", {"a": {POLE: [400.0]}, "b": {POLE: [300.0]}})
    told = rlbench("merge", "one", "two", "-o", "both")
    assert (told.returncode, told.stdout, told.stderr) == (0, "both: 3 runs copied, 1 not finished\n", "")
    told = rlbench("merge", "one", "two", "one", tmp_path / "results/../two", "both", "-o", "both")
    assert (told.returncode, told.stdout) == (0, "both: 0 runs copied, 3 already there, 1 not finished\n")
    rewrite_table(run_of(one.root, "dqn", 1), "evaluations", lambda rows: rows[-1].update(returns=[1.0]))
    told = rlbench("merge", "one", "-o", "both")
    assert told.returncode == 1 and "3 already" not in told.stdout
    assert told.stderr.startswith("warning: dqn") and "has other records in" in told.stderr
    with being_run(one):
        told = rlbench("merge", "one", "-o", "three")
    assert told.returncode == 1 and "results/one is in use: its runs are copied as they are now\n" in told.stderr
    assert rlbench("table", "both").returncode == 0 and rlbench("merge", "one", "-o", "three").returncode == 0


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
