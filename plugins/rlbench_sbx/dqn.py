"""SBX's DQN: the library's own training loop on metered environments.

Source: Raffin et al. 2021, and its SBX. Parameters keep the library's names, units and values.
"""

from __future__ import annotations

from dataclasses import dataclass

from rlbench_sb3.parameters import EpsilonGreedy
from sbx import DQN
from sbx.dqn.policies import DQNPolicy

from rlbench import setting
from rlbench_sbx.foreign import JaxLibraryAlgorithm


@dataclass(frozen=True)
class SbxDQNConfig(EpsilonGreedy):
    """The library's arguments and defaults. train_freq and learning_starts are counted in the library's units."""

    net_arch: tuple[int, ...] = setting((256, 256), "units of the two hidden layers, which must be equal")
    target_update_interval: int = setting(1_000, "steps between target updates", ge=1)

    def __post_init__(self) -> None:
        super().__post_init__()
        if len(self.net_arch) != 2 or self.net_arch[0] != self.net_arch[1]:
            raise ValueError("net_arch must be two equal numbers: the library's network has two layers of one width")


class SbxDQN(JaxLibraryAlgorithm):
    Config = SbxDQNConfig
    library, network_class, loss_name = DQN, DQNPolicy, "td_loss"
    acting, build = "qf_state", ()
