"""Minibatches from two replay memories, such as transitions of an environment and of a model of it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor

from rlbench.kit.replay import Replay
from rlbench.seeding import SeedStreams


class MixedReplay:
    """Two replay memories with the same fields, from which each minibatch takes fixed shares.

    share: the share of the first memory, from 0 to 1, rounded to whole transitions.
    """

    def __init__(self, first: Replay, second: Replay, share: float) -> None:
        self.first, self.second, self.share = first, second, share

    def minibatch(self, streams: SeedStreams, size: int) -> dict[str, Tensor]:
        """Draw `size` transitions of each seed [S, size, …]. Those from the first memory come first.

        While the second memory is empty, all are from the first. Draw uniformly and with replacement, from the streams
        "replay" and "second replay".
        """
        count = round(self.share * size) if self.second.size else size
        first = _drawn(self.first, streams, "replay", count)
        second = _drawn(self.second, streams, "second replay", size - count)
        return {name: torch.cat([first[name], second[name]], 1) for name in first}

    def state(self) -> dict[str, Any]:
        return {
            f"{name}.{key}": value
            for name, replay in (("first", self.first), ("second", self.second))
            for key, value in replay.state().items()
        }

    def load_state(self, state: Mapping[str, Any]) -> None:
        for name, replay in (("first", self.first), ("second", self.second)):
            replay.load_state({key: state[f"{name}.{key}"] for key in replay.state()})


def _drawn(replay: Replay, streams: SeedStreams, stream: str, count: int) -> dict[str, Tensor]:
    device = replay.stored("reward").device
    return replay.sample(torch.from_numpy(streams.integers(stream, replay.size, count)).to(device))
