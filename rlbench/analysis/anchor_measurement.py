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
from rlbench.envs.classic_control import DYNAMICS
from rlbench.envs.gymnasium_backend import make_batch
from rlbench.runtime.evaluation import MAX_EPISODE_STEPS, evaluation_seeds
from rlbench.seeding import EVALUATE, SeedStreams

EPISODES = 10_000
MAX_CONSTANTS = 100  # more discrete actions than this are not tried one by one
_LANES_IN_STEP, _LANES = 10_000, 20


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
    lanes = min(episodes, _LANES_IN_STEP if task.env_id in DYNAMICS else _LANES)
    try:
        envs = make_batch(task, lanes)
    except RlbenchError:
        raise
    except Exception as error:  # whatever a stranger's environment does
        raise RlbenchError(f"{task.env_id}: cannot be made: {type(error).__name__}: {error}") from error
    try:
        for name, action in [("random", None), *constants(envs.action_space, task.env_id)]:
            yield _played(task, envs, lanes, name, action, episodes)
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


def _played(task: Task, envs: EnvBatch, lanes: int, name: str, action: NDArray[Any] | None, episodes: int) -> Measured:
    """Episodes are dealt over the lanes, `lanes` at a time."""
    seeds, streams = evaluation_seeds("anchors", "training"), SeedStreams((0,))
    streams.restart(EVALUATE)
    returns = np.zeros(episodes)
    for first in range(0, episodes, lanes):
        playing = np.arange(min(lanes, episodes - first))
        sound = all(np.isfinite(envs.reset(lane, seeds[first + lane])).all() for lane in playing.tolist())
        for _ in range(MAX_EPISODE_STEPS):
            if action is None:
                actions = streams.sample(EVALUATE, envs.action_space, (1, len(playing)))[0]
            else:
                actions = np.broadcast_to(action, (len(playing), *action.shape))
            obs, reward, terminated, truncated = envs.step(playing.tolist(), actions)
            sound = sound and bool(np.isfinite(obs).all() and np.isfinite(reward).all())
            if not sound:
                raise RlbenchError(f"{task.env_id}: an observation or reward was not finite under the policy {name!r}")
            returns[first + playing] += reward
            playing = playing[~(terminated | truncated)]
            if not len(playing):
                break
    return Measured(name, float(returns.mean()), float(returns.std(ddof=1)) / math.sqrt(episodes), episodes)
