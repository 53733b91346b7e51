"""The tags of a run's scalars, named as in CleanRL and Stable-Baselines3 where the meaning is the same."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Iterator
from itertools import groupby
from typing import NamedTuple

from rlbench.api import EpisodeRecord, MetricRecord

EPISODE_RETURN, EPISODE_LENGTH = "charts/episodic_return", "charts/episodic_length"  # CleanRL's: each episode
MEAN_RETURN, MEAN_LENGTH = "rollout/ep_rew_mean", "rollout/ep_len_mean"  # Stable-Baselines3's: over the last 100
EVALUATION, FINAL = "eval/mean_reward", "eval/final_mean_reward"  # the first is Stable-Baselines3's
METRIC = "train/"  # Stable-Baselines3's
STEP = "global_step"  # both libraries' name for environment steps that are logged as a value
EPISODES = 100


class Scalars(NamedTuple):
    """Numbers of one run at one environment step, by tag."""

    step: int
    values: dict[str, float]


class RunScalars:
    """Turns the records of one run, in their order, into scalars. It keeps the last episodes for their mean."""

    def __init__(self) -> None:
        self._recent: deque[tuple[float, int]] = deque(maxlen=EPISODES)

    def evaluation(self, kind: str, step: int, mean_return: float) -> Scalars:
        """Return the scalar of an evaluation. kind: "grid", or "final" for the final policy."""
        return Scalars(step, {FINAL if kind == "final" else EVALUATION: mean_return})

    def episodes(self, records: Iterable[EpisodeRecord]) -> Iterator[Scalars]:
        """Yield the scalars of each training episode: its return and length, and their means over the last 100."""
        for episode in records:
            self._recent.append((episode.return_, episode.length))
            returns, lengths = zip(*self._recent)
            yield Scalars(
                episode.step,
                {
                    EPISODE_RETURN: episode.return_,
                    EPISODE_LENGTH: float(episode.length),
                    MEAN_RETURN: sum(returns) / len(returns),
                    MEAN_LENGTH: sum(lengths) / len(lengths),
                },
            )

    def metrics(self, records: Iterable[MetricRecord]) -> Iterator[Scalars]:
        """Yield the metrics of each step together."""
        for step, same_step in groupby(records, key=lambda metric: metric.step):
            yield Scalars(step, {METRIC + metric.name: metric.value for metric in same_step})
