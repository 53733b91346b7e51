"""Any sequence of attempts, crashes, damage and repair: a finished run stays what it was, until it is set aside."""

import json
import shutil
import tempfile
from pathlib import Path
from unittest.mock import patch

import numpy as np
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule
from support.read_back import run_table

from rlbench.api import EpisodeRecord, EvaluationRecord, RunGroup, Task
from rlbench.results import JsonlSink, Store, publish, results_index
from rlbench.results.table_repair import restore_tables

GROUP = RunGroup("random", {}, Task("CartPole-v1", 100), (0, 1, 2))
POINTS = ("published-evaluations", "published-episodes", "published-metrics", "publish-result")
SEEDS = st.sampled_from(GROUP.seeds)
TABLES = st.sampled_from(["evaluations", "episodes"])


class Crash(BaseException):
    """The process has ended here."""


class AFolder(RuleBasedStateMachine):
    """A result folder beside the plainest account of what is in it: the score of each finished run."""

    def __init__(self):
        super().__init__()
        self.home = Path(tempfile.mkdtemp())
        self.patches = [patch("rlbench.results.file_io.sync"), patch.object(results_index, "_WORTH_KEEPING", 1)]
        for patched in self.patches:
            patched.start()
        self.store = Store(self.home / "0")
        self.store.lock()
        self.store.describe_suite({"name": "s"}, GROUP.runs, "0")
        self.moves = self.attempts = 0
        self.scores: dict[int, float] = {}
        self.damaged: set[int] = set()
        self.tried: set[int] = set()

    def teardown(self):
        self.store.unlock()
        for patched in self.patches:
            patched.stop()
        shutil.rmtree(self.home)

    def folder_of(self, seed):
        return self.store.folder(GROUP.runs[seed])

    def attempt(self, seeds):
        """Train some seeds; the score is the number of the attempt."""
        self.attempts += 1
        folder = self.store.new_attempt(GROUP, {}, "rlbench")
        sink = JsonlSink(folder)
        for seed in seeds:
            score = float(self.attempts)
            sink.episode(EpisodeRecord(seed, 10, 0, 0, 7, score, 10, "truncated"))
            sink.evaluation(EvaluationRecord(seed, 100, 100, "final", score, 0.0, 9.0, (score, score), (9, 9), 0.5))
        sink.close()
        self.tried |= set(GROUP.seeds)  # the attempt names all seeds of its group
        return folder

    def publish(self, seed, folder):
        policy = {"weights": np.arange(3.0)}
        return publish(self.folder_of(seed), GROUP.runs[seed], folder, policy, {"status": "done", "steps": 100})

    @rule(seeds=st.sets(SEEDS, min_size=1))
    def train(self, seeds):
        folder = self.attempt(seeds)
        for seed in sorted(seeds):
            was_published = (self.folder_of(seed) / "result.json").exists()
            assert self.publish(seed, folder) is not was_published
            if not was_published:
                self.scores[seed] = float(self.attempts)

    @rule(seed=SEEDS, point=st.sampled_from(POINTS))
    def crash_while_publishing(self, seed, point):
        if (self.folder_of(seed) / "result.json").exists():
            return
        folder = self.attempt({seed})

        def crash(name):
            if name == point:
                raise Crash

        with patch("rlbench.results.publication.failpoint", crash):
            try:
                self.publish(seed, folder)
            except Crash:
                return
        raise AssertionError(f"{point} was not reached")

    @precondition(lambda self: set(self.scores) - self.damaged)
    @rule(data=st.data(), table=TABLES, share=st.floats(0, 1, exclude_max=True))
    def flip_a_bit(self, data, table, share):
        seed = data.draw(st.sampled_from(sorted(set(self.scores) - self.damaged)))
        path = self.folder_of(seed) / f"{table}.parquet"
        content = bytearray(path.read_bytes())
        content[int(share * len(content))] ^= 1
        path.write_bytes(content)
        self.damaged.add(seed)

    @rule()
    def repair(self):
        for run in GROUP.runs:
            state = self.store.states([run])[run.key]
            if state.result and restore_tables(self.store, run, state):
                self.damaged.discard(run.seed)

    @precondition(lambda self: self.damaged)
    @rule()
    def set_damaged_runs_aside(self):
        for seed in self.damaged:
            self.store.set_aside(GROUP.runs[seed])
            del self.scores[seed]
        self.damaged.clear()
        self.store.describe_suite({"name": "s"}, GROUP.runs, "0")

    @rule(seed=SEEDS)
    def lose_a_spec_and_run_the_suite_again(self, seed):
        (self.folder_of(seed) / "spec.json").unlink()
        self.store.describe_suite({"name": "s"}, GROUP.runs, "0")

    @rule()
    def lose_suite_json_and_run_the_suite_again(self):
        (self.store.root / "suite.json").write_text("{")
        self.store.describe_suite({"name": "s"}, GROUP.runs, "0")

    @rule()
    def lose_the_cache(self):
        for name in ("index.parquet", "index.sha256"):
            (self.store.root / name).unlink(missing_ok=True)

    @rule()
    def move_the_folder(self):
        self.store.unlock()
        self.moves += 1
        self.store = Store(self.store.root.rename(self.home / str(self.moves)))
        self.store.lock()

    @invariant()
    def the_table_is_what_was_published(self):
        table = run_table(self.store)
        assert table["seed"].tolist() == list(GROUP.seeds) and table["key"].is_unique
        for row in table.itertuples():
            if row.seed in self.damaged:
                assert row.status == "corrupt" and np.isnan(row.score)
            elif row.seed in self.scores:
                assert row.status == "done" and row.score == row.training_return == self.scores[row.seed]
            else:
                assert row.status == ("interrupted" if row.seed in self.tried else "pending") and np.isnan(row.score)

    @invariant()
    def nothing_is_left_over(self):
        assert not [path for path in self.store.root.rglob(".*") if path.is_file()]
        json.loads((self.store.root / "suite.json").read_text())


TestAFolder = AFolder.TestCase
TestAFolder.settings = settings(
    max_examples=15, stateful_step_count=20, deadline=None, suppress_health_check=list(HealthCheck), derandomize=True
)
