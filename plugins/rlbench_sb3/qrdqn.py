"""sb3-contrib's QR-DQN: the library's own training loop on metered environments.

Source: Dabney et al. 2018, arXiv:1710.10044. Parameters keep the library's names, units and values.
"""

from __future__ import annotations

from dataclasses import dataclass

from sb3_contrib import QRDQN
from sb3_contrib.qrdqn.policies import QRDQNPolicy

from rlbench import setting
from rlbench_sb3.foreign import LibraryAlgorithm
from rlbench_sb3.parameters import EpsilonGreedy


@dataclass(frozen=True)
class ContribQRDQNConfig(EpsilonGreedy):
    """The library's arguments and defaults. train_freq and learning_starts are counted in the library's units."""

    n_quantiles: int = setting(200, "quantiles of each action's return", ge=1)
    learning_rate: float | str = setting(5e-5, "Adam's learning rate; lin_5e-5: falls to 0", gt=0, schedule=True)
    exploration_fraction: float = setting(0.005, "share of the budget over which epsilon decays", ge=0, le=1)
    exploration_final_eps: float = setting(0.01, "epsilon after the decay", ge=0, le=1)
    max_grad_norm: float | None = setting(None, "maximum norm of the gradient; none: not clipped", gt=0)


class ContribQRDQN(LibraryAlgorithm):
    Config = ContribQRDQNConfig
    library, network_class = QRDQN, QRDQNPolicy
