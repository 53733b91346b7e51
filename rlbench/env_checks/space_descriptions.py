"""Conversion of spaces to JSON values and back, to pass spaces from a child process and to cache them."""

from __future__ import annotations

import base64
import zlib
from collections.abc import Mapping
from typing import Any

import numpy as np
from gymnasium import spaces

from rlbench.api import AgentGroup, AgentLayout, Array
from rlbench.api.task import AnySpace
from rlbench.envs.frame_stack import FrameStack
from rlbench.envs.multiagent.joint_space import JointVectors


class UnknownSpace(spaces.Space[Any]):
    """A space of a class that rlbench does not know. kind: the name of the class. description: the space as text."""

    def __init__(self, kind: str, description: str, dtype: str | None = None) -> None:
        super().__init__(None, None if dtype is None else np.dtype(dtype))
        self.kind, self.description = kind, description

    def __repr__(self) -> str:
        return self.description


def describe_space(space: AnySpace) -> dict[str, Any]:
    """Return a space as JSON values. `space_from` is the inverse; from an unknown kind it makes an UnknownSpace."""
    if isinstance(space, JointVectors):
        layout = space.layout
        groups = [[list(g.members), g.obs_size, describe_space(g.action_space)] for g in layout.groups]
        named = {"agents": list(layout.agents), "groups": groups}
        return {**named, "has_masks": layout.has_masks, "state_size": layout.state_size}
    if isinstance(space, spaces.Box):
        stacked = {"frames": space.frames} if isinstance(space, FrameStack) else {}
        return {"box": str(space.dtype), "low": _pack(space.low), "high": _pack(space.high), **stacked}
    if isinstance(space, spaces.Discrete):
        return {"discrete": int(space.n), "start": int(space.start)}
    if isinstance(space, spaces.MultiDiscrete):
        return {"multi_discrete": space.nvec.tolist(), "start": space.start.tolist(), "dtype": str(space.dtype)}
    if isinstance(space, spaces.MultiBinary):
        return {"multi_binary": space.n if isinstance(space.n, int) else list(space.shape)}
    if isinstance(space, spaces.Text):
        return {"text": [space.min_length, space.max_length], "characters": "".join(space.character_list)}
    if isinstance(space, spaces.Dict):
        return {"dict": [[key, describe_space(part)] for key, part in space.spaces.items()]}
    if isinstance(space, spaces.Tuple):
        return {"tuple": [describe_space(part) for part in space.spaces]}
    dtype = None if space.dtype is None else np.dtype(space.dtype).str
    return {"unknown": type(space).__name__, "description": str(space)[:500], "dtype": dtype}


def space_from(description: Mapping[str, Any]) -> AnySpace:
    """Return the space that JSON values describe. Raises: KeyError, TypeError or ValueError for other values."""
    match description:
        case {"box": dtype, "low": low, "high": high, "frames": frames}:
            return FrameStack(_unpack(low), _unpack(high), frames, dtype=np.dtype(dtype).type)
        case {"box": dtype, "low": low, "high": high}:
            kind = np.dtype(dtype)
            return spaces.Box(_unpack(low), _unpack(high), dtype=kind.type)
        case {"discrete": n, "start": start}:
            return spaces.Discrete(n, start=start)
        case {"multi_discrete": sizes, "start": start, "dtype": dtype}:
            return spaces.MultiDiscrete(np.array(sizes), dtype=np.dtype(dtype).type, start=np.array(start))
        case {"multi_binary": shape}:
            return spaces.MultiBinary(shape)
        case {"text": [least, most], "characters": characters}:
            return spaces.Text(most, min_length=least, charset=characters)
        case {"dict": parts}:
            return spaces.Dict({_key(key): space_from(part) for key, part in parts})
        case {"agents": names, "groups": groups, "has_masks": has_masks, "state_size": state_size}:
            parts = [AgentGroup(tuple(members), size, space_from(actions)) for members, size, actions in groups]
            return JointVectors(AgentLayout(tuple(names), tuple(parts), has_masks, state_size))
        case {"tuple": parts}:
            return spaces.Tuple([space_from(part) for part in parts])
    return UnknownSpace(description["unknown"], description["description"], description["dtype"])


def _key(key: Any) -> Any:
    return tuple(key) if isinstance(key, list) else key


def _pack(array: Array) -> dict[str, Any]:
    """Return an array as JSON values. The bounds of most Boxes repeat one number, so compression makes them small."""
    numbers = zlib.compress(np.ascontiguousarray(array).tobytes())
    return {"dtype": array.dtype.str, "shape": list(array.shape), "bytes": base64.b64encode(numbers).decode()}


def _unpack(packed: Mapping[str, Any]) -> Array:
    numbers = zlib.decompress(base64.b64decode(packed["bytes"]))
    return np.frombuffer(numbers, np.dtype(packed["dtype"])).reshape(packed["shape"]).copy()
