"""A clock that is set back and forward while a suite runs: limits, durations and the order of attempts stay true."""

import itertools
import json
import time
from pathlib import Path

import pytest
from support.cli import rlbench
from support.small_suites import LIGHT

import rlbench as harness
from rlbench.executors import local, time_limits

pytestmark = pytest.mark.faults

# In a worker, too, the time of day jumps at every look at it: an hour back, then a day forward.
PLUGIN = """
import itertools, sys, threading, time
from rlbench import Algorithm, AlgorithmSpec, Supports, hookimpl

if "--control" in sys.argv[-1]:
    real, jumps = time.time, itertools.cycle((-3600, 86400, 0))
    time.time = lambda: real() + next(jumps)
    time.time_ns = lambda: int(time.time() * 1e9)

class Leans(Algorithm):
    def act(self, obs): return (obs[..., 2] > 0).astype(int)
    def train(self, interaction):
        interaction.reset()
        while not interaction.finished:
            interaction.checkpoint()
            interaction.step(self.act(interaction.obs))

class Waits(Leans):
    def train(self, interaction):
        threading.Event().wait()

@hookimpl
def rlbench_algorithms():
    return [AlgorithmSpec(kind.__name__.lower(), kind, Supports(discrete=True)) for kind in (Leans, Waits)]
"""
LIMITS = "timeout: 10m\nstall_timeout: 10m\ncheckpoint_every: 40\n"


@pytest.fixture
def suite(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for name in ("time", "time_ns"):  # what the plugin puts in their place, if it is imported here, goes with the test
        monkeypatch.setattr(time, name, getattr(time, name))
    Path("leans.py").write_text(PLUGIN)
    Path("s.yaml").write_text(LIGHT.format(more="leans") + LIMITS)
    return ["run", "s.yaml", "--plugin", "leans.py", "-o", "out", "--stop-after", "10m"]


def set_clock_at_random(monkeypatch):
    real, jumps = time.time, itertools.cycle((-3600, 86400, 0))
    monkeypatch.setattr(time, "time", lambda: real() + next(jumps))
    monkeypatch.setattr(time, "time_ns", lambda: int(time.time() * 1e9))


@pytest.mark.parametrize("executor", ["local", "serial"])
def test_a_clock_that_is_set_ends_no_run_and_lengthens_none(suite, monkeypatch, executor):
    set_clock_at_random(monkeypatch)
    began = time.monotonic()
    ran = rlbench(*suite, "--executor", executor)
    took = time.monotonic() - began
    assert ran.returncode == 0, ran.stderr
    results = [json.loads(path.read_text()) for path in Path("out/runs").glob("*/result.json")]
    assert len(results) == 6
    for result in results:
        assert all(0 <= result[name] <= took for name in ("wall_seconds", "group_wall_seconds", "cpu_seconds"))
    grid = harness.load("out").evaluations().query("kind == 'grid'").sort_values("step")
    seconds = grid.groupby("key")["wall_seconds"]
    assert seconds.apply(lambda column: column.is_monotonic_increasing and 0 <= column.max() <= took).all()
    assert rlbench("report", "out", "-o", "out/r.html").returncode == 0


@pytest.mark.parametrize("limit", ["--timeout", "--stall-timeout"])
def test_a_clock_that_is_set_keeps_no_limit_from_being_kept(suite, monkeypatch, limit):
    Path("s.yaml").write_text(LIGHT.format(more="waits"))
    monkeypatch.setattr(local, "GRACE_SECONDS", 0.2)
    set_clock_at_random(monkeypatch)
    ran = rlbench(*suite, "-a", "waits", limit, "1s")
    assert (
        ran.returncode == 1
        and f"waits on CartPole-v1, seeds 0, 1, 2: {'timeout' if limit == '--timeout' else 'stalled'}" in ran.stderr
    )


def test_attempts_follow_one_another_though_the_clock_is_set_back_between_them(suite, monkeypatch):
    assert rlbench(*suite, "--retries", "0", RLBENCH_FAIL_AT="evaluated:4").returncode == 1
    monkeypatch.setattr(time, "time_ns", lambda: 1)
    monkeypatch.setattr(time, "time", lambda: 1e-9)
    again = rlbench(*suite)
    assert again.returncode == 0 and "leans on CartPole-v1: started from step 40" in again.stderr, again.stderr
    newest = {}
    for path in Path("out/attempts").glob("leans*/group.json"):
        newest[json.loads(path.read_text())["order"]] = path.parent.name
    (attempt,) = {json.loads(path.read_text())["attempt"] for path in Path("out/runs").glob("leans*/result.json")}
    assert len(newest) == 2 and newest[max(newest)] == attempt


def test_a_machine_that_sleeps_for_an_hour_uses_up_no_limit(suite, monkeypatch):
    real, slept, asked = time.monotonic, 0.0, itertools.count()

    def monotonic():
        nonlocal slept
        slept += 3600 * (next(asked) == 5)  # after the workers have started
        return real() + slept

    monkeypatch.setattr(time_limits.time, "monotonic", monotonic)
    ran = rlbench(*suite)
    assert slept == 3600 and ran.returncode == 0, ran.stderr
