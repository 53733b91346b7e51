"""A clock that is set back or was ahead: what is newest is what was made last, not what is dated latest."""

import os

from support.cli import rlbench
from support.result_folders import folder

from rlbench.results.newest_results import make_newest, newest_results

AHEAD = 4_000_000_000_000_000_000  # in the year 2096


def test_the_newest_results_are_those_that_were_run_last(tmp_path, monkeypatch):
    first = folder(tmp_path / "first", {"a": {"CartPole-v1": [1.0]}})
    second = folder(tmp_path / "second", {"b": {"CartPole-v1": [2.0]}})
    os.utime(first.root / "suite.json", ns=(AHEAD, AHEAD))
    suite, runs = second.suite()["suite"], second.runs()
    monkeypatch.setattr("time.time_ns", lambda: 1)
    for _ in range(2):  # written, and left as it is
        second.describe_suite({**suite, "seeds": 2}, runs, "0")
        assert newest_results(tmp_path) == second.root
        assert " b " in rlbench("table", RLBENCH_RESULTS=str(tmp_path)).stdout
        make_newest(first.root)
        assert newest_results(tmp_path) == first.root


def test_a_folder_dated_at_the_end_of_time_stops_nothing(tmp_path):
    first = folder(tmp_path / "first", {"a": {"CartPole-v1": [1.0]}})
    second = folder(tmp_path / "second", {"b": {"CartPole-v1": [2.0]}})
    last = (1 << 63) - 1
    os.utime(first.root / "suite.json", ns=(last, last))
    make_newest(second.root)
    assert newest_results(tmp_path) is not None and newest_results(tmp_path / "first") is None
