"""A world of several agents as a Gymnasium environment with one observation and one action for all agents.

A world is an object with PettingZoo's parallel API. This module does not import PettingZoo. Agents are ordered by name,
whatever their order in the world.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

import gymnasium
import numpy as np
from gymnasium import spaces

from rlbench.api import AgentGroup, AgentLayout, Array, EnvironmentFault
from rlbench.envs.multiagent.agent_observation import AgentObservation
from rlbench.envs.multiagent.joint_space import JointVectors, joint_actions

AGENT_REWARDS, AGENT_MASKS = "agent_rewards", "agent_masks"  # keys of `info`
LARGEST = 1e150  # the largest reward of an agent; sums of larger rewards might not be finite
_SEED = 0  # the seed of the reset that shows which masks and which state a world has


class JointEnv(gymnasium.Env[Array, Any]):
    """All agents of a world as one environment. Its reward is the sum of the agents' rewards.

    max_episode_steps: truncate episodes after this many steps; None: only the world ends episodes.
    The `info` of a step contains each agent's reward [G] as "agent_rewards". An episode ends when no agent is left. It
    is truncated if one of the last agents was truncated, else terminated. An agent that is truncated earlier counts as
    dead.

    Raises: EnvironmentFault for a world that does not fit.
    """

    def __init__(self, world: Any, max_episode_steps: int | None = None) -> None:
        self._world, self._limit, self._steps = world, max_episode_steps, 0
        self.render_mode, self.metadata = getattr(world, "render_mode", None), getattr(world, "metadata", None) or {}
        names = getattr(world, "possible_agents", None)
        if not names:
            raise EnvironmentFault("it has no `possible_agents`, so its agents are not known before an episode begins")
        self._names = sorted(names, key=_by_name)
        texts = [str(name) for name in self._names]
        if twice := sorted({text for text in texts if texts.count(text) > 1}):
            raise EnvironmentFault(f"{twice[0]!r} is twice in `possible_agents`; each agent needs a name of its own")
        self._observations = {name: AgentObservation(name, world.observation_space(name)) for name in self._names}
        self._actions = [world.action_space(name) for name in self._names]
        self._own_state, self._masked = False, frozenset[Any]()
        self._look_once()
        self.layout = self._make_layout()
        self.observation_space, self.action_space = JointVectors(self.layout), joint_actions(self.layout)
        self._living: list[str] = []

    def _look_once(self) -> None:
        """Begin an episode to see which agents have masks in `info`, and whether the world has its own state."""
        obs, infos = self._begun(self._world.reset(seed=_SEED))
        self._masked = frozenset(name for name in self._names if "action_mask" in (infos.get(name) or {}))
        space = getattr(self._world, "state_space", None)
        if space is not None:
            if not isinstance(space, spaces.Box):
                raise EnvironmentFault(
                    f"its `state_space` is {space}; a state has to be a Box, or None if there is none"
                )
            state = self._state()
            observed = [self._observations[name].vector(obs[name]) for name in self._world.possible_agents]
            # The state of many worlds is only the concatenation of all observations, which the vector contains anyway.
            self._own_state = not np.array_equal(state, np.concatenate(observed))

    def _make_layout(self) -> AgentLayout:
        kinds = {type(space) for space in self._actions}
        if kinds not in ({spaces.Discrete}, {spaces.Box}):
            described = ", ".join(sorted(kind.__name__ for kind in kinds))
            raise EnvironmentFault(f"its agents' actions are {described}; all must be Discrete, or all Box")
        by_spaces: dict[Any, list[int]] = {}
        for i, name in enumerate(self._names):
            size, space = self._observations[name].size, self._actions[i]
            key = size, int(space.n) if isinstance(space, spaces.Discrete) else repr(space)
            by_spaces.setdefault(key, []).append(i)
        groups = []
        for (size, _), members in by_spaces.items():
            space = self._actions[members[0]]
            plain = spaces.Discrete(int(space.n)) if isinstance(space, spaces.Discrete) else space
            groups.append(AgentGroup(tuple(members), size, plain))
        has_masks = bool(self._masked) or any(part.has_mask for part in self._observations.values())
        if has_masks and kinds != {spaces.Discrete}:
            raise EnvironmentFault("it gives action masks, but its actions are not discrete")
        state_size = int(np.prod(self._world.state_space.shape)) if self._own_state else 0
        return AgentLayout(tuple(map(str, self._names)), tuple(groups), has_masks, state_size)

    def _state(self) -> Array:
        """Return the world's state as float32 [n]. Raises: EnvironmentFault if its shape is not that of its space."""
        try:
            state = np.asarray(self._world.state(), np.float32)
        except NotImplementedError:
            raise EnvironmentFault("it has a `state_space`, but no `state()`; set `state_space = None`") from None
        shape = self._world.state_space.shape
        if state.shape != shape:
            raise EnvironmentFault(f"its state has shape {state.shape}, but its `state_space` has {shape}")
        return state.ravel()

    def _agents(self) -> Sequence[Any]:
        """Return the agents that are in the world now.

        Raises: EnvironmentFault if `agents` is no list, or contains an agent that is not in `possible_agents`.
        """
        agents = self._world.agents
        if not isinstance(agents, (list, tuple)):
            raise EnvironmentFault(f"its `agents` is {agents!r}; it has to be the list of the agents that are alive")
        if unknown := [name for name in agents if name not in self._names]:
            raise EnvironmentFault(f"{unknown[0]!r} is in `agents`, but not in `possible_agents`; add it there")
        return agents

    def reset(self, *, seed: int | None = None, options: dict[str, Any] | None = None) -> tuple[Array, dict[str, Any]]:
        super().reset(seed=seed)
        obs, infos = self._begun(self._world.reset(seed=seed, options=options))
        agents = self._agents()
        self._steps, self._living = 0, [name for name in self._names if name in agents]
        if not self._living:
            raise EnvironmentFault("its reset left no agent in `agents`; an episode needs at least one")
        return self._joined(obs, infos, self._living, "reset")

    def step(self, action: Any) -> tuple[Array, float, bool, bool, dict[str, Any]]:
        parts = dict(zip(self._names, self.layout.parted_action(np.asarray(action))))
        spaces_of, acting = dict(zip(self._names, self._actions)), self._living
        given = {name: _own_action(spaces_of[name], parts[name]) for name in acting}
        answer = self._world.step(given)
        is_complete = isinstance(answer, tuple) and len(answer) == 5
        if not is_complete or not all(isinstance(part, Mapping) for part in answer[:4]):
            raise EnvironmentFault(
                "its step has to return (observations, rewards, terminations, truncations, infos), five dicts with an"
                " entry for each agent that acted"
            )
        obs, rewards, terminations, truncations, infos = answer
        self._steps += 1
        for name in acting:
            for what, values in (("reward", rewards), ("termination", terminations), ("truncation", truncations)):
                if name not in values:
                    raise EnvironmentFault(f"its step gave no {what} for {name!r}")
        if unknown := [name for name in rewards if name not in self._names]:
            raise EnvironmentFault(f"its step gave a reward for {unknown[0]!r}, who is not in `possible_agents`")
        own = np.array([_reward(name, rewards[name]) if name in acting else 0.0 for name in self._names])
        self._check_who_is_left(acting, terminations, truncations)
        cut = [name for name in acting if truncations[name] and not terminations[name]]
        staying = [name for name in acting if not (terminations[name] or truncations[name])]
        born = [name for name in self._agents() if name not in acting]
        left = [name for name in self._names if name in staying or name in born]
        truncated = not left and bool(cut)
        terminated = not left and not cut
        if self._limit is not None and self._steps >= self._limit and not terminated:
            truncated, cut = True, [*left, *cut]
        self._living = left
        vector, info = self._joined(obs, infos, cut if truncated else left, "step")
        return vector, float(own.sum()), terminated, truncated, {**info, AGENT_REWARDS: own}

    def _check_who_is_left(
        self, acting: Sequence[str], terminated: Mapping[str, Any], truncated: Mapping[str, Any]
    ) -> None:
        """Check that the list of agents and the flags agree. Raises: EnvironmentFault."""
        agents = self._agents()
        for name in acting:
            has_ended = bool(terminated[name] or truncated[name])
            if has_ended and name in agents:
                raise EnvironmentFault(
                    f"{name!r} is terminated or truncated but still in `agents`; take it out of the list in that step"
                )
            if not has_ended and name not in agents:
                raise EnvironmentFault(
                    f"{name!r} has left `agents`, but neither its termination nor its truncation is true in that step"
                )

    def _begun(self, answer: Any) -> tuple[Mapping[str, Any], Mapping[str, Any]]:
        """Return the answer of the world's reset. Raises: EnvironmentFault if it is not (observations, infos)."""
        if not (isinstance(answer, tuple) and len(answer) == 2 and all(isinstance(part, Mapping) for part in answer)):
            raise EnvironmentFault(
                "its reset has to return (observations, infos), two dicts with an entry for each agent"
            )
        return answer

    def _joined(
        self, obs: Mapping[str, Any], infos: Mapping[str, Any], alive: Sequence[str], call: str
    ) -> tuple[Array, dict[str, Any]]:
        """Return the vector of all agents, with the observations of those in `alive`, and the entries of `info`."""
        layout, vector = self.layout, np.zeros(self.layout.size, np.float32)
        observed, masks = layout.observations(vector), layout.masks(vector)  # views, to write to
        by_agent: dict[str, Array] = {}
        for index, group in enumerate(layout.groups):
            for i, agent in enumerate(group.members):
                name = self._names[agent]
                if masks:
                    by_agent[name] = np.ones(group.num_actions, np.int8)
                if name in alive:
                    if name not in obs:
                        raise EnvironmentFault(f"its {call} gave no observation for {name!r}")
                    observed[index][i] = self._observations[name].vector(obs[name])
                    info = (infos.get(name) if isinstance(infos, Mapping) else None) or {}
                    self._check_mask(name, info, call)
                    if masks:
                        by_agent[name] = self._observations[name].mask(obs[name], info, group.num_actions)
                if masks:
                    masks[index][i] = by_agent[name]
        layout.alive(vector)[:] = [name in alive for name in self._names]
        if self._own_state:
            layout.state(vector)[:] = self._state()
        return vector, {AGENT_MASKS: tuple(by_agent[name] for name in self._names)} if masks else {}

    def _check_mask(self, name: Any, info: Mapping[str, Any], call: str) -> None:
        """Check that an agent has a mask in `info` if it acts next and had one at the first reset.

        An agent that had none at the first reset must never have one.
        """
        if "action_mask" in info and name not in self._masked:
            raise EnvironmentFault(
                f"its {call} gave {name!r} an action mask, but its first reset did not; give it always"
            )
        if name in self._masked and name in self._living and "action_mask" not in info:
            raise EnvironmentFault(f"its {call} gave no action mask for {name!r}, though its first reset did")

    def render(self) -> Any:
        return self._world.render()

    def close(self) -> None:
        self._world.close()


def _reward(name: Any, value: Any) -> float:
    """Return an agent's reward as a float. Raises: EnvironmentFault if it is no number, or too large to be added up."""
    try:
        reward = float(value)
    except (TypeError, ValueError):
        raise EnvironmentFault(f"the reward of {name!r} is {value!r}; it has to be a number") from None
    if LARGEST < abs(reward) < float("inf"):  # a later check of the step reports a reward that is not finite
        raise EnvironmentFault(f"the reward of {name!r} is {reward:g}, too large to be added up")
    return reward


def _by_name(name: Any) -> tuple[Any, ...]:
    """Return a sort key for names that orders numbers in them by size: agent_2 comes before agent_10."""
    return tuple((int(part), "") if part.isdecimal() else (-1, part) for part in re.split(r"(\d+)", str(name)))


def _own_action(space: Any, action: Any) -> Any:
    """Return an agent's part of an action as an element of its own space."""
    if isinstance(space, spaces.Discrete):
        return space.dtype.type(int(action) + int(space.start))
    return np.array(action, space.dtype).reshape(space.shape)
