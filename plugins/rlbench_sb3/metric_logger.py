"""What the library logs while it trains, passed on as metrics."""

from __future__ import annotations

from typing import Any

from stable_baselines3.common.logger import Logger

from rlbench import Interaction

_TRAINING = "train/"
# Names of the library that stand for what rlbench's own algorithms log under another one.
_SAME = {"policy_gradient_loss": "policy_loss", "ent_coef": "alpha"}
_COUNTERS = ("n_updates", "learning_rate")  # known from the suite


class MetricLogger(Logger):
    """Passes on what the library records of an update; it writes no files.

    loss: the metric that the library's "loss" is.
    """

    def __init__(self, interaction: Interaction, loss: str = "loss") -> None:
        super().__init__(folder=None, output_formats=[])
        self._interaction, self._names = interaction, _SAME | {"loss": loss}

    def record(self, key: str, value: Any, exclude: Any = None) -> None:
        name = key.removeprefix(_TRAINING)
        if name != key and name not in _COUNTERS and not isinstance(value, (str, bool)) and value is not None:
            self._interaction.log_mean(**{self._names.get(name, name): value})
