"""The samplers of curricula: what chooses the task of each training episode, and the entry that registers it."""

from __future__ import annotations

import importlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Protocol

from numpy.random import Generator

from rlbench.api.version import API_VERSION


class TaskSampler(Protocol):
    """Chooses the task of one seed's episodes. Each seed has its own; it is called with the number of tasks.

    Tasks are numbered from 0 in the suite's order; the last one is the target. A sampler keeps no randomness of its
    own, and nothing beyond `state`: a resumed run then makes the same choices.
    """

    def choose(self, generator: Generator) -> int:
        """Return the task of the next episode. generator: the seed's own, the only source of random numbers."""
        ...

    def update(self, task: int, episode_return: float) -> None:
        """Take note of an episode that ended. episode_return: its undiscounted return."""
        ...

    def state(self) -> dict[str, Any]:
        """Return all that the sampler has noted, as JSON values."""
        ...

    def load(self, state: Mapping[str, Any]) -> None:
        """Restore what `state` returned."""
        ...


@dataclass(frozen=True)
class SamplerSpec:
    """A sampler of curricula.

    name: its name in suites. sampler: a class with the methods of TaskSampler, or "module:Class"; it is called with
    the number of tasks, the target included. summary: one line for lists of samplers.
    """

    name: str
    sampler: Callable[[int], TaskSampler] | str
    summary: str = ""
    api_version: int = API_VERSION

    def load(self) -> Callable[[int], TaskSampler]:
        """Import and return the class. Raises: ImportError or AttributeError if it cannot be imported."""
        if not isinstance(self.sampler, str):
            return self.sampler
        module, _, name = self.sampler.partition(":")
        loaded: Callable[[int], TaskSampler] = getattr(importlib.import_module(module), name)
        return loaded
