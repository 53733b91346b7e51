"""What the options of `rlbench run` and `check` do."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

import rlbench
from rlbench.api import SuiteError
from rlbench.cli.main import invoke
from rlbench.results.checksums import with_checksum

SUITE = """
name: small
algorithms:
  - random
  - {id: dqn, label: learner, params: {net_arch: [16], learning_starts: 50}, per_environment: {CartPole-v1: {gamma: 0.9}}}
environments: [{id: CartPole-v1, steps: 160}, {id: Acrobot-v1, steps: 160}]
seeds: 2
evaluation: {every: 0, final_episodes: 2}
"""


@pytest.fixture
def suite(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    Path("small.yaml").write_text(SUITE)
    return "small.yaml"


def checked(capsys, *arguments) -> dict:
    assert invoke(["check", *arguments, "--json"]) == 0
    return json.loads(capsys.readouterr().out)


def done() -> dict[str, int]:
    """Finished runs by the algorithm and task in their folder's name."""
    found: dict[str, int] = {}
    for path in Path("results/small/runs").glob("*/result.json"):
        name = path.parent.name.rsplit("--", 2)[0]
        found[name] = found.get(name, 0) + 1
    return found


def test_only_what_is_chosen_is_done_and_the_rest_of_the_suite_stays_pending(suite, capsys):
    assert invoke(["run", suite, "-a", "learn*", "-e", "Acro*"]) == 0
    out = capsys.readouterr().out
    assert done() == {"dqn--Acrobot-v1": 2} and out.count("2 pending") == 3
    assert invoke(["run", suite, "-a", "random"]) == 0
    assert done() == {"dqn--Acrobot-v1": 2, "random--Acrobot-v1": 2, "random--CartPole-v1": 2}
    assert invoke(["run", suite, "-a", "nothing"]) == 2


def test_seeds_and_hyperparameters_may_be_given_instead_of_the_files(suite, capsys):
    plain = checked(capsys, suite)
    assert [r["seed"] for r in checked(capsys, suite, "-s", "7,3")["runs"]][:2] == [7, 3]
    assert len(checked(capsys, suite, "-s", "3")["runs"]) == 12
    other = checked(capsys, suite, "--set", "learner.gamma=0.5", "--set", "dqn.net_arch=[8, 8]")
    changed = [(a["folder"] != b["folder"]) for a, b in zip(plain["runs"], other["runs"])]
    assert changed == [False, False, True, True] * 2
    assert invoke(["run", suite, "-a", "learner", "-e", "CartPole-v1", "--set", "learner.gamma=0.5"]) == 0
    (spec, _) = Path("results/small/runs").glob("dqn--Cart*/spec.json")
    assert json.loads(spec.read_text())["config"]["gamma"] == 0.5  # also where an environment had its own


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (
            ["--set", "dqnn.learning_rate=1"],
            "--set dqnn.learning_rate=1: the suite has no such algorithm; it has random, learner, dqn",
        ),
        (["--set", "dqn.learning_rate"], "should be ALGORITHM.PARAM=VALUE"),
        (["--set", "dqn.learning_rate=[1"], "'[1' is not a value"),
        (["--set", "dqn.learning_rate=2020-13-45"], "'2020-13-45' is not a value"),
        (["--set", "dqn.learning_rate=-1"], "learner.learning_rate: should be above 0, got -1"),
        (["-s", "some"], "--seeds: should be a count from 1"),
        (["--timeout", "soon"], "--timeout: should be a duration such as 90s"),
        (["--device", "gpu"], "unknown device 'gpu'"),
        (["--max-runs", "7"], "8 runs are over the limit of 7"),
        (["--rerun", "nothing"], "--rerun nothing: no run matches"),
    ],
)
def test_what_an_option_cannot_mean_is_an_error_and_starts_nothing(suite, capsys, arguments, said):
    assert invoke(["run", suite, *arguments]) == 2
    assert said in capsys.readouterr().err and done() == {}


