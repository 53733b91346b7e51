"""Files, threads, processes and memory that run out: what is short is named, and only the run that took it suffers."""

import errno
import json
import re
import subprocess
import sys
from pathlib import Path

import pytest
from support.cli import rlbench
from support.script_workers import execute, jobs

import rlbench as harness
from rlbench.api import EndEvent, RlbenchError, RunStatus
from rlbench.executors import memory_use, worker_process
from rlbench.executors.failure_messages import failure_message
from rlbench.executors.memory_use import kills_for_memory, memory_beyond

pytestmark = pytest.mark.faults

PLUGIN = """
import os, resource, sys, threading, time
import numpy as np
from rlbench import Algorithm, AlgorithmSpec, Supports, hookimpl

class Takes(Algorithm):
    def act(self, obs): return (obs[..., 2] > 0).astype(int)
    def train(self, interaction):
        interaction.reset()
        while not interaction.finished:
            if interaction.steps == 20: self.take()
            interaction.step(self.act(interaction.obs))
    def take(self): pass

class Files(Takes):
    def take(self):
        resource.setrlimit(resource.RLIMIT_NOFILE, (200, resource.getrlimit(resource.RLIMIT_NOFILE)[1]))
        while True: os.open("/dev/null", os.O_RDONLY)

class Threads(Takes):
    def take(self):
        for _ in range(1000): threading.Thread(target=threading.Event().wait, daemon=True).start()

class Array(Takes):
    def take(self): np.zeros(1 << 50)

class Memory(Takes):
    def take(self):
        taken = []
        while len(taken) < 60:  # 1 GB, if nobody stops it
            taken.append(np.ones(1 << 21))
            time.sleep(0.01)
        threading.Event().wait(30)

class Scored(Takes):
    def take(self): print(open("/proc/self/oom_score_adj").read())

@hookimpl
def rlbench_algorithms():
    kinds = (Takes, Files, Threads, Array, Memory, Scored)
    return [AlgorithmSpec(kind.__name__.lower(), kind, Supports(discrete=True), stackable=False) for kind in kinds]
"""
SUITE = """
name: s
algorithms: [{names}]
environments: [{{id: CartPole-v1, steps: 40}}]
seeds: 1
evaluation: {{every: 0, episodes: 1, final_episodes: 1}}
checkpoint_every: 0
"""


@pytest.fixture(scope="module")
def ran(tmp_path_factory):
    """A suite of algorithms that take too much beside two that do not, run; its folder, and what it said."""
    folder = tmp_path_factory.mktemp("taken")
    (folder / "takes.py").write_text(PLUGIN)
    (folder / "s.yaml").write_text(SUITE.format(names="files, threads, array, memory, scored, takes"))
    options = ("-j", "2", "--memory", "500MB", "--plugin", folder / "takes.py")
    return folder, rlbench("run", folder / "s.yaml", "-o", folder / "out", *options)


TAKEN = {
    "files": ("failed", r"OSError: \[Errno 24\] Too many open files: '/dev/null' \(takes.py:\d+\); close files that "),
    "threads": ("done", ""),
    "array": ("failed", r"out of memory: .*Unable to allocate 8.00 PiB .*\(takes.py:\d+\); lower `buffer_size`, "),
    "memory": (
        "failed",
        r"out of memory: it used \d+ MB of the 500 MB that `memory` allows; lower .*or raise `memory`",
    ),
    "scored": ("done", ""),
    "takes": ("done", ""),
}


