"""`--executor slurm`, with commands that stand for Slurm's: what is submitted, and what becomes of groups and tasks."""

import json
import os
import signal
import subprocess
import sys
import threading
from pathlib import Path

import pytest
from support import pretended_slurm
from support.cli import rlbench
from support.document_blocks import blocks
from support.published_runs import published
from support.waiting_algorithm import FAULTY, PLUGIN, SUITE, when

from rlbench.api import ExecutorContext, StoreError
from rlbench.clusters import pilot_main, slurm
from rlbench.clusters.slurm_commands import job_name, script
from rlbench.results.job_queue import JobQueue, QueueEntry
from rlbench.suites.cluster_models import SlurmEntry

WAITS = ("run", "s.yaml", "--plugin", "odd.py", "--no-report", "--executor", "slurm", "-j", 1)


@pytest.fixture
def cluster(tmp_path, monkeypatch):
    """A folder with a suite, the commands of Slurm, and the folder of these commands. Questions wait for no time."""
    monkeypatch.chdir(tmp_path)
    Path("odd.py").write_text(PLUGIN)
    Path("s.yaml").write_text(SUITE)
    state = tmp_path / "cluster"
    monkeypatch.setenv("PATH", f"{pretended_slurm.install(state)}{os.pathsep}{os.environ['PATH']}")
    monkeypatch.setattr(slurm, "POLL_SECONDS", 0.05)
    monkeypatch.setattr(slurm, "ASK_SECONDS", 0.3)
    monkeypatch.setattr(slurm, "VISIBLE_SECONDS", 1.0)
    yield state
    for process in pretended_slurm.tasks(state).values():
        os.kill(process, signal.SIGKILL)


@pytest.fixture(scope="module")
def expected(tmp_path_factory):
    """What the suite's runs publish without a cluster."""
    folder = tmp_path_factory.mktemp("local")
    (folder / "odd.py").write_text(PLUGIN)
    (folder / "s.yaml").write_text(SUITE)
    before = Path.cwd()
    os.chdir(folder)
    try:
        Path("go").touch()
        assert rlbench("run", "s.yaml", "--plugin", "odd.py", "--no-report", "-o", "out").returncode == 0
        return published(folder / "out")
    finally:
        os.chdir(before)


def attempts(name="waits"):
    return [json.loads(path.read_text()) for path in sorted(Path("out/attempts").glob(f"{name}*/group.json"))]


def test_a_script_asks_for_what_the_suite_says():
    entry = SlurmEntry(partition="short", time="90m", cpus=2, gpus=1, mem="4GB", extra=["--constraint=avx512"])
    text = script(Path("/scratch/out"), entry.model_dump(), 7)
    assert text.splitlines() == [
        "#!/bin/sh",
        f"#SBATCH --job-name={job_name(Path('/scratch/out'))}",
        "#SBATCH --array=0-6",
        "#SBATCH --output=/scratch/out/queue/tasks/%A_%a.log",
        "#SBATCH --open-mode=append",
        "#SBATCH --signal=B:TERM@90",
        "#SBATCH --partition=short",
        "#SBATCH --time=90",
        "#SBATCH --cpus-per-task=2",
        "#SBATCH --gres=gpu:1",
        "#SBATCH --mem=3815M",
        "#SBATCH --requeue",
        "#SBATCH --constraint=avx512",
        f"exec {sys.executable} -P -m rlbench.clusters.pilot_main /scratch/out 5400.0",
    ]


def test_a_run_is_the_same_as_without_a_cluster(cluster, expected):
    Path("go").touch()
    command = ("run", "s.yaml", "--plugin", "odd.py", "--no-report", "-o", "out", "--executor", "slurm", "-j", 2)
    ran = rlbench(*command)
    assert ran.returncode == 0, ran.stderr
    assert published(Path("out")) == expected
    assert JobQueue(Path("out")).entries() == [] and "waits on CartPole-v1: done" in ran.stderr
    before = len(pretended_slurm.calls(cluster))
    assert rlbench(*command).returncode == 0
    assert len(pretended_slurm.calls(cluster)) == before  # nothing is left to submit


