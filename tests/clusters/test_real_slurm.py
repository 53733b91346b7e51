"""`--executor slurm` on a real Slurm, where its packages can be fetched: three nodes of one core, on this machine."""

import os
import subprocess
from pathlib import Path

import pytest
from support import real_slurm
from support.cli import rlbench
from support.published_runs import published
from support.waiting_algorithm import PLUGIN, SUITE_OF_TWO, both_wait, restores, when

pytestmark = [pytest.mark.long, pytest.mark.timeout(600)]
COMMAND = ("run", "s.yaml", "--plugin", "odd.py", "--no-report", "--executor", "slurm", "-j", 3)


@pytest.fixture(scope="module")
def slurm(tmp_path_factory):
    try:
        with real_slurm.started(tmp_path_factory.mktemp("slurm"), 3) as variables:
            yield variables
    except LookupError as missing:
        pytest.skip(str(missing))


@pytest.fixture
def cluster(slurm, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    Path("odd.py").write_text(PLUGIN)
    Path("s.yaml").write_text(f"{SUITE_OF_TWO}slurm: {{time: 5m}}\n")
    Path("go").touch()
    assert rlbench("run", "s.yaml", "--plugin", "odd.py", "--no-report", "-o", "local").returncode == 0
    for name, value in slurm.items():
        monkeypatch.setenv(name, value)
    Path("go").unlink()
    Path("waits").unlink(missing_ok=True)
    return published(Path("local"))


def called(*command):
    return subprocess.run(command, env=os.environ, capture_output=True, text=True, check=True).stdout


def test_a_run_is_the_same_as_without_a_cluster(cluster):
    Path("go").touch()
    ran = rlbench(*COMMAND, "-o", "out")
    assert ran.returncode == 0, ran.stderr
    assert published(Path("out")) == cluster and restores() == [False, False]


def test_what_a_cancelled_task_and_a_lost_node_trained_is_continued_elsewhere(cluster):
    def lose():
        holders = [path.name.rpartition(".")[2] for path in Path("out/queue").glob("waits*.taken.*")]
        called("scancel", holders[0])
        (node,) = called("squeue", "-h", "-r", "-j", holders[1], "-o", "%N").split()
        called("scontrol", "update", f"nodename={node}", "state=down", "reason=test")
        when(lambda: len(restores()) == 4, Path("go").touch)

    when(both_wait, lose)
    ran = rlbench(*COMMAND, "-o", "out", "--retries", 0)
    assert ran.returncode == 0, ran.stderr
    assert published(Path("out")) == cluster and restores() == [False, False, True, True]
    assert called("squeue", "-h") == ""