@pytest.mark.parametrize("kind", TAKEN)
def test_what_one_run_takes_harms_no_other_and_is_named(ran, kind):
    folder, said = ran
    status, message = TAKEN[kind]
    runs = harness.load(folder / "out").runs()
    (own,) = runs[runs["algorithm"] == kind].itertuples()
    assert said.returncode == 1 and own.status == status and re.match(message, own.message), own.message
    if status == "failed":
        (record,) = folder.glob(f"out/attempts/{kind}-*/exit.json")
        assert json.loads(record.read_text())["message"] == own.message
        assert f"{kind} on CartPole-v1, seed 0: failed: {own.message[:60]}" in said.stderr


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux has scores")
def test_the_kernel_ends_a_worker_before_the_harness(ran):
    (log,) = ran[0].glob("out/attempts/scored-*/stdout.log")
    own = int(Path("/proc/self/oom_score_adj").read_text())
    assert int(log.read_text()) == min(own + 500, 1000)


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux tells how pages are shared")
def test_memory_is_that_of_a_process_and_its_children_and_shared_pages_count_once():
    code = """
import mmap, os, sys
shared = mmap.mmap(-1, 100 << 20)  # 105 MB
shared.write(bytes([1]) * (100 << 20))
for _ in range(2):
    if os.fork() == 0:
        shared.seek(0); read = sum(shared[i] for i in range(0, 100 << 20, 4096)); own = bytearray(b"1" * (50 << 20))
        print(flush=True); sys.stdin.read()
        os._exit(0)
print(flush=True); sys.stdin.read()
"""
    process = subprocess.Popen([sys.executable, "-S", "-c", code], stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    try:
        for _ in range(3):
            process.stdout.readline()
        used = memory_beyond(process.pid, 10**6)
        assert 200e6 < used < 300e6  # 105 + 2 · 52 MB, and the interpreters; summed up, it would be over 400 MB
        assert memory_beyond(process.pid, 400 * 10**6) == 0
    finally:
        process.communicate()
    assert memory_beyond(process.pid, 1) == 0


MESSAGES = [
    (MemoryError(), "out of memory: MemoryError; lower"),
    (
        OSError(errno.ENOMEM, "Cannot allocate memory"),
        "out of memory: OSError: [Errno 12] Cannot allocate memory; lower",
    ),
    (
        RuntimeError("[enforce fail at alloc_cpu.cpp:127] DefaultCPUAllocator: can't allocate memory: 4503 bytes"),
        "out of memory: RuntimeError: [enforce fail at alloc_cpu.cpp:127]",
    ),
    (
        type("OutOfMemoryError", (RuntimeError,), {"__module__": "torch"})(
            "CUDA out of memory. Tried to allocate 20 GiB"
        ),
        "out of memory on the device: OutOfMemoryError: CUDA out of memory. Tried to allocate 20 GiB; lower",
    ),
    (RuntimeError("RESOURCE_EXHAUSTED: Out of memory while"), "out of memory on the device: RuntimeError: RESOURCE"),
    (RuntimeError("shapes do not fit"), "RuntimeError: shapes do not fit"),
    (RlbenchError("x" * 10**7), "x" * 1999 + "…"),
]


@pytest.mark.parametrize(("error", "message"), MESSAGES, ids=lambda value: str(value)[:30])
def test_an_exception_of_want_of_memory_is_called_so(error, message):
    said = failure_message(error)
    assert said.startswith(message) and len(said) < 2300
    assert ("number of seeds" in said) == message.startswith("out of memory")


@pytest.mark.parametrize("kills", [1, 0, None])
def test_a_group_that_the_kernel_kills_for_memory_fails_after_its_retries(tmp_path, monkeypatch, kills):
    """A group that somebody else kills each time is interrupted all the same."""
    count = iter(range(100))
    monkeypatch.setattr(worker_process, "kills_for_memory", lambda: kills and kills * next(count))
    first, *more = jobs(tmp_path, *["os.kill(os.getpid(), signal.SIGKILL)"] * 3)
    events = execute([first], retry=lambda job: [more.pop()] if more else [])
    ends = events.of(EndEvent)
    if kills:
        reason = "worker killed by SIGKILL, most likely by the kernel's OOM killer, because no memory was left"
        assert ends[:2] == [EndEvent(RunStatus.INTERRUPTED, reason)] * 2
        assert ends[2].status == "failed" and ends[2].message.startswith(f"{reason}; lower ")
    else:
        assert (
            ends == [EndEvent(RunStatus.INTERRUPTED, "worker killed by SIGKILL; rerun the same command to resume")] * 3
        )
    records = [
        json.loads((job.attempt / "exit.json").read_text())["status"]
        for job, end in events
        if isinstance(end, EndEvent)
    ]
    assert records == [str(end.status) for end in ends]


def test_the_kernels_count_is_read_where_it_is_kept(tmp_path, monkeypatch):
    counters = tmp_path / "vmstat"
    monkeypatch.setattr(memory_use, "_KERNEL_COUNTERS", counters)
    assert kills_for_memory() is None
    counters.write_text("nr_free_pages 7\noom_kill 12\n")
    assert kills_for_memory() == 12