def test_what_is_submitted_goes_on_without_the_harness_and_no_other_executor_trains_it_too(cluster, expected):
    ran = rlbench(*WAITS, "-o", "out", "--detach")
    assert ran.returncode == 0 and "2 runs continue without this command" in ran.stderr and ran.stdout == ""
    other = rlbench("run", "s.yaml", "--plugin", "odd.py", "-o", "out")
    assert other.returncode == 75 and "1 group queued or running on a cluster" in other.stderr
    assert rlbench("gc", "out").returncode == 75 or "in use" in rlbench("gc", "out").stderr
    when(Path("waits").exists, Path("go").touch)
    ran = rlbench(*WAITS, "-o", "out")
    assert ran.returncode == 0 and "1 task submitted earlier will be used" in ran.stderr
    assert len(attempts()) == 1 and published(Path("out")) == expected


def test_a_task_that_is_asked_to_end_saves_and_the_group_goes_on_without_using_a_retry(cluster, expected):
    def end():
        (process,) = pretended_slurm.tasks(cluster).values()
        Path("go").touch()
        os.kill(process, signal.SIGTERM)

    when(Path("waits").exists, end)
    ran = rlbench(*WAITS, "-o", "out", "--retries", 0)
    assert ran.returncode == 0 and "a checkpoint was saved" in ran.stderr
    first, second = attempts()
    assert first["restore"] == {} and set(second["restore"]) == {"0", "1"}
    assert published(Path("out")) == expected


def test_a_seed_whose_environment_failed_is_left_out_when_a_task_ends_and_the_other_resumes(cluster, monkeypatch):
    def end():
        (process,) = pretended_slurm.tasks(cluster).values()
        Path("go").touch()
        os.kill(process, signal.SIGTERM)

    Path("faulty.py").write_text(FAULTY)
    Path("s.yaml").write_text(SUITE.replace("CartPole-v1", "'faulty:Faulty-v0'"))
    monkeypatch.syspath_prepend(Path.cwd())
    when(Path("waits").exists, end)
    ran = rlbench(*WAITS, "-o", "out", "--retries", 0)
    assert ran.returncode == 1, ran.stderr
    _, second = attempts()
    assert second["group"]["seeds"] == [1] and set(second["restore"]) == {"1"}
    states = {run["seed"]: run for run in json.loads(rlbench("status", "out", "--json").stdout)["runs"]}
    assert states[0]["status"] == "failed" and "physics exploded" in states[0]["message"]
    assert states[1]["status"] == "done" and JobQueue(Path("out")).entries() == []


@pytest.mark.parametrize("retries", [1, 0])
def test_a_task_that_vanishes_costs_a_retry_and_the_group_resumes_from_its_checkpoint(cluster, expected, retries):
    def vanish():
        (process,) = pretended_slurm.tasks(cluster).values()
        Path("go").touch()
        os.kill(process, signal.SIGKILL)

    when(Path("waits").exists, vanish)
    ran = rlbench(*WAITS, "-o", "out", "--retries", retries)
    assert "its Slurm task ended without a result (1_0)" in ran.stderr
    assert (ran.returncode == 0) == bool(retries)
    assert rlbench(*WAITS, "-o", "out").returncode == 0
    assert set(attempts()[1]["restore"]) == {"0", "1"} and published(Path("out")) == expected


def test_a_harness_that_was_killed_is_followed_by_one_that_takes_over_its_tasks(cluster, expected):
    command = [sys.executable, "-m", "rlbench.cli.main", *map(str, WAITS), "-o", "out"]
    with subprocess.Popen(command, stderr=subprocess.DEVNULL) as first:
        when(Path("waits").exists, first.kill)
        assert first.wait() == -signal.SIGKILL
    Path("go").touch()
    assert rlbench(*WAITS, "-o", "out").returncode == 0
    assert len(attempts()) == 1 and published(Path("out")) == expected


