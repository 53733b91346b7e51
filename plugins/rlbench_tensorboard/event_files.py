"""TensorBoard event files, one folder per run, with CleanRL's and Stable-Baselines3's tags for the same quantities."""

from __future__ import annotations

import re
import time
from collections import defaultdict, deque
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from tensorboard.compat.proto.event_pb2 import Event
from tensorboard.compat.proto.summary_pb2 import Summary
from tensorboard.summary.writer.event_file_writer import EventFileWriter

from rlbench.api import EpisodeRecord, MetricRecord, RunGroup

EPISODE_RETURN, EPISODE_LENGTH = "charts/episodic_return", "charts/episodic_length"  # CleanRL's: each episode
MEAN_RETURN, MEAN_LENGTH = "rollout/ep_rew_mean", "rollout/ep_len_mean"  # Stable-Baselines3's: over the last 100
EVALUATION, FINAL = "eval/mean_reward", "eval/final_mean_reward"  # the first is Stable-Baselines3's
METRIC = "train/"  # Stable-Baselines3's
EPISODES = 100


class EventFiles:
    """Event files under `folder`, such as `dqn/CartPole-v1/seed-0`, for the runs of a suite."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._writers: dict[Path, EventFileWriter] = {}
        self._recent: dict[Path, deque[tuple[float, int]]] = defaultdict(lambda: deque(maxlen=EPISODES))

    def evaluated(self, group: RunGroup, kind: str, step: int, returns: Sequence[float]) -> None:
        for seed, value in zip(group.seeds, returns):
            self._add(self._run(group, seed), FINAL if kind == "final" else EVALUATION, value, step)

    def recorded(self, group: RunGroup, metrics: Sequence[MetricRecord], episodes: Sequence[EpisodeRecord]) -> None:
        for metric in metrics:
            self._add(self._run(group, metric.seed), METRIC + metric.name, metric.value, metric.step)
        for episode in episodes:
            run = self._run(group, episode.seed)
            recent = self._recent[run]
            recent.append((episode.return_, episode.length))
            self._add(run, EPISODE_RETURN, episode.return_, episode.step)
            self._add(run, EPISODE_LENGTH, episode.length, episode.step)
            self._add(run, MEAN_RETURN, sum(value for value, _ in recent) / len(recent), episode.step)
            self._add(run, MEAN_LENGTH, sum(length for _, length in recent) / len(recent), episode.step)

    def flush(self) -> None:
        for writer in self._writers.values():
            writer.flush()

    def close(self) -> None:
        for writer in self._writers.values():
            writer.close()
        self._writers.clear()

    def _run(self, group: RunGroup, seed: int) -> Path:
        names = (group.label or group.algorithm, group.task.name)
        return self._folder.joinpath(*(re.sub(r"[^\w.,=+-]+", "-", name) for name in names), f"seed-{seed}")

    def _add(self, run: Path, tag: str, value: Any, step: int) -> None:
        if run not in self._writers:
            self._writers[run] = EventFileWriter(str(run))
        summary = Summary(value=[Summary.Value(tag=tag, simple_value=float(value))])
        self._writers[run].add_event(Event(wall_time=time.time(), step=step, summary=summary))
