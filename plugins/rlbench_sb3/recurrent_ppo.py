"""sb3-contrib's RecurrentPPO: the library's own training loop on metered environments.

The policy has a memory, which is kept between the steps of an evaluation and emptied where an episode starts.
Parameters keep the library's names, units and values.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from sb3_contrib import RecurrentPPO
from sb3_contrib.common.recurrent.policies import RecurrentActorCriticPolicy

from rlbench import TaskInfo, setting
from rlbench_sb3.foreign import LibraryAlgorithm
from rlbench_sb3.parameters import Clipped, scheduled


@dataclass(frozen=True)
class ContribRecurrentPPOConfig(Clipped):
    """The library's constructor arguments and defaults, in the library's units."""

    n_steps: int = setting(128, "steps of each environment per rollout", ge=1)
    batch_size: int = setting(128, "steps per minibatch", ge=2)
    lstm_hidden_size: int = setting(256, "units of each layer of an LSTM", ge=1)
    n_lstm_layers: int = setting(1, "layers of each LSTM", ge=1)
    shared_lstm: bool = setting(False, "values are read from the policy's LSTM, without a gradient")
    enable_critic_lstm: bool = setting(True, "the value network has an LSTM of its own")
    clip_range_vf: float | str | None = setting(
        None, "maximum change of a value; lin_0.2: falls to 0; none: not clipped", gt=0, schedule=True
    )
    target_kl: float | None = setting(None, "KL divergence above which a rollout's updates stop; none: never", gt=0)

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.shared_lstm and self.enable_critic_lstm:
            raise ValueError("shared_lstm needs enable_critic_lstm: false")

    def arguments(self, task: TaskInfo) -> dict[str, Any]:
        clip_range_vf = None if self.clip_range_vf is None else scheduled(self.clip_range_vf)
        return super().arguments(task) | {"clip_range_vf": clip_range_vf}


class ContribRecurrentPPO(LibraryAlgorithm):
    Config = ContribRecurrentPPOConfig
    library, network_class = RecurrentPPO, RecurrentActorCriticPolicy

    def act(self, obs: Any) -> Any:
        """Return the actions for observations that are the first of their episodes, with an empty memory."""
        return self.as_actions(self.network.predict(self.normalized(obs), deterministic=True)[0])[None]

    def policy(self, mode: str = "greedy") -> Any:
        if mode != "greedy":
            return super().policy(mode)
        memory = None

        def play(obs: Any, start: Any) -> Any:
            nonlocal memory
            actions, memory = self.network.predict(self.normalized(obs), memory, start[0], deterministic=True)
            return self.as_actions(actions)[None]

        return play
