"""Final scores of every algorithm on every task of a result folder, as arrays of runs, raw or normalised between
anchors.

A diverged run has a score: the lower of its last finite evaluation and the lower anchor. A run that failed, was killed
or is not finished has no score. Such runs are counted and named; they are never averaged and never counted as zero.
"""

from __future__ import annotations

import hashlib
import shlex
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
from numpy.random import PCG64, Generator, SeedSequence
from numpy.typing import NDArray

from rlbench.api import RunStatus, StoreError, Task
from rlbench.results import RunState
from rlbench.results.consistency import counted_parts
from rlbench.results.published_runs import publication_of
from rlbench.results.random_policy import is_random
from rlbench.results.run_rows import RunRow, by_cell
from rlbench.results.score_anchors import Anchors
from rlbench.stats import normalise
from rlbench.suites.tuned_models import TunedEntry

FEWEST_FOR_INTERVAL = 3  # fewer runs have no interval and no verdict
FEWEST_FOR_VERDICT = 5  # with fewer runs, comparisons are descriptive only


@dataclass(frozen=True)
class Sample:
    """The runs of one algorithm on one task.

    algorithm: label. id: name of the algorithm. task: the task, including its budget.
    scores [n]: raw returns. keys, seeds [n]: of the same runs. diverged [n]: whether each of these runs diverged.
    planned: number of runs in the suite. missing: number of runs without a score, by status.
    self_reported: whether some of the runs were not metered.
    training [n]: mean return of the last training episodes of each of these runs, NaN if a run has none.
    from_training: whether some of the scores are training returns, because no evaluation is known.
    modules: for each imported module, the hashes or versions that the runs used.
    stages: by the key of a run, the last stage that it entered and the step at which it did. Stages count from 1, and
    the target has the number after the last stage. Empty if the task has no stages.
    publication: who published the runs, and what their steps and scores mean (rlbench.importers.Publication); empty
    for other runs.
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
    publication: Mapping[str, str] = field(default_factory=dict)
    stages: Mapping[str, tuple[int, int]] = field(default_factory=dict)

    @property
    def n(self) -> int:
        return len(self.scores)

    @property
    def random(self) -> bool:
        """Whether this is the random policy, built-in or imported, whatever its label."""
        return is_random(self.id)

    def of_training(self) -> Sample:
        """Return the same runs, scored by their last training episodes.

        Runs without training episodes have no score; they are counted in `missing`.
        """
        has_training = np.zeros(self.n, bool) if self.training is None else np.isfinite(self.training)
        indices = np.flatnonzero(has_training).tolist()
        lost = (
            {**self.missing, "without training episodes": self.n - len(indices)}
            if len(indices) < self.n
            else self.missing
        )
        return replace(
            self,
            scores=self.scores[has_training] if self.training is None else self.training[has_training],
            keys=tuple(self.keys[i] for i in indices),
            seeds=tuple(self.seeds[i] for i in indices),
            diverged=self.diverged[has_training],
            missing=lost,
            training=None if self.training is None else self.training[has_training],
            from_training=True,
        )

    def absent(self) -> str:
        """Return how many runs have a score and why the others have none, or "" if all have one.

        Example: "dqn on CartPole-v1: 8 of 10 runs, 1 failed, 1 running".
        """
        if not self.missing:
            return ""
        counts = ", ".join(f"{count} {status}" for status, count in self.missing.items())
        return f"{self.algorithm} on {self.environment}: {self.n} of {self.planned} runs, {counts}"


@dataclass(frozen=True)
class Scores:
    """Scores of a result folder: one sample for each pair of label and environment, in the suite's order.

    name: name of the suite. anchors: the anchors of each environment that has some. corrupt: one sentence for each
    damaged run. tuned: by label, what is known about the search for the algorithm's hyperparameters.
    """

    name: str
    samples: Mapping[tuple[str, str], Sample]
    anchors: Mapping[str, Anchors]
    corrupt: tuple[str, ...] = ()
    tuned: Mapping[str, TunedEntry] = field(default_factory=dict)

    @property
    def algorithms(self) -> tuple[str, ...]:
        """Labels, including `random`."""
        return tuple(dict.fromkeys(label for label, _ in self.samples))

    @property
    def learners(self) -> tuple[str, ...]:
        """Labels without `random`. A family of tests compares only these."""
        return tuple(dict.fromkeys(label for (label, _), sample in self.samples.items() if not sample.random))

    @property
    def environments(self) -> tuple[str, ...]:
        return tuple(dict.fromkeys(name for _, name in self.samples))

    def of(self, algorithm: str, normalised: bool = False) -> dict[str, NDArray[np.float64]]:
        """Return the scores [n] of one algorithm by environment, without environments on which no run has a score.

        normalised: scale to 0 at the lower anchor and 1 at the upper one, and skip environments without anchors.
        """
        scores_by_env = {env: s.scores for (label, env), s in self.samples.items() if label == algorithm and s.n}
        if not normalised:
            return scores_by_env
        return self.normalised({env: values for env, values in scores_by_env.items() if env in self.anchors})

    def normalised(self, scores: Mapping[str, Any]) -> dict[str, NDArray[np.float64]]:
        """Scale raw scores, given by environment, so that the anchors are 0 and 1.

        Raises: StoreError for an environment without anchors.
        """
        self.need_anchors(scores)
        if not scores:
            return {}
        low, high = ({env: getattr(a, end) for env, a in self.anchors.items()} for end in ("lower", "upper"))
        return normalise(scores, low, high)

    def need_anchors(self, environments: Iterable[str]) -> None:
        """Check that all environments have anchors. Raises: StoreError with the missing ones and what to do."""
        without = [env for env in environments if env not in self.anchors]
        if without:
            raise StoreError(
                f"no anchors for {', '.join(without)}, so scores there cannot be normalised: measure anchors with"
                f" `rlbench anchors {shlex.quote(without[0])} -o FILE` and pass FILE, or add anchors to the environment"
                " in the suite"
            )

    @property
    def self_reported(self) -> tuple[str, ...]:
        """Labels with at least one run that was not metered."""
        return tuple(dict.fromkeys(label for (label, _), sample in self.samples.items() if sample.self_reported))

    def absent(self) -> list[str]:
        """Return one sentence for each sample with missing runs."""
        return [text for sample in self.samples.values() if (text := sample.absent())]


def scores_of(
    runs: Sequence[RunRow],
    tasks: Mapping[str, Task],
    anchors: Mapping[str, Anchors],
    name: str,
    states: Mapping[str, RunState],
    tuned: Mapping[str, TunedEntry] | None = None,
) -> Scores:
    """Return the scores of the runs.

    tasks, states: the task and the state of each run, by key. anchors: by environment. tuned: by label.
    """
    samples = {(label, env): _sample(rows, tasks, states) for (env, label), rows in by_cell(runs).items()}
    return Scores(name, samples, anchors, corrupt_of(runs), tuned or {})


def _sample(rows: Sequence[RunRow], tasks: Mapping[str, Task], states: Mapping[str, RunState]) -> Sample:
    scored, first = [row for row in rows if row.has_score], rows[0]
    missing = Counter(row.status for row in rows if not row.has_score)
    return Sample(
        first.algorithm,
        first.id,
        first.environment,
        tasks[first.key],
        np.array([row.score for row in scored], np.float64),
        tuple(row.key for row in scored),
        tuple(row.seed for row in scored),
        np.array([row.status == RunStatus.DIVERGED for row in scored], bool),
        len(rows),
        dict(sorted(missing.items())),
        any(row.metering == "self-reported" for row in rows),
        np.array([row.training_return for row in scored], np.float64),
        _from_training(scored),
        _modules(states[row.key].result for row in scored if row.key in states),
        publication_of(states[row.key].result for row in rows if row.key in states),
    )


def _from_training(scored: Sequence[RunRow]) -> bool:
    """Return whether some scores are training returns.

    Runs that diverged before their first evaluation are ignored, because they do not show how the other runs were
    scored. They are included only if every score is a training return.
    """
    training = [row for row in scored if row.score_from == "training"]
    finished = [row for row in training if row.status != RunStatus.DIVERGED]
    return bool(finished) or 0 < len(training) == len(scored)


def corrupt_of(runs: Iterable[RunRow]) -> tuple[str, ...]:
    """Return one sentence for each requested run that is damaged or gone."""
    damaged = (row for row in runs if row.status == RunStatus.CORRUPT)
    return tuple(f"{row.algorithm} on {row.environment}, seed {row.seed}: {row.message}" for row in damaged)


def _modules(results: Iterable[Mapping[str, Any]]) -> dict[str, frozenset[str]]:
    """Return, for each module or distribution, the hashes or versions that these runs imported."""
    contents: dict[str, set[str]] = {}
    for record, _ in counted_parts(results, "dependencies"):
        for entries in record.values():
            for name, value in entries.items():
                contents.setdefault(name, set()).add(value)
    return {name: frozenset(values) for name, values in contents.items()}


def seeded_generator(keys: Iterable[str], what: str = "") -> Generator:
    """Return a generator seeded by the runs' keys, in any order, and by the name `what` of its use."""
    digest = hashlib.sha256("".join([what, *sorted(keys)]).encode()).digest()
    return Generator(PCG64(SeedSequence(int.from_bytes(digest, "big"))))


def keys_of(samples: Sequence[Sample]) -> list[str]:
    """Return the keys of the runs that have a score, sample by sample."""
    return [key for sample in samples for key in sample.keys]


def resamples_for(runs: int) -> int:
    """Return the number of resamples: 10 000 for up to 400 runs in all, fewer for more runs, and at least 2 000."""
    return max(2_000, min(10_000, 4_000_000 // max(1, runs)))
