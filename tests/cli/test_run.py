"""`rlbench run` and `rlbench table` as a user meets them."""

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import psutil
import pytest

SUITE = """
name: small
algorithms: [random, {{id: dqn, params: {{hidden: [16], warmup: 50}}}}, {more}]
environments: [{{id: CartPole-v1, steps: 160}}]
seeds: 3
evaluation: {{episodes: 2, final_episodes: 3}}
"""
PPO = "{id: ppo, params: {num_envs: 4, horizon: 10, batch: 20, epochs: 1}}"


def rlbench(*arguments, **environment):
    command = [sys.executable, "-m", "rlbench.cli.main", *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, env={**os.environ, **environment})


@pytest.fixture
def suite(tmp_path):
    path = tmp_path / "small.yaml"
    path.write_text(SUITE.format(more=PPO))
    return path


def cells(folder):
    return json.loads(rlbench("table", folder, "--json").stdout)["cells"]


def scores(folder):
    return [(c["algorithm"], c["n_valid"], c["iqm"], c["low"], c["high"]) for c in cells(folder)]


@pytest.mark.parametrize("executor", ["local", "serial"])
def test_a_suite_runs_and_its_second_run_trains_nothing(suite, tmp_path, executor):
    first = rlbench("run", suite, "-o", tmp_path / "out", "--executor", executor)
    assert first.returncode == 0, first.stderr
    assert "ppo on CartPole-v1: started, 3 seeds" in first.stderr and "3/3" in first.stdout
    attempts = sorted((tmp_path / "out/attempts").iterdir())
    second = rlbench("run", suite, "-o", tmp_path / "out")
    assert second.returncode == 0 and second.stdout == first.stdout and "0 to do" in second.stderr
    assert sorted((tmp_path / "out/attempts").iterdir()) == attempts
    assert [c["n_valid"] for c in cells(tmp_path / "out")] == [3, 3, 3]
    assert {json.loads(p.read_text())["steps"] for p in (tmp_path / "out/runs").glob("*/result.json")} == {160}


def test_executors_and_parallelism_do_not_change_the_numbers(suite, tmp_path):
    for name, options in {"a": ["-j", "1"], "b": ["-j", "3"], "c": ["--executor", "serial"]}.items():
        rlbench("run", suite, "-o", tmp_path / name, *options, OMP_NUM_THREADS="1", MKL_CBWR="AUTO,STRICT")
    assert scores(tmp_path / "a") == scores(tmp_path / "b") == scores(tmp_path / "c")


def test_a_foreign_loop_spends_the_budget_exactly(tmp_path):
    suite = tmp_path / "s.yaml"
    suite.write_text(
        SUITE.format(more="{id: sb3/dqn, params: {learning_starts: 10, train_freq: 7}}").replace("160", "165")
    )
    ran = rlbench("run", suite, "-o", tmp_path / "out")
    assert ran.returncode == 0, ran.stderr
    results = [json.loads(p.read_text()) for p in (tmp_path / "out/runs").glob("*/result.json")]
    assert [r["steps"] for r in results] == [165] * 9
    assert {
        r["stack_size"]
        for p in (tmp_path / "out/runs").glob("sb3-dqn*/result.json")
        for r in [json.loads(p.read_text())]
    } == {1}


def test_results_say_what_made_them(suite, tmp_path):
    rlbench("run", suite, "-o", tmp_path / "out")
    result = json.loads(next((tmp_path / "out/runs").glob("dqn*/result.json")).read_text())
    assert result["numerics"]["mkl"] == "AUTO,STRICT" and result["numerics"]["threads"] == 1
    assert result["code"]["distribution"] == "rlbench" and len(result["code"]["plugin_sources"]) == 16
    assert result["stack_size"] == 3 and result["cpu_seconds"] > 0 and result["group_peak_memory_bytes"] > 1e7
    assert (
        result["versions"]["torch"]
        and result["hardware"]["cores"]
        and result["environment_backend"].startswith("gymnasium ")
    )
    assert str(tmp_path) not in json.dumps(result)


FAILS = """
from rlbench import Algorithm, AlgorithmSpec, Supports, hookimpl

class Fails(Algorithm):
    def act(self, obs): ...
    def train(self, interaction):
        interaction.reset()
        {how}

@hookimpl
def rlbench_algorithms():
    return [AlgorithmSpec("fails", Fails, Supports(discrete=True))]
"""


