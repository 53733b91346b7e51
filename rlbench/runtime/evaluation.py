"""Evaluation: episodes of a policy in separate environments with separate streams.

The reset seeds of the episodes are the same for all runs of a task.

With E lanes for each seed, the seed's episode k is played in lane k mod E. When an episode ends, its lane starts its
next episode. If there is none, the policy gets the lane's last observation again, and its actions there are ignored.
Shapes are constant, so a seed's actions never depend on which other lanes have finished.
"""

from __future__ import annotations

import zlib
from collections.abc import Mapping
from typing import NamedTuple

import numpy as np
from numpy.random import SeedSequence

from rlbench.api import LARGEST_RETURN, Array, EnvBatch, EvaluationProtocol, Policy, RlbenchError
from rlbench.api.task import MAX_EPISODE_STEPS
from rlbench.envs.action_checks import as_taken
from rlbench.envs.environment_faults import begun, not_finite_lanes, step_fault_of
from rlbench.envs.finite_check import all_finite
from rlbench.seeding import EVALUATE, SPACES, EpisodeSeeds, SeedStreams

MAX_LANES = 20


class Evaluation(NamedTuple):
    """Returns and lengths of the episodes of each seed [S, episodes], in the order of their reset seeds.

    finite: for each seed, whether all numbers were finite and no environment failed [S]. faults: a description of each
    environment failure, by the seed's index. agent_returns: the return of each agent of a multi-agent environment
    [S, episodes, G]; G is 0 in a single-agent environment.
    """

    returns: Array
    lengths: Array
    finite: Array
    faults: Mapping[int, str]
    agent_returns: Array


class _Lanes:
    """The state of the S · E lanes: the episode that each lane plays, and the results so far.

    A lane without further episodes is closed.
    """

    def __init__(self, seeds: int, lanes: int, episodes: int, agents: int) -> None:
        self.episode = np.tile(np.arange(lanes), seeds)
        self.open = np.ones(seeds * lanes, bool)
        self.start = np.ones(seeds * lanes, bool)
        self.returns, self.lengths = np.zeros((seeds, episodes)), np.zeros((seeds, episodes), np.int64)
        self.agent_returns, self._agent_return = np.zeros((seeds, episodes, agents)), np.zeros((seeds * lanes, agents))
        self.finite, self.faults = np.ones(seeds, bool), dict[int, str]()
        self._return, self._length = np.zeros(seeds * lanes), np.zeros(seeds * lanes, np.int64)  # of the open episodes
        self._lanes, self._episodes, self._steps = lanes, episodes, 0

    def add(self, playing: Array, reward: Array, agent_rewards: Array | None) -> None:
        self._return[playing] += reward
        if agent_rewards is not None:
            self._agent_return[playing] += agent_rewards
        self._length[playing] += 1
        self._steps += 1

    def too_long(self, playing: Array) -> Array | bool:
        """Return for each lane in `playing` whether its episode has reached MAX_EPISODE_STEPS; False if none can."""
        return self._steps >= MAX_EPISODE_STEPS and self._length[playing] >= MAX_EPISODE_STEPS

    def drop(self, broken: Array) -> None:
        """Close all lanes of the seeds in `broken` [S] and mark these seeds as not finite."""
        self.finite &= ~broken
        self.open &= ~np.repeat(broken, self._lanes)

    def fail(self, lane: int, fault: str) -> None:
        """Close all lanes of the seed whose environment failed in this lane."""
        seed_index = lane // self._lanes
        self.faults.setdefault(seed_index, fault)
        self.drop(np.arange(len(self.finite)) == seed_index)

    def finish(self, lane: int) -> int | None:
        """Record the lane's episode. Returns: the next episode to play in the lane, or None if none is left."""
        place = lane // self._lanes, self.episode[lane]
        self.returns[place], self.lengths[place] = self._return[lane], self._length[lane]
        self.agent_returns[place] = self._agent_return[lane]
        self._return[lane] = self._length[lane] = self._agent_return[lane] = 0
        self.episode[lane] += self._lanes
        if self.episode[lane] < self._episodes:
            return int(self.episode[lane])
        self.open[lane] = False
        return None


