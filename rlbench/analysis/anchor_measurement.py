"""Scores that need no learning: returns of the random policy and of each constant action, over many episodes.

The best of these scores is the lower anchor, 0 on the normalised scale. An algorithm that scores below it has learned
nothing.
"""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import product
from typing import Any

import numpy as np
from gymnasium.spaces import Box
from numpy.typing import NDArray

from rlbench.api import EnvBatch, RlbenchError, Task, Wrapper
from rlbench.api.task import MAX_EPISODE_STEPS
from rlbench.envs.classic_control import DYNAMICS
from rlbench.envs.flat_observation import NoObservation
from rlbench.envs.gymnasium_backend import make_batch, make_env
from rlbench.messages import error_text
from rlbench.runtime.evaluation import evaluation_seeds
from rlbench.seeding import EVALUATE, SeedStreams

EPISODES = 10_000
MAX_CONSTANTS = 100  # with more discrete actions than this, the task is rejected
_LANES_IN_STEP, _LANES = 10_000, 20


@dataclass(frozen=True)
class AnchorMeasurement:
    """Mean return of a policy that does not learn. policy: "random", or "constant" followed by the action."""

    policy: str
    mean: float
    standard_error: float
    episodes: int


def measure(task: Task, episodes: int = EPISODES) -> Iterator[AnchorMeasurement]:
    """Measure the random policy and then each constant action of the task, all on the same episodes.

    Every discrete action is a constant action. For continuous actions, levels are spaced evenly from the lower to the
    upper bound: nine levels in one dimension, all pairs of five levels in two dimensions, and in more dimensions five
    actions that have the same level in every dimension.

    Raises: RlbenchError if the task cannot be made, if its actions are neither bounded nor discrete with at most
    MAX_CONSTANTS values, or if an observation or reward is not finite.
    """
    lanes = min(episodes, _LANES_IN_STEP if task.env_id in DYNAMICS and not task.reset_options else _LANES)
    try:
        envs = make_batch(_unseen(task), lanes)
    except RlbenchError:
        raise
    except Exception as error:  # third-party environments may raise anything
        raise RlbenchError(f"{task.name}: cannot be made: {error_text(error)}") from error
    try:
        for name, action in [("random", None), *constant_actions(envs.action_space, task.name)]:
            yield _play(task, envs, lanes, name, action, episodes)
    finally:
        envs.close()


def _unseen(task: Task) -> Task:
    """Return the task without its observations if they are not one array.

    A batch cannot hold such observations, and no policy measured here uses them.
    """
    if task.env_id in DYNAMICS:
        return task
    env = make_env(task)
    env.close()
    if isinstance(env.observation_space, Box):
        return task
    hidden = Wrapper(f"{NoObservation.__module__}:{NoObservation.__name__}")
    return dataclasses.replace(task, wrappers=(*task.wrappers, hidden))


def constant_actions(space: Any, task: str) -> list[tuple[str, NDArray[Any]]]:
    """Return the constant actions to try, with their names. Raises: RlbenchError for an unsupported action space."""
    kind = type(space).__name__
    if kind == "Discrete" and int(space.n) <= MAX_CONSTANTS:
        return [(f"constant {a}", np.asarray(a)) for a in range(int(space.start), int(space.start) + int(space.n))]
    if kind == "Box" and space.is_bounded():
        size = int(np.prod(space.shape))
        levels = np.linspace(0, 1, 9 if size == 1 else 5)
        shares = product(levels, repeat=size) if size <= 2 else ((level,) * size for level in levels)
        actions = []
        for share in shares:
            flat = space.low.ravel() + np.asarray(share) * (space.high - space.low).ravel()
            shown = flat[:1] if len(set(share)) == 1 else flat
            name = " ".join(f"{value:g}" for value in shown)
            actions.append((f"constant {name}", flat.reshape(space.shape).astype(space.dtype)))
        return actions
    raise RlbenchError(
        f"{task}: cannot measure actions {space}: they must be bounded, or discrete with at most {MAX_CONSTANTS} values"
    )


def _play(
    task: Task, envs: EnvBatch, lanes: int, name: str, action: NDArray[Any] | None, episodes: int
) -> AnchorMeasurement:
    """Play `episodes` episodes, `lanes` at a time."""
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
                raise RlbenchError(f"{task.name}: an observation or reward was not finite under the policy {name!r}")
            returns[first + playing] += reward
            playing = playing[~(terminated | truncated)]
            if not len(playing):
                break
    return AnchorMeasurement(name, float(returns.mean()), float(returns.std(ddof=1)) / math.sqrt(episodes), episodes)
