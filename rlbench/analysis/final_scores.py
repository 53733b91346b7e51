"""Final scores of every algorithm on every task of a result folder, as arrays of runs, raw and between fixed anchors.

A run that diverged has a score (evaluation: the lower of its last finite evaluation and the lower anchor); one that failed,
was killed or is not done has none: it is counted and named, never averaged and never a zero.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.random import PCG64, Generator, SeedSequence
from numpy.typing import NDArray

from rlbench.api import RunStatus, StoreError, Task
from rlbench.results import RunState, Store
from rlbench.results.random_policy import is_random
from rlbench.results.results_index import read_facts
from rlbench.results.run_table import run_table
from rlbench.results.score_anchors import Anchors, anchors_of
from rlbench.stats import normalise

if TYPE_CHECKING:
    import pandas as pd

FEWEST_FOR_INTERVAL = 3  # fewer runs have no interval, and nobody is called better on them
FEWEST_FOR_VERDICT = 5  # fewer are only described


@dataclass(frozen=True)
class Sample:
    """The runs of one algorithm on one task.

    algorithm: its label; id: its own name; task: what it was run on, budget included. scores [n], raw returns; keys, seeds,
    diverged [n] of the same runs. planned: runs of the suite; missing: those without a score, counted by status.
    self_reported: some of them were not metered: their scores are their own account. training [n]: mean return of the last
    training episodes of the same runs, NaN without any; from_training: some of the scores are that, since no evaluation is
    known. modules: what the runs imported, by module each content (a hash, or a version) that one of them had.
    """

    algorithm: str
    id: str
    environment: str
    task: Task
    scores: NDArray[np.float64]
    keys: tuple[str, ...]
    seeds: tuple[int, ...]
    diverged: NDArray[np.bool_]
    planned: int
    missing: Mapping[str, int]
    self_reported: bool = False
    training: NDArray[np.float64] | None = None
    from_training: bool = False
    modules: Mapping[str, frozenset[str]] = field(default_factory=dict)

    @property
    def n(self) -> int:
        return len(self.scores)

    @property
    def random(self) -> bool:
        """Whether this is the random policy, ours or one that was imported, whatever its label."""
        return is_random(self.id)

    def of_training(self) -> Sample:
        """The same runs scored by their last training episodes; those without any have no score."""
        known = np.zeros(self.n, bool) if self.training is None else np.isfinite(self.training)
        places = np.flatnonzero(known).tolist()
        lost = (
            {**self.missing, "without training episodes": self.n - len(places)}
            if len(places) < self.n
            else self.missing
        )
        return replace(
            self,
            scores=self.scores[known] if self.training is None else self.training[known],
            keys=tuple(self.keys[i] for i in places),
            seeds=tuple(self.seeds[i] for i in places),
            diverged=self.diverged[known],
            missing=lost,
            training=None if self.training is None else self.training[known],
            from_training=True,
        )

    def absent(self) -> str:
        """Which runs have no score, as in "dqn on CartPole-v1: 8 of 10 runs, 1 failed, 1 running"; "" where all have."""
        if not self.missing:
            return ""
        counts = ", ".join(f"{count} {status}" for status, count in self.missing.items())
        return f"{self.algorithm} on {self.environment}: {self.n} of {self.planned} runs, {counts}"


@dataclass(frozen=True)
class Scores:
    """What a result folder scores: a sample for each pair of label and environment, in the suite's order.

    name: of the suite. anchors: of those environments that have some. corrupt: a sentence for each damaged run.
    """

    name: str
    samples: Mapping[tuple[str, str], Sample]
    anchors: Mapping[str, Anchors]
    corrupt: tuple[str, ...] = ()

    @property
    def algorithms(self) -> tuple[str, ...]:
        """Labels, `random` among them."""
        return tuple(dict.fromkeys(label for label, _ in self.samples))

    @property
    def learners(self) -> tuple[str, ...]:
        """Labels without `random`: those that make up a family of tests."""
        return tuple(dict.fromkeys(label for (label, _), sample in self.samples.items() if not sample.random))

    @property
    def environments(self) -> tuple[str, ...]:
        return tuple(dict.fromkeys(name for _, name in self.samples))

    def of(self, algorithm: str, normalised: bool = False) -> dict[str, NDArray[np.float64]]:
        """The scores [n] of one algorithm by environment, of those on which it has some.

        normalised: between the anchors, 0 the lower and 1 the upper, only of environments that have anchors.
        """
        found = {env: s.scores for (label, env), s in self.samples.items() if label == algorithm and s.n}
        if not normalised:
            return found
        return self.normalised({env: scores for env, scores in found.items() if env in self.anchors})

    def normalised(self, scores: Mapping[str, Any]) -> dict[str, NDArray[np.float64]]:
        """Raw scores by environment on the anchors' scale. Raises: StoreError for an environment without anchors."""
        self.need_anchors(scores)
        if not scores:
            return {}
        low, high = ({env: getattr(a, end) for env, a in self.anchors.items()} for end in ("lower", "upper"))
        return normalise(scores, low, high)

    def need_anchors(self, environments: Iterable[str]) -> None:
        """Raises: StoreError naming the environments without anchors, and what to do."""
        without = [env for env in environments if env not in self.anchors]
        if without:
            raise StoreError(
                f"no anchors for {', '.join(without)}: raw scores only; measure them with `rlbench anchors"
                f" {without[0]} -o FILE`, then give FILE, or write them to the environment in the suite"
            )

    @property
    def self_reported(self) -> tuple[str, ...]:
        """Labels of which some runs were not metered."""
        return tuple(dict.fromkeys(label for (label, _), sample in self.samples.items() if sample.self_reported))

    def absent(self) -> list[str]:
        """A sentence for each sample of which runs are missing."""
        return [text for sample in self.samples.values() if (text := sample.absent())]


