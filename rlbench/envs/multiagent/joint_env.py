"""A world of several agents as a Gymnasium environment whose observation and action are those of all agents.

A world has PettingZoo's parallel API, which is only called, so PettingZoo is not imported. Agents are in the order of
their names, whatever the order in which the world lists them.
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
_SEED = 0  # of the reset that shows which masks and which state a world gives


class JointEnv(gymnasium.Env[Array, Any]):
    """All agents of a world as one environment. Its reward is the team's: the sum of the agents' rewards.

    max_episode_steps: truncate episodes after as many steps; None: leave their end to the world.
    `info` of a step has the reward of each agent [G], as "agent_rewards". An episode ends when no agent is left: by
    truncation if one of the last agents was truncated. An agent that is truncated earlier counts as dead.

    Raises: EnvironmentFault for a world that does not fit.
    """

    def __init__(self, world: Any, max_episode_steps: int | None = None) -> None:
        self._world, self._limit, self._steps = world, max_episode_steps, 0
        self.render_mode, self.metadata = getattr(world, "render_mode", None), getattr(world, "metadata", None) or {}
        names = getattr(world, "possible_agents", None)
        if not names:
            raise EnvironmentFault("it has no `possible_agents`, so its agents are not known before an episode begins")
        self._names = sorted(names, key=_by_name)
        self._observations = {name: AgentObservation(name, world.observation_space(name)) for name in self._names}
        self._actions = [world.action_space(name) for name in self._names]
        self._own_state, self._has_info_masks = False, False
        self._look_once()
        self.layout = self._make_layout()
        self.observation_space, self.action_space = JointVectors(self.layout), joint_actions(self.layout)
        self._living: list[str] = []

    def _look_once(self) -> None:
        """Begin an episode to see whether the world gives masks in `info`, and a state beside the observations."""
        obs, infos = self._begun(self._world.reset(seed=_SEED))
        self._has_info_masks = any("action_mask" in info for info in infos.values())
        if getattr(self._world, "state_space", None) is not None:
            state = np.ravel(self._world.state()).astype(np.float32)
            observed = [self._observations[name].vector(obs[name]) for name in self._world.possible_agents]
            # Many worlds only join all observations; they are in the vector anyway.
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
        has_masks = self._has_info_masks or any(part.has_mask for part in self._observations.values())
        if has_masks and kinds != {spaces.Discrete}:
            raise EnvironmentFault("it gives action masks, but its actions are not discrete")
        state_size = int(np.prod(self._world.state_space.shape)) if self._own_state else 0
        return AgentLayout(tuple(self._names), tuple(groups), has_masks, state_size)

    def reset(self, *, seed: int | None = None, options: dict[str, Any] | None = None) -> tuple[Array, dict[str, Any]]:
        super().reset(seed=seed)
        obs, infos = self._begun(self._world.reset(seed=seed, options=options))
        self._steps, self._living = 0, [name for name in self._names if name in self._world.agents]
        return self._joined(obs, infos, self._living, "reset")

    def step(self, action: Any) -> tuple[Array, float, bool, bool, dict[str, Any]]:
        parts = dict(zip(self._names, self.layout.parted_action(np.asarray(action))))
        spaces_of, acting = dict(zip(self._names, self._actions)), self._living
        given = {name: _own_action(spaces_of[name], parts[name]) for name in acting}
        answer = self._world.step(given)
        if not isinstance(answer, tuple) or len(answer) != 5:
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
        own = np.array([float(rewards[name]) if name in acting else 0.0 for name in self._names])
        self._check_who_is_left(acting, terminations, truncations)
        cut = [name for name in acting if truncations[name] and not terminations[name]]
        staying = [name for name in acting if not (terminations[name] or truncations[name])]
        born = [name for name in self._world.agents if name not in acting]
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
        for name in acting:
            has_ended = bool(terminated[name] or truncated[name])
            if has_ended and name in self._world.agents:
                raise EnvironmentFault(
                    f"{name!r} is terminated or truncated but still in `agents`; take it out of the list in that step"
                )
            if not has_ended and name not in self._world.agents:
                raise EnvironmentFault(
                    f"{name!r} has left `agents`, but neither its termination nor its truncation is true in that step"
                )

    def _begun(self, answer: Any) -> tuple[Mapping[str, Any], Mapping[str, Any]]:
        """Return what the world's reset gave. Raises: EnvironmentFault unless that is (observations, infos)."""
        if not (isinstance(answer, tuple) and len(answer) == 2 and all(isinstance(part, Mapping) for part in answer)):
            raise EnvironmentFault(
                "its reset has to return (observations, infos), two dicts with an entry for each agent"
            )
        return answer

    def _joined(
        self, obs: Mapping[str, Any], infos: Mapping[str, Any], alive: Sequence[str], call: str
    ) -> tuple[Array, dict[str, Any]]:
        """Return the vector of what the agents observe that are alive, and what to say in `info`."""
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
                    if masks:
                        info = infos.get(name, {}) if self._has_info_masks else {}
                        by_agent[name] = self._observations[name].mask(obs[name], info, group.num_actions)
                if masks:
                    masks[index][i] = by_agent[name]
        layout.alive(vector)[:] = [name in alive for name in self._names]
        if self._own_state:
            layout.state(vector)[:] = np.ravel(self._world.state())
        return vector, {AGENT_MASKS: tuple(by_agent[name] for name in self._names)} if masks else {}

    def render(self) -> Any:
        return self._world.render()

    def close(self) -> None:
        self._world.close()


def _by_name(name: Any) -> tuple[Any, ...]:
    """Return what orders names, with numbers in them by size: agent_2 stands before agent_10."""
    return tuple((int(part), "") if part.isdigit() else (-1, part) for part in re.split(r"(\d+)", str(name)))


def _own_action(space: Any, action: Any) -> Any:
    """Return an agent's part of an action as an element of its own space."""
    if isinstance(space, spaces.Discrete):
        return space.dtype.type(int(action) + int(space.start))
    return np.array(action, space.dtype).reshape(space.shape)