@pytest.mark.parametrize(
    ("how", "status", "said"),
    [
        ("raise ValueError('a mistake of its own')", "failed", "ValueError: a mistake of its own"),
        ("raise SystemExit(0)", "failed", "SystemExit"),
        ("import os; os._exit(0)", "failed", "ended with code 0 before the runs did"),
        ("import ctypes; ctypes.string_at(0)", "failed", "crashed with SIGSEGV"),
        (
            "print('x' * 10**6); import os; os.write(1, b'\\x00\\xff{\"event\": \"finished\"}\\n'); raise OSError('after noise')",
            "failed",
            "after noise",
        ),
    ],
)
@pytest.mark.faults
def test_a_failing_algorithm_is_named_and_the_others_finish(tmp_path, how, status, said):
    plugin, suite = tmp_path / "fails.py", tmp_path / "s.yaml"
    plugin.write_text(FAILS.format(how=how))
    suite.write_text(SUITE.format(more="fails"))
    ran = rlbench("run", suite, "-o", tmp_path / "out", "--plugin", plugin)
    assert ran.returncode == 1, ran.stderr
    assert said in ran.stderr and f"fails on CartPole-v1, seeds 0, 1, 2: {status}" in ran.stderr
    found = {c["algorithm"]: c for c in cells(tmp_path / "out")}
    assert found["random"]["n_valid"] == found["dqn"]["n_valid"] == 3
    assert (
        found["fails"]["n_valid"] == 0 and found["fails"]["statuses"] == {status: 3} and found["fails"]["iqm"] is None
    )


def test_a_failure_is_kept_until_it_is_asked_for_again(tmp_path):
    plugin, suite = tmp_path / "fails.py", tmp_path / "s.yaml"
    plugin.write_text(FAILS.format(how="raise ValueError('no')"))
    suite.write_text(SUITE.format(more="fails"))
    run = ("run", suite, "-o", tmp_path / "out", "--plugin", plugin)
    assert "9 to do" in rlbench(*run).stderr
    again = rlbench(*run)
    assert again.returncode == 1 and "0 to do" in again.stderr
    assert "3 to do" in rlbench(*run, "--rerun", "failed").stderr


def test_an_observer_hears_of_the_suite_and_its_evaluations(suite, tmp_path):
    plugin = tmp_path / "watch.py"
    plugin.write_text(
        f"from rlbench import hookimpl\nlog = open({str(tmp_path / 'heard')!r}, 'a', buffering=1)\n"
        "@hookimpl\ndef rlbench_suite_started(suite, groups): print('suite', suite, len(groups), file=log)\n"
        "@hookimpl\ndef rlbench_evaluated(group, kind, step, returns): print(kind, group.algorithm, step, len(returns), file=log)\n"
        "@hookimpl\ndef rlbench_suite_finished(suite, counts): print('end', counts, file=log); raise ValueError('mine')\n"
    )
    ran = rlbench("run", suite, "-o", tmp_path / "out", "--plugin", plugin)
    heard = (tmp_path / "heard").read_text().splitlines()
    assert (
        heard[0] == "suite small 3"
        and "grid dqn 160 3" in heard
        and "final dqn 160 3" in heard
        and heard[-1] == "end {'done': 9}"
    )
    assert ran.returncode == 0 and "rlbench_suite_finished of plugin 'watch': ValueError: mine" in ran.stderr


def test_a_users_own_environment_needs_no_plugin(tmp_path):
    (tmp_path / "mine.py").write_text(
        "import gymnasium\ngymnasium.register('Mine-v0', 'gymnasium.envs.classic_control:CartPoleEnv', max_episode_steps=9)\n"
    )
    (tmp_path / "s.yaml").write_text(SUITE.format(more=PPO).replace("CartPole-v1", "'mine:Mine-v0'"))
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


@pytest.mark.faults
def test_no_worker_outlives_a_killed_harness(suite, tmp_path):
    suite.write_text(suite.read_text().replace("160", "4000000"))
    command = [sys.executable, "-m", "rlbench.cli.main", "run", str(suite), "-o", str(tmp_path / "out")]
    with subprocess.Popen(command, stderr=subprocess.PIPE, stdout=subprocess.DEVNULL, text=True) as harness:
        assert harness.stderr is not None
        next(line for line in harness.stderr if "started" in line)
        workers = psutil.Process(harness.pid).children(recursive=True)
        assert workers
        harness.send_signal(signal.SIGKILL)
    gone, alive = psutil.wait_procs(workers, timeout=10)
    assert not alive and gone
    assert rlbench("table", tmp_path / "out").returncode == 0


