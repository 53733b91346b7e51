"""What a run leaves behind holds up nobody: threads, children, another folder, a copy of its process."""

from pathlib import Path

import pytest
from support.cli import rlbench

import rlbench as harness
from rlbench.executors import local

pytestmark = pytest.mark.faults

PLUGIN = """
import multiprocessing, os, threading, time
from rlbench import Algorithm, AlgorithmSpec, Supports, hookimpl

class Odd(Algorithm):
    def act(self, obs): return (obs[..., 2] > 0).astype(int)
    def train(self, interaction):
        interaction.reset()
        while not interaction.finished:
            interaction.step(self.act(interaction.obs))
            if interaction.steps == 50:
                {how}

@hookimpl
def rlbench_algorithms(): return [AlgorithmSpec("odd", Odd, Supports(discrete=True))]
"""
SUITE = """
name: s
algorithms: [odd, random]
environments: [{id: CartPole-v1, steps: 200}]
seeds: 1
evaluation: {episodes: 2, final_episodes: 3}
jobs: 1
"""
THREAD = "threading.Thread(target=threading.Event().wait).start()"
CHILD = 'multiprocessing.get_context("fork").Process(target=time.sleep, args=(1e6,)).start()'


@pytest.fixture
def run(tmp_path, monkeypatch):
    """Run a suite in a folder by a relative path; a worker has half a second to end."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(local, "LEAVING_SECONDS", 0.5)
    Path("s.yaml").write_text(SUITE)

    def ran(how, *options):
        Path("odd.py").write_text(PLUGIN.format(how=how))
        return rlbench("run", "s.yaml", "-o", "out", "--plugin", "odd.py", *options)

    return ran


def statuses():
    return dict(zip(*(harness.load("out").runs()[name] for name in ("algorithm", "status"))))


@pytest.mark.parametrize("left", [THREAD, CHILD], ids=["thread", "child"])
def test_a_worker_that_does_not_end_after_its_last_word_is_ended(run, left):
    told = run(left)
    assert told.returncode == 0 and statuses() == {"odd": "done", "random": "done"}
    assert "did not exit within 0.5 s after it had finished" in told.stderr


def test_a_child_left_in_this_process_is_ended_when_its_run_is_over(run):
    told = run(CHILD, "--executor", "serial")
    assert told.returncode == 0 and statuses() == {"odd": "done", "random": "done"}
    assert "left behind: process" in told.stderr


@pytest.mark.parametrize("executor", ["local", "serial"])
def test_a_run_that_changes_its_folder_is_published_where_it_was_to_be(run, executor):
    here = Path.cwd()
    assert run('os.chdir("/")', "--executor", executor).returncode == 0
    assert Path.cwd() == here and statuses() == {"odd": "done", "random": "done"}


@pytest.mark.parametrize("executor", ["local", "serial"])
def test_a_copy_of_the_process_records_nothing(run, executor):
    assert run("pass", "--executor", executor).returncode == 0
    alone = harness.load("out").evaluations()
    told = run("os.fork()", "--executor", executor, "--rerun", "all")
    both = harness.load("out").evaluations()
    assert told.returncode == 0 and both["returns"].map(list).tolist() == alone["returns"].map(list).tolist()
    assert (both.groupby("algorithm")["kind"].value_counts()[:, "final"] == 1).all()


def test_what_a_worker_reports_of_another_shape_is_told_and_passed_over(run):
    fake = (
        '[os.write(fd, b\'[]\\n{"event": "exit", "code": 9}\\nhalf a line\') for fd in range(3, 1024)'
        " if os.path.exists(f'/proc/self/fd/{fd}') and os.readlink(f'/proc/self/fd/{fd}').startswith('pipe:')]"
    )
    told = run(fake, "--verbose")
    assert told.returncode == 0 and statuses() == {"odd": "done", "random": "done"}
    assert told.stderr.count("sent an invalid event") == 1
    steps = [line for line in told.stderr.splitlines() if "odd on" in line and " step " in line]
    assert len(steps) == 10  # the event after the half line is whole