class Evaluator:
    """Plays evaluation episodes for S seeds in a batch of S × E environments. batch_steps: its steps so far."""

    def __init__(self, envs: EnvBatch, lanes: int, streams: SeedStreams) -> None:
        self._envs, self._lanes, self._streams = envs, lanes, streams
        self.batch_steps = 0

    def play(self, policy: Policy, kind: str, step: int, episodes: int) -> Evaluation:
        """Play `episodes` episodes for each seed.

        kind: "grid" or "final". Each kind has fixed episode seeds, which are the same for every run of the task.
        step: the training step of this evaluation. The step and the run's seed determine the policy's random draws
        (stream "evaluate").
        """
        seeds, lanes = len(self._streams.seeds), min(self._lanes, episodes)
        self._streams.restart(EVALUATE, step)
        reset_seeds = evaluation_seeds(kind, self._streams.space)
        state = _Lanes(seeds, lanes, episodes, len(getattr(self._envs, "agents", ())))
        # A short evaluation has fewer lanes than environments and uses the first ones of each seed.
        slots = [s * self._lanes + e for s in range(seeds) for e in range(lanes)]
        opened = [self._begin(state, i, slot, reset_seeds[i % lanes]) for i, slot in enumerate(slots)]
        known = next((obs for obs in opened if obs is not None), None)
        if known is None:  # no seed is left to play
            return Evaluation(state.returns, state.lengths, state.finite, state.faults, state.agent_returns)
        flat = np.stack([np.zeros_like(known) if obs is None else obs for obs in opened])
        with self._streams.only(EVALUATE):
            while state.open.any():
                obs = flat.reshape(seeds, lanes, *flat.shape[1:])
                actions = np.asarray(policy(obs, state.start.reshape(seeds, lanes).copy()))
                flat = self._step(state, flat.copy(), actions, slots, reset_seeds)
        finite = state.finite & (np.abs(state.returns) <= LARGEST_RETURN).all(1)
        return Evaluation(state.returns, state.lengths, finite, state.faults, state.agent_returns)

    def _begin(self, state: _Lanes, lane: int, slot: int, seed: int) -> Array | None:
        """Begin an episode; if the environment fails, drop its seed and return None."""
        return begun(lambda: self._envs.reset(slot, seed), lambda fault: state.fail(lane, fault))

    def _step(self, state: _Lanes, flat: Array, actions: Array, slots: list[int], reset_seeds: EpisodeSeeds) -> Array:
        seeds = len(state.finite)
        lanes = len(slots) // seeds
        if actions.shape[:2] != (seeds, lanes):
            raise RlbenchError(
                f"act returned actions of shape {actions.shape} for observations [{seeds}, {lanes}, …]; "
                "actions must be [S, E, …]"
            )
        state.start[:] = False
        if actions.dtype.kind == "f" and not all_finite(actions):
            state.drop(~np.asarray(np.isfinite(actions.reshape(seeds, -1)).all(1)))
        actions = as_taken(actions, self._envs.action_space, "act returned")
        playing = state.open.nonzero()[0]
        if not len(playing):
            return flat
        rows, playing_slots = actions.reshape(seeds * lanes, *actions.shape[2:]), slots
        if len(playing) < len(slots):
            rows, playing_slots = rows[playing], [slots[i] for i in playing.tolist()]
        chosen = rows.tolist() if rows.ndim == 1 and rows.dtype.kind in "iu" else list(rows)
        next_obs, reward, terminated, truncated = self._envs.step(playing_slots, chosen)
        self.batch_steps += 1
        by_agent = getattr(self._envs, "agent_rewards", None)
        if all_finite(next_obs) and all_finite(reward):
            state.add(playing, reward, by_agent)
            flat[playing] = next_obs
        else:
            broken = not_finite_lanes(next_obs, reward)
            intact = np.delete(np.arange(len(playing)), broken)
            state.add(playing, np.where(np.isin(np.arange(len(playing)), broken), 0.0, reward), by_agent)
            flat[playing[intact]] = next_obs[intact]
            for row in broken:
                state.fail(int(playing[row]), step_fault_of(self._envs, playing_slots[row], next_obs[row]))
        ended = (terminated | truncated | state.too_long(playing)) & state.open[playing]
        for lane in playing[ended].tolist() if np.count_nonzero(ended) else ():
            episode = state.finish(lane)
            if episode is not None:
                first = self._begin(state, lane, slots[lane], reset_seeds[episode])
                state.start[lane] = True
                if first is not None:
                    flat[lane] = first
        return flat

    def close(self) -> None:
        self._envs.close()


def evaluation_environments(protocol: EvaluationProtocol) -> int:
    """Return the number of evaluation environments per seed: that of the task, or 20; at most one per episode."""
    most = max(protocol.episodes if protocol.every else 0, protocol.final_episodes)
    return min(protocol.environments or MAX_LANES, most)


def evaluation_seeds(kind: str, space: str) -> EpisodeSeeds:
    """Return the reset seeds of evaluation episodes. They are the same for all runs, except that tuning has others."""
    key = (SPACES["evaluation"], SPACES[space], zlib.crc32(kind.encode()))
    return EpisodeSeeds(SeedSequence(0, spawn_key=key), "evaluation")
