"""Descriptions of an environment's faults: errors, and answers that violate Gymnasium's interface or its own spaces."""

from __future__ import annotations

import traceback
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
from gymnasium import spaces

from rlbench.api import Array, EnvBatch, EnvironmentFault, RlbenchError
from rlbench.api.task import AnySpace
from rlbench.messages import error_text, shortened

NOT_FINITE_OBSERVATION = "an observation that is not finite"
_LONGEST = 500  # characters of an error, because each seed of a stack may have an error


def reset_fault(answer: Any, space: AnySpace) -> str:
    """Return what is wrong with the answer of `reset`, in words, or "". space: the observation space."""
    fault = _read(_wrong_in_reset, answer, space)
    return f"its reset gave {fault}" if fault else ""


def step_fault(answer: Any, space: AnySpace) -> str:
    """Return what is wrong with the answer of `step`, in words, or "". space: the observation space."""
    fault = _read(_wrong_in_step, answer, space)
    return f"its step gave {fault}" if fault else ""


def _read(find: Callable[[Any, AnySpace], str], answer: Any, space: AnySpace) -> str:
    try:
        return find(answer, space)
    except Exception as error:  # noqa: BLE001 - an object of a foreign class may raise anything when it is read
        return f"something that cannot be read: {error_text(error, _LONGEST)}"


def _wrong_in_reset(answer: Any, space: AnySpace) -> str:
    if not isinstance(answer, tuple) or len(answer) != 2:
        return f"{_describe_values(answer)}; (observation, info) is needed"
    return observation_fault(answer[0], space)


def _wrong_in_step(answer: Any, space: AnySpace) -> str:
    if not isinstance(answer, tuple) or len(answer) != 5:
        return f"{_describe_values(answer)}; (observation, reward, terminated, truncated, info) is needed"
    observation, reward, *ends, _ = answer
    fault = observation_fault(observation, space) or _reward_fault(reward)
    for name, value in zip(("terminated", "truncated"), ends):
        if not (fault or isinstance(value, bool)) and (np.ndim(value) or np.asarray(value).dtype.kind not in "biu"):
            fault = f"{name} {_describe(value)}; True or False is needed"
    return fault


def error_fault(error: BaseException, method: str) -> str:
    """Describe an error that an environment raised in `method`, with the innermost line outside installed packages."""
    if isinstance(error, RlbenchError):  # raised by one of rlbench's own wrappers; the message says what to do
        return shortened(str(error))
    text = f"its {method} raised {error_text(error, _LONGEST)}"
    lines = [frame for frame in traceback.extract_tb(error.__traceback__)[1:] if "site-packages" not in frame.filename]
    return f"{text} ({Path(lines[-1].filename).name}:{lines[-1].lineno})" if lines else text


def begun(reset: Callable[[], Array], fail: Callable[[str], None]) -> Array | None:
    """Call `reset` and return the first observation of the episode.

    If the environment fails, call `fail` with a description of the fault, and return None.
    """
    try:
        first = reset()
        if np.isfinite(first).all():
            return first
        fault = f"its reset gave {NOT_FINITE_OBSERVATION}"
    except EnvironmentFault as error:
        fault = shortened(str(error))
    fail(fault)
    return None


def not_finite_lanes(obs: Array, reward: Array) -> list[int]:
    """Return the rows whose observation or reward is not finite. obs: [rows, *obs]. reward: [rows]."""
    finite = np.isfinite(obs.reshape(len(obs), -1)).all(1) & np.isfinite(reward)
    rows: list[int] = (~finite).nonzero()[0].tolist()
    return rows


def step_fault_of(envs: EnvBatch, lane: int, obs: Array) -> str:
    """Describe the fault in a lane's last step, whose observation `obs` or reward was not finite."""
    describe: Callable[[int], str] = getattr(envs, "fault", lambda lane: "")
    what = "a reward that is not finite" if np.isfinite(obs).all() else NOT_FINITE_OBSERVATION
    return describe(lane) or f"its step gave {what}"


def observation_fault(value: Any, space: AnySpace, key: str = "") -> str:
    """Return how an observation violates its space, or "". Values beyond the bounds of a Box are accepted.

    key: path of this part within the whole observation, such as "['goal']".
    """
    name = f"observation{key}" if key else "an observation"
    if isinstance(space, spaces.Dict):
        if not isinstance(value, Mapping):
            return f"{name} {_describe(value)}; a dictionary is needed"
        missing = [part for part in space.spaces if part not in value]
        if missing:
            return f"{name} without the key {missing[0]!r}"
        faults = (observation_fault(value[part], own, f"{key}[{part!r}]") for part, own in space.spaces.items())
        return next((fault for fault in faults if fault), "")
    if isinstance(space, spaces.Tuple):
        if not isinstance(value, (tuple, list)) or len(value) != len(space.spaces):
            return f"{name} {_describe(value)}; {len(space.spaces)} parts are needed"
        faults = (observation_fault(part, own, f"{key}[{i}]") for i, (part, own) in enumerate(zip(value, space.spaces)))
        return next((fault for fault in faults if fault), "")
    if isinstance(space, (spaces.Box, spaces.Discrete, spaces.MultiDiscrete, spaces.MultiBinary)):
        return _array_fault(value, space, name)
    return ""


def _array_fault(value: Any, space: AnySpace, name: str) -> str:
    try:
        array = np.asarray(value)
    except ValueError:  # a list of lists of unequal lengths
        return f"{name} {_describe(value)}"
    shape = space.shape or ()
    if array.dtype.kind not in "biuf":
        return f"{name} {_describe(value)}; numbers are needed"
    if array.shape != shape:
        return f"{name} of shape {array.shape}; its space has shape {shape}"
    if array.dtype.kind == "f":
        if not np.isfinite(array).all():
            return f"{name} that is not finite ({array[~np.isfinite(array)].flat[0]})"
        if np.dtype(space.dtype).kind in "iu" and (array != np.rint(array)).any():
            return f"{name} with fractions ({array.dtype}); its space has {space.dtype}"
    if isinstance(space, (spaces.Discrete, spaces.MultiDiscrete)):
        start = np.asarray(space.start)
        size = np.asarray(space.n if isinstance(space, spaces.Discrete) else space.nvec)
        if ((array < start) | (array >= start + size)).any():
            return f"{name} of {array.tolist()}, outside its space {space}"
    return ""


def _reward_fault(reward: Any) -> str:
    array = np.asarray(reward, object) if reward is None else np.asarray(reward)
    if array.ndim:
        return f"a reward of shape {array.shape}; a number is needed"
    if array.dtype.kind not in "biuf":
        return f"a reward {_describe(reward)}; a number is needed"
    return "" if np.isfinite(array) else f"a reward that is not finite ({array})"


def _describe(value: Any) -> str:
    if value is None:
        return "of None"
    shape, dtype = getattr(value, "shape", None), getattr(value, "dtype", None)
    return f"of type {type(value).__name__}" + (f" ({dtype}, shape {shape})" if shape else "")


def _describe_values(answer: Any) -> str:
    if isinstance(answer, tuple):
        return f"{len(answer)} values"
    return "None" if answer is None else f"one value of type {type(answer).__name__}"