@pytest.mark.parametrize("then", ["leave", "cancel"])
def test_an_interrupt_leaves_the_tasks_or_cancels_them(cluster, expected, then):
    Path("s.yaml").write_text(f"{SUITE}slurm: {{on_interrupt: {then}}}\n")
    when(Path("waits").exists, lambda: os.kill(os.getpid(), signal.SIGINT))
    ran = rlbench(*WAITS, "-o", "out")
    assert ran.returncode == 130
    assert bool(JobQueue(Path("out")).entries()) == bool(pretended_slurm.tasks(cluster)) == (then == "leave")
    assert ("`scancel --name rlbench-out-" in ran.stderr) == (then == "leave")
    Path("go").touch()
    assert rlbench(*WAITS, "-o", "out").returncode == 0
    assert published(Path("out")) == expected
    assert all(not attempt["restore"] for attempt in attempts()) == (then == "leave")


def test_more_groups_than_an_array_may_have_tasks_are_submitted_as_several_arrays(cluster, tmp_path):
    (cluster / "idle").touch()
    root = tmp_path / "many"
    for number in range(250):
        JobQueue(root).add(root / "attempts" / f"a{number}", ["true"], [])
    said = []
    context = ExecutorContext(250, print, print, print, say=said.append, detach=True)
    watcher = slurm._Watcher(root, [], context)
    watcher.run()
    scripts = [call for call in pretended_slurm.calls(cluster) if call[0] == "sbatch"]
    assert len(scripts) == 3 and "submitted to Slurm as 1 and 2 and 3" in said[0]


def test_a_cluster_that_refuses_leaves_no_group_in_the_queue(cluster):
    Path("s.yaml").write_text(f"{SUITE}slurm: {{partition: none}}\n")
    (cluster / "bin" / "sbatch").write_text(
        "#!/bin/sh\necho 'sbatch: error: invalid partition specified: none' >&2\nexit 1\n"
    )
    ran = rlbench(*WAITS, "-o", "out")
    assert ran.returncode == 2
    assert "error: sbatch failed: invalid partition specified: none" in ran.stderr
    assert JobQueue(Path("out")).entries() == []


def test_a_controller_that_does_not_answer_is_asked_again(cluster, expected):
    def interrupt():
        (cluster / "down").touch()
        before = len(pretended_slurm.calls(cluster))
        when(lambda: len(pretended_slurm.calls(cluster)) > before + 1, Path("go").touch)

    when(Path("waits").exists, interrupt)
    ran = rlbench(*WAITS, "-o", "out")
    assert ran.returncode == 0 and ran.stderr.count("Unable to contact slurm controller; asking again") == 1
    assert published(Path("out")) == expected


def test_tasks_that_end_at_once_are_submitted_three_times(cluster, monkeypatch):
    monkeypatch.setattr(slurm.slurm_commands, "module_command", lambda *arguments: ["echo", "no such file"])
    ran = rlbench(*WAITS, "-o", "out")
    assert ran.returncode not in (0, 3)
    assert "no task of 3 submissions has taken a group" in ran.stderr and "no such file" in ran.stderr
    assert len([call for call in pretended_slurm.calls(cluster) if call[0] == "sbatch"]) == 4
    assert JobQueue(Path("out")).entries() == []


def test_without_slurm_the_error_says_so(cluster, monkeypatch):
    monkeypatch.setenv("PATH", "/nonexistent")
    ran = rlbench(*WAITS, "-o", "out")
    assert "squeue was not found; run this where Slurm's commands are installed" in ran.stderr


@pytest.mark.parametrize("key", ["slurm: {partition: 'a b'}", "slurm: {extra: ['echo hi']}", "slurm: {time: soon}"])
def test_a_suite_that_would_write_something_else_into_the_script_is_refused(cluster, key):
    Path("s.yaml").write_text(f"{SUITE}{key}\n")
    ran = rlbench("check", "s.yaml", "--plugin", "odd.py")
    assert ran.returncode == 2 and "s.yaml:8:" in ran.stderr


def test_no_other_executor_can_detach(cluster):
    ran = rlbench("run", "s.yaml", "--plugin", "odd.py", "--detach", "-o", "out")
    assert ran.returncode == 2 and "--detach needs an executor whose jobs continue without this process" in ran.stderr


