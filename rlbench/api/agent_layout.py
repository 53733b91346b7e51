"""Layout of the agents of a multi-agent environment in one observation vector and one action array.

The harness handles one observation and one action for each environment. So metering, evaluation, replay and resume work
for several agents exactly as for one. Algorithms read each agent's part through the layout, which accepts numpy arrays
and tensors.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import accumulate, pairwise
from typing import Any, NamedTuple

import numpy as np

from rlbench.api.task import AnySpace


class AgentGroup(NamedTuple):
    """Agents whose observations and actions have equal spaces.

    members: the agents' places in the order of all agents. obs_size: how many numbers one agent observes.
    action_space: the space of one agent, a Discrete that starts at 0 or a Box.
    """

    members: tuple[int, ...]
    obs_size: int
    action_space: AnySpace

    @property
    def num_actions(self) -> int:
        """How many discrete actions one agent has; 0 if its actions are continuous."""
        return int(getattr(self.action_space, "n", 0))

    @property
    def action_size(self) -> int:
        """How many numbers the action of one agent has: 1 if it is discrete."""
        return 1 if self.num_actions else int(np.prod(self.action_space.shape or ()))


@dataclass(frozen=True)
class AgentLayout:
    """The parts of a multi-agent environment's vectors. G is the number of agents; A is the length of an action.

    agents: the agents' names; every axis of agents is in this order. groups: agents with equal spaces, group by group.
    has_masks: whether the vector contains masks of allowed discrete actions. state_size: the length of the
    environment's own state; 0: there is no such state, and all observations together are the state.

    A vector [..., size] contains, in this order: the observations of each group, the masks of each group, a flag for
    each agent (1: alive), and the state. A dead agent's observation is 0.
    """

    agents: tuple[str, ...]
    groups: tuple[AgentGroup, ...]
    has_masks: bool = False
    state_size: int = 0

    @property
    def count(self) -> int:
        """G, the number of agents."""
        return len(self.agents)

    @property
    def is_discrete(self) -> bool:
        """Whether the actions of all agents are discrete. If not, the actions of all agents are continuous."""
        return self.groups[0].num_actions > 0

    @cached_property
    def _starts(self) -> tuple[int, ...]:
        observed = [len(group.members) * group.obs_size for group in self.groups]
        masked = [len(group.members) * group.num_actions if self.has_masks else 0 for group in self.groups]
        return tuple(accumulate([*observed, *masked, self.count, self.state_size], initial=0))

    @property
    def size(self) -> int:
        """The length of a vector."""
        return self._starts[-1]

    def observations(self, vectors: Any) -> list[Any]:
        """Return each group's observations [..., members, obs_size] from vectors [..., size]."""
        return [self._part(vectors, i, group, group.obs_size) for i, group in enumerate(self.groups)]

    def masks(self, vectors: Any) -> list[Any]:
        """Return each group's action masks [..., members, actions]: 1 if an action is allowed, else 0.

        The list is empty if the vectors have no masks.
        """
        first = len(self.groups)
        if not self.has_masks:
            return []
        return [self._part(vectors, first + i, group, group.num_actions) for i, group in enumerate(self.groups)]

    def alive(self, vectors: Any) -> Any:
        """Return for each agent whether it is alive [..., G], as 1 or 0, in the order of `agents`."""
        start = self._starts[2 * len(self.groups)]
        return vectors[..., start : start + self.count]

    def state(self, vectors: Any) -> Any:
        """Return the environment's state [..., central_size]. If it has no own state, return all observations."""
        if self.state_size:
            return vectors[..., -self.state_size :]
        return vectors[..., : self._starts[len(self.groups)]]

    @property
    def central_size(self) -> int:
        """The length of the state that `state` returns."""
        return self.state_size or self._starts[len(self.groups)]

    def _part(self, vectors: Any, index: int, group: AgentGroup, width: int) -> Any:
        part = vectors[..., self._starts[index] : self._starts[index + 1]]
        return part.reshape(*part.shape[:-1], len(group.members), width)

    # -- axes of agents ------------------------------------------------------------------------------------------
    def by_group(self, values: Any) -> list[Any]:
        """Split values of all agents [..., G] into one array [..., members] for each group."""
        return [values[..., list(group.members)] for group in self.groups]

    @cached_property
    def order(self) -> list[int]:
        """The index of each agent in the concatenated list of all groups' members."""
        places = [place for group in self.groups for place in group.members]
        return [places.index(agent) for agent in range(self.count)]

    # -- actions -------------------------------------------------------------------------------------------------
    @cached_property
    def action_starts(self) -> tuple[int, ...]:
        """The index at which each agent's numbers begin in an action [A], and last the index A at which they end."""
        sizes = {agent: group.action_size for group in self.groups for agent in group.members}
        return tuple(accumulate((sizes[agent] for agent in range(self.count)), initial=0))

    def joint_action(self, actions: Sequence[Any]) -> Any:
        """Join the groups' actions to one numpy array [..., A], in the order of `agents`.

        actions: one numpy array for each group, [..., members] if actions are discrete, else
        [..., members, action_size].
        """
        if self.is_discrete:
            return np.concatenate(list(actions), -1)[..., self.order]
        joint = np.empty((*actions[0].shape[:-2], self.action_starts[-1]), actions[0].dtype)
        for group, values in zip(self.groups, actions):
            for i, agent in enumerate(group.members):
                joint[..., self.action_starts[agent] : self.action_starts[agent + 1]] = values[..., i, :]
        return joint

    def parted_action(self, action: Any) -> list[Any]:
        """Split one action [A] into each agent's part, in the order of `agents`: a number if discrete, else [n]."""
        if self.is_discrete:
            return list(action)
        return [action[start:end] for start, end in pairwise(self.action_starts)]
