"""`kill -9` of the harness: no process that it or a plugin has started is left, however deaf it is."""

import os
import subprocess
import sys
from contextlib import suppress

import pytest
from support.ended_processes import descendants, wait_for_all

from rlbench.executors.orphan_guard import MARK, OrphanGuard

pytestmark = [
    pytest.mark.faults,
    pytest.mark.skipif(not hasattr(os, "pidfd_open"), reason="needs Linux"),
]

# Opening the pipe says that all is as it should be; the test waits at its other end.
PLUGIN = """
import signal, subprocess, sys, threading
from rlbench import Algorithm, AlgorithmSpec, Supports, hookimpl

def be_deaf():
    signal.pthread_sigmask(signal.SIG_BLOCK, signal.valid_signals())
    open("ready", "w").close()
    threading.Event().wait()

class Deaf(Algorithm):
    def act(self, obs): ...
    def train(self, interaction):
        for own_session in (False, True):
            subprocess.Popen([sys.executable, "-c", "import signal; signal.pause()"], start_new_session=own_session)
        be_deaf()

{at_import}

@hookimpl
def rlbench_algorithms(): return [AlgorithmSpec("deaf", Deaf, Supports(discrete=True))]
"""
SUITE = "{name: s, algorithms: [deaf], environments: [{id: CartPole-v1, steps: 200}], seeds: 1}"


@pytest.fixture
def harness(tmp_path):
    """Start a harness and return once its plugin is deaf: in training, or when it is imported."""
    os.mkfifo(tmp_path / "ready")
    (tmp_path / "s.yaml").write_text(SUITE)
    started = []

    def start(at_import=""):
        (tmp_path / "deaf.py").write_text(PLUGIN.format(at_import=at_import))
        command = [sys.executable, "-m", "rlbench.cli.main", "run", "s.yaml", "-o", "out", "--plugin", "deaf.py"]
        started.append(subprocess.Popen(command, cwd=tmp_path, stderr=subprocess.DEVNULL, stdout=subprocess.DEVNULL))
        open(tmp_path / "ready").close()
        return started[0]

    yield start
    for process in started:
        process.kill()
        process.wait()


def test_a_deaf_worker_and_what_its_plugin_has_started_end_with_the_harness(harness):
    process = harness()
    family = descendants(process.pid)
    assert len(family) == 4  # the guard, the worker, and two programs that the plugin has started
    process.kill()
    wait_for_all(family)


def test_a_plugin_that_hangs_when_it_is_imported_ends_with_the_harness(harness):
    process = harness("be_deaf()")
    family = descendants(process.pid)
    assert len(family) == 1
    process.kill()
    wait_for_all(family)


@pytest.mark.parametrize("ends_well", [True, False])
def test_the_guard_kills_what_is_left_when_the_harness_gives_up_and_nothing_otherwise(tmp_path, ends_well):
    ready, pipe = os.pipe()
    code = f"import os, signal; os.write({pipe}, b'.'); signal.pause()"
    with subprocess.Popen(
        [sys.executable, "-c", code], env=os.environ | {MARK: str(tmp_path)}, pass_fds=[pipe]
    ) as left:
        descriptor = os.pidfd_open(left.pid)
        os.read(ready, 1)
        with suppress(KeyboardInterrupt), OrphanGuard() as guard:
            guard.watch(tmp_path)
            if not ends_well:
                raise KeyboardInterrupt
        if ends_well:
            assert left.poll() is None
            left.kill()
        wait_for_all([descriptor])
    os.close(ready), os.close(pipe)
