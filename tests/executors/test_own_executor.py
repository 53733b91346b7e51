"""An executor of somebody else's: the smallest one trains a suite, and its ends are read from the attempt folders."""

import json
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from support.cli import rlbench

from rlbench.api import EndEvent, EvaluationEvent, NoticeEvent, ProgressEvent, RunStatus, StartEvent
from rlbench.executors.events import event_as_dict, event_from_dict, read_end

OWN = """
import subprocess
from collections.abc import Sequence
from rlbench import ExecutorSpec, hookimpl
from rlbench.api import ExecutorContext, Job, StartEvent

def execute(jobs: Sequence[Job], context: ExecutorContext) -> None:
    for job in jobs:
        context.on_event(job, StartEvent())
        {run}
        context.on_event(job, context.read_end(job))

@hookimpl
def rlbench_executors() -> list[ExecutorSpec]:
    return [ExecutorSpec("own", execute)]
"""
SUITE = "{name: s, algorithms: [random, dqn], environments: [{id: CartPole-v1, steps: 1_200}], seeds: 2, evaluation: {final_episodes: 3}}"


@pytest.fixture
def folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    Path("s.yaml").write_text(SUITE)
    return tmp_path


def ran(how, *options):
    Path("own.py").write_text(OWN.format(run=how))
    return rlbench("run", "s.yaml", "--plugin", "own.py", *options)


def evaluations(out):
    import rlbench as api

    return api.load(out).evaluations().drop(columns="wall_seconds")


def test_eight_lines_train_a_suite_and_the_numbers_are_those_of_the_local_executor(folder):
    own = ran("subprocess.run(job.command)", "-o", "own", "--executor", "own")
    assert own.returncode == 0 and "dqn on CartPole-v1: done" in own.stderr
    assert ran("pass", "-o", "local").returncode == 0
    assert evaluations("own").equals(evaluations("local"))  # bit for bit: the command sets a worker's environment


def test_a_process_that_leaves_no_word_counts_as_interrupted_and_resumes_elsewhere(folder):
    kill = "process = subprocess.Popen(job.command); process.kill(); process.wait()"
    own = ran(kill, "-o", "out", "--executor", "own")
    assert own.returncode == 1 and "interrupted: its process exited without reporting a result" in own.stderr
    assert ran("pass", "-o", "out").returncode == 0


def test_sigterm_asks_the_command_to_save_and_stop(folder):
    stop = f"process = subprocess.Popen(job.command); process.send_signal({int(signal.SIGTERM)}); process.wait()"
    own = ran(stop, "-o", "out", "--executor", "own")
    assert own.returncode == 1 and "interrupted" in own.stderr and "failed" not in own.stderr


@pytest.mark.parametrize(
    "event",
    [
        ProgressEvent(5, 9),
        EvaluationEvent("grid", 5, (1.0, 2.5)),
        NoticeEvent("hm"),
        NoticeEvent("hm", once=True),
        EndEvent(RunStatus.DONE, ""),
        EndEvent(RunStatus.INTERRUPTED, "full", disk_full=True),
    ],
)
def test_an_event_comes_back_from_a_worker_as_it_was_sent(event):
    assert event_from_dict(json.loads(json.dumps(event_as_dict(event)))) == event


def test_a_start_is_reported_by_the_executor_and_not_by_a_worker():
    assert event_as_dict(StartEvent()) == {"event": "started"}


@pytest.mark.parametrize("text", ["", "[]", '{"status": "dong"}'])
def test_an_exit_report_that_cannot_be_read_counts_as_interrupted(tmp_path, text):
    (tmp_path / "exit.json").write_text(text)
    assert read_end(tmp_path).status == RunStatus.INTERRUPTED


@pytest.mark.long
def test_a_plugin_is_checked_against_the_contract_by_its_authors_mypy(folder):
    def checked(how):
        Path("own.py").write_text(OWN.format(run=how))
        return subprocess.run([sys.executable, "-m", "mypy", "--strict", "own.py"], capture_output=True, text=True)

    right, wrong = checked("subprocess.run(job.command)"), checked("context.on_event(job, 3)")
    assert right.returncode == 0, right.stdout
    assert 'incompatible type "int"; expected "StartEvent | ProgressEvent' in wrong.stdout
