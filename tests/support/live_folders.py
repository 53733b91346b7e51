"""Result folders in the middle of a run: a lock that is held, attempts that have started, records as they come."""

import json
from contextlib import contextmanager

from rlbench.api import EpisodeRecord, EvaluationRecord
from rlbench.results import JsonlSink, Store
from rlbench.results.file_io import write_json
from rlbench.results.jsonl_records import as_row


@contextmanager
def being_run(store):
    """Hold the folder's lock as `rlbench run` does, through a store of its own."""
    command = Store(store.root)
    command.lock()
    try:
        yield command
    finally:
        command.unlock()


class LiveAttempt:
    """An attempt of a group whose process is training: it writes records as a worker does."""

    def __init__(self, store, group, started=True, restore=()):
        self.folder = store.new_attempt(group, dict(restore), "rlbench")
        JsonlSink(self.folder).close()
        if started:
            write_json(self.folder / "made-by.json", {})

    def evaluates(self, seed, step, value):
        record = EvaluationRecord(seed, step, step, "grid", value, 0.0, 9.0, (value,), (9,), 0.5)
        self._append("evaluations", record)

    def ends_episode(self, seed, step, value, end="terminated"):
        self._append("episodes", EpisodeRecord(seed, step, 0, 0, 7, value, 10, end))

    def _append(self, table, record):
        with open(self.folder / f"{table}.jsonl", "a") as file:
            file.write(json.dumps(as_row(table, record)) + "\n")

    def reaches(self, step):
        write_json(self.folder / "heartbeat", {"count": 1, "step": step})

    def ends(self, status, message=""):
        write_json(self.folder / "exit.json", {"status": status, "message": message})