def test_a_pilot_takes_each_group_once(tmp_path):
    queue = JobQueue(tmp_path)
    queue.add(tmp_path / "attempts" / "a", ["true"], [])
    (entry,) = queue.entries()
    taken = queue.take(entry, "1_0")
    assert taken == QueueEntry(entry.attempt, "1_0") and queue.take(entry, "1_1") is None
    assert queue.take(entry, "1_0") == taken  # as when a server's first answer is lost
    assert queue.entries() == [taken]


def test_a_pilot_whose_time_is_up_takes_no_further_group_and_asks_to_come_again(cluster, tmp_path, monkeypatch):
    with subprocess.Popen([sys.executable, "-c", "import signal; signal.pause()"]) as running:
        task = {"process": running.pid, "script": "#!/bin/sh\n#SBATCH --output=/dev/null\n"}
        (cluster / "tasks" / "9_0").write_text(json.dumps(task))
        check_that_it_comes_again(cluster, tmp_path, monkeypatch)
        running.kill()


def check_that_it_comes_again(cluster, tmp_path, monkeypatch):
    monkeypatch.setenv("SLURM_JOB_ID", "9_0")
    monkeypatch.setattr(signal, "signal", lambda number, handler: None)
    queue = JobQueue(tmp_path)
    queue.add(tmp_path / "attempts" / "a", ["true"], [])
    pilot = pilot_main.Pilot(tmp_path, 100)
    pilot._began -= 51  # seconds; it is asked to end a quarter of its time before the limit
    assert pilot.run() == 0
    assert pretended_slurm.calls(cluster)[-1] == ["scontrol", "requeue", "9_0"]
    assert not queue.entries()[0].holder


def test_a_task_that_is_asked_to_end_before_it_can_read_a_group_gives_the_group_back(tmp_path, monkeypatch):
    def unreadable(entry):
        pilot._preempt(signal.SIGTERM, None)
        raise StoreError("not visible yet")

    monkeypatch.setattr(pilot_main, "read_job", unreadable)
    monkeypatch.setattr(pilot_main, "PAUSE_SECONDS", 0)
    monkeypatch.setattr(signal, "signal", lambda number, handler: None)
    queue = JobQueue(tmp_path)
    queue.add(tmp_path / "attempts" / "a", ["true"], [])
    monkeypatch.setenv("SLURM_JOB_ID", "9_0")
    monkeypatch.setattr(pilot_main.Pilot, "_come_again", lambda self, job: asked.append(job))
    asked = []
    pilot = pilot_main.Pilot(tmp_path, 100)  # seconds; the request to end comes near the limit
    assert pilot.run() == 0 and queue.entries() == [QueueEntry(tmp_path / "attempts" / "a")]
    assert asked == ["9_0"]


def test_the_documents_script_saves_before_the_limit_and_resumes_when_it_is_started_again(cluster, expected):
    (text,) = [block.body for block in blocks("docs/cluster.md") if "cat > job.sh" in block.body]
    script = text.partition("<<'END'\n")[2].partition("\nEND\n")[0]
    script = script.replace("rlbench run", f"{sys.executable} -m rlbench.cli.main run")
    Path("job.sh").write_text(script.replace("study.yaml -o out2", "s.yaml -o out --plugin odd.py --no-report"))
    subprocess.run(["sbatch", "job.sh"], check=True, stdout=subprocess.DEVNULL)
    happened = threading.Event()
    when(Path("waits").exists, happened.set)
    assert happened.wait(60)
    happened.clear()
    Path("go").touch()
    os.kill(pretended_slurm.tasks(cluster)["1"], signal.SIGTERM)
    when(lambda: not pretended_slurm.tasks(cluster) and len(attempts()) == 2, happened.set)
    assert happened.wait(60), Path("slurm-1.out").read_text()
    assert ["scontrol", "requeue", "1"] in pretended_slurm.calls(cluster)
    assert published(Path("out")) == expected and set(attempts()[1]["restore"]) == {"0", "1"}


