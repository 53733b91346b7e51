"""Ctrl-C at any point, twice, three times, and a stopped harness: what is published stays, the same command goes on."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from support.cli import rlbench
from support.ended_processes import descendants, wait_for_all
from support.published_runs import published, results
from support.small_suites import LIGHT

pytestmark = pytest.mark.faults

# The command's own process is interrupted at the point that is named; WORKER is what a worker does at its publication.
PLUGIN = """
import os, signal, subprocess, sys, threading
from rlbench import Algorithm, AlgorithmSpec, Supports, hookimpl

def interrupt(point):
    if os.environ.get("POINT") == f"{os.getpid()} {point}":
        del os.environ["POINT"]
        signal.raise_signal(signal.SIGINT)

class Leans(Algorithm):
    def act(self, obs): return (obs[..., 2] > 0).astype(int)
    def train(self, interaction):
        interaction.reset()
        while not interaction.finished:
            interaction.checkpoint()
            interaction.step(self.act(interaction.obs))

class Deaf(Leans):
    def train(self, interaction):
        for own_session in (False, True):
            subprocess.Popen([sys.executable, "-c", "import signal; signal.pause()"], start_new_session=own_session)
        signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGTERM])
        open("ready", "w").close()
        threading.Event().wait()

@hookimpl
def rlbench_algorithms():
    return [AlgorithmSpec(kind.__name__.lower(), kind, Supports(discrete=True)) for kind in (Leans, Deaf)]

@hookimpl
def rlbench_suite_started(): interrupt("suite started")
@hookimpl
def rlbench_group_started(): interrupt("group started")
@hookimpl
def rlbench_evaluated(): interrupt("evaluated")
@hookimpl
def rlbench_group_finished(): interrupt("group finished")
@hookimpl
def rlbench_suite_finished(): interrupt("suite finished")

interrupt("imported")
"""
POINTS = ("imported", "suite started", "group started", "evaluated", "group finished", "suite finished")


@pytest.fixture
def run(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    Path("leans.py").write_text(PLUGIN)
    Path("s.yaml").write_text(LIGHT.format(more="leans") + "checkpoint_every: 40\njobs: 1\n")

    def ran(out="out", **environment):
        return rlbench("run", "s.yaml", "-o", out, "--plugin", "leans.py", **environment)

    return ran


def test_an_interrupt_at_any_point_loses_nothing_and_the_same_command_goes_on(run):
    assert run("whole").returncode == 0
    finished = {}
    for point in POINTS:
        ran = run(POINT=f"{os.getpid()} {point}")
        assert ran.returncode == 130 and "Traceback" not in ran.stderr, (point, ran.stderr)
        if point not in ("imported", "suite finished"):
            assert "run the same command again to resume the others" in ran.stderr
        now = {result["key"]: result for result in results(Path("out"))} if Path("out/runs").exists() else {}
        assert all(now[key] == finished[key] for key in finished), point
        finished = now
        assert not [path for path in Path("out").rglob(".*") if path.is_file()]
    assert len(finished) == 6 and run().returncode == 0
    assert published(Path("out")) == published(Path("whole"))
    assert rlbench("table", "out", "--json") == rlbench("table", "whole", "--json")


def test_a_second_interrupt_while_a_run_is_published_leaves_it_unpublished_and_whole_the_next_time(run):
    Path("s.yaml").write_text(LIGHT.format(more="leans").replace("random, ", ""))
    assert run("whole").returncode == 0
    publishing = """
from rlbench.results import publication
def interrupt_twice(name):
    if name == "published-episodes" and not os.path.exists("again"):
        asked, signals = os.pipe()
        os.set_blocking(signals, False)
        signal.set_wakeup_fd(signals)
        os.kill(os.getppid(), signal.SIGINT)
        os.read(asked, 1)  # until the command asks to stop; signal.pause() could miss a signal that comes just before it
        os.kill(os.getppid(), signal.SIGINT)
        threading.Event().wait()
if "--control" in sys.argv[-1]:  # in a worker
    publication.failpoint = interrupt_twice
"""
    Path("leans.py").write_text(PLUGIN + publishing)
    ran = run()
    assert ran.returncode == 130 and "a second Ctrl-C kills them" in ran.stderr
    assert results(Path("out")) == [] and "3 interrupted" in rlbench("status", "out").stdout
    Path("again").touch()
    assert run().returncode == 0 and published(Path("out")) == published(Path("whole"))


@pytest.mark.skipif(not hasattr(os, "pidfd_open"), reason="needs Linux")
def test_three_interrupts_at_once_end_all_that_was_started(run):
    os.mkfifo("ready")
    Path("s.yaml").write_text("{name: s, algorithms: [deaf], environments: [{id: CartPole-v1, steps: 200}], seeds: 1}")
    command = [sys.executable, "-m", "rlbench.cli.main", "run", "s.yaml", "-o", "out", "--plugin", "leans.py"]
    with subprocess.Popen(command, stderr=subprocess.PIPE, stdout=subprocess.DEVNULL, text=True) as harness:
        open("ready").close()
        family = descendants(harness.pid)
        assert len(family) == 4
        harness.send_signal(signal.SIGINT)
        next(line for line in harness.stderr if "a second Ctrl-C kills them" in line)
        harness.send_signal(signal.SIGINT)
        harness.send_signal(signal.SIGINT)
        wait_for_all(family)
        assert harness.wait() in (130, -signal.SIGINT)
    told = rlbench("status", "out")
    assert "1 run: 1 interrupted" in told.stdout and not told.stderr


def test_a_command_that_is_stopped_and_continued_goes_on(run):
    command = [sys.executable, "-m", "rlbench.cli.main", "run", "s.yaml", "-o", "out", "--plugin", "leans.py"]
    command += ["--stall-timeout", "1m", "--timeout", "1m"]
    with subprocess.Popen(command, stderr=subprocess.PIPE, stdout=subprocess.DEVNULL, text=True) as harness:
        next(line for line in harness.stderr if "started" in line)
        harness.send_signal(signal.SIGSTOP)
        os.waitid(os.P_PID, harness.pid, os.WSTOPPED)
        harness.send_signal(signal.SIGCONT)
        said = harness.stderr.read()
        assert harness.wait() == 0, said
    assert len(results(Path("out"))) == 6
