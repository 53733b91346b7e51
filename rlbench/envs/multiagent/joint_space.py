"""The spaces of a multi-agent environment: the observations, and the actions, of all agents together."""

from __future__ import annotations

import numpy as np
from gymnasium import spaces

from rlbench.api import AgentLayout


class JointVectors(spaces.Box):
    """Vectors of float32 [layout.size] with the observations of all agents. layout: where each agent's parts are."""

    def __init__(self, layout: AgentLayout) -> None:
        super().__init__(-np.inf, np.inf, (layout.size,), np.float32)
        self.layout = layout


def joint_actions(layout: AgentLayout) -> spaces.Space[object]:
    """Return the space of the actions of all agents: MultiDiscrete [G], or a Box [A] of floats."""
    of_agent = {agent: group for group in layout.groups for agent in group.members}
    groups = [of_agent[agent] for agent in range(layout.count)]
    if layout.is_discrete:
        return spaces.MultiDiscrete([group.num_actions for group in groups])
    boxes = [group.action_space for group in groups]
    low, high = (np.concatenate([np.ravel(getattr(box, end)) for box in boxes]) for end in ("low", "high"))
    return spaces.Box(low.astype(np.float32), high.astype(np.float32), dtype=np.float32)
