"""A harness that trains many groups takes no more of anything at the end than at the beginning."""

import os
import threading
import time

import psutil
import pytest
from support.script_workers import Events, execute, jobs

from rlbench.api import EndEvent

pytestmark = pytest.mark.faults

GROUPS = 60
# One third each: ends well, crashes with output, is killed with a child left behind.
ENDINGS = (
    "event(event='progress', step=1, pulse=1); print('x' * 100_000); finish()",
    "print('y' * 100_000, flush=True); os.abort()",
    "os.fork() or os.setsid() or signal.pause(); os.kill(os.getpid(), signal.SIGKILL)",
)


class Measures(Events):
    """What this process holds when each group has ended: memory in bytes, open files, threads and zombies."""

    def __init__(self):
        super().__init__()
        self.process, self.seen = psutil.Process(), []

    def __call__(self, job, event):
        if isinstance(event, EndEvent):
            self.seen.append(self.now())

    def now(self):
        zombies = sum(map(is_zombie, self.process.children()))
        return self.process.memory_info().rss, len(os.listdir("/dev/fd")), threading.active_count(), zombies


def is_zombie(child):
    try:
        return child.status() == psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


def test_memory_files_threads_and_zombies_stay_as_they_are(tmp_path):
    measures = Measures()
    before = measures.now()
    execute(jobs(tmp_path, *[ENDINGS[i % 3] for i in range(GROUPS)]), workers=3, events=measures)
    assert len(measures.seen) == GROUPS
    early, late = measures.seen[GROUPS // 3], measures.seen[-1]
    assert late[0] - early[0] < 4 << 20, "memory"
    files, threads, zombies = (max(values[kind] for values in measures.seen) for kind in range(1, 4))
    assert files <= before[1] + 3 * 8 + 20 and threads <= before[2] + 3 * 3 and zombies <= before[3] + 3
    while measures.now()[1:] != before[1:]:  # the thread that reported the last end may not have ended itself
        time.sleep(0.01)
