"""A logger that records the library's training metrics as rlbench's metrics."""

from __future__ import annotations

from typing import Any

from stable_baselines3.common.logger import Logger

from rlbench import Interaction

_TRAINING = "train/"
# The library's names of metrics, with the names under which rlbench's own algorithms log the same metrics.
_SAME = {"policy_gradient_loss": "policy_loss", "ent_coef": "alpha"}
_COUNTERS = ("n_updates", "learning_rate")  # not logged: the suite determines them


class MetricLogger(Logger):
    """Passes the library's metrics of an update to the interaction. It writes no files.

    loss: the name to use for the metric that the library calls "loss".
    """

    def __init__(self, interaction: Interaction, loss: str = "loss") -> None:
        super().__init__(folder=None, output_formats=[])
        self._interaction, self._names = interaction, _SAME | {"loss": loss}

    def record(self, key: str, value: Any, exclude: Any = None) -> None:
        name = key.removeprefix(_TRAINING)
        if name != key and name not in _COUNTERS and not isinstance(value, (str, bool)) and value is not None:
            self._interaction.log_mean(**{self._names.get(name, name): value})
