"""A world of several agents, each of which plays its own test environment.

So the single-agent test environments, whose optima are known, also test multi-agent algorithms.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import gymnasium
from gymnasium.spaces import Space

_Answers = dict[str, Any]


class FakeWorld:
    """Copies of a Gymnasium environment, one for each agent, with PettingZoo's parallel interface.

    env_id: the id of the environment. common: the arguments of all copies. kwargs: for each agent, the arguments that
    differ from `common`; the number of agents is its length. An agent dies when its environment's episode ends, so
    agents may die one after another. Rewards are divided by the number of agents, so the team's return is the mean of
    the environments' returns. The first agent's environment gets the world's reset seed, and the next agents'
    environments get the next seeds.
    """

    def __init__(self, env_id: str, kwargs: Sequence[Mapping[str, Any]] = ({}, {}), **common: Any) -> None:
        envs = [gymnasium.make(env_id, disable_env_checker=True, **{**common, **own}) for own in kwargs]
        self._envs = {f"agent_{i}": env for i, env in enumerate(envs)}
        self.possible_agents, self.agents = list(self._envs), list[str]()

    def observation_space(self, agent: str) -> Space[Any]:
        return self._envs[agent].observation_space

    def action_space(self, agent: str) -> Space[Any]:
        return self._envs[agent].action_space

    def reset(self, seed: int | None = None, options: Mapping[str, Any] | None = None) -> tuple[_Answers, _Answers]:
        self.agents = list(self.possible_agents)
        answers = [env.reset(seed=None if seed is None else seed + i) for i, env in enumerate(self._envs.values())]
        observations, infos = (dict(zip(self.agents, values)) for values in zip(*answers))
        return observations, infos

    def step(self, actions: Mapping[str, Any]) -> tuple[_Answers, _Answers, _Answers, _Answers, _Answers]:
        """Step the environments of the living agents. Raises: RuntimeError if the actions are not exactly theirs."""
        if set(actions) != set(self.agents):
            raise RuntimeError(f"actions of {sorted(actions)}, but the agents are {self.agents}")
        answers = [self._envs[agent].step(actions[agent]) for agent in self.agents]
        observations, rewards, ends, cuts, infos = (dict(zip(self.agents, values)) for values in zip(*answers))
        shares = {agent: reward / len(self.possible_agents) for agent, reward in rewards.items()}
        self.agents = [agent for agent in self.agents if not (ends[agent] or cuts[agent])]
        return observations, shares, ends, cuts, infos

    def close(self) -> None:
        for env in self._envs.values():
            env.close()
