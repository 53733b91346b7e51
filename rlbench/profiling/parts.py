"""Whose work a sampled stack was: the part of a run's time that each function stands for, and which of them decides.

What tells is where a function was written and what it is called, as rlbench.api.Algorithm documents for plugins:

1. evaluation, compiling and importing, wherever they are on the stack;
2. else the innermost function that belongs to an environment, a replay or a rollout, or to the harness;
3. else, of the algorithm: update, where the name of any of its functions says so; else acting; else other.

A function inside which environments are stepped is a loop, whatever it is called ("learn" in many libraries): its name
does not make the rest of what it does an update.
"""

from __future__ import annotations

import re
import sysconfig
from collections.abc import Mapping
from enum import Enum, auto
from functools import cache
from pathlib import Path

from rlbench.profiling.sampler import Function, Stack

CHILDREN = "child processes"
PARTS = {
    "environment": "training environments: steps, resets, wrappers",
    "acting": "choosing actions in training",
    "replay": "writing and reading replays and rollouts",
    "update": "losses, gradients, optimisers",
    "evaluation": "evaluations, their environments and all",
    "harness": "the metered boundary, records, checkpoints",
    "compiling": "torch making graphs of functions",
    "imports": "modules loaded while it ran",
    "other": "the algorithm's own loop and set-up, and whatever has no telling name",
    CHILDREN: "not sampled: how worker processes start up, compilers, whatever else was started",
}


class _Sign(Enum):
    """What a function says of the work under way."""

    NOTHING = auto()  # libraries, who work for their callers
    STRANGER = auto()  # anyone's code whose name tells nothing
    ACTING = auto()
    UPDATE = auto()
    ENVIRONMENT = auto()
    REPLAY = auto()
    HARNESS = auto()
    BOUNDARY = auto()  # the harness's, but anyone's code that it calls is an environment's
    BASE = auto()  # where the harness hands over to the algorithm
    EVALUATION = auto()
    COMPILING = auto()
    IMPORTS = auto()


_SETTLED = {
    _Sign.ENVIRONMENT: "environment",
    _Sign.REPLAY: "replay",
    _Sign.HARNESS: "harness",
    _Sign.EVALUATION: "evaluation",
    _Sign.IMPORTS: "imports",
    _Sign.COMPILING: "compiling",
}
_OVERRIDING = (_Sign.EVALUATION, _Sign.IMPORTS, _Sign.COMPILING)

# The words of a function's name that tell, in any plugin and in libraries of algorithms.
_UPDATE = re.compile(
    "updates?|learn|train|fit|optimi[sz]e|improve|loss|losses|grads?|gradients?|backward|advantages?|gae|returns"
)
_ACTING = re.compile("acts?|acting|actions?|policy|greedy|explore|choose|select|predict|sample|draw|collect")
_STORAGE = re.compile(r"replay|\w*buffer\b|rollout_?(storage|buffer)", re.IGNORECASE)
_WORD = re.compile(r"[A-Z]?[a-z]+|[A-Z]+(?![a-z])")

# Files of this package, by their path within it; the first that fits.
_OWN = (
    ("profiling/", _Sign.NOTHING),
    ("kit/replay.py", _Sign.REPLAY),
    ("kit/prioritized_replay.py", _Sign.REPLAY),
    ("kit/rollout.py", _Sign.REPLAY),
    ("kit/multi_step.py", _Sign.REPLAY),
    ("kit/optimizers.py", _Sign.UPDATE),
    ("kit/rmsprop.py", _Sign.UPDATE),
    ("kit/returns.py", _Sign.UPDATE),
    ("kit/", _Sign.NOTHING),
    ("api/", _Sign.NOTHING),
    ("seeding.py", _Sign.NOTHING),
    ("testing/", _Sign.STRANGER),
    ("runtime/evaluation.py", _Sign.EVALUATION),
    ("envs/acrobot.py", _Sign.ENVIRONMENT),
    ("envs/classic_control.py", _Sign.ENVIRONMENT),
    ("envs/dynamics.py", _Sign.ENVIRONMENT),
    ("envs/vectorized_classic.py", _Sign.ENVIRONMENT),
    ("envs/", _Sign.BOUNDARY),
    ("", _Sign.HARNESS),
)
# Packages of others, by their path after site-packages or dist-packages.
_PACKAGES = (
    ("torch/_dynamo/convert_frame.py", _Sign.COMPILING),
    ("torch/_inductor/compile_fx.py", _Sign.COMPILING),
    ("torch/optim/", _Sign.UPDATE),
    ("torch/autograd/__init__.py", _Sign.UPDATE),
    ("gymnasium/spaces/", _Sign.NOTHING),
    ("gymnasium/", _Sign.ENVIRONMENT),
    ("stable_baselines3/common/vec_env/", _Sign.ENVIRONMENT),
    ("stable_baselines3/common/monitor.py", _Sign.ENVIRONMENT),
    ("torch/", _Sign.NOTHING),
    ("numpy/", _Sign.NOTHING),
    ("scipy/", _Sign.NOTHING),
    ("tqdm/", _Sign.NOTHING),
    ("rich/", _Sign.NOTHING),
)
_PACKAGE = str(Path(__file__).parents[1]) + "/"  # as it was imported: code objects name their files likewise
_LIBRARY = tuple(sysconfig.get_path(name) + "/" for name in ("stdlib", "platstdlib"))
_INSTALLED = re.compile(r".*/(?:site|dist)-packages/")


