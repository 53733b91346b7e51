"""One update of an algorithm that learns from replay, on a given minibatch."""

from types import SimpleNamespace

import numpy as np


def at_step_0(active):
    """An interaction at its first step, which keeps what is logged as `logged`. active: [S] bool."""
    logged = {}

    def log_mean(*computed, where=None, **metrics):
        for compute in computed:
            logged.update(compute())
        logged.update(metrics)

    return SimpleNamespace(active=active, steps=0, logged=logged, log_mean=log_mean)


def learn_from(agent, batch, active=None):
    """Call `learn` with `batch` in place of what replay would give, and return what it logs.

    active: [S] bool; None: every seed.
    """
    agent.replay = SimpleNamespace(minibatch=lambda streams, size: batch._asdict(), state=agent.replay.state)
    active = np.ones(agent.num_seeds, bool) if active is None else active.numpy()
    interaction = at_step_0(active)
    agent.learn(interaction)
    return interaction.logged
