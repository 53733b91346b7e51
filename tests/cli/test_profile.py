"""`rlbench run --profile`: kept with the results, shown by `show` and in the report, and no part of any number."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from support.read_back import render

import rlbench
from rlbench.cli.main import invoke
from rlbench.profiling.parts import PARTS
from rlbench.results import Store

SUITE = """
name: small
algorithms: [random, {id: dqn, params: {net_arch: [16], learning_starts: 50}}]
environments: [{id: CartPole-v1, steps: 200}]
seeds: 2
checkpoint_every: 40
evaluation: {every: 40, episodes: 2, final_episodes: 3}
"""


@pytest.fixture
def suite(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    Path("small.yaml").write_text(SUITE)
    return "small.yaml"


def run(suite, out, *options):
    assert invoke(["run", suite, "-o", out, "--executor", "serial", "-q", *options]) == 0


def results(out):
    return {path.parent.name: json.loads(path.read_text()) for path in Path(out).glob("runs/*/result.json")}


def test_a_profile_is_kept_and_shown_and_changes_no_number(suite, capsys):
    run(suite, "plain")
    run(suite, "measured", "--profile")
    plain, measured = results("plain"), results("measured")
    assert plain.keys() == measured.keys()  # of the same keys: it is no part of what was asked for
    for name, result in measured.items():
        seconds = result["group_profile"]["seconds"]
        assert result["group_profile"]["from_step"] == 0 and set(seconds) <= set(PARTS)
        group = result["cpu_seconds"] * result["stack_size"]
        assert sum(seconds.values()) == pytest.approx(group, rel=0.05, abs=0.1)  # the clock of one has ticks of 10 ms
        for file in ("episodes.parquet", "policy.safetensors"):  # the evaluations have times in them
            assert result["files"].get(file) == plain[name]["files"].get(file)
    frame = rlbench.load("measured").profiles()
    assert frame.groupby("group")["share"].sum().tolist() == pytest.approx([1, 1])
    assert set(frame["algorithm"]) == {"random", "dqn"} and set(frame["seeds"]) == {2}
    capsys.readouterr()
    assert not invoke(["show", str(next(Path("measured/runs").glob("dqn*")))])
    shown = capsys.readouterr().out
    assert "where the time went: CPU seconds of the group, 2 seeds\n" in shown and "\n  update  " in shown
    assert "group_profile" not in shown
    page = render(Store(Path("measured")))
    assert '<h2 id="time">Where the time goes</h2>' in page and '<a href="#time">' in page and " s, " in page


def test_nothing_is_shown_where_nothing_was_profiled(suite, capsys):
    run(suite, "plain", "-a", "random")
    assert not any("group_profile" in result for result in results("plain").values())
    capsys.readouterr()
    assert not invoke(["show", str(next(Path("plain/runs").glob("random*")))])
    assert "where the time went" not in capsys.readouterr().out
    page = render(Store(Path("plain")))
    assert "Where the time goes" not in page and "#time" not in page
    assert rlbench.load("plain").profiles().empty


def test_finished_runs_are_not_run_again_for_a_profile(suite, capsys):
    run(suite, "plain", "-a", "random")
    before = results("plain")
    assert not invoke(["run", suite, "-o", "plain", "-a", "random", "--profile"])
    assert "there is nothing to profile; --rerun all trains all runs again" in capsys.readouterr().err
    assert results("plain") == before
    results_frame = rlbench.run(
        suite, "plain", algorithms="random", rerun="all", profile=True, executor="serial", quiet=True
    )
    assert set(results_frame.profiles()["algorithm"]) == {"random"}


@pytest.mark.faults
def test_a_profile_says_from_which_step_on_a_killed_run_was_measured(suite, capsys):
    command = [sys.executable, "-m", "rlbench.cli.main", "run", suite, "-o", "out", "-a", "dqn", "--profile"]
    environment = {**os.environ, "RLBENCH_FAIL_AT": "evaluated:4"}  # what goes on has fewer evaluations left
    ran = subprocess.run(command, env=environment, capture_output=True, text=True)
    assert ran.returncode == 0, ran.stderr
    found = {result["group_profile"]["from_step"] for result in results("out").values()}
    assert found == {result["resumed_from"] for result in results("out").values()} and found <= {120, 160}
    assert "from step " in render(Store(Path("out")))
    assert not invoke(["show", str(next(Path("out/runs").glob("dqn*")))])
    assert "2 seeds, from step 1" in capsys.readouterr().out