def test_a_train_that_returns_early_has_failed(tmp_path):
    plugin, suite = tmp_path / "any_name.py", tmp_path / "s.yaml"
    plugin.write_text(FAILS.format(how="interaction.step(0 * self.streams.integers('explore', 2, 1))"))
    suite.write_text(SUITE.format(more="fails"))
    ran = rlbench("run", suite, "-o", tmp_path / "out", "--plugin", plugin)
    assert ran.returncode == 1 and "failed: train ended after 1 of 160 environment steps" in ran.stderr


def test_a_renamed_label_keeps_its_runs(suite, tmp_path):
    first = rlbench("run", suite, "-o", tmp_path / "out")
    suite.write_text(suite.read_text().replace("{id: dqn,", "{id: dqn, label: other,"))
    again = rlbench("run", suite, "-o", tmp_path / "out")
    assert again.returncode == 0 and "0 to do" in again.stderr
    assert [c["algorithm"] for c in cells(tmp_path / "out")] == ["random", "other", "ppo"]
    assert first.stdout.split("dqn")[1].split()[0] == again.stdout.split("other")[1].split()[0]


def test_a_removed_result_is_trained_again(suite, tmp_path):
    rlbench("run", suite, "-o", tmp_path / "out")
    before = scores(tmp_path / "out")
    next((tmp_path / "out/runs").glob("dqn*/result.json")).unlink()
    assert cells(tmp_path / "out")[1]["statuses"] == {"done": 2, "interrupted": 1}
    again = rlbench("run", suite, "-o", tmp_path / "out")
    assert again.returncode == 0 and "1 to do" in again.stderr and scores(tmp_path / "out") == before


def test_a_damaged_run_is_named_and_trained_again_when_asked(suite, tmp_path):
    rlbench("run", suite, "-o", tmp_path / "out")
    before = scores(tmp_path / "out")
    next((tmp_path / "out/runs").glob("dqn*/episodes.parquet")).write_bytes(b"x")
    ran = rlbench("run", suite, "-o", tmp_path / "out")
    assert (
        ran.returncode == 1
        and "episodes.parquet is absent or not what was published" in ran.stderr
        and "--rerun corrupt" in ran.stderr
    )
    again = rlbench("run", suite, "-o", tmp_path / "out", "--rerun", "corrupt")
    assert again.returncode == 0 and "1 to do" in again.stderr and scores(tmp_path / "out") == before
    assert len(list((tmp_path / "out/superseded").iterdir())) == 1


WORKS = FAILS.replace("def act(self, obs): ...", "def act(self, obs): return (obs[..., 2] > {threshold}).astype(int)")
LOOP = "\n        while not interaction.finished: interaction.checkpoint(self); interaction.step(self.act(interaction.obs))"


def test_edited_code_is_told_and_trained_again_when_asked(tmp_path):
    plugin, suite = tmp_path / "mine.py", tmp_path / "s.yaml"
    plugin.write_text(WORKS.format(threshold=0, how=LOOP))
    suite.write_text(SUITE.format(more="{id: fails, label: mine}"))
    run = ("run", suite, "-o", tmp_path / "out", "--plugin", plugin)
    assert "other code" not in rlbench(*run).stderr
    plugin.write_text(WORKS.format(threshold=99, how=LOOP))
    told = rlbench(*run)
    assert (
        told.returncode == 0 and "in another way: mine (other sources of the plugin); kept as they are" in told.stderr
    )
    again = rlbench(*run, "--rerun", "changed")
    assert "3 to do" in again.stderr and "kept as they are" not in again.stderr
    assert cells(tmp_path / "out")[2]["iqm"] < 15


