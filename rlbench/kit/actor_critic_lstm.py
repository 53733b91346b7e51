"""The LSTMs of a recurrent actor and critic: two for each seed, with the same observations as inputs."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

from rlbench.kit.lstm import LSTM
from rlbench.seeding import SeedStreams


class ActorCriticLSTM:
    """Two LSTMs for each seed, one of the actor and one of the critic, computed together as 2S lanes.

    inputs: the length of an observation. units: the number of outputs of each LSTM. P: parameters of one LSTM. M:
    length of its memory (hidden and cell state). A seed's parameters are one row [2P], and an environment's memory is
    one row [2M]: first the actor's half, then the critic's. An empty memory is 0.
    """

    def __init__(self, inputs: int, units: int) -> None:
        self.lstm, self._units = LSTM(inputs, units), units
        self.size, self.memory_size = 2 * self.lstm.size, 2 * self.lstm.memory_size

    def init(self, streams: SeedStreams, name: str, device: str = "cpu") -> Tensor:
        """Draw parameters [S, 2P], each seed's from its own stream `name`."""
        return self.lstm.init(streams, name, 2, device).view(len(streams.seeds), -1)

    def step(self, params: Tensor, obs: Tensor, start: Tensor, memory: Tensor) -> tuple[Tensor, Tensor]:
        """Return the LSTMs' outputs for actor and critic [S, 2, N, units], and the memory [S, N, 2M] after this step.

        params: [S, 2P]. obs: [S, N, inputs]. start: [S, N] bool, the memory is emptied before this step. memory:
        [S, N, 2M].
        """
        lanes = self._lanes(params, obs.unsqueeze(1), start.unsqueeze(1), memory)
        after = self.lstm.memories(*lanes)[:, 0].unflatten(0, (-1, 2))  # [S, 2, N, M]
        return after[..., : self._units].contiguous(), after.transpose(1, 2).flatten(2)

    def features(self, params: Tensor, obs: Tensor, start: Tensor, memory: Tensor) -> Tensor:
        """Return the LSTMs' outputs for actor and critic at T steps [S, 2, T · N, units], differentiable by params.

        params: [S, 2P]. obs: [S, T, N, inputs]. start: [S, T, N] bool, the memory is emptied before this step.
        memory: [S, N, 2M], before the first step.
        """
        outputs = self.lstm.outputs(*self._lanes(params, obs, start, memory)).flatten(1, 2)
        return outputs.view(-1, 2, *outputs.shape[1:])

    def critic_features(
        self, params: Tensor, obs: Tensor, next_obs: Tensor, start: Tensor, memory: Tensor
    ) -> tuple[Tensor, Tensor]:
        """Return the LSTM's outputs for the critic at T states and at their successors, both [S, T · N, units].

        The LSTM reads a successor with the memory that it has after the state, also at the end of an episode. The
        memory is emptied only before the first observation of the next episode. For the arguments see `features`.
        """
        after = self.lstm.memories(*self._lanes(params, obs, start, memory))
        after = after.unflatten(0, (-1, 2))[:, 1].flatten(1, 2)  # [S, T · N, M]
        # Each successor follows its own memory, so all are computed at once, as one step of T · N environments.
        successors = next_obs.flatten(1, 2).unsqueeze(1)
        none = torch.zeros(successors.shape[:3], dtype=torch.bool, device=obs.device)
        last = self.lstm.memories(params[:, self.lstm.size :], successors, none, after)[:, 0]
        return after[..., : self._units].contiguous(), last[..., : self._units].contiguous()

    def actor_memory(self, params: Tensor) -> Callable[[Tensor, Tensor], Tensor]:
        """Return a function that keeps the actor's memory between calls. The memory is empty at first.

        The function: (obs [S, E, inputs], start [S, E] bool) → the LSTM's outputs for the actor [S, E, units].
        params: [S, 2P]; only the actor's half is used.
        """
        own = params[:, : self.lstm.size]
        memory = torch.zeros(0)

        def features(obs: Tensor, start: Tensor) -> Tensor:
            nonlocal memory
            if not len(memory):
                memory = obs.new_zeros(*start.shape, self.lstm.memory_size)
            memory = self.lstm.memories(own, obs.unsqueeze(1), start.unsqueeze(1), memory)[:, 0]
            return memory[..., : self._units].contiguous()

        return features

    def _lanes(self, params: Tensor, obs: Tensor, start: Tensor, memory: Tensor) -> tuple[Tensor, ...]:
        """Return the arguments of the LSTM for 2S lanes: actor and critic of each seed."""
        twice = (x.repeat_interleave(2, 0) for x in (obs, start))
        memories = memory.unflatten(2, (2, -1)).transpose(1, 2).flatten(0, 1)  # [2S, N, M]
        return params.view(-1, self.lstm.size), *twice, memories
