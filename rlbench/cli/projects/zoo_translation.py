"""An entry of rl-baselines3-zoo's in the words of a suite: parameters, budget, wrappers, and what cannot be said in it."""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field
from typing import Any

from rlbench.cli.projects.zoo_file import ZooEntry
from rlbench.cli.projects.zoo_literals import read_literal
from rlbench.plugins.parameter_names import hint, value_hint

IGNORED = ("seed", "verbose", "tensorboard_log", "device", "sde_sample_freq", "use_sde_at_warmup")
_NORMALIZED = {"norm_obs": "normalize_obs", "norm_reward": "normalize_reward"}
_ACTIVATIONS = {"relu": "relu", "tanh": "tanh"}
_FALLS = ("learning_rate", "clip_range", "clip_range_vf", "delta_std")


@dataclass
class Translated:
    """What an entry means. wrappers: (module:Class, keyword arguments), innermost first. left_out: what was asked to be."""

    entry: ZooEntry
    params: dict[str, Any] = field(default_factory=dict)
    steps: int | None = None
    kwargs: dict[str, Any] = field(default_factory=dict)
    wrappers: list[tuple[str, dict[str, Any]]] = field(default_factory=list)
    left_out: list[str] = field(default_factory=list)


def translate(entry: ZooEntry, takes: Mapping[str, Mapping[str, Any]], leave_out: Collection[str] = ()) -> Translated:
    """Put an entry into a suite's words.

    takes: by algorithm the parameters that it has, with Stable-Baselines3's defaults where those are known. leave_out: keys
    of the entry, or of its policy_kwargs, that are passed over. Raises: SuiteError with every problem, each at its place.
    """
    found, problems = Translated(entry), list[tuple[str, str]]()
    for key, value in entry.values.items():
        if key in leave_out:
            found.left_out.append(key)
            continue
        try:
            meant = _KEYS.get(key, _as_it_is)(found, key, value)
        except ValueError as error:
            problems.append((key, f"{key}: {error}"))
            continue
        for name, value_here in meant.items():
            try:
                _take(found, name, value_here, takes, leave_out)
            except ValueError as error:
                problems.append((key, f"{key}: {error}"))
    if problems:
        raise entry.refusal(problems)
    return found


def _take(
    found: Translated, name: str, value: Any, takes: Mapping[str, Mapping[str, Any]], leave_out: Collection[str]
) -> None:
    """Keep a parameter. Raises: ValueError where an algorithm has none of the name, and does otherwise than it says."""
    if name in leave_out:
        found.left_out.append(name)
        return
    without = [algorithm for algorithm, known in takes.items() if name not in known]
    if not without:
        found.params[name] = value
    elif not any(known.get(name, _ABSENT) == value for known in takes.values()):  # what is always so need not be said
        told = hint(name, takes[without[0]]) if name not in takes[without[0]] else ""
        raise _unable(f"{without[0]} has no parameter {name}{told}", name)


_ABSENT = object()


def _unable(said: str, name: str) -> ValueError:
    return ValueError(f"{said}; --leave-out {name} makes the suite without it")


# -- one key each: (what was found, key, value) → parameters. Raises: ValueError with what is wrong ------------------
Reads = Callable[[Translated, str, Any], Mapping[str, Any]]


def _as_it_is(found: Translated, key: str, value: Any) -> Mapping[str, Any]:
    if isinstance(value, str):
        value = value.strip()
        if key in _FALLS and not re.fullmatch(r"lin_\S+", value):
            raise ValueError(f"should be a number, or lin_0.001, which falls to 0, got {value!r}")
    if key == "clip_range_vf" and isinstance(value, (int, float)) and value < 0:
        value = None  # the zoo's way to say: not clipped
    return {key: value}


def _nothing(found: Translated, key: str, value: Any) -> Mapping[str, Any]:
    return {}


def _budget(found: Translated, key: str, value: Any) -> Mapping[str, Any]:
    if isinstance(value, bool) or not isinstance(value, (int, float)) or not 1 <= value < 1e12 or value != int(value):
        raise ValueError(f"should be a whole number of steps, got {value!r}")
    found.steps = int(value)
    return {}


def _policy(found: Translated, key: str, value: Any) -> Mapping[str, Any]:
    if value != "MlpPolicy":
        raise ValueError(f"policies here are multi-layer perceptrons (MlpPolicy), got {value!r}")
    return {}


def _policy_kwargs(found: Translated, key: str, value: Any) -> Mapping[str, Any]:
    given, params = _mapping(value), dict[str, Any]()
    for name, what in given.items():
        if name == "net_arch":
            params[name] = _layers(what)
        elif name == "activation_fn":
            params[name] = _activation(what)
        else:
            params[name] = what
    return params