def attribute(stacks: Mapping[Stack, float]) -> dict[str, float]:
    """Seconds by part, in the order of PARTS, those without any left out; they add up to what the stacks have."""
    readings = [(_read(stack), seconds) for stack, seconds in stacks.items()]
    loops = {function for (_, _, _, around), _ in readings for function in around}
    found = dict.fromkeys(PARTS, 0.0)
    for (part, updating, acting, _), seconds in readings:
        if not part:
            part = "update" if set(updating) - loops else "acting" if acting else "other"
        found[part] += seconds
    return {part: seconds for part, seconds in found.items() if seconds > 0}


def _read(stack: Stack) -> tuple[str, list[Function], bool, list[Function]]:
    """The part that a stack settles by itself ("" for none), the functions whose names say update, whether one says
    acting, and those of them around a step of an environment.
    """
    updating, around = list[Function](), list[Function]()
    part, acting, strange, stepping = "", False, False, False
    inside = None
    for function in stack:
        sign = _sign(function)
        if sign is _Sign.BASE:
            part = part or ("" if strange else "harness")
            if updating and updating[-1] == inside:
                around.append(updating.pop())  # `train` itself, which is a loop even where no step is seen
            break
        if sign in _OVERRIDING:
            if sign is _Sign.COMPILING or part not in ("imports", "compiling"):
                part = _SETTLED[sign]
        elif sign is _Sign.BOUNDARY:
            part = part or ("environment" if strange else "harness")
        elif sign in _SETTLED:
            part = part or _SETTLED[sign]
        elif sign is _Sign.UPDATE:
            (around if stepping else updating).append(function)
        elif sign is _Sign.ACTING:
            acting = True
        stepping = stepping or sign in (_Sign.BOUNDARY, _Sign.ENVIRONMENT)
        strange = strange or sign in (_Sign.STRANGER, _Sign.UPDATE, _Sign.ACTING)
        inside = function
    return part, updating, acting, around


@cache
def _sign(function: Function) -> _Sign:
    file, name = function
    own = file.removeprefix(_PACKAGE)
    if own != file:
        return _own_sign(own, name)
    if file.startswith("<"):
        return _Sign.IMPORTS if file.startswith("<frozen importlib") else _Sign.NOTHING
    installed = _INSTALLED.match(file)
    if installed is None and (file.startswith(_LIBRARY) or "/torchinductor_" in file):
        return _Sign.NOTHING
    if installed is not None:
        inside = file[installed.end() :]
        found = next((sign for place, sign in _PACKAGES if inside.startswith(place)), None)
        if found is not None:  # a compiler that is being imported compiles nothing yet
            return _Sign.NOTHING if found is _Sign.COMPILING and name == "<module>" else found
    return _named(name)


def _own_sign(file: str, name: str) -> _Sign:
    function = name.rpartition(".")[2]
    if file == "runtime/live_group.py":
        return _Sign.BASE if function in ("__init__", "_train") else _Sign.HARNESS
    if file == "runtime/scheduled_evaluation.py" and name == "Examiner.evaluate":
        return _Sign.EVALUATION
    if name == "SeedStreams.sample":
        return _Sign.ACTING  # it draws actions
    sign = next(sign for place, sign in _OWN if file.startswith(place))
    if sign is _Sign.REPLAY and function in ("state", "load_state"):
        return _Sign.NOTHING  # a checkpoint's work
    return sign


def _named(name: str) -> _Sign:
    """What the name of anyone's function tells; of closures and methods their own names, of storage its class's too."""
    if _STORAGE.search(name):
        return _Sign.REPLAY
    words = [word.lower() for word in _WORD.findall(name.rpartition(".")[2])]
    if any(map(_UPDATE.fullmatch, words)):
        return _Sign.UPDATE
    return _Sign.ACTING if any(map(_ACTING.fullmatch, words)) else _Sign.STRANGER
