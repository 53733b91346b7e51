"""Signals, kills and closed pipes while a suite runs: what is finished stays, and nothing is left behind."""

import json
import os
import signal
import subprocess
import sys
import tomllib
from pathlib import Path

import psutil
import pytest
from support.small_suites import FAILS, LIGHT, LOOP, WORKS, cells, rlbench

ROOT = Path(__file__).parents[2]
# The first import of a module waits, so that a signal comes while it is imported.
WAITING_IMPORT = """
import sys

class Waiting:
    def find_spec(self, name, path=None, target=None):
        if name == {module!r}:
            print("importing", flush=True)
            sys.stdin.read()

sys.meta_path.insert(0, Waiting())
"""


@pytest.mark.faults
def test_no_worker_outlives_a_killed_harness(tmp_path):
    suite = tmp_path / "s.yaml"
    suite.write_text(LIGHT.format(more="").replace("160", "4000000"))
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


@pytest.mark.parametrize("module", ["click", "rlbench.cli.commands.run"])
def test_an_interrupt_while_the_command_is_imported_is_quiet(tmp_path, module):
    (tmp_path / "sitecustomize.py").write_text(WAITING_IMPORT.format(module=module))
    script = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["scripts"]["rlbench"]
    start = "import sys; sys.argv[0] = 'rlbench'; from {} import {} as main; sys.exit(main())"
    command = [sys.executable, "-c", start.format(*script.split(":")), "run", "quickstart", "--dry-run"]
    environment = os.environ | {"PYTHONPATH": os.pathsep.join([str(tmp_path), str(ROOT)])}
    pipes = dict(stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    with subprocess.Popen(command, env=environment, **pipes) as process:
        assert process.stdout.readline() == "importing\n"
        process.send_signal(signal.SIGINT)
        out, err = process.communicate()
    assert (process.returncode, out, err.strip()) == (130, "", "")


@pytest.mark.faults
@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143), (signal.SIGHUP, 143)])
@pytest.mark.parametrize("executor", ["local", "serial"])
def test_a_signal_stops_at_a_safe_point_and_the_same_command_goes_on(tmp_path, number, code, executor):
    plugin, suite = tmp_path / "mine.py", tmp_path / "s.yaml"
    plugin.write_text(WORKS.format(threshold=0, how=LOOP))
    suite.write_text(LIGHT.format(more="fails").replace("160", "4000000"))
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
        "--plugin",
        str(plugin),
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
    assert "run the same command again to resume the others" in rest
    states = [json.loads(p.read_text())["status"] for p in (tmp_path / "out/attempts").glob("*/exit.json")]
    assert states and set(states) == {"interrupted"}


@pytest.mark.faults
def test_a_plugin_that_never_comes_to_a_safe_point_is_stopped_all_the_same(tmp_path, monkeypatch):
    plugin, suite = tmp_path / "mine.py", tmp_path / "s.yaml"
    plugin.write_text(WORKS.format(threshold=0, how=LOOP.replace("interaction.checkpoint();", "")))
    suite.write_text(
        "{name: s, algorithms: [fails], environments: [{id: CartPole-v1, steps: 100000000}], seeds: 1, evaluation: {every: 500}}"
    )
    code = "from rlbench.runtime import live_interaction; live_interaction.SAFE_POINT_PATIENCE_SECONDS = 0.1\n"
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


@pytest.mark.parametrize("stream", ["stdout", "stderr"])
def test_a_reader_that_goes_away_stops_nothing(tmp_path, stream):
    plugin, suite = tmp_path / "leans.py", tmp_path / "s.yaml"
    plugin.write_text(FAILS.format(how="pass"))
    suite.write_text(LIGHT.format(more="leans"))
    read, write = os.pipe()
    os.close(read)
    command = [sys.executable, "-m", "rlbench.cli.main", "run", str(suite), "-o", str(tmp_path / "out")]
    command += ["--plugin", str(plugin)]
    streams = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL, stream: write}
    assert subprocess.run(command, **streams).returncode == 0
    os.close(write)
    assert [c["n_valid"] for c in cells(tmp_path / "out")] == [3, 3]


def test_a_reader_that_goes_away_is_no_error_of_what_is_listed(tmp_path):
    read, write = os.pipe()
    os.close(read)
    for arguments, code in (("ls environments", 0), ("schema", 0), ("--help", 0), ("info ppo --help", 0), ("ls no", 2)):
        command = [sys.executable, "-m", "rlbench.cli.main", *arguments.split()]
        streams = {"stderr": write} if code else {"stdout": write, "stderr": subprocess.PIPE}
        ran = subprocess.run(command, **streams)
        assert ran.returncode == code and not ran.stderr, (arguments, ran)
    os.close(write)
