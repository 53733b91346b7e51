"""Tasks of a cluster that end before their group does: what they record, and what goes on."""

import dataclasses
import json
import signal

import numpy as np
import pytest

from rlbench.api import EndEvent, RunGroup, RunStatus, Task
from rlbench.api.run_group import Variant, group_from_dict
from rlbench.clusters import pilot_main
from rlbench.clusters.queued_jobs import continue_interrupted, read_job, successor
from rlbench.executors.events import failed_members, read_end, write_exit
from rlbench.results import Store
from rlbench.results.job_queue import JobQueue, QueueEntry
from rlbench.runtime import checkpoint
from rlbench.runtime.checkpoint import SeedState

SEEDS = RunGroup("a", {"rate": 1, "size": 4}, Task("E-v0", 1000), (4, 7, 9), "a")
SETTINGS = dataclasses.replace(SEEDS, seeds=(0, 0, 1), variants=tuple(Variant(f"a{n}", {"rate": n}) for n in (1, 2, 2)))


def interrupted(root, group, failed, saved, restore=()):
    """Make an attempt with checkpoints, and return its entry in the queue. saved: the members at each step."""
    attempt = Store(root).new_attempt(group, dict(restore), "plugin")
    for step, members in saved.items():
        states = [SeedState(member, step, {"positions": {}}, {"x": np.zeros(1)}) for member in members]
        checkpoint.save(attempt / "checkpoints", states)
    write_exit(attempt, EndEvent(RunStatus.INTERRUPTED, "stopped"), failed)
    JobQueue(root).add(attempt, ["true"], [])
    return QueueEntry(attempt)


def continued(root, entry):
    """Continue an attempt. Returns: the group of the new one and its `restore`; None if there is no new one."""
    queue, before = JobQueue(root), read_job(entry)
    continue_interrupted(queue, entry)
    if not queue.entries():
        return None
    (following,) = queue.entries()
    assert successor(queue, before) == following
    document = json.loads((following.attempt / "group.json").read_text())
    return group_from_dict(document["group"]), document["restore"]


@pytest.mark.parametrize(("group", "rest"), [(SEEDS, {"4": 4, "9": 9}), (SETTINGS, {"0": 0, "1": 2})])
def test_a_member_whose_environment_failed_is_left_out_and_the_others_resume(tmp_path, group, rest):
    failed = group.members[1]
    entry = interrupted(tmp_path, group, {failed: "its step raised"}, {200: rest.values(), 300: rest.values()})
    new, restore = continued(tmp_path, entry)
    assert new.runs == (group.runs[0], group.runs[2])
    assert restore == dict.fromkeys(rest, f"attempts/{entry.attempt.name}/checkpoints/{300:012d}")


def test_the_last_setting_of_a_stack_goes_on_as_a_group_of_its_own(tmp_path):
    entry = interrupted(tmp_path, SETTINGS, {0: "its step raised"}, {300: (1, 2)})
    new, restore = continued(tmp_path, entry)
    assert new.runs == SETTINGS.runs[1:] and not new.variants and set(restore) == {"0", "1"}


def test_the_checkpoint_from_which_an_attempt_began_is_kept_for_the_members_that_go_on(tmp_path):
    began = {member: f"attempts/earlier/checkpoints/{100 + member}" for member in SETTINGS.members}
    new, restore = continued(tmp_path, interrupted(tmp_path, SETTINGS, {1: "its step raised"}, {}, began))
    assert restore == {"0": began[0], "1": began[2]} and new.members == (0, 1)


def test_a_compiled_group_that_loses_a_member_starts_again_because_its_bits_would_differ(tmp_path):
    group = dataclasses.replace(SEEDS, compile=True)
    new, restore = continued(tmp_path, interrupted(tmp_path, group, {4: "its step raised"}, {300: (7, 9)}))
    assert new.seeds == (7, 9) and restore == {}


def test_a_group_of_which_every_member_failed_is_not_continued(tmp_path):
    failed = dict.fromkeys(SEEDS.members, "its step raised")
    assert continued(tmp_path, interrupted(tmp_path, SEEDS, failed, {})) is None


def test_a_group_that_gets_nowhere_in_a_tasks_time_keeps_what_failed_in_its_environments(tmp_path, monkeypatch):
    entry = QueueEntry(tmp_path / "attempts" / "a", "9_0")
    entry.attempt.mkdir(parents=True)
    write_exit(entry.attempt, EndEvent(RunStatus.INTERRUPTED, "stopped"), {3: "its step raised"})
    monkeypatch.setattr(pilot_main, "has_progressed", lambda entry: False)
    pilot_main.Pilot(tmp_path, 0.0)._finish(entry, go_on=True)
    assert "raise `time` in the suite" in read_end(entry.attempt).message
    assert failed_members(entry.attempt) == {3: "its step raised"}


@pytest.mark.parametrize("moment", [True, False])
def test_a_task_that_is_asked_to_end_before_a_group_starts_gives_the_group_back(tmp_path, monkeypatch, moment):
    """The request comes just before it is noted that the task trains (True), or that it no longer does (False)."""

    class Asked(pilot_main.Pilot):
        @property
        def _is_training(self):
            return self.__dict__.get("training", False)

        @_is_training.setter
        def _is_training(self, value):
            if value == moment and "training" in self.__dict__:
                self._preempt(signal.SIGTERM, None)
            self.__dict__["training"] = value

    monkeypatch.setattr(pilot_main.local, "execute", lambda jobs, context: None)
    attempt = Store(tmp_path).new_attempt(SEEDS, {}, "plugin")
    queue = JobQueue(tmp_path)
    queue.add(attempt, ["true"], [])
    pilot = Asked(tmp_path, 1.0)  # seconds; so near its limit, a group that had begun would not be continued
    pilot._train(queue.take(QueueEntry(attempt), "9_0"))
    assert queue.entries() == [QueueEntry(attempt)] and not (attempt / "exit.json").exists()
