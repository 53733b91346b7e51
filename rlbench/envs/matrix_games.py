"""Three cooperative games of two agents with one or two payoff tables each, in PettingZoo's parallel interface.

Each agent gets half of the payoff. So the sum of both rewards, the team's return, is the number in the table. The games
are deterministic. A suite names a game by its function, such as rlbench.envs.matrix_games:climbing.

Sources: climbing and penalty: Claus & Boutilier 1998, The Dynamics of Reinforcement Learning in Cooperative Multiagent
Systems. two_step: Rashid et al. 2018, QMIX, section 5, arXiv:1803.11485.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from gymnasium.spaces import Box, Discrete
from numpy.typing import NDArray

from rlbench.api import RlbenchError

Observations = dict[str, NDArray[np.float32]]
Infos = dict[str, dict[str, Any]]
GAMES = ("climbing", "penalty", "two_step")  # the functions that make them
_AGENTS = ("agent_0", "agent_1")
_CLIMBING = ((11, -30, 0), (-30, 7, 6), (0, 0, 5))
_TWO_STEP = (((7, 7), (7, 7)), ((0, 1), (1, 8)))  # the tables of the states 2A and 2B


class MatrixGame:
    """A game in which two agents act at once. The last step pays the table's number at (action of 0, action of 1).

    Each agent observes the state as a one-hot vector. With one table, there is one state and one step. With several
    tables, a first step without a reward picks the table by the action of agent_0; the action of agent_1 has no effect
    there. Episodes end by termination, and then no agent is left.
    """

    def __init__(self, name: str, tables: Sequence[Sequence[Sequence[float]]]) -> None:
        """Make a game. tables: [tables, actions, actions], as many tables as actions if there are several."""
        self.metadata: dict[str, Any] = {"name": name, "render_modes": [], "is_parallelizable": True}
        self.render_mode = None
        self.possible_agents = list(_AGENTS)
        self.agents: list[str] = []
        self._tables = np.asarray(tables, float)
        self._first = len(self._tables) > 1  # whether episodes begin before a table is picked
        states = len(self._tables) + self._first
        self._observation_spaces = {agent: Box(0.0, 1.0, (states,), np.float32) for agent in _AGENTS}
        self._action_spaces = {agent: Discrete(self._tables.shape[-1]) for agent in _AGENTS}
        self._state = 0

    @property
    def unwrapped(self) -> MatrixGame:
        return self

    @property
    def num_agents(self) -> int:
        return len(self.agents)

    @property
    def max_num_agents(self) -> int:
        return len(self.possible_agents)

    def observation_space(self, agent: str) -> Box:
        """Return the agent's space, the same object at each call."""
        return self._observation_spaces[agent]

    def action_space(self, agent: str) -> Discrete:
        """Return the agent's space, the same object at each call."""
        return self._action_spaces[agent]

    def reset(self, seed: int | None = None, options: Mapping[str, Any] | None = None) -> tuple[Observations, Infos]:
        """Begin an episode. seed, options: ignored, because the game is deterministic and has no options."""
        self.agents = list(_AGENTS)
        self._state = 0
        return self._observe(), {agent: {} for agent in _AGENTS}

    def step(
        self, actions: Mapping[str, Any]
    ) -> tuple[Observations, dict[str, float], dict[str, bool], dict[str, bool], Infos]:
        """Play the actions of both agents. Raises: RlbenchError for a wrong action, or if the episode has ended."""
        name = self.metadata["name"]
        if not self.agents:
            raise RlbenchError(f"{name}: the episode has ended; call reset before step")
        if set(actions) != set(_AGENTS):
            raise RlbenchError(f"{name}: step needs an action of {' and '.join(_AGENTS)}, got {sorted(actions)}")
        for agent in _AGENTS:
            if not self._action_spaces[agent].contains(actions[agent]):
                last = self._action_spaces[agent].n - 1
                raise RlbenchError(
                    f"{name}: the action of {agent} is {actions[agent]!r}, not an integer from 0 to {last}"
                )
        first, second = (int(actions[agent]) for agent in _AGENTS)
        ends = not self._first or self._state > 0
        if ends:
            payoff = float(self._tables[self._state - self._first, first, second])
            self.agents = []
        else:
            payoff = 0.0
            self._state = 1 + first
        return (
            self._observe(),
            dict.fromkeys(_AGENTS, payoff / len(_AGENTS)),
            dict.fromkeys(_AGENTS, ends),
            dict.fromkeys(_AGENTS, False),
            {agent: {} for agent in _AGENTS},
        )

    def render(self) -> None:
        """Do nothing, because the game has no picture."""

    def close(self) -> None:
        """Do nothing, because the game holds no resources."""

    def _observe(self) -> Observations:
        """Return each agent's observation: the one-hot state [states]. The last step does not change the state."""
        states = self._observation_spaces[_AGENTS[0]].shape[0]
        return {agent: np.eye(states, dtype=np.float32)[self._state] for agent in _AGENTS}


def climbing() -> MatrixGame:
    """Return the climbing game: (0, 0) pays 11, but if only one of the agents picks 0, the payoff may be -30."""
    return MatrixGame("climbing", [_CLIMBING])


def penalty(k: float = -100) -> MatrixGame:
    """Return the penalty game: (0, 2) and (2, 0) pay 10, and (0, 0) and (2, 2) pay the penalty k."""
    return MatrixGame("penalty", [((k, 0, 10), (0, 2, 0), (10, 0, k))])


def two_step() -> MatrixGame:
    """Return the two-step game: agent_0 picks a state that always pays 7, or a state that pays 8 only for (1, 1)."""
    return MatrixGame("two_step", _TWO_STEP)