def read_scores(store: Store, anchors: Mapping[str, Anchors] | None = None) -> Scores:
    """The scores in a folder, of what is published. anchors: to be taken before the suite's own and the shipped ones."""
    runs = store.runs()
    suite = store.suite()["suite"]
    known = anchors_of(suite, {run.task.env_id: run.task for run in runs}, anchors)
    tasks, states = {str(run.key): run.task for run in runs}, store.states(runs)
    table = run_table(store, anchors, runs, (states, read_facts(store, runs, states)))
    return scores_of(table, tasks, known, str(suite["name"]), states)


def scores_of(
    runs: pd.DataFrame,
    tasks: Mapping[str, Task],
    anchors: Mapping[str, Anchors],
    name: str,
    states: Mapping[str, RunState],
) -> Scores:
    """The same from a table of runs (rlbench.results.run_table.run_table), each run's task and its state, by key."""
    samples = {}
    for (label, env), rows in runs.groupby(["algorithm", "environment"], sort=False):
        scored = rows[rows["score"].notna()]
        missing = rows.loc[rows["score"].isna(), "status"].value_counts().sort_index()
        samples[str(label), str(env)] = Sample(
            str(label),
            str(rows["id"].iloc[0]),
            str(env),
            tasks[rows["key"].iloc[0]],
            scored["score"].to_numpy(np.float64),
            tuple(scored["key"]),
            tuple(scored["seed"]),
            (scored["status"] == RunStatus.DIVERGED).to_numpy(bool),
            len(rows),
            {str(status): int(count) for status, count in missing.items()},
            bool((rows["metering"] == "self-reported").any()),
            scored["training_return"].to_numpy(np.float64),
            _from_training(scored),
            _modules(states[key] for key in scored["key"] if key in states),
        )
    return Scores(name, samples, anchors, corrupt_of(runs))


def _from_training(scored: pd.DataFrame) -> bool:
    """Whether runs with a score are known by their training; one that diverged before it was evaluated says nothing of the
    others."""
    training = scored["score_from"] == "training"
    lost = training & (scored["status"] == RunStatus.DIVERGED)
    return bool(training[~lost].any() if not lost.all() else training.any())


def corrupt_of(runs: pd.DataFrame) -> tuple[str, ...]:
    """A sentence for each run of the table that was asked for and is damaged or gone."""
    damaged = runs[runs["status"] == RunStatus.CORRUPT]
    return tuple(f"{r.algorithm} on {r.environment}, seed {r.seed}: {r.message}" for r in damaged.itertuples())


def _modules(states: Iterable[RunState]) -> dict[str, frozenset[str]]:
    """By module or distribution every content that one of these runs imported it with."""
    found: dict[str, set[str]] = {}
    for state in states:
        for entries in state.result.get("dependencies", {}).values():
            for name, value in entries.items():
                found.setdefault(name, set()).add(value)
    return {name: frozenset(values) for name, values in found.items()}


def seeded(keys: Iterable[str], what: str = "") -> Generator:
    """A generator that the runs' keys decide, in whatever order they come. what: sets one use apart from another."""
    digest = hashlib.sha256("".join([what, *sorted(keys)]).encode()).digest()
    return Generator(PCG64(SeedSequence(int.from_bytes(digest, "big"))))


def keys_of(samples: Sequence[Sample]) -> list[str]:
    """The keys of the runs that have a score, sample by sample."""
    return [key for sample in samples for key in sample.keys]


def resamples_for(runs: int) -> int:
    """How often to resample so many runs: 10 000 times, of more than 400 runs in all fewer, but at least 2 000 times."""
    return max(2_000, min(10_000, 4_000_000 // max(1, runs)))
