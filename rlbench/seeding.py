"""Named random streams, one generator for each (seed, name): the only source of randomness.

What a seed draws depends on its number and on the calls made, never on the other seeds in the stack. Each seed draws
its numbers in blocks, so that a call costs one slice instead of S generator calls.
"""

from __future__ import annotations

import math
import zlib
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, cast

import numpy as np
from numpy.random import PCG64, Generator, SeedSequence
from numpy.typing import NDArray

if TYPE_CHECKING:
    from gymnasium import Space

BLOCK = 4096
EVALUATE = "evaluate"
# The top two of a reset seed's 31 bits encode its space. So no seed belongs to two spaces.
SPACES = {"training": 0, "evaluation": 1, "tuning": 2}
_EPISODE_BITS = 29


class EpisodeSeeds:
    """The reset seeds of one environment, each below 2³¹, by episode index. An index always returns the same seed."""

    def __init__(self, sequence: SeedSequence, space: str) -> None:
        self._generator = Generator(PCG64(sequence))
        self._offset = SPACES[space] << _EPISODE_BITS
        self._drawn: list[int] = []

    def __getitem__(self, index: int) -> int:
        while index >= len(self._drawn):
            block = self._generator.integers(1 << _EPISODE_BITS, size=64)
            self._drawn.extend((block | self._offset).tolist())
        return self._drawn[index]


class OneStream:
    """The reset seeds of an environment that cannot be reseeded: every index returns the seed of its one stream."""

    def __init__(self, seed: int) -> None:
        self.seed = seed

    def __getitem__(self, index: int) -> int:
        return self.seed


ResetSeeds = EpisodeSeeds | OneStream


def environment_seeds(streams: SeedStreams, seed_index: int, rank: int, one_stream: bool = False) -> ResetSeeds:
    """Return the reset seeds of one training environment of one seed.

    one_stream: the environment is seeded once and cannot be reseeded.
    """
    seeds = EpisodeSeeds(streams.sequence("environment", seed_index, rank), streams.space)
    return OneStream(seeds[0]) if one_stream else seeds


@dataclass
class _Block:
    """Numbers drawn in advance for every seed [S, size], and the state of each generator before it drew them."""

    values: NDArray[Any]
    position: int
    before: list[Mapping[str, Any]]


def _draw(generator: Generator, kind: str, size: int) -> NDArray[Any]:
    return generator.random(size) if kind == "uniform" else generator.standard_normal(size, dtype=np.float32)