def _layers(given: Any) -> list[int]:
    """One list of units for all networks, of [64, 64], dict(pi=[64, 64], vf=[64, 64]) or the older [dict(…)]."""
    if isinstance(given, list) and len(given) == 1 and isinstance(given[0], dict):
        given = given[0]
    if isinstance(given, dict):
        several = list(given.values())
        if not several or any(each != several[0] for each in several):
            raise ValueError(f"net_arch: should be the same for all networks, got {given}")
        given = several[0]
    if not isinstance(given, list) or not all(isinstance(n, int) and not isinstance(n, bool) for n in given):
        raise ValueError(f"net_arch: should be one list of units, such as [64, 64], got {given}")
    return given


def _activation(given: Any) -> str:
    meant = value_hint("activation_fn", given, _ACTIVATIONS).removeprefix("; write ")
    if not meant:
        raise ValueError(f"activation_fn: should be nn.ReLU or nn.Tanh, got {given}")
    return meant


def _normalize(found: Translated, key: str, value: Any) -> Mapping[str, Any]:
    """VecNormalize scales both unless it is told otherwise; gamma is the algorithm's own, whatever stands here."""
    if value is False:
        return {}
    given = {"norm_obs": True, "norm_reward": True} | ({} if value is True else _mapping(value))
    return {_NORMALIZED.get(name) or name: what for name, what in given.items() if name not in ("gamma", "training")}


def _sde(found: Translated, key: str, value: Any) -> Mapping[str, Any]:
    if value:
        raise _unable("state-dependent exploration (gSDE) is not supported", key)
    return {}


def _noise(found: Translated, key: str, value: Any) -> Mapping[str, Any]:
    return {key: "none" if value is None else value.strip() if isinstance(value, str) else value}


def _frequency(found: Translated, key: str, value: Any) -> Mapping[str, Any]:
    given = read_literal(value) if isinstance(value, str) else value
    if isinstance(given, list) and len(given) == 2 and given[1] == "step":
        given = given[0]
    if isinstance(given, list):
        raise ValueError(f"should be a number of steps; no algorithm here counts episodes; got {given}")
    return {key: given}


def _environment(found: Translated, key: str, value: Any) -> Mapping[str, Any]:
    found.kwargs |= _mapping(value)
    return {}


def _wrappers(found: Translated, key: str, value: Any) -> Mapping[str, Any]:
    """`package.module.Class`, or that and its keyword arguments, or a list of such, innermost first."""
    for each in value if isinstance(value, list) else [value] if value else []:
        name, kwargs = next(iter(each.items())) if isinstance(each, dict) and len(each) == 1 else (each, {})
        module, _, wrapper = name.rpartition(".") if isinstance(name, str) else ("", "", "")
        if not re.fullmatch(r"[\w.]+:\w+", f"{module}:{wrapper}") or not isinstance(kwargs or {}, dict):
            raise ValueError(f"should be module.Class, or that and a mapping, got {each!r}")
        module = f"gymnasium{module.removeprefix('gym')}" if module.split(".")[0] == "gym" else module
        found.wrappers.append((f"{module}:{wrapper}", kwargs or {}))
    return {}


def _off_only(found: Translated, key: str, value: Any) -> Mapping[str, Any]:
    """Of which only what it is by default can be had here."""
    if value in (None, False, 1):
        return {}
    raise _unable(hint(key, ()).removeprefix("; ") or "is not supported", key)


def _mapping(value: Any) -> dict[str, Any]:
    """Raises: ValueError, NotAValue among them, for what is no mapping."""
    given = read_literal(value) if isinstance(value, str) else value
    if not isinstance(given, dict):
        raise ValueError(f"should be a mapping, such as dict(…), got {value!r}")
    return given


_KEYS: dict[str, Reads] = {
    **dict.fromkeys(IGNORED, _nothing),
    "n_timesteps": _budget,
    "policy": _policy,
    "policy_kwargs": _policy_kwargs,
    "normalize": _normalize,
    "use_sde": _sde,
    "noise_type": _noise,
    "train_freq": _frequency,
    "env_kwargs": _environment,
    "env_wrapper": _wrappers,
    **dict.fromkeys(
        (
            "frame_stack",
            "vec_env_wrapper",
            "callback",
            "monitor_kwargs",
            "replay_buffer_class",
            "replay_buffer_kwargs",
            "optimize_memory_usage",
        ),
        _off_only,
    ),
}
