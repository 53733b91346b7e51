"""One update of an algorithm that learns from replay, on a given minibatch."""

from types import SimpleNamespace

import numpy as np


def learn_from(agent, batch, active=None):
    """Call `learn` with `batch` in place of what replay would give. active: [S] bool; None: every seed."""
    agent.replay = SimpleNamespace(minibatch=lambda streams, size: batch._asdict(), state=agent.replay.state)
    active = np.ones(agent.num_seeds, bool) if active is None else active.numpy()
    agent.learn(SimpleNamespace(active=active, steps=0))
