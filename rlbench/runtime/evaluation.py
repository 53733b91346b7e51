"""Evaluation: greedy episodes in environments and streams of their own, the same episodes for every run of a task.

Episode k of every seed is played in lane k mod E. A finished lane takes its next episode, or is fed its last
observation and masked: shapes are constant, so a seed's actions never depend on who else has finished.
"""

from __future__ import annotations

import zlib
from typing import NamedTuple

import numpy as np
from numpy.random import SeedSequence

from rlbench.api import LARGEST_RETURN, Array, EnvBatch, Policy, RlbenchError
from rlbench.envs.finite_check import all_finite
from rlbench.seeding import EVALUATE, SPACES, EpisodeSeeds, SeedStreams

MAX_LANES = 20
# An episode that no time limit ends is cut here (30 minutes of a 60 Hz game), so that an evaluation always ends.
MAX_EPISODE_STEPS = 108_000


class Evaluation(NamedTuple):
    """Returns and lengths of each seed's episodes [S, episodes], in the order of the episode seeds; which seeds [S]
    stayed finite throughout."""

    returns: Array
    lengths: Array
    finite: Array


class _Lanes:
    """Who plays which episode, [S · E] lanes; a lane without an episode left is closed."""

    def __init__(self, seeds: int, lanes: int, episodes: int) -> None:
        self.episode = np.tile(np.arange(lanes), seeds)
        self.open = np.ones(seeds * lanes, bool)
        self.start = np.ones(seeds * lanes, bool)
        self.returns, self.lengths = np.zeros((seeds, episodes)), np.zeros((seeds, episodes), np.int64)
        self._return, self._length = np.zeros(seeds * lanes), np.zeros(seeds * lanes, np.int64)  # of the open episodes
        self._lanes, self._episodes, self._steps = lanes, episodes, 0

    def add(self, playing: Array, reward: Array) -> None:
        self._return[playing] += reward
        self._length[playing] += 1
        self._steps += 1

    def too_long(self, playing: Array) -> Array | bool:
        """Which of these lanes' episodes have to end; none can before so many steps were taken at all."""
        return self._steps >= MAX_EPISODE_STEPS and self._length[playing] >= MAX_EPISODE_STEPS

    def finish(self, lane: int) -> int | None:
        """Write the lane's episode down. Returns: the lane's next one, or None when it closes."""
        place = lane // self._lanes, self.episode[lane]
        self.returns[place], self.lengths[place] = self._return[lane], self._length[lane]
        self._return[lane] = self._length[lane] = 0
        self.episode[lane] += self._lanes
        if self.episode[lane] < self._episodes:
            return int(self.episode[lane])
        self.open[lane] = False
        return None


class Evaluator:
    """Plays evaluation episodes for S seeds in a batch of S × E environments. taken: times the batch was stepped."""

    def __init__(self, envs: EnvBatch, lanes: int, streams: SeedStreams) -> None:
        self._envs, self._lanes, self._streams = envs, lanes, streams
        self.taken = 0

    def play(self, policy: Policy, kind: str, step: int, episodes: int) -> Evaluation:
        """Play `episodes` episodes of each seed.

        kind: "grid" or "final"; each has its own fixed episode seeds, equal for every run of the task. step: from it
        and the seeds the policy's own draws (stream "evaluate") are derived, anew at each evaluation.
        """
        seeds, lanes = len(self._streams.seeds), min(self._lanes, episodes)
        self._streams.restart(EVALUATE, step)
        reset_seeds = evaluation_seeds(kind, self._streams.space)
        state = _Lanes(seeds, lanes, episodes)
        finite = np.ones(seeds, bool)
        # With fewer lanes than environments (a short evaluation) the first ones of each seed's share are used.
        slots = [s * self._lanes + e for s in range(seeds) for e in range(lanes)]
        flat = np.stack([self._envs.reset(slot, reset_seeds[i % lanes]) for i, slot in enumerate(slots)])
        sound = np.isfinite(flat.reshape(seeds, -1)).all(1)
        self._drop(state, finite, ~sound, lanes)
        with self._streams.only(EVALUATE):
            while state.open.any():
                obs = flat.reshape(seeds, lanes, *flat.shape[1:])
                actions = np.asarray(policy(obs, state.start.reshape(seeds, lanes).copy()))
                flat = self._step(state, flat.copy(), actions, slots, finite, reset_seeds)
        finite &= (np.abs(state.returns) <= LARGEST_RETURN).all(1)
        return Evaluation(state.returns, state.lengths, finite)

    def _step(
        self, state: _Lanes, flat: Array, actions: Array, slots: list[int], finite: Array, reset_seeds: EpisodeSeeds
    ) -> Array:
        seeds, lanes = len(finite), len(slots) // len(finite)
        if actions.shape[:2] != (seeds, lanes):
            raise RlbenchError(
                f"act gave actions of shape {actions.shape} for observations [{seeds}, {lanes}, …]; they are [S, E, …]"
            )
        state.start[:] = False
        if not all_finite(actions):
            self._drop(state, finite, ~np.asarray(np.isfinite(actions.reshape(seeds, -1)).all(1)), lanes)
        playing = state.open.nonzero()[0]
        if not len(playing):
            return flat
        rows, playing_slots = actions.reshape(seeds * lanes, *actions.shape[2:]), slots
        if len(playing) < len(slots):
            rows, playing_slots = rows[playing], [slots[i] for i in playing.tolist()]
        chosen = rows.tolist() if rows.ndim == 1 and rows.dtype.kind in "iu" else list(rows)
        next_obs, reward, terminated, truncated = self._envs.step(playing_slots, chosen)
        self.taken += 1
        if all_finite(next_obs) and all_finite(reward):
            state.add(playing, reward)
            flat[playing] = next_obs
        else:
            broken = ~(np.isfinite(next_obs.reshape(len(playing), -1)).all(1) & np.isfinite(reward))
            state.add(playing, np.where(broken, 0.0, reward))
            flat[playing[~broken]] = next_obs[~broken]
            self._drop(state, finite, np.isin(np.arange(seeds), playing[broken] // lanes), lanes)
        ended = (terminated | truncated | state.too_long(playing)) & state.open[playing]
        for lane in playing[ended].tolist() if np.count_nonzero(ended) else ():
            episode = state.finish(lane)
            if episode is not None:
                first = self._envs.reset(slots[lane], reset_seeds[episode])
                state.start[lane] = True
                if np.isfinite(first).all():
                    flat[lane] = first
                else:
                    self._drop(state, finite, np.arange(seeds) == lane // lanes, lanes)
        return flat

    @staticmethod
    def _drop(state: _Lanes, finite: Array, broken: Array, lanes: int) -> None:
        """Close every lane of a seed that met a number that is not finite."""
        finite &= ~broken
        state.open &= ~np.repeat(broken, lanes)

    def close(self) -> None:
        self._envs.close()


def evaluation_seeds(kind: str, space: str) -> EpisodeSeeds:
    """The reset seeds of evaluation episodes: the same for all algorithms and runs, other ones for tuning."""
    key = (SPACES["evaluation"], SPACES[space], zlib.crc32(kind.encode()))
    return EpisodeSeeds(SeedSequence(0, spawn_key=key), "evaluation")
