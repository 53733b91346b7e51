"""The executor `local` against plugins that take too long, hang, are killed, or find the disk full."""

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import psutil
import pytest
from support.cli import rlbench

from rlbench.cli.main import invoke
from rlbench.executors import local

pytestmark = pytest.mark.faults

PLUGIN = """
import os, signal, threading, time
from rlbench import Algorithm, AlgorithmSpec, hookimpl

class Odd(Algorithm):
    def act(self, obs): return (obs[..., 2] > 0).astype(int)
    def train(self, interaction):
        interaction.reset()
        while not interaction.finished:
            interaction.checkpoint()
            {how}
            interaction.step(self.act(interaction.obs))

@hookimpl
def rlbench_algorithms():
    return [AlgorithmSpec("odd", Odd)]
"""
SUITE = (
    "{{name: s, algorithms: [random, odd], environments: [{{id: CartPole-v1, steps: {steps}}}], seeds: [4], {more}}}"
)


@pytest.fixture
def write(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)

    def written(how="pass", steps=200, more="evaluation: {episodes: 2, final_episodes: 3}"):
        Path("odd.py").write_text(PLUGIN.format(how=how))
        Path("s.yaml").write_text(SUITE.format(steps=steps, more=more))
        return ["run", "s.yaml", "-o", "out", "--plugin", "odd.py"]

    return written


def exits() -> list[dict]:
    return [json.loads(p.read_text()) for p in sorted(Path("out/attempts").glob("odd*/exit.json"))]


def cell(name: str) -> dict:
    table = rlbench("table", "out", "--json").stdout
    return {c["algorithm"]: c for c in json.loads(table)["cells"]}[name]


def test_a_group_over_its_time_is_stopped_at_a_safe_point_and_goes_on_when_asked(write, capfd):
    slow = "if interaction.steps == 100 and not os.path.exists('go'): time.sleep(0.2); threading.Event().wait(3)"
    command = write(
        slow + "\n            if interaction.steps >= 100 and not os.path.exists('go'): time.sleep(0.05)", steps=400
    )
    assert invoke([*command, "--timeout", "2.5s"]) == 1
    said = capfd.readouterr().err
    assert "odd on CartPole-v1, seed 4: timeout: exceeded its time limit of 2.5 s; stopped at step 10" in said
    assert cell("random")["n_valid"] == 1 and cell("odd")["statuses"] == {"timeout": 1}
    assert "Thread" in next(Path("out/attempts").glob("odd*/stderr.log")).read_text()  # where it stood
    assert invoke(command) == 1 and "0 to do" in capfd.readouterr().err  # a time-out is a result, not a pause
    Path("go").touch()
    assert invoke([*command, "--rerun", "failed"]) == 0
    assert "odd on CartPole-v1, seed 4: started from step 10" in capfd.readouterr().err


def test_an_error_after_a_request_to_stop_is_an_interruption_and_the_run_resumes(write, capfd):
    """Such a request may reach a compiler too, as `scancel` does, and its end is an exception of the algorithm."""
    fails = "if interaction.steps == 100 and not os.path.exists('go'): os.kill(os.getpid(), signal.SIGTERM); raise OSError('gone')"
    command = write(fails)
    assert invoke(command) == 1
    said = capfd.readouterr().err
    assert "odd on CartPole-v1, seed 4: interrupted: asked to stop, and then OSError: gone" in said
    Path("go").touch()
    assert invoke(command) == 0 and cell("odd")["statuses"] == {"done": 1}


# The second one never gives another thread its turn, so not even the heartbeat is sent.
DEAF = "signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGTERM]); threading.Event().wait()"
BUSY = "__import__('re').match('(a|a)*b', 'a' * 60)"


@pytest.mark.parametrize(("limit", "deaf"), [("--timeout", DEAF), ("--stall-timeout", BUSY)], ids=["waits", "computes"])
def test_a_group_that_hears_nothing_is_killed_after_its_grace(write, capfd, monkeypatch, limit, deaf):
    monkeypatch.setattr(local, "GRACE_SECONDS", 0.5)
    assert invoke([*write(deaf), limit, "3s"]) == 1
    status, why = (
        ("timeout", "exceeded its time limit of 3 s")
        if limit == "--timeout"
        else ("stalled", "took no environment step for 3 s")
    )
    assert [(e["status"], e["message"].split(",")[0]) for e in exits()] == [(status, why)]
    log = next(Path("out/attempts").glob("odd*/stderr.log"))
    assert "odd.py" in log.read_text() and str(log) in capfd.readouterr().err
    assert cell("random")["n_valid"] == 1


