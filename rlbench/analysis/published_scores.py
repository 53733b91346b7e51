"""Published scores, shipped as data beside this file, and the protocol behind each source's numbers.

In "500 ± 0", the 0 is a spread over the episodes of one agent in one source, and over seeds in another. PROTOCOLS says
which.
"""

from __future__ import annotations

import csv
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from importlib.resources import files


@dataclass(frozen=True)
class Protocol:
    """How a source produced its numbers.

    title: name of the source. where: the document. statistic: what a number is, in words. spread: what ± is, or "".
    measure: the matching statistic of our runs (rlbench.analysis.published_check).
    """

    title: str
    where: str
    statistic: str
    spread: str
    measure: str


PROTOCOLS: Mapping[str, Protocol] = {
    "zoo": Protocol(
        "RL Baselines3 Zoo",
        "benchmark.md of DLR-RM/rl-baselines3-zoo",
        "mean return of about 150 000 deterministic evaluation steps of one trained agent",
        "standard deviation over the episodes of that agent",
        "final",
    ),
    "cleanrl": Protocol(
        "CleanRL",
        "the documentation of vwxyzjn/cleanrl",
        "training return, mean of the last 100 episodes, then over seeds",
        "standard deviation over seeds",
        "last_episodes",
    ),
    "slm-lab": Protocol(
        "SLM-Lab",
        "docs/BENCHMARKS.md of kengz/SLM-Lab",
        "training return, moving average of the last 100 checkpoints, then over sessions",
        "",
        "checkpoints",
    ),
}
OURS = {"double_dqn+per": "per_dqn"}  # published name: our name of the same algorithm


@dataclass(frozen=True)
class PublishedScore:
    """One published score.

    algorithm: name as published. train_steps: environment steps of training. std: what the source's protocol calls
    spread, None if not published. runs: number of trained agents behind the score. checkpoint_every: environment steps
    between SLM-Lab's checkpoints, None in other sources. note: peculiarities.
    """

    source: str
    environment: str
    algorithm: str
    train_steps: int
    mean: float
    std: float | None
    runs: int
    checkpoint_every: int | None
    note: str

    @property
    def ours(self) -> str:
        return OURS.get(self.algorithm, self.algorithm)

    def is_of(self, algorithm: str, env_id: str) -> bool:
        """Return whether this is a score of `algorithm` (such as sb3/dqn) on `env_id` (such as module:MyEnv-v0)."""
        return (self.ours, self.environment) == (algorithm.rpartition("/")[2], env_id.rpartition(":")[2])


@cache
def published_scores(source: str) -> tuple[PublishedScore, ...]:
    """Return all scores of a source, in the order of the data file. source: a key of PROTOCOLS."""
    text = (files("rlbench.analysis") / "published_scores.csv").read_text("utf-8")
    return tuple(
        PublishedScore(
            row["source"],
            row["environment"],
            row["algorithm"],
            int(row["train_steps"]),
            float(row["mean"]),
            float(row["std"]) if row["std"] else None,
            int(row["runs"]),
            int(row["checkpoint_every"]) if row["checkpoint_every"] else None,
            row["note"],
        )
        for row in csv.DictReader(text.splitlines())
        if row["source"] == source
    )
