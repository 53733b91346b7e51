"""`rlbench run` and `rlbench table` as a user meets them."""

import json
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from support.small_suites import LIGHT, cells, rlbench

SUITE = """
name: small
algorithms: [random, {{id: dqn, params: {{net_arch: [16], learning_starts: 50}}}}, {more}]
environments: [{{id: CartPole-v1, steps: 160}}]
seeds: 3
evaluation: {{episodes: 2, final_episodes: 3}}
"""
PPO = "{id: ppo, params: {n_envs: 4, n_steps: 10, batch_size: 20, n_epochs: 1}}"


@pytest.fixture
def suite(tmp_path):
    path = tmp_path / "small.yaml"
    path.write_text(SUITE.format(more=PPO))
    return path


@pytest.fixture(scope="module")
def finished(tmp_path_factory):
    """The suite's folder `out` beside its file once it was run with some options, and what was printed; only to read."""
    made = {}

    def finish(*options):
        if options not in made:
            folder = tmp_path_factory.mktemp("finished")
            (folder / "small.yaml").write_text(SUITE.format(more=PPO))
            made[options] = folder / "out", rlbench("run", folder / "small.yaml", "-o", folder / "out", *options)
        return made[options]

    return finish


@pytest.fixture
def out(finished, suite, tmp_path):
    """A copy of the finished suite's folder, to be changed."""
    return shutil.copytree(finished("-j", "1")[0], tmp_path / "out")


def scores(folder):
    return [(c["algorithm"], c["n_valid"], c["iqm"], c["low"], c["high"]) for c in cells(folder)]


@pytest.mark.parametrize("options", [("-j", "1"), ("--executor", "serial")], ids=["local", "serial"])
def test_a_suite_runs_and_its_second_run_trains_nothing(finished, suite, tmp_path, options):
    made, first = finished(*options)
    assert first.returncode == 0, first.stderr
    assert "ppo on CartPole-v1: started, 3 seeds" in first.stderr and "3/3" in first.stdout
    out = shutil.copytree(made, tmp_path / "out")
    attempts = sorted((out / "attempts").iterdir())
    second = rlbench("run", suite, "-o", out)
    assert second.returncode == 0 and second.stdout == first.stdout and "0 to do" in second.stderr
    assert sorted((out / "attempts").iterdir()) == attempts
    assert [c["n_valid"] for c in cells(out)] == [3, 3, 3]
    assert {json.loads(p.read_text())["steps"] for p in (out / "runs").glob("*/result.json")} == {160}


def test_what_is_selected_is_spread_over_all_cores(tmp_path):
    (tmp_path / "small.yaml").write_text(SUITE.format(more=PPO).replace("seeds: 3", "seeds: 4"))
    ran = rlbench("run", tmp_path / "small.yaml", "-a", "random", "-j", "2", "-o", tmp_path / "out", "--no-report")
    assert "4 to do in 2 groups of seeds" in ran.stderr, ran.stderr


def test_executors_and_parallelism_do_not_change_the_numbers(finished):
    one, three, serial = (
        scores(finished(*options)[0]) for options in (("-j", "1"), ("-j", "3"), ("--executor", "serial"))
    )
    assert one == three == serial and len(one) == 3


def test_a_foreign_loop_spends_the_budget_exactly(tmp_path):
    suite = tmp_path / "s.yaml"
    suite.write_text(
        "{name: s, algorithms: [random, {id: sb3/dqn, params: {learning_starts: 10, train_freq: 7}}],"
        "environments: [{id: CartPole-v1, steps: 165}], seeds: 2, evaluation: {episodes: 2, final_episodes: 3}}"
    )
    ran = rlbench("run", suite, "-o", tmp_path / "out")
    assert ran.returncode == 0, ran.stderr
    paths = sorted((tmp_path / "out/runs").glob("*/result.json"))
    results = [json.loads(path.read_text()) for path in paths]
    assert [r["steps"] for r in results] == [165] * 4
    assert [r["stack_size"] for r in results] == [2, 2, 1, 1] and "sb3-dqn" in paths[2].parent.name


def test_results_say_what_made_them(finished):
    made, _ = finished("-j", "1")
    result = json.loads(next((made / "runs").glob("dqn*/result.json")).read_text())
    assert result["numerics"]["mkl"] == "AUTO,STRICT" and result["numerics"]["threads"] == 1
    assert result["numerics"]["independence_shown_by"] == "trial"
    assert result["code"]["distribution"] == "rlbench"
    assert {"rlbench_dqn", "rlbench_dqn.dqn"} <= set(result["dependencies"]["files"])
    assert {"rlbench.kit.stacked_networks", "rlbench.envs.meter"} <= set(result["dependencies"]["rlbench"])
    assert result["stack_size"] == 3 and result["cpu_seconds"] > 0 and result["group_peak_memory_bytes"] > 1e7
    assert (
        result["versions"]["torch"]
        and result["hardware"]["cores"]
        and result["environment_backend"].startswith("gymnasium ")
    )
    assert str(made.parent) not in json.dumps(result)


def test_a_users_own_environment_needs_no_plugin(tmp_path):
    (tmp_path / "mine.py").write_text(
        "import gymnasium\ngymnasium.register('Mine-v0', 'gymnasium.envs.classic_control:CartPoleEnv', max_episode_steps=9)\n"
    )
    (tmp_path / "s.yaml").write_text(LIGHT.format(more=PPO).replace("CartPole-v1", "'mine:Mine-v0'"))
    command = [str(Path(sys.executable).with_name("rlbench")), "run", "s.yaml", "-o", "out"]
    ran = subprocess.run(command, capture_output=True, text=True, cwd=tmp_path)
    assert ran.returncode == 0, ran.stderr
    assert {c["environment"] for c in cells(tmp_path / "out")} == {"mine:Mine-v0"}
    assert all(c["iqm"] <= 9 for c in cells(tmp_path / "out"))


