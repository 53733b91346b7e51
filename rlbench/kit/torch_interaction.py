"""The interaction as tensors, for torch algorithms."""

from __future__ import annotations

import torch
from torch import Tensor

from rlbench.api import Array, Interaction, Transition


def tensor(array: Array, device: str = "cpu") -> Tensor:
    """Return the array as a tensor, without a copy on the CPU."""
    result = torch.from_numpy(array)
    return result if device == "cpu" else result.to(device)


class TorchInteraction:
    """The observations [S, N, *obs] and active seeds [S] of an interaction, as tensors on a device."""

    def __init__(self, interaction: Interaction, device: str = "cpu") -> None:
        self._interaction, self._device = interaction, device
        self._active_array: Array | None = None
        self._active = torch.empty(0)

    @property
    def obs(self) -> Tensor:
        return tensor(self._interaction.obs, self._device)

    @property
    def active(self) -> Tensor:
        if self._interaction.active is not self._active_array:
            self._active_array = self._interaction.active
            self._active = tensor(self._active_array, self._device)
        return self._active

    def step(self, actions: Tensor) -> Transition:
        """Step with a tensor of actions [S, N, *action]. The transition stays in numpy, for storage."""
        return self._interaction.step(actions.detach().cpu().numpy())