class SeedStreams:
    """The generators of S seeds.

    space: a key of SPACES. A tuning seed draws different numbers from a training seed with the same number.
    members: the number that identifies each of the S seeds in records; None: the seeds themselves, if all differ.
    """

    def __init__(self, seeds: Sequence[int], space: str = "training", members: Sequence[int] | None = None) -> None:
        self.seeds, self.space = tuple(seeds), space
        self.members = self.seeds if members is None else tuple(members)
        self._generators: dict[str, list[Generator]] = {}
        self._blocks: dict[tuple[str, str], _Block] = {}
        self._only: str | None = None

    def sequence(self, name: str, seed_index: int, *key: int) -> SeedSequence:
        """Return the seed sequence of one seed's stream. Each `key` returns another sequence for the same name."""
        return SeedSequence(self.seeds[seed_index], spawn_key=(SPACES[self.space], zlib.crc32(name.encode()), *key))

    def generators(self, name: str) -> list[Generator]:
        """Return one generator per seed, for drawing large arrays such as initial weights.

        For small draws, `uniform`, `normal` and `integers` are cheaper: they draw numbers in advance.
        """
        if self._only is not None and name != self._only:
            raise RuntimeError(
                f"the stream {name!r} was used during evaluation, which would change training; use {self._only!r} there"
            )
        if name not in self._generators:
            self.restart(name)
        return self._generators[name]

    def restart(self, name: str, *key: int) -> None:
        """Restart the stream from the seeds and `key` (in evaluation, `key` is the step)."""
        bit_generators = [PCG64(self.sequence(name, s, *key)) for s in range(len(self.seeds))]
        self._set(name, [bits.state for bits in bit_generators])
        for kind in ("uniform", "normal"):
            self._blocks.pop((name, kind), None)

    @contextmanager
    def only(self, name: str) -> Iterator[None]:
        """Refuse draws from all streams except `name` within this context."""
        self._only, before = name, self._only
        try:
            yield
        finally:
            self._only = before

    def _take(self, name: str, kind: str, count: int) -> NDArray[Any]:
        if self._only is not None and name != self._only:
            self.generators(name)  # raises the error
        block = self._blocks.get((name, kind))
        if block is None or block.position + count > block.values.shape[1]:
            generators = self.generators(name)
            before = [g.bit_generator.state for g in generators]
            size = max(BLOCK, count)
            block = _Block(np.stack([_draw(g, kind, size) for g in generators]), 0, before)
            self._blocks[name, kind] = block
        start = block.position
        block.position = start + count
        return block.values[:, start : start + count]

    def uniform(self, name: str, *shape: int) -> NDArray[np.float64]:
        """Draw uniform numbers in [0, 1): [S, *shape]."""
        return self._take(name, "uniform", math.prod(shape)).reshape(len(self.seeds), *shape)

    def normal(self, name: str, *shape: int) -> NDArray[np.float32]:
        """Draw standard normal numbers: [S, *shape]."""
        return self._take(name, "normal", math.prod(shape)).reshape(len(self.seeds), *shape)

    def integers(self, name: str, high: int, *shape: int) -> NDArray[np.int64]:
        """Draw uniform integers in [0, high): [S, *shape]."""
        return (self.uniform(name, *shape) * high).astype(np.int64)

    def permutations(self, name: str, count: int) -> NDArray[np.int64]:
        """Draw a permutation of 0 … count − 1 for each seed: [S, count]."""
        return np.stack([g.permutation(count) for g in self.generators(name)])

    def sample(self, name: str, space: Space[Any], lead: tuple[int, ...]) -> NDArray[Any]:
        """Draw uniform elements of a bounded space: [*lead, *space.shape] with lead = (S, N, …).

        Raises: TypeError for a space without a uniform distribution (unbounded, nested).
        """
        shape, own = lead[1:], cast(Any, space)  # only the name of its class is used, so that gymnasium is not imported
        kind = type(space).__name__
        if kind == "Discrete":
            numbers: NDArray[Any] = self.integers(name, int(own.n), *shape) + int(own.start)
            return numbers
        if kind == "MultiBinary":
            bits: NDArray[Any] = self.integers(name, 2, *shape, *own.shape).astype(own.dtype)
            return bits
        if kind == "MultiDiscrete":
            counts, starts = own.nvec, own.start
            unit = self.uniform(name, *shape, *counts.shape)
            choices: NDArray[Any] = (np.floor(unit * counts) + starts).astype(space.dtype)
            return choices
        low, high = getattr(space, "low", None), getattr(space, "high", None)
        if (
            kind == "Box"
            and low is not None
            and high is not None
            and np.isfinite(low).all()
            and np.isfinite(high).all()
        ):
            unit = self.uniform(name, *shape, *low.shape)
            if np.issubdtype(low.dtype, np.integer):  # each whole number from low to high equally often
                start = low.astype(np.float64)
                whole = np.floor(unit * (high.astype(np.float64) - start + 1))
                wholes: NDArray[Any] = np.clip(start + whole, low, high).astype(space.dtype)
                return wholes
            elements: NDArray[Any] = (low + unit * (high - low)).astype(space.dtype)
            return elements
        raise TypeError(f"cannot draw uniformly from {space}")

    def _set(self, name: str, states: Sequence[Mapping[str, Any]]) -> None:
        """Set the states of the generators in place, because an algorithm may keep references to them."""
        generators = self._generators.setdefault(name, [Generator(PCG64(0)) for _ in states])
        for generator, state in zip(generators, states):
            generator.bit_generator.state = dict(state)

    def state(self, seed_index: int) -> dict[str, Any]:
        """Return the state of one seed's generators, for JSON.

        Numbers are drawn in blocks. The state contains no drawn numbers: for each block it contains the generator's
        state before the block was drawn, and `load` draws the block again.
        """
        generators = {
            name: g[seed_index].bit_generator.state for name, g in self._generators.items() if name != EVALUATE
        }
        blocks = {
            f"{name}|{kind}": [b.before[seed_index], b.position, b.values.shape[1]]
            for (name, kind), b in self._blocks.items()
            if name != EVALUATE
        }
        return {"generators": generators, "blocks": blocks}

    def load(self, states: Sequence[Mapping[str, Any]]) -> None:
        """Restore the generators. states: what `state` returned for each seed, in the order of `seeds`."""
        self._blocks = {}
        for name in states[0]["generators"]:
            self._set(name, [state["generators"][name] for state in states])
        for key, (_, position, size) in states[0]["blocks"].items():
            name, kind = key.split("|")
            before = [state["blocks"][key][0] for state in states]
            values = np.stack([_draw(_generator(b), kind, size) for b in before])
            self._blocks[name, kind] = _Block(values, position, before)


def _generator(state: Mapping[str, Any]) -> Generator:
    bits = PCG64()
    bits.state = dict(state)  # type: ignore[assignment]
    return Generator(bits)