@pytest.mark.parametrize(
    ("arguments", "code", "said"),
    [
        (["run", "absent.yaml"], 2, "no suite 'absent.yaml'"),
        (["run"], 2, "Missing argument"),
        (["table", "/nowhere"], 2, "does not exist"),
        (["table", "."], 73, "no results here"),
        (["run", "quickstart", "--executor", "nothing"], 2, "nothing called 'nothing'"),
        (["run", "quickstart", "--plugin", "absent.py"], 2, "no such file"),
        (["--version"], 0, ""),
    ],
)
def test_wrong_usage_gets_a_clear_error_and_its_exit_code(arguments, code, said, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    ran = rlbench(*arguments)
    assert ran.returncode == code and said in ran.stderr and "Traceback" not in ran.stderr
    assert list(tmp_path.iterdir()) == []


def test_a_suite_with_mistakes_starts_nothing(tmp_path):
    suite = tmp_path / "s.yaml"
    suite.write_text(SUITE.format(more="{id: dqnn}").replace("seeds:", "sedes:"))
    ran = rlbench("run", suite, "-o", tmp_path / "out")
    assert ran.returncode == 2 and f"{suite}:5:1: error: unknown key 'sedes'; did you mean 'seeds'?" in ran.stderr
    assert not (tmp_path / "out").exists()


def test_a_renamed_label_keeps_its_runs(finished, suite, out):
    _, first = finished("-j", "1")
    suite.write_text(suite.read_text().replace("{id: dqn,", "{id: dqn, label: other,"))
    again = rlbench("run", suite, "-o", out)
    assert again.returncode == 0 and "0 to do" in again.stderr
    assert [c["algorithm"] for c in cells(out)] == ["random", "other", "ppo"]
    assert first.stdout.split("dqn")[1].split()[0] == again.stdout.split("other")[1].split()[0]


def test_a_removed_result_is_trained_again(suite, out):
    before = scores(out)
    next((out / "runs").glob("dqn*/result.json")).unlink()
    assert cells(out)[1]["statuses"] == {"done": 2, "interrupted": 1}
    again = rlbench("run", suite, "-o", out)
    assert again.returncode == 0 and "1 to do" in again.stderr and scores(out) == before


def test_a_damaged_run_is_named_and_trained_again_when_asked(suite, out):
    before = scores(out)
    path = next((out / "runs").glob("dqn*/episodes.parquet"))
    path.write_bytes(b"x")
    ran = rlbench("run", suite, "-o", out)
    assert ran.returncode == 0 and "regenerated episodes.parquet" in ran.stderr and scores(out) == before
    path.write_bytes(b"x")
    for lines in (out / "attempts").glob("dqn*/episodes.jsonl"):
        lines.unlink()  # what it was made of
    ran = rlbench("run", suite, "-o", out)
    assert (
        ran.returncode == 1
        and "episodes.parquet is missing or was changed after the run was published" in ran.stderr
        and "--rerun corrupt" in ran.stderr
    )
    again = rlbench("run", suite, "-o", out, "--rerun", "corrupt")
    assert again.returncode == 0 and "1 to do" in again.stderr and scores(out) == before
    assert len(list((out / "superseded").iterdir())) == 1


def test_a_running_suite_is_shown_as_running(suite, tmp_path):
    suite.write_text(suite.read_text().replace("160", "4000000").replace("{episodes: 2,", "{every: 500, episodes: 2,"))
    command = [sys.executable, "-m", "rlbench.cli.main", "run", str(suite), "-o", str(tmp_path / "out"), "-j", "1"]
    with subprocess.Popen(command, stderr=subprocess.PIPE, stdout=subprocess.DEVNULL, text=True) as process:
        assert process.stderr is not None
        next(line for line in process.stderr if "step" in line)
        found = {c["algorithm"]: c["statuses"] for c in cells(tmp_path / "out")}
        process.kill()
    assert found == {"random": {"running": 3}, "dqn": {"pending": 3}, "ppo": {"pending": 3}}


def test_a_suite_of_which_every_pair_is_skipped_says_so(tmp_path):
    suite = tmp_path / "s.yaml"
    suite.write_text("{name: s, algorithms: [dqn], environments: [{id: Pendulum-v1, steps: 100}], seeds: 1}")
    ran = rlbench("run", suite, "-o", tmp_path / "out")
    assert (
        ran.returncode == 4
        and "skipped: dqn on Pendulum-v1: actions are Box" in ran.stderr
        and "nothing to run" in ran.stderr
    )


def test_another_suite_in_the_same_folder_is_told(suite, out):
    suite.write_text(suite.read_text().replace("name: small", "name: large").replace(PPO, "").replace(", ]", "]"))
    ran = rlbench("run", suite, "-o", out)
    assert (
        "contained the suite 'small' until now" in ran.stderr
        and "3 finished runs" in ran.stderr
        and "kept, not shown" in ran.stderr
    )


@pytest.mark.parametrize("columns", [40, 60, 80, 200])
def test_no_number_is_cut_on_a_narrow_terminal(finished, columns, monkeypatch, capsys):
    from rlbench.analysis import Results
    from rlbench.cli import text_table as module
    from rlbench.cli.commands.table import print_table

    made, _ = finished("-j", "1")
    monkeypatch.setattr(module, "PIPED_WIDTH", columns)
    print_table(Results(made))
    shown = capsys.readouterr().out
    for cell in cells(made):
        assert all(f"{cell[key]:.1f}" in shown for key in ("iqm", "low", "high")) and "3/3" in shown
    if columns >= 60:
        assert max(map(len, shown.splitlines())) <= max(columns, 75)
