"""Translate an entry of rl-baselines3-zoo into a suite's parameters, budget and wrappers, or name unsupported keys."""

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
_SCHEDULED = ("learning_rate", "clip_range", "clip_range_vf", "delta_std")


@dataclass
class Translation:
    """An entry of the zoo's file, translated for a suite.

    wrappers: (module:Class, keyword arguments), innermost first. left_out: the entry's keys that were left out on
    request.
    """

    entry: ZooEntry
    params: dict[str, Any] = field(default_factory=dict)
    steps: int | None = None
    kwargs: dict[str, Any] = field(default_factory=dict)
    wrappers: list[tuple[str, dict[str, Any]]] = field(default_factory=list)
    left_out: list[str] = field(default_factory=list)


def translate(
    entry: ZooEntry,
    takes: Mapping[str, Mapping[str, Any]],
    fixed: Mapping[str, Any],
    leave_out: Collection[str] = (),
) -> Translation:
    """Translate an entry into a suite's parameters, budget and wrappers.

    takes: the parameters that each algorithm has, with Stable-Baselines3's default if known. fixed: by parameter of the
    library, the value at which rlbench's algorithms are fixed because they lack the parameter. leave_out: keys of the
    entry, or of its policy_kwargs, to skip. Raises: SuiteError with every problem and its place in the file.
    """
    result, problems = Translation(entry), list[tuple[str, str]]()
    for key, value in entry.values.items():
        if key in leave_out:
            result.left_out.append(key)
            continue
        try:
            params = _KEYS.get(key, _unchanged)(result, key, value)
        except ValueError as error:
            problems.append((key, f"{key}: {error}"))
            continue
        for name, value_here in params.items():
            try:
                _add(result, name, value_here, takes, fixed, leave_out)
            except ValueError as error:
                problems.append((key, f"{key}: {error}"))
    if problems:
        raise entry.refusal(problems)
    return result


def _add(
    result: Translation,
    name: str,
    value: Any,
    takes: Mapping[str, Mapping[str, Any]],
    fixed: Mapping[str, Any],
    leave_out: Collection[str],
) -> None:
    """Add a parameter.

    Raises: ValueError if an algorithm lacks the parameter and does not always behave as this value says.
    """
    if name in leave_out:
        result.left_out.append(name)
        return
    without = [algorithm for algorithm, known in takes.items() if name not in known]
    if not without:
        result.params[name] = value
    elif fixed.get(name, _ABSENT) != value:  # a fixed behaviour needs no parameter
        advice = hint(name, takes[without[0]])
        raise _unsupported(f"{without[0]} has no parameter {name}{advice}", name)


_ABSENT = object()


def _unsupported(reason: str, name: str) -> ValueError:
    return ValueError(f"{reason}; to make the suite without it, add --leave-out {name}")


# -- one function for each key: (translation so far, key, value) → parameters. Raises: ValueError with the problem ---
KeyReader = Callable[[Translation, str, Any], Mapping[str, Any]]


def _unchanged(result: Translation, key: str, value: Any) -> Mapping[str, Any]:
    if isinstance(value, str):
        value = value.strip()
        if key in _SCHEDULED and not re.fullmatch(r"lin_\S+", value):
            raise ValueError(f"should be a number, or text such as lin_0.001 (falls linearly to 0), got {value!r}")
    if key == "clip_range_vf" and isinstance(value, (int, float)) and value < 0:
        value = None  # in the zoo's files, a negative value turns clipping off
    return {key: value}


def _nothing(result: Translation, key: str, value: Any) -> Mapping[str, Any]:
    return {}


def _budget(result: Translation, key: str, value: Any) -> Mapping[str, Any]:
    if isinstance(value, bool) or not isinstance(value, (int, float)) or not 1 <= value < 1e12 or value != int(value):
        raise ValueError(f"should be a whole number of steps, got {value!r}")
    result.steps = int(value)
    return {}


def _policy(result: Translation, key: str, value: Any) -> Mapping[str, Any]:
    if value == "MlpLstmPolicy":  # an algorithm without LSTMs lacks this parameter; 256 is the library's default
        return {} if "lstm_hidden_size" in result.params else {"lstm_hidden_size": 256}
    if value != "MlpPolicy":
        raise ValueError(f"--from-zoo supports MlpPolicy and MlpLstmPolicy, got {value!r}")
    return {}


