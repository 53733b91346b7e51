"""S × N metered environments that are stepped together, for loops that call `Interaction.step`.

Every episode is reset with its own seed, which is drawn from the environment's stream. The episode's actions are kept
until it ends. When a run resumes, the seed and the actions together restore the environment exactly. If a backend
cannot reseed its environments, each environment draws all its episodes from one stream and cannot be restored.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping, Sequence
from typing import Any, cast

import numpy as np

from rlbench.api import AgentEnvBatch, Array, EnvBatch, EnvironmentFault, EpisodeRecord, RlbenchError, Transition
from rlbench.envs.action_checks import as_taken
from rlbench.envs.environment_faults import NOT_FINITE_OBSERVATION, begun, not_finite_lanes, step_fault_of
from rlbench.envs.finite_check import all_finite
from rlbench.envs.meter import Meter, episode_end
from rlbench.seeding import OneStream, ResetSeeds, SeedStreams, environment_seeds


class ReplayMismatch(Exception):
    """The replay of an environment's actions did not restore it bit for bit."""


class MeteredBatch:
    """Metered environments [S, N] over a backend's lanes (lane = seed index · N + rank).

    obs: the observations to act on next [S, N, *obs].
    active: whether each seed still trains [S]. The other seeds are parked: their environments are not stepped, and
    `step` returns their last finite observation and reward 0.
    diverged_at: the step at which each parked seed was parked, by the seed's index.
    faults: a description of each environment failure, by the seed's index. A seed whose environment failed is parked.
    lane_streams: the seed of each lane's stream, for environments that cannot be reseeded (`envs` then comes from
    EnvBackendSpec.make_streams).
    agents: the names of the agents; () in a single-agent environment.
    """

    def __init__(
        self,
        envs: EnvBatch,
        streams: SeedStreams,
        num_envs: int,
        meter: Meter,
        lane_streams: Sequence[OneStream] = (),
        faults: dict[int, str] | None = None,
    ) -> None:
        self._envs, self._meter, self.num_envs = envs, meter, num_envs
        self.seeds, self._members = streams.seeds, streams.members
        self._lead = (len(self.seeds), num_envs)
        lanes = len(self.seeds) * num_envs
        self._reset_seeds: Sequence[ResetSeeds] = lane_streams or [
            environment_seeds(streams, *divmod(lane, num_envs)) for lane in range(lanes)
        ]
        self._one_stream = bool(lane_streams)
        self._discrete = type(envs.action_space).__name__ == "Discrete"
        self._live_lanes: Sequence[int] = range(lanes)
        self._stepped: Sequence[int] = ()  # the lanes of the last step
        self.active = np.ones(len(self.seeds), bool)
        self.diverged_at: dict[int, int] = {}
        self.faults: dict[int, str] = {} if faults is None else faults
        self._return = np.zeros(lanes)
        self.agents: tuple[str, ...] = getattr(envs, "agents", ())
        self._agent_return = np.zeros((lanes, len(self.agents)))
        self._episode = [-1] * lanes
        # Actions of every step since the oldest open episode began. The episode of lane i began at step _first_step[i].
        self._actions: deque[Array] = deque()
        self._clock, self._first_step = 0, [0] * lanes
        self.obs: Array
        self._flat: Array

    def reset(self) -> Array:
        """Begin the first episode of every environment. Returns: obs [S, N, *obs]."""
        opened = [self._begin_or_park(lane) for lane in range(len(self._episode))]
        known = next((obs for obs in opened if obs is not None), None)
        if known is None:
            raise EnvironmentFault(next(iter(self.faults.values())))
        first = np.stack([np.zeros_like(known) if obs is None else obs for obs in opened])
        self._set_obs(first)
        return self.obs

    def _begin_episode(self, lane: int) -> Array:
        self._episode[lane] += 1
        self._return[lane] = 0
        self._agent_return[lane] = 0
        self._first_step[lane] = self._clock
        return self._envs.reset(lane, self._reset_seeds[lane][self._episode[lane]])

    def _begin_or_park(self, lane: int) -> Array | None:
        """Begin the next episode; if the environment fails, park its seed and return None."""
        return begun(lambda: self._begin_episode(lane), lambda fault: self._fail(lane, fault))

    def _set_obs(self, flat: Array) -> None:
        self._flat, self.obs = flat, flat.reshape(*self._lead, *flat.shape[1:])

    @property
    def start(self) -> Array:
        """Whether `obs` is the first observation of an episode [S, N]; false for parked seeds."""
        begun_now = np.array([step == self._clock for step in self._first_step])
        return np.asarray(begun_now.reshape(self._lead) & self.active[:, None])

    def step(self, actions: Array) -> Transition:
        """Step every environment that is not parked, and begin a new episode where one ended."""
        flat = np.array(actions)  # a copy, because it is kept for the replay
        if flat.shape[:2] != self._lead:
            raise RlbenchError(f"step got actions of shape {flat.shape}; the first axes must be {self._lead}")
        if flat.dtype.kind == "f" and not all_finite(flat):
            self._park(~self._finite_seeds(flat))
        flat = as_taken(flat, self._envs.action_space, "step got")
        flat = flat.reshape(len(self._episode), *flat.shape[2:])
        self._meter.spend(self.num_envs)
        next_obs, reward, terminated, truncated = self._step_live(flat)
        if not (all_finite(next_obs) and all_finite(reward)):
            for lane in not_finite_lanes(next_obs, reward):
                self._fail(lane, step_fault_of(self._envs, lane, next_obs[lane]))
            self._mask_parked(next_obs, reward, terminated, truncated)
        self._actions.append(flat)
        self._clock += 1
        self._return += reward
        agent_rewards = self._agent_rewards() if self.agents else None
        following = next_obs.copy()  # the caller may keep the transition, so `obs` needs a copy
        done = terminated | truncated
        if np.count_nonzero(done):
            self._next_episodes(done, terminated, following)
        obs, lead = self.obs, self._lead
        self._flat, self.obs = following, following.reshape(obs.shape)
        return Transition(
            obs=obs,
            action=flat.reshape(lead + flat.shape[1:]).copy(),
            reward=reward.reshape(lead).astype(np.float32),
            next_obs=next_obs.reshape(obs.shape),
            terminated=terminated.reshape(lead),
            truncated=truncated.reshape(lead),
            agent_rewards=agent_rewards,
        )

    def _step_live(self, flat: Array) -> tuple[Array, Array, Array, Array]:
        lanes = self._stepped = self._live_lanes
        if len(lanes) == len(self._episode):
            return self._envs.step(lanes, self._env_actions(flat))
        next_obs, reward = self._flat.copy(), np.zeros(len(flat))
        terminated, truncated = np.zeros(len(flat), bool), np.zeros(len(flat), bool)
        if lanes:
            index = list(lanes)
            chosen = self._env_actions(flat[index])
            next_obs[index], reward[index], terminated[index], truncated[index] = self._envs.step(lanes, chosen)
        return next_obs, reward, terminated, truncated

    def _agent_rewards(self) -> Array:
        """Add each agent's rewards of this step to its returns. Returns: the rewards [S, N, G]; 0 for parked seeds."""
        rewards = np.zeros_like(self._agent_return)
        stepped = list(self._stepped)
        if stepped:
            rewards[stepped] = cast(AgentEnvBatch, self._envs).agent_rewards  # as `agents` promises
        rewards[np.repeat(~self.active, self.num_envs)] = 0
        self._agent_return += rewards
        return rewards.reshape(*self._lead, -1).astype(np.float32)

    def _env_actions(self, actions: Array) -> Any:
        """Return actions in the form that `EnvBatch.step` accepts."""
        if self._one_stream:
            return actions
        return actions.tolist() if self._discrete else list(actions.copy())  # an environment may write to its action

    def _next_episodes(self, done: Array, terminated: Array, following: Array) -> None:
        """Record the episodes that ended, and write the first observations of the next episodes into `following`."""
        for lane in done.nonzero()[0].tolist():
            seed_index, rank = divmod(lane, self.num_envs)
            episode = self._episode[lane]
            self._meter.record(
                EpisodeRecord(
                    seed=self._members[seed_index],
                    step=self._meter.steps,
                    rank=rank,
                    episode=episode,
                    reset_seed=self._reset_seeds[lane][episode],
                    return_=float(self._return[lane]),
                    length=self._clock - self._first_step[lane],
                    end=episode_end(bool(terminated[lane])),
                    agent_returns=tuple(self._agent_return[lane].tolist()),
                )
            )
            first = self._begin_or_park(lane)
            if first is not None:  # a seed that was parked keeps the last observation of the ended episode
                following[lane] = first
        oldest = min((self._first_step[lane] for lane in self._live_lanes), default=self._clock)
        while self._actions and self._clock - len(self._actions) < oldest:
            self._actions.popleft()

    # -- parking -------------------------------------------------------------------------------------------------
    def park(self, seed_index: int) -> None:
        """Mark a seed as diverged. Its environments are no longer stepped."""
        self._park(np.arange(len(self.seeds)) == seed_index)

    def _fail(self, lane: int, fault: str) -> None:
        """Park the seed of a lane whose environment failed, and store the fault."""
        seed_index = lane // self.num_envs
        self.faults.setdefault(seed_index, f"{fault} at step {self._meter.steps}")
        self.park(seed_index)

    def _park(self, diverged: Array) -> None:
        for seed_index in (self.active & diverged).nonzero()[0].tolist():
            self.diverged_at[seed_index] = self._meter.steps
        self.active = self.active & ~diverged  # a new array, because a caller may keep the old one
        lanes = np.repeat(self.active, self.num_envs).nonzero()[0]
        self._live_lanes = lanes.tolist()

    def _finite_seeds(self, flat: Array) -> Array:
        """Return for each seed whether all its entries are finite [S]."""
        return np.asarray(np.isfinite(flat.reshape(*self._lead, -1)).all((1, 2)))

    def _mask_parked(self, next_obs: Array, reward: Array, terminated: Array, truncated: Array) -> None:
        """Set parked lanes to their last finite observation, reward 0 and neither terminated nor truncated."""
        parked = np.repeat(~self.active, self.num_envs)
        next_obs[parked] = self._flat[parked]
        reward[parked], terminated[parked], truncated[parked] = 0, False, False

    # -- exact resume --------------------------------------------------------------------------------------------
    def state(self, seed_index: int) -> tuple[dict[str, Any], dict[str, Array]]:
        """Return one seed's state: JSON values, and arrays with the actions and observations of its open episodes."""
        episodes: list[int] = []
        arrays: dict[str, Array] = {}
        first = self._clock - len(self._actions)
        for rank in range(self.num_envs):
            lane = seed_index * self.num_envs + rank
            episodes.append(self._episode[lane])
            begin = max(self._first_step[lane], first)
            arrays[f"actions.{rank}"] = np.array([self._actions[t - first][lane] for t in range(begin, self._clock)])
            arrays[f"obs.{rank}"] = np.array(self._flat[lane])  # np.array keeps a scalar a scalar
        return {"episode": episodes, "active": bool(self.active[seed_index])}, arrays

    def load(self, states: Sequence[tuple[Mapping[str, Any], Mapping[str, Array]]], approximate: bool = False) -> bool:
        """Restore every environment from the `state` of each seed. Returns: whether all were restored exactly.

        Reset each environment with its episode's seed, replay the actions unmetered, and compare the last observation
        with the stored one. The environment is not restored exactly if the observation differs in any bit, or if the
        environment fails or cannot be reseeded. In this case, begin its next episode if `approximate` is true; if that
        fails too, park the seed. Raises: ReplayMismatch in this case if `approximate` is false, or if no seed is left.
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
                if not (parked[seed_index] or self._restore(lane, history, stored)):
                    if not approximate:
                        raise ReplayMismatch(
                            f"environment {rank} of seed {self.seeds[seed_index]} was not restored exactly"
                        )
                    exact, history = False, []
                    first = self._begin_or_park(lane)
                    stored = stored if first is None else first
                rows.append(stored)
                histories.append([] if parked[seed_index] else history)
        self._restore_history(histories)
        self._park(parked)
        if self.faults and not self.active.any():
            raise ReplayMismatch(f"no environment began its next episode: {next(iter(self.faults.values()))}")
        self._set_obs(np.stack(rows))
        return exact

    def _restore(self, lane: int, history: Sequence[Any], stored: Array) -> bool:
        """Restore one environment. Returns: whether its observation equals the stored one."""
        try:
            return not self._one_stream and self._replay(lane, history).tobytes() == stored.tobytes()
        except EnvironmentFault:  # the environment did not fail before, so it does not repeat exactly
            return False

    def _replay(self, lane: int, history: Sequence[Any]) -> Array:
        self._episode[lane] -= 1
        obs = self._begin_episode(lane)
        if not all_finite(obs):
            raise EnvironmentFault(f"its reset gave {NOT_FINITE_OBSERVATION}")
        for action in history:
            row = [action.tolist()] if self._discrete else [action.copy()]
            next_obs, reward, _, _ = self._envs.step([lane], row)
            obs = next_obs[0]
            if not (all_finite(obs) and all_finite(reward)):
                raise EnvironmentFault(step_fault_of(self._envs, lane, obs))
            self._return[lane] += reward[0]
            if self.agents:
                self._agent_return[lane] += cast(AgentEnvBatch, self._envs).agent_rewards[0]
        return obs

    def _restore_history(self, histories: Sequence[Sequence[Any]]) -> None:
        """Store the actions of the open episodes as `step` does. Every history ends at the current step."""
        self._clock = longest = max(len(h) for h in histories)
        self._first_step = [longest - len(h) for h in histories]
        sample = next((h[0] for h in histories if len(h)), None)
        if sample is None:
            return
        for t in range(longest):
            row = [
                h[t - start] if t >= start else np.zeros_like(sample) for h, start in zip(histories, self._first_step)
            ]
            self._actions.append(np.stack(row))

    def close(self) -> None:
        self._envs.close()
