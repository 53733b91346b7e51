"""Facts of public environments, found without rlbench: what is registered, and what each environment gives.

benchmarks/worlds.py starts this module as a child process, because an environment may hang, print or end its process:

    python -m benchmarks.world_facts list DESCRIPTOR PACKAGE
    python -m benchmarks.world_facts look DESCRIPTOR < [["id", {"kwargs": …}, "module:function"], …]

It writes one JSON value a line into the open file DESCRIPTOR: the registered ids of a package, or the facts of each
environment, in order.
"""

from __future__ import annotations

import hashlib
import importlib
import json
import os
import sys
import warnings
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import gymnasium
import numpy as np
from gymnasium import spaces

STEPS = 25  # of each of the two episodes that have to be equal
SEED = 7


@dataclass(frozen=True)
class Package:
    """A distribution with environments. module: what registers them when it is imported; "" for Gymnasium's own.

    register: a "module:function" that has to be called as well. own: the module of the environments' code, which tells
    them from those of other packages that the import registers too.
    """

    module: str
    register: str = ""
    own: str = ""


PACKAGES: Mapping[str, Package] = {
    "gymnasium": Package("", own="gymnasium"),
    "minigrid": Package("minigrid"),
    "highway-env": Package("highway_env"),
    "flappy-bird-gymnasium": Package("flappy_bird_gymnasium"),
    "minatar": Package("", "minatar.gym:register_envs", own="minatar"),
    "gym-anytrading": Package("gym_anytrading"),
    "mo-gymnasium": Package("mo_gymnasium"),
    "gymnasium-robotics": Package("gymnasium_robotics"),
    "ale-py": Package("ale_py"),
    "popgym": Package("popgym"),
    "panda-gym": Package("panda_gym"),
    "pybullet-envs-gymnasium": Package("pybullet_envs_gymnasium"),
    "gym-pusht": Package("gym_pusht"),
    "gymnasium-snake-game": Package("gymnasium_snake_game"),
    "shimmy": Package("shimmy"),
    "tetris-gymnasium": Package("tetris_gymnasium.envs", own="tetris_gymnasium"),
    "metaworld": Package("metaworld"),
}
# Environments that cannot be made without arguments, by the beginning of their ids, and arguments to try them with.
ARGUMENTS: Mapping[str, Mapping[str, Any]] = {
    "Meta-World/MT1": {"env_name": "reach-v3", "seed": 1},
}


def suite_id(package: str, env_id: str) -> str:
    """Return the id of an environment in a suite."""
    module = PACKAGES[package].module
    return f"{module}:{env_id}" if module else env_id


def arguments(env_id: str) -> dict[str, Any]:
    return next(
        (dict(kwargs) for start, kwargs in ARGUMENTS.items() if env_id.rpartition(":")[2].startswith(start)), {}
    )


def call(reference: str) -> None:
    module, _, function = reference.partition(":")
    getattr(importlib.import_module(module), function)()


def registered(name: str) -> list[str]:
    """Return the ids that a package registers, sorted. Raises: ImportError if it is not installed."""
    package = PACKAGES[name]
    if package.module:
        importlib.import_module(package.module)
    if package.register:
        call(package.register)
    own = package.own or package.module
    return sorted(env_id for env_id, spec in gymnasium.registry.items() if _module_of(spec) == own)


def _module_of(spec: Any) -> str:
    """Return the outermost module of an environment's entry point, which is a text, a function or a part of one."""
    entry = spec.entry_point or spec.vector_entry_point
    entry = getattr(entry, "func", entry)
    name = entry if isinstance(entry, str) else getattr(entry, "__module__", "")
    return str(name).partition(":")[0].partition(".")[0]


