"""Traces: the actions of episodes, recorded in an evaluation and stored in a parquet file.

An episode can be played again from a trace without the policy: its reset seed and its actions determine it.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pyarrow as pa

from rlbench.api import Array, EnvBatch, StoreError
from rlbench.disk_errors import writing
from rlbench.results.file_io import read_bytes
from rlbench.results.parquet_reader import UNREADABLE, numbers, read_columns
from rlbench.results.parquet_writer import write_parquet

# STORED: the possible dtypes of actions, each with the dtype in which the file stores it. DTYPES: those stored as is.
DTYPES = {name: np.dtype(name) for name in ("int8", "int16", "int32", "int64", "uint8", "float32", "float64")}
STORED = {**DTYPES, "bool": np.dtype("uint8")}


class ActionForm(NamedTuple):
    """The dtype and shape of an action. dtype: a key of STORED. shape: () for a discrete action of a single agent."""

    dtype: str
    shape: tuple[int, ...]

    @property
    def size(self) -> int:
        return int(np.prod(self.shape, dtype=int))


class EpisodeTrace(NamedTuple):
    """An episode. actions: [T, …]. observations: a hash of all observations, from the reset to the last step."""

    episode: int
    reset_seed: int
    actions: Array
    return_: float
    length: int
    observations: str


class RecordingBatch:
    """The environments of one seed's evaluation, with a record of the actions and hashes of the observations.

    envs: the environments that are reset and stepped. lanes: how many of them the evaluation uses.
    """

    def __init__(self, envs: EnvBatch, lanes: int) -> None:
        self._envs, self._lanes = envs, lanes
        self._begun = [0] * lanes  # episodes begun in each lane
        self._current = [0] * lanes
        self.seeds = dict[int, int]()
        self.actions = dict[int, list[Any]]()
        self.hashes = dict[int, Any]()

    def __getattr__(self, name: str) -> Any:
        return getattr(self._envs, name)

    def reset(self, lane: int, seed: int) -> Array:
        obs = self._envs.reset(lane, seed)
        episode = lane + self._lanes * self._begun[lane]  # the evaluator distributes episodes over lanes in this way
        self._begun[lane], self._current[lane] = self._begun[lane] + 1, episode
        self.seeds[episode], self.actions[episode], self.hashes[episode] = seed, [], hashlib.sha256()
        add_observation(self.hashes[episode], obs)
        return obs

    def step(self, lanes: Sequence[int], actions: Sequence[Any]) -> tuple[Array, Array, Array, Array]:
        answer = self._envs.step(lanes, actions)
        for lane, action, obs in zip(lanes, actions, answer[0]):
            self.actions[self._current[lane]].append(np.array(action))
            add_observation(self.hashes[self._current[lane]], obs)
        return answer

    def traces(self, returns: Sequence[float], lengths: Sequence[int]) -> list[EpisodeTrace]:
        """Return the traces of the recorded episodes, in order. returns, lengths: of each episode."""
        return [
            EpisodeTrace(k, self.seeds[k], np.stack(self.actions[k]), return_, length, self.hashes[k].hexdigest())
            for k, (return_, length) in enumerate(zip(returns, lengths))
        ]


def add_observation(digest: Any, obs: Array) -> None:
    """Add the bytes of an observation to a hash."""
    digest.update(np.ascontiguousarray(obs).tobytes())


def write_trace(path: Path, episodes: Sequence[EpisodeTrace]) -> ActionForm:
    """Write episodes to a parquet file.

    Returns: the form of their actions. Raises: StoreError for a dtype that is not in STORED; DiskFull.
    """
    first = episodes[0].actions
    form = ActionForm(first.dtype.name, first.shape[1:])
    if form.dtype not in STORED:
        raise StoreError(f"actions of {first.dtype} cannot be written to {path.name}")
    stored = STORED[form.dtype]
    columns: list[Any] = [
        [one.episode for one in episodes],
        [one.reset_seed for one in episodes],
        [one.actions.astype(stored).ravel() for one in episodes],
        [one.return_ for one in episodes],
        [one.length for one in episodes],
        [one.observations for one in episodes],
    ]
    schema = _schema(form)
    arrays = [pa.array(column, field.type) for column, field in zip(columns, schema)]
    with writing(path):
        write_parquet(path, pa.Table.from_arrays(arrays, schema=schema))
    return form


def read_trace(path: Path, form: ActionForm, episodes: int) -> list[EpisodeTrace]:
    """Return the episodes in a file. form, episodes: expected form and number. Raises: StoreError for another file."""
    try:
        table = read_columns(pa.BufferReader(read_bytes(path)), _schema(form), range(episodes, episodes + 1))
        flat = [numbers(values.values) for values in table["actions"].combine_chunks()]
        actions = [values.reshape(-1, *form.shape).astype(form.dtype) for values in flat]
    except UNREADABLE as error:
        raise StoreError(f"{path} is not a readable trace: {error}") from error
    names = ("episode", "reset_seed", "return", "length", "observations")
    parts = [table[name].to_pylist() for name in names]
    return [EpisodeTrace(k, seed, each, *rest) for k, seed, each, *rest in zip(*parts[:2], actions, *parts[2:])]


def _schema(form: ActionForm) -> pa.Schema:
    kind = pa.list_(pa.from_numpy_dtype(STORED[form.dtype]))
    columns = [
        ("episode", pa.int64(), "its index in the final evaluation"),
        ("reset_seed", pa.int64(), "the seed that its reset is given"),
        ("actions", kind, "the actions of all steps, one after the other; their shape is in the header"),
        ("return", pa.float64(), "undiscounted sum of the rewards, over all agents"),
        ("length", pa.int64(), "steps"),
        ("observations", pa.string(), "sha256 of all observations, from reset to the last step"),
    ]
    return pa.schema([pa.field(name, kind, metadata={"meaning": meaning}) for name, kind, meaning in columns])
