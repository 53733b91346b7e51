"""Attribution of a sampled call stack to a part of a run's work.

The file and the name of each function on the call stack decide, as rlbench.api.Algorithm documents for plugins. The
first rule that applies is used:

1. A function of evaluation, compiling or importing anywhere on the call stack gives that part.
2. The innermost function of an environment, of a replay or rollout buffer or of the harness gives that part.
3. The rest is the algorithm's: update if a function has a name like "update" or "loss", else acting if one has a name
   like "act" or "policy", else other.

A function that steps environments is the training loop. Rule 3 ignores its name, so a loop called "learn" is not
counted as update.
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
    "replay": "writing and reading replay and rollout buffers",
    "update": "losses, gradients, optimisers",
    "evaluation": "evaluations, including their environments",
    "harness": "the metered boundary, records, checkpoints",
    "compiling": "torch compiling functions",
    "imports": "modules imported during the run",
    "other": "the algorithm's own loop and set-up, and functions whose names say nothing",
    CHILDREN: "not sampled: start-up of worker processes, compilers, other processes",
}


class _Sign(Enum):
    """What a function indicates about the current work."""

    NOTHING = auto()  # library code: its time counts for its caller
    UNKNOWN = auto()  # other code whose name says nothing
    ACTING = auto()
    UPDATE = auto()
    ENVIRONMENT = auto()
    REPLAY = auto()
    HARNESS = auto()
    BOUNDARY = auto()  # harness code; any foreign code that it calls belongs to an environment
    BASE = auto()  # the function in which the harness calls the algorithm
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

# Words in the names of functions that indicate a function's work, in plugins and in libraries of algorithms.
_UPDATE = re.compile(
    "updates?|learn|train|fit|optimi[sz]e|improve|loss|losses|grads?|gradients?|backward|advantages?|gae|returns"
)
_ACTING = re.compile("acts?|acting|actions?|policy|greedy|explore|choose|select|predict|sample|draw|collect")
_STORAGE = re.compile(r"replay|\w*buffer\b|rollout_?(storage|buffer)", re.IGNORECASE)
_WORD = re.compile(r"[A-Z]?[a-z]+|[A-Z]+(?![a-z])")

# Files of rlbench, by the start of their path in the package; the first match counts.
_OWN = (
    ("profiling/", _Sign.NOTHING),
    ("kit/replay.py", _Sign.REPLAY),
    ("kit/prioritized_replay.py", _Sign.REPLAY),
    ("kit/rollout.py", _Sign.REPLAY),
    ("kit/multi_step.py", _Sign.REPLAY),
    ("kit/gradients.py", _Sign.UPDATE),
    ("kit/optimizers.py", _Sign.UPDATE),
    ("kit/rmsprop.py", _Sign.UPDATE),
    ("kit/returns.py", _Sign.UPDATE),
    ("kit/", _Sign.NOTHING),
    ("api/", _Sign.NOTHING),
    ("seeding.py", _Sign.NOTHING),
    ("testing/", _Sign.UNKNOWN),
    ("runtime/evaluation.py", _Sign.EVALUATION),
    ("envs/acrobot.py", _Sign.ENVIRONMENT),
    ("envs/classic_control.py", _Sign.ENVIRONMENT),
    ("envs/dynamics.py", _Sign.ENVIRONMENT),
    ("envs/vectorized_classic.py", _Sign.ENVIRONMENT),
    ("envs/", _Sign.BOUNDARY),
    ("", _Sign.HARNESS),
)
# Other packages, by the start of their path after site-packages or dist-packages.
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
_PACKAGE = str(Path(__file__).parents[1]) + "/"  # not resolved, like the file names in code objects
_LIBRARY = tuple(sysconfig.get_path(name) + "/" for name in ("stdlib", "platstdlib"))
_INSTALLED = re.compile(r".*/(?:site|dist)-packages/")


def attribute(stacks: Mapping[Stack, float]) -> dict[str, float]:
    """Return the seconds of each part, in the order of PARTS; leave out parts of 0 s. Their sum is that of `stacks`.

    stacks: seconds by call stack.
    """
    classified = [(_classify(stack), seconds) for stack, seconds in stacks.items()]
    loops = {function for (_, _, _, around), _ in classified for function in around}
    totals = dict.fromkeys(PARTS, 0.0)
    for (part, updating, acting, _), seconds in classified:
        if not part:
            part = "update" if set(updating) - loops else "acting" if acting else "other"
        totals[part] += seconds
    return {part: seconds for part, seconds in totals.items() if seconds > 0}


def _classify(stack: Stack) -> tuple[str, list[Function], bool, list[Function]]:
    """Return the part of a call stack, and what the names of its functions indicate.

    Returns: the part by rules 1 and 2, else ""; the functions with a name like an update; whether a function has a name
    like acting; the functions with a name like an update that step environments.
    """
    updating, around = list[Function](), list[Function]()
    part, acting, foreign, stepping = "", False, False, False
    inside = None
    for function in stack:
        sign = _sign(function)
        if sign is _Sign.BASE:
            part = part or ("" if foreign else "harness")
            if updating and updating[-1] == inside:
                around.append(updating.pop())  # `train` itself is a loop even if no step is on the stack
            break
        if sign in _OVERRIDING:
            if sign is _Sign.COMPILING or part not in ("imports", "compiling"):
                part = _SETTLED[sign]
        elif sign is _Sign.BOUNDARY:
            part = part or ("environment" if foreign else "harness")
        elif sign in _SETTLED:
            part = part or _SETTLED[sign]
        elif sign is _Sign.UPDATE:
            (around if stepping else updating).append(function)
        elif sign is _Sign.ACTING:
            acting = True
        stepping = stepping or sign in (_Sign.BOUNDARY, _Sign.ENVIRONMENT)
        foreign = foreign or sign in (_Sign.UNKNOWN, _Sign.UPDATE, _Sign.ACTING)
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
        sign = next((sign for place, sign in _PACKAGES if inside.startswith(place)), None)
        if sign is not None:  # importing a compiler is not compiling
            return _Sign.NOTHING if sign is _Sign.COMPILING and name == "<module>" else sign
    return _sign_of_name(name)


def _own_sign(file: str, name: str) -> _Sign:
    function = name.rpartition(".")[2]
    if file == "runtime/live_group.py":
        return _Sign.BASE if function in ("__init__", "_train") else _Sign.HARNESS
    if file == "runtime/scheduled_evaluation.py" and name == "EvaluationRunner.evaluate":
        return _Sign.EVALUATION
    if name == "SeedStreams.sample":
        return _Sign.ACTING  # it draws actions
    sign = next(sign for place, sign in _OWN if file.startswith(place))
    if sign is _Sign.REPLAY and function in ("state", "load_state"):
        return _Sign.NOTHING  # called when a checkpoint is saved or loaded
    return sign


def _sign_of_name(name: str) -> _Sign:
    """Return what a function's name indicates: for buffers the whole qualified name, else its last part."""
    if _STORAGE.search(name):
        return _Sign.REPLAY
    words = [word.lower() for word in _WORD.findall(name.rpartition(".")[2])]
    if any(map(_UPDATE.fullmatch, words)):
        return _Sign.UPDATE
    return _Sign.ACTING if any(map(_ACTING.fullmatch, words)) else _Sign.UNKNOWN