def facts(env_id: str, kwargs: Mapping[str, Any]) -> dict[str, Any]:
    """Make an environment, play the same actions from the same seed twice, and describe what it gave.

    repeats: whether the second episode was equal to the first, and if it was not, whether that of a new environment is.
    """
    try:
        env = gymnasium.make(env_id, **kwargs)
    except BaseException as error:  # noqa: BLE001 - a foreign environment may raise anything
        return {"made": False, "reason": _one_line(error)}
    found = {
        "made": True,
        "observations": short(env.observation_space),
        "actions": short(env.action_space),
        "pair": hashlib.sha256(f"{env.observation_space!r} {env.action_space!r}".encode()).hexdigest()[:12],
        "image": has_image(env.observation_space),
    }
    try:
        first, second = _episode(env), _episode(env)
        env.close()
        repeats = "always" if _same(first[0], second[0]) else "never"
        if repeats == "never":
            env = gymnasium.make(env_id, **kwargs)
            repeats = "when new" if _same(first[0], _episode(env)[0]) else "never"
            env.close()
        return found | {"reward": _form(first[1]), "repeats": repeats}
    except BaseException as error:  # noqa: BLE001 - a foreign environment may raise anything
        return found | {"reason": f"cannot be played: {_one_line(error)}"}


def _episode(env: Any) -> tuple[list[Any], Any]:
    """Play from SEED with drawn actions. Returns: all that was seen, and the last reward."""
    obs, _ = env.reset(seed=SEED)
    env.action_space.seed(SEED)  # after the reset, which makes a new space in highway-env
    seen, reward = [_copied(obs)], None
    for _ in range(STEPS):
        obs, reward, terminated, truncated, _ = env.step(env.action_space.sample())
        seen += [_copied(obs), _copied(reward)]
        if terminated or truncated:
            break
    return seen, reward


def _copied(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {key: _copied(part) for key, part in value.items()}
    if isinstance(value, (tuple, list)):
        return [_copied(part) for part in value]
    return value.copy() if isinstance(value, np.ndarray) else value


def _same(one: Any, other: Any) -> bool:
    """Return whether two nested values are equal; NaN equals itself."""
    if isinstance(one, Mapping):
        return one.keys() == other.keys() and all(_same(one[key], other[key]) for key in one)
    if isinstance(one, (tuple, list)):
        return len(one) == len(other) and all(_same(a, b) for a, b in zip(one, other))
    a, b = np.asarray(one), np.asarray(other)
    return a.shape == b.shape and bool(np.array_equal(a, b, equal_nan=a.dtype.kind == "f"))


def _form(reward: Any) -> str:
    """Return "number", or what the reward is instead."""
    shape = np.shape(reward)
    return (
        "number"
        if shape == () and np.asarray(reward).dtype.kind in "fiub"
        else f"{type(reward).__name__} of shape {shape}"
    )


def short(space: Any) -> str:
    """Return a space's kind, sizes and type, without its bounds."""
    if isinstance(space, spaces.Box):
        return f"Box{space.shape} {space.dtype}"
    if isinstance(space, spaces.Discrete):
        return f"Discrete({space.n})"
    if isinstance(space, spaces.MultiDiscrete):
        return f"MultiDiscrete({space.nvec.size})"
    if isinstance(space, spaces.MultiBinary):
        return f"MultiBinary({space.n})"
    if isinstance(space, spaces.Dict):
        return "Dict(" + ", ".join(f"{key}: {short(part)}" for key, part in space.spaces.items()) + ")"
    if isinstance(space, spaces.Tuple):
        return "Tuple(" + ", ".join(map(short, space.spaces)) + ")"
    return type(space).__name__


def has_image(space: Any) -> bool:
    """Return whether observations are images: arrays of bytes with three axes, of at least 36 pixels a side."""
    if isinstance(space, spaces.Box):
        return space.dtype == np.uint8 and len(space.shape) == 3 and min(sorted(space.shape)[1:]) >= 36
    return isinstance(space, spaces.Dict) and any(map(has_image, space.spaces.values()))


def _one_line(error: BaseException) -> str:
    return " ".join(f"{type(error).__name__}: {error}".split())[:300]


def main() -> None:
    task, descriptor, *rest = sys.argv[1:]
    warnings.simplefilter("ignore")
    gymnasium.logger.min_level = gymnasium.logger.ERROR
    with os.fdopen(int(descriptor), "w", buffering=1) as answers:
        if task == "list":
            print(json.dumps(registered(*rest)), file=answers)
            return
        for env_id, kwargs, register in json.load(sys.stdin):
            if register:
                call(register)
            print(json.dumps(facts(env_id, kwargs)), file=answers)


if __name__ == "__main__":
    main()
