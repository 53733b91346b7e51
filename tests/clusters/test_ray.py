"""`--executor ray` on a cluster of three nodes in processes of this machine, where Ray is installed."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import psutil
import pytest
from support.cli import rlbench
from support.published_runs import published
from support.waiting_algorithm import PLUGIN, SUITE_OF_TWO, both_wait, restores, when

pytest.importorskip("ray", reason="Ray is not installed (pip install 'rlbench[ray]')")
pytestmark = [pytest.mark.long, pytest.mark.filterwarnings("ignore"), pytest.mark.timeout(600)]

COMMAND = ("run", "s.yaml", "--plugin", "odd.py", "--no-report", "--executor", "ray", "-j", 3)
NODE = {"num_cpus": 1, "object_store_memory": 80 << 20}


@pytest.fixture
def cluster(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    Path("odd.py").write_text(PLUGIN)
    Path("s.yaml").write_text(SUITE_OF_TWO)
    for name in ("RAY_USAGE_STATS_ENABLED", "RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO"):
        monkeypatch.setenv(name, "0")
    from ray.cluster_utils import Cluster

    made = Cluster(initialize_head=True, head_node_args={**NODE, "num_cpus": 0, "include_dashboard": False})
    nodes = [made.add_node(**NODE) for _ in range(3)]
    monkeypatch.setenv("RAY_ADDRESS", made.address)
    yield made, nodes
    made.shutdown()
    monkeypatch.undo()


@pytest.fixture
def expected(cluster):
    Path("go").touch()
    assert rlbench("run", "s.yaml", "--plugin", "odd.py", "--no-report", "-o", "local").returncode == 0
    Path("go").unlink()
    Path("waits").unlink(missing_ok=True)
    return published(Path("local"))


def workers():
    """Return the processes that train."""
    return [
        p for p in psutil.process_iter(["cmdline"]) if str(Path("out/attempts").resolve()) in str(p.info["cmdline"])
    ]


def test_a_run_is_the_same_as_without_a_cluster(cluster, expected):
    Path("go").touch()
    ran = rlbench(*COMMAND, "-o", "out")
    assert ran.returncode == 0, ran.stderr
    assert published(Path("out")) == expected and restores() == [False, False]


def test_a_node_that_is_lost_costs_no_run(cluster, expected):
    made, nodes = cluster

    def lose():
        made.remove_node(nodes[0], allow_graceful=False)
        made.remove_node(nodes[1], allow_graceful=False)
        when(lambda: len(restores()) > 2, Path("go").touch)

    when(both_wait, lose)
    ran = rlbench(*COMMAND, "-o", "out")
    assert ran.returncode == 0 and "its Ray task ended without a result" in ran.stderr, ran.stderr
    assert published(Path("out")) == expected and any(restores())


def test_a_harness_that_was_killed_is_followed_by_one_that_resumes(cluster, expected):
    command = [sys.executable, "-m", "rlbench.cli.main", *map(str, COMMAND), "-o", "out"]
    with subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as first:
        when(both_wait, first.kill)
        assert first.wait() == -signal.SIGKILL
    _, alive = psutil.wait_procs(workers(), timeout=60)
    assert alive == []  # nobody trains for a harness that is gone
    Path("go").touch()
    ran = rlbench(*COMMAND, "-o", "out")
    assert ran.returncode == 0, ran.stderr
    assert published(Path("out")) == expected and restores() == [False, False, True, True]


def test_an_interrupt_saves_first(cluster, expected):
    when(both_wait, lambda: os.kill(os.getpid(), signal.SIGINT))
    ran = rlbench(*COMMAND, "-o", "out")
    assert ran.returncode == 130 and ran.stderr.count("a checkpoint was saved") == 2, ran.stderr
    Path("go").touch()
    assert rlbench(*COMMAND, "-o", "out").returncode == 0
    assert published(Path("out")) == expected and restores() == [False, False, True, True]