def _policy_kwargs(result: Translation, key: str, value: Any) -> Mapping[str, Any]:
    given, params = _mapping(value), dict[str, Any]()
    for name, argument in given.items():
        if name == "net_arch":
            params[name] = _layers(argument)
        elif name == "activation_fn":
            params[name] = _activation(argument)
        else:
            params[name] = argument
    return params


def _layers(given: Any) -> list[int]:
    """Read [64, 64], dict(pi=[64, 64], vf=[64, 64]) or the older [dict(…)] as one list of sizes for all networks."""
    if isinstance(given, list) and len(given) == 1 and isinstance(given[0], dict):
        given = given[0]
    if isinstance(given, dict):
        networks = list(given.values())
        if not networks or any(units != networks[0] for units in networks):
            raise ValueError(f"net_arch: should be the same for all networks, got {given}")
        given = networks[0]
    if not isinstance(given, list) or not all(isinstance(n, int) and not isinstance(n, bool) for n in given):
        raise ValueError(f"net_arch: should be one list of layer sizes, such as [64, 64], got {given}")
    return given


def _activation(given: Any) -> str:
    activation = value_hint("activation_fn", given, _ACTIVATIONS).removeprefix("; write ")
    if not activation:
        raise ValueError(f"activation_fn: should be nn.ReLU or nn.Tanh, got {given}")
    return activation


def _normalize(result: Translation, key: str, value: Any) -> Mapping[str, Any]:
    """Read arguments of VecNormalize. Observations and rewards are both scaled by default.

    The arguments gamma and training are ignored: gamma is the algorithm's.
    """
    if value is False:
        return {}
    given = {"norm_obs": True, "norm_reward": True} | ({} if value is True else _mapping(value))
    return {
        _NORMALIZED.get(name) or name: argument for name, argument in given.items() if name not in ("gamma", "training")
    }


def _sde(result: Translation, key: str, value: Any) -> Mapping[str, Any]:
    if value:
        raise _unsupported("state-dependent exploration (gSDE) is not supported", key)
    return {}


def _noise(result: Translation, key: str, value: Any) -> Mapping[str, Any]:
    return {key: "none" if value is None else value.strip() if isinstance(value, str) else value}


def _frequency(result: Translation, key: str, value: Any) -> Mapping[str, Any]:
    given = read_literal(value) if isinstance(value, str) else value
    if isinstance(given, list) and len(given) == 2 and given[1] == "step":
        given = given[0]
    if isinstance(given, list):
        raise ValueError(f"should be a number of steps, since rlbench's algorithms do not count episodes; got {given}")
    return {key: given}


def _environment(result: Translation, key: str, value: Any) -> Mapping[str, Any]:
    result.kwargs |= _mapping(value)
    return {}


def _wrappers(result: Translation, key: str, value: Any) -> Mapping[str, Any]:
    """Read one wrapper or a list of wrappers, innermost first.

    A wrapper is `package.module.Class`, or a mapping from that name to keyword arguments.
    """
    for each in value if isinstance(value, list) else [value] if value else []:
        name, kwargs = next(iter(each.items())) if isinstance(each, dict) and len(each) == 1 else (each, {})
        module, _, wrapper = name.rpartition(".") if isinstance(name, str) else ("", "", "")
        if not re.fullmatch(r"[\w.]+:\w+", f"{module}:{wrapper}") or not isinstance(kwargs or {}, dict):
            raise ValueError(f"should be module.Class, or a mapping from module.Class to its arguments, got {each!r}")
        module = f"gymnasium{module.removeprefix('gym')}" if module.split(".")[0] == "gym" else module
        result.wrappers.append((f"{module}:{wrapper}", kwargs or {}))
    return {}


def _default_only(result: Translation, key: str, value: Any) -> Mapping[str, Any]:
    """Accept only the default value of a key; rlbench supports no other."""
    if value in (None, False, 1):
        return {}
    raise _unsupported(hint(key, ()).removeprefix("; ") or "is not supported", key)


def _mapping(value: Any) -> dict[str, Any]:
    """Return a mapping, which may be given as Python code. Raises: ValueError for anything else."""
    given = read_literal(value) if isinstance(value, str) else value
    if not isinstance(given, dict):
        raise ValueError(f"should be a mapping, such as dict(…), got {value!r}")
    return given


_KEYS: dict[str, KeyReader] = {
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
        _default_only,
    ),
}
