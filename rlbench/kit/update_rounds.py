"""The schedule of updates of an algorithm with a replay buffer, with the same counts as in Stable-Baselines3."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from rlbench.api import nothing_left
from rlbench.kit.schedules import Every


def check_replay_settings(config: Any) -> None:
    """Check that replay settings do not contradict each other. Raises: ValueError.

    config: a Config with gradient_steps, buffer_size and batch_size.
    """
    if config.gradient_steps == 0:
        raise ValueError("gradient_steps must be -1 or at least 1")
    if config.buffer_size < config.batch_size:
        raise ValueError(f"buffer_size {config.buffer_size} is smaller than batch_size {config.batch_size}")


class UpdateRounds:
    """Rounds of updates: one round whenever each of the n_envs environments has taken `train_freq` more steps.

    A round has `gradient_steps` updates. With -1, it has one update for each step that a seed has taken since the last
    round. There is no round during the first `learning_starts` steps of a seed.

    config: a Config with n_envs, train_freq, gradient_steps and learning_starts. budget: the steps of one seed.
    Raises: ValueError if the warm-up leaves no step for learning.
    """

    def __init__(self, config: Any, budget: int) -> None:
        c = config
        if problem := nothing_left("learning_starts", c.learning_starts, budget):
            raise ValueError(problem)
        self._round, self._warm_up = Every(c.train_freq, c.n_envs), c.learning_starts
        self._updates = c.train_freq * c.n_envs if c.gradient_steps < 0 else c.gradient_steps

    def due(self, steps: int) -> int:
        """Return how many updates are due after `steps` steps of one seed. Call it after every step."""
        is_due = self._round.due(steps)  # also called during the warm-up, or a round would be due at its end
        return self._updates if is_due and steps > self._warm_up else 0

    def state(self) -> dict[str, int]:
        return self._round.state()

    def load_state(self, state: Mapping[str, int]) -> None:
        self._round.load_state(state)
