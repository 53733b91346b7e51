"""What scores cost nothing on a task: the random policy and each constant action, over many episodes.

The better of them is the lower anchor, 0 on the normalised scale; whoever stays below it has learned nothing.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import product
from typing import Any

import numpy as np
from numpy.typing import NDArray

from rlbench.api import EnvBatch, RlbenchError, Task
from rlbench.envs.classic import DYNAMICS
from rlbench.envs.gymnasium_backend import make_batch
from rlbench.runtime.evaluate import Evaluator
from rlbench.seeding import EVALUATE, SeedStreams

EPISODES = 10_000
MAX_CONSTANTS = 100  # more discrete actions than this are not tried one by one
_LANES_IN_STEP, _LANES = 1_000, 20


@dataclass(frozen=True)
class Measured:
    """Mean return of a policy that learns nothing. policy: "random", or "constant" and the action."""

    policy: str
    mean: float
    standard_error: float
    episodes: int


def measure(task: Task, episodes: int = EPISODES) -> Iterator[Measured]:
    """The random policy and each constant action of the task, one after the other, on the same episodes.

    Discrete: every action. Continuous of one dimension: nine levels from the lower to the upper bound, the centre among
    them; of two: all pairs of five levels; of more: five levels, the same in each dimension.
    Raises: RlbenchError for a task that cannot be made, or whose actions cannot be drawn uniformly or tried one by one.
    """
    try:
        envs = make_batch(task, _LANES_IN_STEP if task.env_id in DYNAMICS else _LANES)
    except RlbenchError:
        raise
    except Exception as error:  # whatever a stranger's environment does
        raise RlbenchError(f"{task.env_id}: cannot be made: {type(error).__name__}: {error}") from error
    try:
        for name, action in [("random", None), *constants(envs.action_space, task.env_id)]:
            yield _played(task, envs, name, action, episodes)
    finally:
        envs.close()


def constants(space: Any, env_id: str) -> list[tuple[str, NDArray[Any]]]:
    """The constant actions to try, with their names. Raises: RlbenchError for a space without such a list."""
    kind = type(space).__name__
    if kind == "Discrete" and int(space.n) <= MAX_CONSTANTS:
        return [(f"constant {a}", np.asarray(a)) for a in range(int(space.start), int(space.start) + int(space.n))]
    if kind == "Box" and space.is_bounded():
        size = int(np.prod(space.shape))
        levels = np.linspace(0, 1, 9 if size == 1 else 5)
        shares = product(levels, repeat=size) if size <= 2 else ((level,) * size for level in levels)
        found = []
        for share in shares:
            flat = space.low.ravel() + np.asarray(share) * (space.high - space.low).ravel()
            shown = flat[:1] if len(set(share)) == 1 else flat
            name = " ".join(f"{value:g}" for value in shown)
            found.append((f"constant {name}", flat.reshape(space.shape).astype(space.dtype)))
        return found
    raise RlbenchError(
        f"{env_id}: actions are {space}: only bounded ones, or at most {MAX_CONSTANTS} discrete ones, can be measured"
    )


def _played(task: Task, envs: EnvBatch, name: str, action: NDArray[Any] | None, episodes: int) -> Measured:
    streams = SeedStreams((0,))

    def policy(obs: Any, start: Any) -> Any:
        if action is None:
            return streams.sample(EVALUATE, envs.action_space, obs.shape[:2])
        return np.broadcast_to(action, (*obs.shape[:2], *action.shape))

    lanes = _LANES_IN_STEP if task.env_id in DYNAMICS else _LANES
    found = Evaluator(envs, lanes, streams).play(policy, "anchors", 0, episodes)
    if not found.finite.all():
        raise RlbenchError(f"{task.env_id}: an observation or reward was not finite under the policy {name!r}")
    returns = found.returns[0]
    return Measured(name, float(returns.mean()), float(returns.std(ddof=1)) / math.sqrt(episodes), episodes)