def test_a_dry_run_says_of_every_run_why_it_will_or_will_not_run(suite, capsys):
    invoke(["run", suite, "-a", "random", "-e", "CartPole-v1"])
    capsys.readouterr()
    assert invoke(["run", suite, "--dry-run"]) == 0
    said = capsys.readouterr().out
    assert "8 runs, 6 to do (960 environment steps)" in said and "finished: kept" in said and "starts at step 0" in said
    assert "time: about" in said and "GB free" in said and done() == {"random--CartPole-v1": 2}
    document = checked(capsys, suite)
    assert [r["will_run"] for r in document["runs"]] == [False] * 2 + [True] * 6 and document["free_bytes"] > 0


def test_the_estimate_comes_from_what_the_same_took_before_and_names_what_it_does_not_know(
    suite, capsys, monkeypatch, tmp_path
):
    monkeypatch.setenv("RLBENCH_CACHE", str(tmp_path / "cache"))
    assert checked(capsys, suite)["expected_seconds"] is None
    invoke(["run", suite, "-a", "random", "-e", "CartPole-v1", "-j", "1"])
    capsys.readouterr()
    again = checked(capsys, suite, "--rerun", "all", "-e", "CartPole-v1", "-j", "1")
    assert again["not_estimated"] == ["learner on CartPole-v1"]
    assert invoke(["check", suite, "-o", "elsewhere", "-a", "random", "-e", "CartPole-v1", "-s", "2", "--json"]) == 0
    one = json.loads(capsys.readouterr().out)
    assert invoke(["check", suite, "-o", "elsewhere", "-a", "random", "-e", "CartPole-v1", "-s", "20", "--json"]) == 0
    ten = json.loads(capsys.readouterr().out)
    assert 1 < ten["expected_seconds"] / one["expected_seconds"] <= 10
    assert ten["expected_bytes"] == pytest.approx(10 * one["expected_bytes"])


@pytest.mark.parametrize("rerun", ["all", "random--CartPole-v1--s01"])
def test_runs_may_be_trained_again_all_or_one_by_name(suite, capsys, rerun):
    invoke(["run", suite, "-a", "random"])
    before = {p.parent.name: p.read_bytes() for p in Path("results/small/runs").glob("*/evaluations.parquet")}
    assert invoke(["run", suite, "-a", "random", "--rerun", rerun]) == 0
    assert f"{4 if rerun == 'all' else 1} to do" in capsys.readouterr().err
    assert len(list(Path("results/small/superseded").iterdir())) == (4 if rerun == "all" else 1)
    assert {p.parent.name for p in Path("results/small/runs").glob("*/result.json")} == set(before)


def test_strict_refuses_a_folder_with_runs_that_were_made_otherwise(suite, capsys):
    invoke(["run", suite, "-a", "random", "-e", "CartPole-v1"])
    assert invoke(["run", suite, "-a", "random", "-e", "CartPole-v1", "--strict"]) == 0
    for path in Path("results/small/runs").glob("*/result.json"):
        result = json.loads(path.read_text())
        result["versions"]["numpy"] = "1.0"
        result["numerics"]["device"] = "cuda:0"
        path.write_text(json.dumps(with_checksum(result)))
    capsys.readouterr()
    assert invoke(["run", suite, "-a", "random", "-e", "CartPole-v1", "--strict"]) == 2
    said = capsys.readouterr().err
    assert "random: numpy 1.0, now " in said and "on cuda, now on cpu" in said and "--rerun changed" in said
    assert invoke(["run", suite, "-a", "random", "-e", "CartPole-v1"]) == 0
    assert (
        "made by different code or settings than the present ones: random (numpy 1.0, now " in capsys.readouterr().err
    )
    assert invoke(["run", suite, "-a", "random", "-e", "CartPole-v1", "--rerun", "changed"]) == 0
    assert "2 to do" in capsys.readouterr().err


