"""Hints for environments that cannot be made: which module registers an id, and what to install.

Gymnasium registers the ids of a package when the package's module is imported, which `module:ID` does. Gymnasium's own
message suggests similar ids, but only of modules that are already imported.
"""

from __future__ import annotations

import re
from importlib.util import find_spec
from typing import NamedTuple

_UNKNOWN_ID = re.compile(r"Namespace \S+ not found|Environment `[^`]*` doesn't exist")
_UNKNOWN_MODULE = re.compile(r"No module named '([\w.]+)'")


class Package(NamedTuple):
    """A package of environments.

    ids: regular expression that its ids match. module: the module to import. distribution: what to install, a
    distribution or an extra of rlbench. register: the function that registers the ids, if importing the module does
    not register them.
    """

    ids: str
    module: str
    distribution: str
    register: str = ""


PACKAGES = (
    Package(r"ALE/", "ale_py", '"rlbench[atari]"'),
    Package(r"(MiniGrid|BabyAI)-", "minigrid", "minigrid"),
    Package(r"MinAtar/", "minatar", "minatar", "minatar.gym:register_envs"),
    Package(r"popgym-", "popgym", "popgym"),
    Package(
        r"(highway|highway-fast|merge|roundabout|parking|intersection|racetrack|exit|u-turn|two-way|lane-keeping)\b.*-v\d",
        "highway_env",
        "highway-env",
    ),
    Package(r"FlappyBird-", "flappy_bird_gymnasium", "flappy-bird-gymnasium"),
    Package(r"(stocks|forex)-v", "gym_anytrading", "gym-anytrading"),
    Package(
        r"(Fetch|HandManipulate|HandReach|AntMaze|PointMaze|FrankaKitchen|Adroit)",
        "gymnasium_robotics",
        "gymnasium-robotics",
    ),
    Package(r"Panda", "panda_gym", "panda-gym"),
    Package(r"\w+BulletEnv-", "pybullet_envs_gymnasium", "pybullet-envs-gymnasium"),
    Package(r"gym_pusht/", "gym_pusht", "gym-pusht"),
    Package(r"Snake-", "gymnasium_snake_game", "gymnasium-snake-game"),
    Package(r"tetris_gymnasium/", "tetris_gymnasium", "tetris-gymnasium"),
    Package(r"Meta-World/", "metaworld", "metaworld"),
    Package(r"dm_control/|bsuite/", "shimmy", '"shimmy[dm-control]"'),
    Package(
        r"mo-|(deep-sea-treasure|resource-gathering|fishwood|breakable-bottles|fruit-tree|water-reservoir|four-room|minecart)\b",
        "mo_gymnasium",
        "mo-gymnasium",
    ),
)
# Modules that Gymnasium's own environments need, by a word in the error that is raised if the module is missing.
_NEEDED = {"box2d": ("Box2D", "box2d"), "mujoco": ("mujoco", "mujoco")}


def install_hint(env_id: str, error: str) -> str:
    """Return what to install or to write instead, beginning with "; ", or "".

    error: the message of the exception that making the environment raised.
    """
    prefix, _, name = env_id.rpartition(":")
    missing = _UNKNOWN_MODULE.search(error)
    if missing is not None:
        return _missing_module(missing[1].partition(".")[0], prefix)
    if _UNKNOWN_ID.search(error):
        return _unknown_id(prefix, name, error)
    for word, (module, extra) in _NEEDED.items():
        if word in error.lower() and find_spec(module) is None:
            return f'; pip install "rlbench[{extra}]"'
    return ""


def _missing_module(top: str, prefix: str) -> str:
    package = next((package for package in PACKAGES if package.module == top), None)
    if package is not None:
        return f"; pip install {package.distribution}"
    if top == prefix.partition(".")[0]:
        return f"; install the package that has {top!r}, or run in the folder of {top}.py"
    return ""


def _unknown_id(prefix: str, name: str, error: str) -> str:
    package = next((package for package in PACKAGES if re.match(package.ids, name)), None)
    if package is not None:
        steps = [] if find_spec(package.module) is not None else [f"pip install {package.distribution}"]
        if package.register:
            steps += [f"write {name}"] if prefix else []
            steps.append(f"add `register: {package.register}` to the suite")
        elif prefix != package.module:
            steps.append(f"write {package.module}:{name}")
        return f"; {' and '.join(steps)}" if steps else ""
    if "Did you mean" in error or prefix:
        return ""
    return "; if a package has this id, write module:ID, which imports the package's module first"
