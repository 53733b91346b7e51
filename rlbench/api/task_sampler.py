"""`TaskSampler`, which chooses the task of each training episode of a curriculum, and its registry entry."""

from __future__ import annotations

import importlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Protocol

from numpy.random import Generator

from rlbench.api.version import API_VERSION


class TaskSampler(Protocol):
    """Chooses the task of each episode of one seed. Each seed has its own sampler, made from the number of tasks.

    Tasks are numbered from 0 in the suite's order; the last task is the target. A sampler must keep no random generator
    and nothing outside `state`, so that a resumed run makes the same choices.
    """

    def choose(self, generator: Generator) -> int:
        """Return the task of the next episode. generator: the seed's own, the only source of random numbers."""
        ...

    def update(self, task: int, episode_return: float) -> None:
        """Record an episode that has ended. episode_return: its undiscounted return."""
        ...

    def state(self) -> dict[str, Any]:
        """Return everything that the sampler has recorded, as JSON values."""
        ...

    def load(self, state: Mapping[str, Any]) -> None:
        """Restore what `state` returned."""
        ...


@dataclass(frozen=True)
class SamplerSpec:
    """A sampler of curricula.

    name: its name in suites. sampler: a class with the methods of TaskSampler, or "module:Class". The class is called
    with the number of tasks, including the target. summary: one line for lists of samplers.
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
