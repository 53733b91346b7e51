"""Kinds of values in a suite file, such as durations, sizes, seeds and devices, and the messages for wrong values."""

from __future__ import annotations

import re
from typing import Annotated, Any

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, WithJsonSchema
from pydantic_core import PydanticCustomError

from rlbench.messages import quoted, refuse_bool

MAX_SEEDS = 10_000
LARGEST_SEED = (1 << 31) - 1  # largest seed that environments accept
_SECONDS = {"s": 1, "m": 60, "h": 3600, "d": 86400}
_BYTES = {"": 1, "kB": 10**3, "MB": 10**6, "GB": 10**9, "TB": 10**12, "KiB": 2**10, "MiB": 2**20, "GiB": 2**30}
LEAST_MEMORY = 10**6
DEVICE = r"^(auto|cpu|mps|cuda(:\d+)?)$"


class StrictModel(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


def value_error(message: str) -> PydanticCustomError:
    return PydanticCustomError("expected", "{message}", {"message": message})


def lacking(message: str) -> PydanticCustomError:
    """Return the error of a mapping that lacks a key. It is not reported if the same mapping has an unknown key."""
    return PydanticCustomError("lacking", "{message}", {"message": message})


def seconds(value: Any) -> float | None:
    """Convert a duration such as 90, "90s", "30m", "1h30m" or "2d" to seconds. Raises: a pydantic error."""
    if value is None:
        return None
    if isinstance(value, (int, float)) and not isinstance(value, bool) and value > 0:
        return float(value)
    parts = re.findall(r"(\d+(?:\.\d+)?)\s*([smhd])", value) if isinstance(value, str) else []
    if parts and re.fullmatch(r"(\s*\d+(\.\d+)?\s*[smhd])+\s*", value):
        total = sum(float(number) * _SECONDS[unit] for number, unit in parts)
        if total > 0:
            return total
    raise value_error(f"should be a duration such as 90s, 30m or 1h30m, got {quoted(value)}")


def _bytes(value: Any) -> int | None:
    """Convert a size such as 4GB, 500MB or 4GiB to bytes. Raises: a pydantic error."""
    parts = re.fullmatch(r"\s*(\d+(?:\.\d+)?)\s*(\w*)\s*", str(value))
    units = {unit.lower(): size for unit, size in _BYTES.items()}
    if value is None:
        return None
    if parts and not isinstance(value, bool) and parts[2].lower() in units:
        size = int(float(parts[1]) * units[parts[2].lower()])
        if size >= LEAST_MEMORY:
            return size
    raise value_error(f"should be a size of at least 1MB, such as 4GB or 500MB, got {quoted(value)}")


def _seeds(value: Any) -> Any:
    """Return the seeds, from a count or a list of seeds."""
    is_whole = isinstance(value, (int, float)) and not isinstance(value, bool) and float(value).is_integer()
    if is_whole and 1 <= value <= MAX_SEEDS:
        return tuple(range(int(value)))
    is_list = isinstance(value, (list, tuple)) and 0 < len(value) <= MAX_SEEDS
    if is_list and all(isinstance(v, int) and not isinstance(v, bool) and 0 <= v <= LARGEST_SEED for v in value):
        return tuple(dict.fromkeys(value))
    raise value_error(
        f"should be a count from 1 to {MAX_SEEDS}, or a list of whole numbers from 0 to {LARGEST_SEED},"
        f" got {quoted(value)}"
    )


def _devices(value: Any) -> Any:
    devices = [value] if isinstance(value, str) else value
    if not isinstance(devices, (list, tuple)) or not devices or not all(isinstance(d, str) for d in devices):
        raise value_error(f"should be a device or a list of devices, got {quoted(value)}")
    for device in devices:
        if not re.fullmatch(DEVICE, device):
            raise value_error(f"unknown device {device!r}; use cpu, mps, cuda, cuda:0, … or auto")
    return tuple(dict.fromkeys(devices))


def _name(value: str) -> str:
    if not re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9._-]{0,60}", value):
        raise value_error(
            "should begin with a letter or digit and have at most 61 letters, digits, dots, dashes and underscores,"
            f" because it names a folder; got {quoted(value)}"
        )
    return value


def _values(value: Any) -> Any:
    if not isinstance(value, (list, tuple)) or not value:
        raise value_error(f"should be a list of the values to try, got {quoted(value)}")
    return tuple(value)


Name = Annotated[str, AfterValidator(_name)]
Values = Annotated[
    tuple[Any, ...], BeforeValidator(_values), WithJsonSchema({"type": "array", "items": {}, "minItems": 1})
]
Duration = Annotated[
    float | None,
    BeforeValidator(seconds),
    WithJsonSchema({"anyOf": [{"type": "number", "exclusiveMinimum": 0}, {"type": "string"}, {"type": "null"}]}),
]
Memory = Annotated[
    int | None,
    BeforeValidator(_bytes),
    WithJsonSchema({"anyOf": [{"type": "integer", "minimum": LEAST_MEMORY}, {"type": "string"}, {"type": "null"}]}),
]
Seeds = Annotated[
    tuple[int, ...],
    BeforeValidator(_seeds),
    WithJsonSchema(
        {
            "anyOf": [
                {"type": "integer", "minimum": 1, "maximum": MAX_SEEDS},
                {"type": "array", "items": {"type": "integer", "minimum": 0, "maximum": LARGEST_SEED}, "minItems": 1},
            ]
        }
    ),
]
_NO_BOOL = BeforeValidator(refuse_bool)
Number = Annotated[float, _NO_BOOL]
Count = Annotated[int, Field(ge=1), _NO_BOOL]
CountOrZero = Annotated[int, Field(ge=0), _NO_BOOL]
Steps = Annotated[int, Field(ge=1, le=10**12), _NO_BOOL]
_DEVICE_SCHEMA = {"type": "string", "pattern": DEVICE}
Devices = Annotated[
    tuple[str, ...],
    BeforeValidator(_devices),
    WithJsonSchema({"anyOf": [_DEVICE_SCHEMA, {"type": "array", "items": _DEVICE_SCHEMA, "minItems": 1}]}),
]