@pytest.mark.faults
def test_a_file_given_by_a_relative_path_resumes(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    Path("mine.py").write_text(WORKS.format(threshold=0, how=LOOP))
    Path("s.yaml").write_text("{name: s, algorithms: [fails], environments: [{id: CartPole-v1, steps: 400}], seeds: 2}")
    assert (
        rlbench("run", "s.yaml", "--plugin", "mine.py", "--retries", "0", RLBENCH_FAIL_AT="evaluated:6").returncode == 1
    )
    assert "started from step 200" in rlbench("run", "s.yaml", "--plugin", "mine.py").stderr
    assert not any(str(tmp_path) in p.read_text() for p in Path("results").rglob("*.json"))


@pytest.mark.faults
@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
@pytest.mark.parametrize("executor", ["local", "serial"])
def test_a_signal_stops_at_a_safe_point_and_the_same_command_goes_on(suite, tmp_path, number, code, executor):
    text = suite.read_text()
    suite.write_text(text.replace("160", "400000").replace("[random, ", "["))
    command = [
        sys.executable,
        "-m",
        "rlbench.cli.main",
        "run",
        str(suite),
        "-o",
        str(tmp_path / "out"),
        "--executor",
        executor,
    ]
    with subprocess.Popen(command, stderr=subprocess.PIPE, stdout=subprocess.DEVNULL, text=True) as process:
        assert process.stderr is not None
        for line in process.stderr:
            if "started" in line:
                break
        while not list((tmp_path / "out/attempts").glob("*/made-by.json")):
            assert process.poll() is None
        process.send_signal(number)
        rest = process.stderr.read()
        assert process.wait() == code, rest
    assert "the same command goes on" in rest
    states = [json.loads(p.read_text())["status"] for p in (tmp_path / "out/attempts").glob("*/exit.json")]
    assert states and set(states) == {"interrupted"}


@pytest.mark.faults
def test_a_plugin_that_never_comes_to_a_safe_point_is_stopped_all_the_same(tmp_path, monkeypatch):
    plugin, suite = tmp_path / "mine.py", tmp_path / "s.yaml"
    plugin.write_text(WORKS.format(threshold=0, how=LOOP.replace("interaction.checkpoint(self);", "")))
    suite.write_text(
        "{name: s, algorithms: [fails], environments: [{id: CartPole-v1, steps: 100000000}], seeds: 1, evaluation: {every: 500}}"
    )
    code = "from rlbench.runtime import interaction; interaction.SAFE_POINT_PATIENCE_SECONDS = 0.1\n"
    plugin.write_text(code + plugin.read_text())
    command = [
        sys.executable,
        "-m",
        "rlbench.cli.main",
        "run",
        str(suite),
        "-o",
        str(tmp_path / "out"),
        "--plugin",
        str(plugin),
    ]
    with subprocess.Popen(command, stderr=subprocess.PIPE, stdout=subprocess.DEVNULL, text=True) as process:
        assert process.stderr is not None
        for line in process.stderr:
            if "step" in line:
                break
        process.send_signal(signal.SIGINT)
        assert "without a checkpoint" in process.stderr.read()
        assert process.wait() == 130


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


def test_another_suite_in_the_same_folder_is_told(suite, tmp_path):
    rlbench("run", suite, "-o", tmp_path / "out")
    suite.write_text(suite.read_text().replace("name: small", "name: large").replace(PPO, "").replace(", ]", "]"))
    ran = rlbench("run", suite, "-o", tmp_path / "out")
    assert (
        "held the suite 'small' until now" in ran.stderr
        and "3 finished runs" in ran.stderr
        and "kept, not shown" in ran.stderr
    )


@pytest.mark.parametrize("stream", ["stdout", "stderr"])
def test_a_reader_that_goes_away_stops_nothing(suite, tmp_path, stream):
    read, write = os.pipe()
    os.close(read)
    command = [sys.executable, "-m", "rlbench.cli.main", "run", str(suite), "-o", str(tmp_path / "out")]
    streams = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL, stream: write}
    assert subprocess.run(command, **streams).returncode == 0
    os.close(write)
    assert [c["n_valid"] for c in cells(tmp_path / "out")] == [3, 3, 3]


@pytest.mark.parametrize("columns", [40, 60, 80, 200])
def test_no_number_is_cut_on_a_narrow_terminal(suite, tmp_path, columns, monkeypatch, capsys):
    from rlbench.cli import columns as module
    from rlbench.cli.table import print_table
    from rlbench.results import Store

    rlbench("run", suite, "-o", tmp_path / "out")
    monkeypatch.setattr(module, "PIPED_WIDTH", columns)
    print_table(Store(tmp_path / "out"))
    shown = capsys.readouterr().out
    for cell in cells(tmp_path / "out"):
        assert all(f"{cell[key]:.1f}" in shown for key in ("iqm", "low", "high")) and "3/3" in shown
    if columns >= 60:
        assert max(map(len, shown.splitlines())) <= max(columns, 75)