FULL = """if interaction.steps == 60 and not os.path.exists('room'):
                fds = {os.readlink(f'/proc/self/fd/{fd}'): int(fd) for fd in os.listdir('/proc/self/fd') if os.path.exists(f'/proc/self/fd/{fd}')}
                os.dup2(os.open('/dev/full', os.O_WRONLY), next(fd for path, fd in fds.items() if path.endswith('metrics.jsonl')))
                interaction.log(x=1.0)"""


@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="needs /dev/full")
@pytest.mark.parametrize("executor", ["local", "serial"])
def test_a_full_disk_ends_with_74_loses_nothing_and_goes_on_once_there_is_room(write, capfd, executor):
    command = [*write(FULL), "-j", "1", "--executor", executor]
    assert invoke(command) == 74
    said = capfd.readouterr().err
    assert "no room left to write" in said and "MB free" in said and "finished runs are safe" in said
    assert cell("random")["n_valid"] == 1 and cell("odd")["statuses"] == {"interrupted": 1}
    Path("room").touch()
    assert invoke(command) == 0 and cell("odd")["n_valid"] == 1


def test_the_time_for_a_whole_command_ends_it_as_a_signal_would_and_the_next_goes_on(write, capfd):
    command = write("if not os.path.exists('go'): time.sleep(0.02)", steps=2000)
    assert invoke([*command, "--stop-after", "6s"]) == 1
    said = capfd.readouterr().err
    assert "--stop-after reached: stopping 1 group at its next safe point" in said
    assert [e["status"] for e in exits()] == ["interrupted"] and cell("random")["n_valid"] == 1
    Path("go").touch()
    assert invoke(command) == 0 and "odd on CartPole-v1, seed 4: started from step " in capfd.readouterr().err


def test_two_interrupts_kill_at_once_and_nothing_is_left(write):
    deaf = "signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGTERM]); open('deaf', 'w'); threading.Event().wait()"
    command = [sys.executable, "-m", "rlbench.cli.main", *write(deaf)]
    with subprocess.Popen(command, stderr=subprocess.PIPE, stdout=subprocess.DEVNULL, text=True) as harness:
        assert harness.stderr is not None
        while not Path("deaf").exists():
            assert harness.poll() is None
        workers = psutil.Process(harness.pid).children(recursive=True)
        harness.send_signal(signal.SIGINT)
        next(line for line in harness.stderr if "a second Ctrl-C kills them" in line)
        harness.send_signal(signal.SIGINT)
        assert harness.wait(timeout=20) == 130
    assert not psutil.wait_procs(workers, timeout=5)[1]


def test_a_second_harness_is_refused_and_told_who_is_there(write):
    command = [sys.executable, "-m", "rlbench.cli.main", *write("time.sleep(0.01)", steps=100_000)]
    with subprocess.Popen(command, stderr=subprocess.PIPE, stdout=subprocess.DEVNULL, text=True) as first:
        assert first.stderr is not None
        next(line for line in first.stderr if "started" in line)
        try:
            second = subprocess.run(command, capture_output=True, text=True, timeout=30)
        finally:
            first.terminate()
        assert first.wait() == 143
    assert second.returncode == 75 and f"process {first.pid}, since " in second.stderr
    assert f"host {os.uname().nodename}" in second.stderr


@pytest.mark.skipif(not os.path.isdir("/sys/kernel"), reason="needs a folder that not even root may write")
def test_a_folder_that_cannot_be_written_is_told_before_training(write, capfd):
    assert invoke([*write()[:3], "/sys/kernel/results", *write()[4:]]) == 73
    said = capfd.readouterr().err
    assert "/sys/kernel/results: cannot be written by" in said and "-o" in said and "started" not in said


def test_a_file_in_the_place_of_the_folder_is_told_before_training(write, capfd):
    Path("out").write_text("mine")
    assert invoke([*write()[:3], "out/inner", *write()[4:]]) == 73
    assert "out/inner: cannot be written by" in capfd.readouterr().err and Path("out").read_text() == "mine"
