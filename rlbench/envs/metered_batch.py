"""S × N metered environments stepped together, for loops written on `Interaction.step`.

Every episode is reset with a seed of its own from its environment's own stream, and its actions are kept until it
ends: together they bring the environment back exactly, which is how a run is resumed. Where a backend cannot reseed, an
environment draws all its episodes from one stream, and comes back never.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from rlbench.api import Array, EnvBatch, EpisodeRecord, RlbenchError, Transition
from rlbench.envs.finite_check import all_finite
from rlbench.envs.meter import Meter, end_of
from rlbench.seeding import OneStream, ResetSeeds, SeedStreams, environment_seeds


class ReplayDiffers(Exception):
    """An environment did not come back bit for bit."""


class MeteredBatch:
    """Environments [S, N] above a backend's lanes (lane = seed index · N + rank).

    obs: what to act on next [S, N, *obs]. active: seeds whose numbers are finite [S]; the others are parked: their
    environments stand still, are fed no action and cost no steps, and give their last finite observation and reward 0.
    diverged_at: the step at which a seed index was parked. opened: for environments that cannot be reseeded (`envs` comes
    from EnvBackendSpec.make_streams), the seed of each lane's stream.
    """

    def __init__(
        self, envs: EnvBatch, streams: SeedStreams, num_envs: int, meter: Meter, opened: Sequence[OneStream] = ()
    ) -> None:
        self._envs, self._meter, self.num_envs = envs, meter, num_envs
        self.seeds = streams.seeds
        self._lead = (len(self.seeds), num_envs)
        lanes = len(self.seeds) * num_envs
        self._reset_seeds: Sequence[ResetSeeds] = opened or [
            environment_seeds(streams, *divmod(lane, num_envs)) for lane in range(lanes)
        ]
        self._one_stream = bool(opened)
        self._discrete = type(envs.action_space).__name__ == "Discrete"
        self._live: Sequence[int] = range(lanes)
        self.active = np.ones(len(self.seeds), bool)
        self.diverged_at: dict[int, int] = {}
        self._return = np.zeros(lanes)
        self._episode = [-1] * lanes
        # Actions of every step since the oldest open episode began; lane i's episode began at step _began[i].
        self._actions: deque[Array] = deque()
        self._clock, self._began = 0, [0] * lanes
        self.obs: Array
        self._flat: Array

    def reset(self) -> Array:
        """Begin the first episode of every environment."""
        first = np.stack([self._begin(lane) for lane in range(len(self._episode))])
        if not np.isfinite(first).all():
            self._park(~self._finite_seeds(first))
            first[np.repeat(~self.active, self.num_envs)] = 0  # nothing finite has been seen
        self._show(first)
        return self.obs

    def _begin(self, lane: int) -> Array:
        self._episode[lane] += 1
        self._return[lane] = 0
        self._began[lane] = self._clock
        return self._envs.reset(lane, self._reset_seeds[lane][self._episode[lane]])

    def _show(self, flat: Array) -> None:
        self._flat, self.obs = flat, flat.reshape(*self._lead, *flat.shape[1:])

    def step(self, actions: Array) -> Transition:
        """Step every live environment once and begin a new episode where one ended."""
        flat = np.array(actions)  # a copy: it is kept
        if flat.shape[:2] != self._lead:
            raise RlbenchError(f"step was given actions of shape {flat.shape}; they are [S, N, …], here {self._lead}")
        flat = flat.reshape(len(self._episode), *flat.shape[2:])
        if flat.dtype.kind == "f" and not all_finite(flat):
            self._park(~self._finite_seeds(flat))
        if self._discrete and flat.dtype.kind == "f":
            flat = _whole(flat)
        self._meter.spend(self.num_envs)
        next_obs, reward, terminated, truncated = self._step_live(flat)
        if not (all_finite(next_obs) and all_finite(reward)):
            self._park(~(self._finite_seeds(next_obs) & self._finite_seeds(reward)))
            self._hold(next_obs, reward, terminated, truncated)
        self._actions.append(flat)
        self._clock += 1
        self._return += reward
        following = next_obs.copy()  # what is acted on next is ours, the transition is the caller's to keep
        done = terminated | truncated
        if np.count_nonzero(done):
            self._next_episodes(done, terminated, following)
        obs, lead = self.obs, self._lead
        self._flat, self.obs = following, following.reshape(obs.shape)
        return Transition(
            obs,
            flat.reshape(lead + flat.shape[1:]).copy(),
            reward.reshape(lead).astype(np.float32),
            next_obs.reshape(obs.shape),
            terminated.reshape(lead),
            truncated.reshape(lead),
        )

    def _step_live(self, flat: Array) -> tuple[Array, Array, Array, Array]:
        lanes = self._live
        if len(lanes) == len(self._episode):
            return self._envs.step(lanes, self._rows(flat))
        next_obs, reward = self._flat.copy(), np.zeros(len(flat))
        terminated, truncated = np.zeros(len(flat), bool), np.zeros(len(flat), bool)
        if lanes:
            index = list(lanes)
            chosen = self._rows(flat[index])
            next_obs[index], reward[index], terminated[index], truncated[index] = self._envs.step(lanes, chosen)
        return next_obs, reward, terminated, truncated

    def _rows(self, actions: Array) -> Any:
        """Actions as the environments are given them."""
        if self._one_stream:
            return actions
        return actions.tolist() if self._discrete else list(actions)

    def _next_episodes(self, done: Array, terminated: Array, following: Array) -> None:
        """Record the episodes that ended and put the first observations of the next ones into `following`."""
        for lane in done.nonzero()[0].tolist():
            seed_index, rank = divmod(lane, self.num_envs)
            episode = self._episode[lane]
            self._meter.record(
                EpisodeRecord(
                    seed=self.seeds[seed_index],
                    step=self._meter.steps,
                    rank=rank,
                    episode=episode,
                    reset_seed=self._reset_seeds[lane][episode],
                    return_=float(self._return[lane]),
                    length=self._clock - self._began[lane],
                    end=end_of(bool(terminated[lane])),
                )
            )
            first = self._begin(lane)
            if np.isfinite(first).all():
                following[lane] = first
            else:  # parked, with the true last observation as the last finite one
                self._park(np.arange(len(self.seeds)) == seed_index)
        oldest = min((self._began[lane] for lane in self._live), default=self._clock)
        while self._actions and self._clock - len(self._actions) < oldest:
            self._actions.popleft()

    # -- parking -------------------------------------------------------------------------------------------------
    def park(self, seed_index: int) -> None:
        """Mark a seed as diverged: its environments stand still from now on."""
        self._park(np.arange(len(self.seeds)) == seed_index)

    def _park(self, diverged: Array) -> None:
        for seed_index in (self.active & diverged).nonzero()[0].tolist():
            self.diverged_at[seed_index] = self._meter.steps
        self.active = self.active & ~diverged  # a new array: the old one may be in a caller's hands
        lanes = np.repeat(self.active, self.num_envs).nonzero()[0]
        self._live = lanes.tolist()

    def _finite_seeds(self, flat: Array) -> Array:
        """Which seeds' entries are all finite [S]."""
        return np.asarray(np.isfinite(flat.reshape(*self._lead, -1)).all((1, 2)))

    def _hold(self, next_obs: Array, reward: Array, terminated: Array, truncated: Array) -> None:
        """Let parked lanes show their last finite observation, no reward and no end."""
        parked = np.repeat(~self.active, self.num_envs)
        next_obs[parked] = self._flat[parked]
        reward[parked], terminated[parked], truncated[parked] = 0, False, False

    # -- exact resume --------------------------------------------------------------------------------------------
    def state(self, seed_index: int) -> tuple[dict[str, Any], dict[str, Array]]:
        """One seed's boundary: episode indices, and arrays with the open episodes' actions and last observations."""
        episodes: list[int] = []
        arrays: dict[str, Array] = {}
        first = self._clock - len(self._actions)
        for rank in range(self.num_envs):
            lane = seed_index * self.num_envs + rank
            episodes.append(self._episode[lane])
            open_actions = [self._actions[t - first][lane] for t in range(max(self._began[lane], first), self._clock)]
            arrays[f"actions.{rank}"] = np.array(open_actions)
            arrays[f"obs.{rank}"] = np.array(self._flat[lane])  # a scalar stays one
        return {"episode": episodes, "active": bool(self.active[seed_index])}, arrays

    def load(self, states: Sequence[tuple[Mapping[str, Any], Mapping[str, Array]]], approximate: bool = False) -> bool:
        """Bring every environment back: reset with its episode's seed, replay the actions unmetered, compare.

        approximate: an environment that comes back otherwise, or cannot, begins its next episode instead. Returns:
        whether all came back as they were. Raises: ReplayDiffers if an observation is not the stored one, bit for bit.
        """
        exact = True
        rows: list[Array] = []
        histories: list[list[Any]] = []
        parked = np.array([not numbers["active"] for numbers, _ in states])
        for seed_index, (numbers, arrays) in enumerate(states):
            for rank in range(self.num_envs):
                lane = seed_index * self.num_envs + rank
                self._episode[lane] = numbers["episode"][rank]
                stored = arrays[f"obs.{rank}"]
                history = list(arrays[f"actions.{rank}"])
                if not (parked[seed_index] or self._comes_back(lane, history, stored)):
                    if not approximate:
                        raise ReplayDiffers(
                            f"environment {rank} of seed {self.seeds[seed_index]} did not come back as it was"
                        )
                    exact, stored, history = False, self._begin(lane), []
                rows.append(stored)
                histories.append([] if parked[seed_index] else history)
        self._restore_history(histories)
        self._park(parked)
        self._show(np.stack(rows))
        return exact

    def _comes_back(self, lane: int, history: Sequence[Any], stored: Array) -> bool:
        """Bring one environment back; whether it shows what it showed."""
        return not self._one_stream and self._replay(lane, history).tobytes() == stored.tobytes()

    def _replay(self, lane: int, history: Sequence[Any]) -> Array:
        self._episode[lane] -= 1
        obs = self._begin(lane)
        for action in history:
            row = [action.tolist()] if self._discrete else [action]
            next_obs, reward, _, _ = self._envs.step([lane], row)
            obs = next_obs[0]
            self._return[lane] += reward[0]
        return obs

    def _restore_history(self, histories: Sequence[Sequence[Any]]) -> None:
        """Lay the open episodes out as `step` would have: they all end now."""
        self._clock = longest = max(len(h) for h in histories)
        self._began = [longest - len(h) for h in histories]
        sample = next((h[0] for h in histories if len(h)), None)
        if sample is None:
            return
        for t in range(longest):
            row = [h[t - began] if t >= began else np.zeros_like(sample) for h, began in zip(histories, self._began)]
            self._actions.append(np.stack(row))

    def close(self) -> None:
        self._envs.close()


def _whole(actions: Array) -> Array:
    """Choices that came as floats; those that are not finite are of parked environments. Raises: RlbenchError for others."""
    finite = np.where(np.isfinite(actions), actions, 0)
    if (finite != np.rint(finite)).any():
        raise RlbenchError(
            f"step was given actions such as {finite[finite != np.rint(finite)][0]}, and they are choices"
        )
    return finite.astype(np.int64)
