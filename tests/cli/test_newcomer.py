"""What a clumsy user meets: mistakes are told where they are, and one fault spoils nothing else."""

import json
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from support.report_pages import group, play, suite_of

import rlbench
from rlbench.api import SuiteError
from rlbench.cli.main import invoke

SUITE = """
name: small
algorithms: [random, {id: random, label: other, per_environment: {}}]
environments: [{id: CartPole-v1, steps: 60}]
seeds: 2
evaluation: {every: 0, final_episodes: 2}
"""
PLUGIN = """
print("said at import")
from rlbench import Algorithm, AlgorithmSpec, hookimpl

class Odd(Algorithm):
    def act(self, obs): return (obs[..., 2] > 0).astype(int){act}
    def train(self, interaction):
        interaction.reset()
        while not interaction.finished:
            interaction.step((interaction.obs[..., 2] > 0).astype(int){step})

@hookimpl
def rlbench_algorithms():
    return [AlgorithmSpec("odd", Odd)]
"""


@pytest.fixture
def suite(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    Path("small.yaml").write_text(SUITE.replace(", {id: random, label: other, per_environment: {}}", ", odd"))
    Path("odd.py").write_text(PLUGIN.format(act="", step=""))
    return ["small.yaml", "--plugin", "odd.py"]


@pytest.mark.parametrize(
    ("act", "step", "said"),
    [
        (".T", "", "act returned actions of shape (2, 2) for observations [2, 2"),
        ("[0]", "", "act returned actions of shape (2,) for observations [2, 2, …]; actions must be [S, E, …]"),
        ("", ".T", "step got actions of shape (1, 2); the first axes must be (2, 1)"),
        (" + 0.5", "", "act returned actions such as "),
    ],
)
def test_actions_of_another_shape_or_type_are_refused_and_not_cast(suite, capfd, act, step, said):
    Path("odd.py").write_text(PLUGIN.format(act=act, step=step))
    text = Path("small.yaml").read_text()
    if act == ".T":  # as many seeds as episodes hide it: three episodes do not
        Path("small.yaml").write_text(text.replace("final_episodes: 2", "final_episodes: 3"))
        said = "act returned actions of shape (3, 2) for observations [2, 3, …]"
    assert invoke(["run", *suite]) == 1
    assert said in capfd.readouterr().err


def test_check_says_what_rerun_would_do_and_what_other_code_has_made(suite, capsys):
    assert invoke(["run", *suite]) == 0
    Path("odd.py").write_text(PLUGIN.format(act="", step="") + "# edited")
    capsys.readouterr()
    assert invoke(["check", *suite]) == 0
    said = capsys.readouterr().out
    assert "4 runs, 0 to do" in said and "made by different code or settings: odd (odd has changed (edited " in said
    for rerun, count in (("changed", 2), ("all", 4), ("odd--CartPole-v1--s01", 1)):
        assert invoke(["check", *suite, "--rerun", rerun]) == 0
        assert f"{count} to do" in capsys.readouterr().out
        assert invoke(["run", *suite, "--rerun", rerun, "--dry-run"]) == 0
        assert f"trained again: --rerun {rerun}" in capsys.readouterr().out
    assert invoke(["check", *suite, "--rerun", "nope"]) == 2


@pytest.mark.parametrize("command", ["run", "check"])
def test_a_pattern_that_matches_nothing_is_an_error_that_names_what_there_is(suite, capsys, command):
    assert invoke([command, *suite, "-a", "random", "-a", "foo"]) == 2
    assert "no algorithm in the suite is called 'foo'; it has random, odd" in capsys.readouterr().err
    assert invoke([command, *suite, "-e", "Acro*"]) == 2


def test_a_file_that_cannot_be_loaded_is_told_once(suite, capsys):
    Path("odd.py").write_text("raise ImportError('mine')")
    assert invoke(["run", *suite]) == 1
    said = capsys.readouterr().err
    assert said.count("ImportError: mine") == 1 and "failed: odd on CartPole-v1" in said
    assert "random on CartPole-v1: done" in said


def test_what_a_plugin_prints_at_import_stays_out_of_the_data(suite):
    command = [sys.executable, "-m", "rlbench.cli.main", "check", *suite, "--json"]
    ran = subprocess.run(command, capture_output=True, text=True)
    assert len(json.loads(ran.stdout)["runs"]) == 4 and "said at import" in ran.stderr


def test_a_lost_run_spoils_no_other(suite, capsys):
    assert invoke(["run", *suite]) == 0
    folder = next(Path("results/small/runs").glob("odd*"))
    shutil.rmtree(folder)
    capsys.readouterr()
    assert invoke(["table"]) == 1
    said = capsys.readouterr()
    assert "1/2" in said.out and f"results/small/runs/{folder.name}: the folder is missing" in said.err
    assert invoke(["status"]) == 1 and "4 runs: 3 done, 1 corrupt" in capsys.readouterr().out
    assert invoke(["run", *suite]) == 0 and "1 to do" in capsys.readouterr().err


def test_a_damaged_suite_json_or_lock_is_named_and_the_command_goes_on(suite, capsys):
    assert invoke(["run", *suite]) == 0
    path = Path("results/small/suite.json")
    for damage in (b"", b"{", b"[]", b"\xff\0"):
        path.write_bytes(damage)
        Path("results/small/LOCK").write_bytes(damage)
        capsys.readouterr()
        assert invoke(["run", *suite]) == 0
        said = capsys.readouterr().err
        assert "results/small/suite.json does not have the form that rlbench writes" in said and "0 to do" in said
    assert len(list(Path("results/small/superseded").glob("suite.json--*"))) == 4
    assert invoke(["table"]) == 0


def test_a_run_is_found_by_part_of_its_name(suite, capsys):
    assert invoke(["run", *suite]) == 0
    capsys.readouterr()
    assert invoke(["show", "random--CartPole-v1--s01"]) == 0
    assert "random on CartPole-v1, seed 1: done" in capsys.readouterr().out
    assert invoke(["show", "random"]) == 2 and "matches 2 runs" in capsys.readouterr().err
    assert invoke(["show", "nowhere"]) == 2 and "does not exist" in capsys.readouterr().err
    assert invoke(["show", "results/small"]) == 73 and "is not a run's folder" in capsys.readouterr().err


@pytest.fixture
def dqn_folders(tmp_path, monkeypatch):
    """Two result folders in which one algorithm's name is a part of another's."""
    monkeypatch.setenv("RLBENCH_RESULTS", str(tmp_path / "results"))
    for folder, seeds in (("results/first", {"dqn": 1, "double_dqn": 2}), ("elsewhere", {"dqn": 1, "ppo": 1})):
        groups = [group("", count, algorithm=name) for name, count in seeds.items()]
        store = suite_of(tmp_path / folder, groups)
        for one in groups:
            play(store, one, [1.0] * len(one.seeds))
    return tmp_path


@pytest.mark.parametrize(
    ("arguments", "found"),
    [
        (["dqn--CartPole-v1--s00"], "dqn on CartPole-v1, seed 0"),  # not the double_dqn that contains it
        (["dqn"], "dqn on CartPole-v1, seed 0"),
        (["double"], ""),
        (["double-dqn--CartPole-v1--s01"], "double_dqn on CartPole-v1, seed 1"),
        (["ble-dqn--CartPole-v1--s01"], "double_dqn on CartPole-v1, seed 1"),
        (["results/first/runs/dqn--CartPole"], "dqn on CartPole-v1, seed 0"),
        (["ppo", "-d", "elsewhere"], "ppo on CartPole-v1, seed 0"),
        (["-d", "first", "dqn"], "dqn on CartPole-v1, seed 0"),
        (["elsewhere/runs/ppo--CartPole-v1--s00"], "ppo on CartPole-v1, seed 0"),
    ],
)
def test_a_name_or_its_beginning_comes_before_a_part_of_one(dqn_folders, monkeypatch, capsys, arguments, found):
    monkeypatch.chdir(dqn_folders)
    assert invoke(["show", *arguments]) == (0 if found else 2)
    said = capsys.readouterr()
    assert said.out.startswith(f"{found}: done") if found else "matches 2 runs" in said.err


def test_a_misspelt_run_gets_a_hint(dqn_folders, capsys):
    assert invoke(["logs", "dqn--CartPole-v1--s0O"]) == 2
    assert "did you mean 'dqn--CartPole-v1--s00'?" in capsys.readouterr().err
    assert invoke(["logs", "ppo", "-d", "first"]) == 2  # it is in another folder
    assert "first has that name" in capsys.readouterr().err


def test_a_folder_of_the_same_name_hides_no_results(suite, capsys):
    assert invoke(["run", *suite]) == 0
    Path("small").mkdir()
    assert invoke(["status", "small"]) == 0 and "4 done" in capsys.readouterr().out


def test_a_closed_stdout_is_no_error(suite):
    invoke(["run", *suite])
    command = f"{sys.executable} -m rlbench.cli.main table >&-"
    ran = subprocess.run(command, shell=True, stderr=subprocess.PIPE, text=True)
    assert ran.returncode == 0 and ran.stderr == ""


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"jobs": 0}, "jobs should be at least 1"),
        ({"retries": -1}, "retries should be at least 0"),
        ({"stop_after": "soon"}, "stop_after: should be a duration"),
        ({"algorithms": "foo"}, "is called 'foo'"),
        ({"sedes": 1}, "no option 'sedes'; it has algorithms, environments, jobs"),
        ({"seeds": "x"}, "seeds: should be a count"),
    ],
)
def test_options_in_python_are_checked_like_those_of_the_command_line(suite, options, said):
    with pytest.raises(SuiteError, match=said):
        rlbench.run("small.yaml", plugins="odd.py", quiet=True, **options)


def test_python_takes_seeds_instead_of_the_suites_and_one_name_for_a_list(suite):
    results = rlbench.run("small.yaml", plugins="odd.py", quiet=True, seeds=1, algorithms="odd", stop_after="1h")
    assert results.runs()[["algorithm", "status"]].values.tolist() == [["random", "pending"], ["odd", "done"]]
