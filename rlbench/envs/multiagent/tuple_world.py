"""A Gymnasium environment with one observation and one action for each agent, as a world with the parallel API.

Level-based foraging and RWARE are such environments. Their spaces are Tuples and their rewards are lists; one
`terminated` and one `truncated` hold for all agents.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import gymnasium
from gymnasium import spaces

from rlbench.api import EnvironmentFault

_Answers = dict[str, Any]


class TupleWorld:
    """The world, with agents agent_0, agent_1 … in the order of the Tuples.

    make: makes the environment. Each episode uses a new environment. In a used one, an episode would not depend on its
    seed alone, because level-based foraging avoids the positions of agents in the previous episode. Making an
    environment takes as long as a reset. Raises: EnvironmentFault if the environment has no part for each agent.
    """

    def __init__(self, make: Callable[[], gymnasium.Env[Any, Any]]) -> None:
        env = make()
        observed, acted = env.observation_space, env.action_space
        if not (isinstance(observed, spaces.Tuple) and isinstance(acted, spaces.Tuple) and len(observed) == len(acted)):
            raise EnvironmentFault(
                f"its spaces are not Tuples with a part for each agent, but {observed} and {acted}; leave `backend` out"
                " if it has a single agent"
            )
        self._make, self._is_used = make, False
        self._env, self.render_mode, self.metadata = env, env.render_mode, env.metadata
        self.possible_agents = [f"agent_{i}" for i in range(len(observed))]
        self.agents: list[str] = []
        self._observed, self._acted = (dict(zip(self.possible_agents, space.spaces)) for space in (observed, acted))

    def observation_space(self, agent: str) -> spaces.Space[Any]:
        return self._observed[agent]

    def action_space(self, agent: str) -> spaces.Space[Any]:
        return self._acted[agent]

    def reset(self, seed: int | None = None, options: dict[str, Any] | None = None) -> tuple[_Answers, _Answers]:
        if self._is_used:
            self._env.close()
            self._env = self._make()
        self._is_used = True
        observed, _ = self._env.reset(seed=seed, options=options)
        self.agents = list(self.possible_agents)
        return self._by_agent(observed, "observations"), {agent: {} for agent in self.agents}

    def step(self, actions: Mapping[str, Any]) -> tuple[_Answers, _Answers, _Answers, _Answers, _Answers]:
        taken = tuple(actions[agent] for agent in self.possible_agents)
        observed, rewards, terminated, truncated, _ = self._env.step(taken)
        ends, cuts = (dict.fromkeys(self.possible_agents, bool(flag)) for flag in (terminated, truncated))
        if terminated or truncated:
            self.agents = []
        infos: _Answers = {agent: {} for agent in self.possible_agents}
        return self._by_agent(observed, "observations"), self._by_agent(rewards, "rewards"), ends, cuts, infos

    def _by_agent(self, values: Any, what: str) -> _Answers:
        if len(values) != len(self.possible_agents):
            raise EnvironmentFault(f"it gave {len(values)} {what} for {len(self.possible_agents)} agents")
        return dict(zip(self.possible_agents, values))

    def render(self) -> Any:
        return self._env.render()

    def close(self) -> None:
        self._env.close()