def test_events_are_one_json_object_a_line(suite, capsys):
    assert invoke(["run", suite, "-a", "random", "-e", "CartPole-v1", "--json", "-q"]) == 0
    events = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    kinds = [e["event"] for e in events if e["event"] != "progress"]
    assert kinds == ["suite", "started", "evaluated", "finished"]
    assert events[0]["todo"] == 2 and events[-1] == {
        "event": "finished",
        "algorithm": "random",
        "environment": "CartPole-v1",
        "seeds": [0, 1],
        "status": "done",
        "message": "",
    }


def test_a_folder_is_found_by_its_name_and_the_newest_is_the_default(suite, capsys):
    invoke(["run", suite, "-a", "random", "-e", "CartPole-v1"])
    capsys.readouterr()
    for arguments in ([], ["small"], ["results/small"]):
        assert invoke(["status", *arguments]) == 0
        assert "small: 8 runs: 2 done, 6 pending" in capsys.readouterr().out


def test_the_newest_folder_is_the_one_that_was_run_last_even_if_nothing_was_trained(suite, capsys):
    command = ["run", suite, "-a", "random", "-e", "CartPole-v1"]
    invoke(command)
    text = Path(suite).read_text().replace("name: small", "name: other")
    Path("other.yaml").write_text(text)
    invoke(["run", "other.yaml", *command[2:]])
    newer = Path("results/other/suite.json").stat().st_mtime
    os.utime("results/small/suite.json", (newer - 10, newer - 10))
    invoke(command)
    capsys.readouterr()
    assert invoke(["status"]) == 0 and capsys.readouterr().out.startswith("small: ")


def test_watching_a_folder_where_nothing_runs_ends_at_once(suite, capsys):
    Path("small.yaml").write_text("".join(line for line in SUITE.splitlines(True) if "dqn" not in line))
    invoke(["run", suite])
    capsys.readouterr()
    assert invoke(["status", "small", "--watch"]) == 0
    assert capsys.readouterr().out == "small: 4 runs: 4 done\n"


def test_without_plugins_only_given_files_offer_algorithms(suite):
    ran = subprocess.run(
        [sys.executable, "-m", "rlbench.cli.main", "--no-plugins", "check", suite], capture_output=True, text=True
    )
    assert ran.returncode == 2 and "nothing called 'dqn' is installed" in ran.stderr


def test_the_schema_beside_the_suites_is_the_one_that_is_printed(capsys):
    assert invoke(["schema"]) == 0
    printed = capsys.readouterr().out
    assert printed == (Path(__file__).parents[2] / "suites/suite.schema.json").read_text()


def test_a_notebook_runs_a_suite_and_has_its_frames(suite, capsys):
    results = rlbench.run(suite, "out", settings={"learner.net_arch": [8]}, environments=["CartPole-v1"], quiet=True)
    runs = results.runs()
    assert list(runs[runs["status"] == "done"]["algorithm"]) == ["random", "random", "learner", "learner"]
    assert len(results.evaluations()) == 4 and capsys.readouterr().out == ""
    again = rlbench.run(
        {"name": "mapped", "algorithms": ["random"], "environments": [{"id": "CartPole-v1", "steps": 9}], "seeds": 1}
    )
    assert list(again.runs()["status"]) == ["done"] and Path("results/mapped").is_dir()
    with pytest.raises(SuiteError, match="seeds: should be a count"):
        rlbench.run(
            {"name": "m", "algorithms": ["random"], "environments": [{"id": "CartPole-v1", "steps": 9}], "seeds": "x"}
        )


def test_a_second_run_writes_no_report_anew(suite, monkeypatch, capsys):
    monkeypatch.delenv("RLBENCH_NO_REPORT")
    arguments = ["run", suite, "-a", "random", "-e", "CartPole-v1"]
    assert invoke(arguments) == 0 and "report:  results/small/report.html" in capsys.readouterr().err
    os.utime("results/small/report.html", (1, 1))
    assert invoke(arguments) == 0 and "report:  results/small/report.html" in capsys.readouterr().err
    assert os.path.getmtime("results/small/report.html") == 1