LATE = """
import fnmatch, os, sys, time
words = " ".join(sys.orig_argv)
unseen = ["*/queue/*.waiting", "*/group.json"] if "pilot_main" in words else []
unseen = ["*/queue/*.taken.*", "*/exit.json", "*/heartbeat"] if "rlbench.cli.main" in words else unseen
listdir, stat, open_file = os.listdir, os.stat, os.open

def is_late(path):
    path = os.fsdecode(path)
    if not any(fnmatch.fnmatch(path, pattern) for pattern in unseen):
        return False
    try:
        return time.time() - stat(path).st_ctime < 10
    except OSError:
        return False

def refuse_late(function):
    def refusing(path, *arguments, **options):
        if isinstance(path, (str, os.PathLike)) and is_late(os.path.abspath(path)):
            raise FileNotFoundError(2, "No such file or directory", str(path))
        return function(path, *arguments, **options)
    return refusing

os.listdir = lambda path=".": [name for name in listdir(path) if not is_late(os.path.join(os.path.abspath(path), name))]
os.stat, os.open = refuse_late(stat), refuse_late(open_file)
"""


@pytest.mark.long
def test_files_that_other_machines_see_ten_seconds_late_cause_no_failure(cluster, expected, monkeypatch):
    Path("late").mkdir()
    Path("late/sitecustomize.py").write_text(LATE)
    monkeypatch.setenv("PYTHONPATH", str(Path("late").resolve()))
    Path("go").touch()
    command = [sys.executable, "-m", "rlbench.cli.main", *map(str, WAITS), "-o", "out"]
    ran = subprocess.run(command, capture_output=True, text=True, timeout=250)
    assert ran.returncode == 0 and "without a result" not in ran.stderr, ran.stderr
    assert len(attempts()) == 1 and published(Path("out")) == expected


def test_seeds_that_are_added_in_batches_need_a_command_that_stays(cluster):
    ran = rlbench("run", "s.yaml", "--plugin", "odd.py", "--executor", "slurm", "--detach", "--until-decided")
    assert ran.returncode == 2 and "--detach contradicts --until-decided" in ran.stderr


def test_a_group_whose_task_was_killed_between_its_two_entries_is_continued_once(cluster, expected, monkeypatch):
    """The new attempt is in the queue, and the old entry is still that of the task that is gone."""
    monkeypatch.setenv("RLBENCH_FAIL_AT", "continuation-added")

    def end():
        monkeypatch.delenv("RLBENCH_FAIL_AT")
        (process,) = pretended_slurm.tasks(cluster).values()
        Path("go").touch()
        os.kill(process, signal.SIGTERM)

    when(Path("waits").exists, end)
    ran = rlbench(*WAITS, "-o", "out", "--retries", 0)
    assert ran.returncode == 0, ran.stderr
    assert len(attempts()) == 2 and published(Path("out")) == expected


def test_why_slurm_starts_no_task_is_said_once_unless_they_wait_for_their_turn(cluster, tmp_path):
    said = []
    watcher = slurm._Watcher(tmp_path, [], ExecutorContext(1, print, print, print, say=said.append))
    watcher._name_obstacles(["PENDING Priority", "PENDING None", "RUNNING None", "PENDING BeginTime"])
    assert said == []
    for _ in range(2):
        watcher._name_obstacles(["PENDING PartitionTimeLimit", "PENDING Priority"])
    assert len(said) == 1 and "does not start tasks" in said[0] and "PartitionTimeLimit" in said[0]


def test_a_misspelled_key_gets_a_hint(cluster):
    Path("s.yaml").write_text(f"{SUITE}slurm: {{tme: 4h}}\n")
    ran = rlbench("check", "s.yaml", "--plugin", "odd.py")
    assert ran.returncode == 2 and "unknown key 'tme'; did you mean 'time'?" in ran.stderr


def test_status_names_the_queue(cluster):
    (cluster / "idle").touch()
    assert rlbench(*WAITS, "-o", "out", "--detach").returncode == 0
    assert "in the queue for a cluster: 0 taken by tasks, 1 waiting" in rlbench("status", "out").stdout
