"""Tasks of a cluster that end before their group does: what they record, and what goes on."""

from rlbench.api import EndEvent, RunStatus
from rlbench.clusters import pilot_main
from rlbench.executors.events import failed_members, read_end, write_exit
from rlbench.results.job_queue import QueueEntry


def test_a_group_that_gets_nowhere_in_a_tasks_time_keeps_what_failed_in_its_environments(tmp_path, monkeypatch):
    entry = QueueEntry(tmp_path / "attempts" / "a", "9_0")
    entry.attempt.mkdir(parents=True)
    write_exit(entry.attempt, EndEvent(RunStatus.INTERRUPTED, "stopped"), {3: "its step raised"})
    monkeypatch.setattr(pilot_main, "has_progressed", lambda entry: False)
    pilot_main.Pilot(tmp_path, 0.0)._finish(entry, go_on=True)
    assert "raise `time` in the suite" in read_end(entry.attempt).message
    assert failed_members(entry.attempt) == {3: "its step raised"}
