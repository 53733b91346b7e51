"""The base class of algorithms in torch, which saves and loads an algorithm by a list of its parts."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Mapping
from typing import Any, ClassVar

import numpy as np
import torch
from torch import Tensor

from rlbench.api import Algorithm, Array, Device, Interaction, PerSeed, TaskInfo
from rlbench.kit.action_masks import ActionMask
from rlbench.kit.image_networks import ImagesAndNumbers, Inputs
from rlbench.kit.per_seed import is_number, tensor_of
from rlbench.kit.replay import Field
from rlbench.kit.state_dict import Parts, pack, unpack
from rlbench.seeding import SeedStreams


def tensor(array: Array, device: str = "cpu") -> Tensor:
    """Return the array as a tensor, without a copy on the CPU."""
    result = torch.from_numpy(array)
    return result if device == "cpu" else result.to(device)


class TorchAlgorithm(Algorithm):
    """An algorithm that declares its parts once. A subclass defines `parts`, `train`, `act` and `policy_parts`.

    num_seeds: S. obs_size: the length of a flat observation. mask: the action mask in observations.
    state_size: the length of an observation without the mask. inputs: the argument of `network`: state_size, or images
    and numbers. obs_field: the field of flat observations, for storage; images stay bytes.
    """

    policy_parts: ClassVar[tuple[str, ...]] = ()
    """The names of the parts that the final policy needs; they are published with the run. Empty: all parts."""

    def __init__(self, config: Any, task: TaskInfo, streams: SeedStreams, device: Device) -> None:
        super().__init__(config, task, streams, device)
        self.num_seeds = len(streams.seeds)
        self.obs_size = int(np.prod(task.observation_space.shape or ()))
        self.mask = ActionMask.of(task.observation_space)
        self.state_size = self.obs_size - self.mask.size
        images = ImagesAndNumbers.of(task.observation_space)
        self.inputs: Inputs = self.state_size if images is None else images
        frames = int(getattr(task.observation_space, "frames", 1))
        self.obs_field = Field((self.obs_size,), torch.float32 if images is None else torch.uint8, frames)
        numbers = {name: getattr(config, name) for name in self.per_seed if hasattr(config, name)}
        self._of_each_seed = {  # a compiled graph always gets a number for each seed: one graph then serves all stacks
            name: tensor_of(value, 1, device.name).expand(self.num_seeds).contiguous()
            for name, value in numbers.items()
            if is_number(value) and (device.compile or isinstance(value, PerSeed))
        }
        self._active_array: Array | None = None
        self._active = torch.empty(0)

    @abstractmethod
    def parts(self) -> Parts:
        """Return everything learned, counted or stored, by name.

        A part is a tensor or array [S, …], or an object with `state()` and `load_state()`, such as an optimiser.
        """

    def tensor(self, array: Array) -> Tensor:
        """Return the array as a tensor on the algorithm's device."""
        return tensor(array, self.device.name)

    def factor(self, name: str, dims: int = 1) -> float | Tensor:
        """Return a hyperparameter in `per_seed`: one number, or [S, 1, …] with `dims` axes if seeds differ in it."""
        number: float = getattr(self.config, name)
        return self._of_each_seed[name].view(-1, *[1] * (dims - 1)) if name in self._of_each_seed else number

    def active(self, interaction: Interaction) -> Tensor:
        """Return which seeds are still learning [S] bool, as a tensor on the device. Copy it only if it has changed."""
        if interaction.active is not self._active_array:
            self._active_array = interaction.active
            self._active = self.tensor(self._active_array)
        return self._active

    def state(self) -> dict[str, Array]:
        return pack(self.parts(), self.num_seeds)

    def state_to_write(self) -> dict[str, Array]:
        if type(self).state is not TorchAlgorithm.state:  # a subclass stores something else
            return self.state()
        return pack(self.parts(), self.num_seeds, copy=False)

    def load_state(self, state: Mapping[str, Array]) -> None:
        unpack(self.parts(), state)

    def final_state(self) -> dict[str, Array]:
        return pack(self._policy(), self.num_seeds)

    def load_final_state(self, state: Mapping[str, Array]) -> None:
        unpack(self._policy(), state)

    def _policy(self) -> Parts:
        parts = self.parts()
        return {name: parts[name] for name in self.policy_parts} if self.policy_parts else parts
