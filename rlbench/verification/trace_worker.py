"""The process that plays a trace's actions in a fresh environment (see rlbench.verification.trace_verification)."""

from __future__ import annotations

import hashlib
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from gymnasium.spaces import Discrete, MultiBinary, MultiDiscrete

from rlbench.api import Array, EnvBatch, group_from_dict
from rlbench.api.task import MAX_EPISODE_STEPS
from rlbench.messages import error_text
from rlbench.plugins import load_plugins
from rlbench.reevaluation.action_trace import ActionForm, EpisodeTrace, add_observation, read_trace
from rlbench.reevaluation.playback_process import answer_request
from rlbench.reevaluation.trust import refuse_untrusted

_COUNTED = (Discrete, MultiDiscrete, MultiBinary)


def play(request: Mapping[str, Any]) -> dict[str, Any]:
    """Play the episodes of a trace. Neither a policy nor an algorithm's plugin is loaded.

    Returns: `traced` and `played`, two lists with one entry for each episode: its return, length and hash of the
    observations. Traced episodes also have their reset seed; played episodes a `problem`, which is "" if none occurred.
    Raises: StoreError for a file that is no trace; PluginError for an environment that is not trusted.
    """
    task, plugins = group_from_dict(request["group"]).task, load_plugins(request["plugin_files"])
    if not request["trusted"]:
        refuse_untrusted(task, plugins, request["allowed"])
    form = ActionForm(request["actions"]["dtype"], tuple(request["actions"]["shape"]))
    episodes = read_trace(Path(request["policy_file"]), form, request["episodes"])
    envs = plugins.backend(task.backend).make_batch(task, 1)
    played = [_play_episode(envs, episode) for episode in episodes]
    envs.close()
    traced = [
        {"return": one.return_, "length": one.length, "reset_seed": one.reset_seed, "observations": one.observations}
        for one in episodes
    ]
    return {"traced": traced, "played": played}


def _play_episode(envs: EnvBatch, trace: EpisodeTrace) -> dict[str, Any]:
    """Play one episode until its actions are used up or the episode ends."""
    total, length, ended, problem, digest = 0.0, 0, False, "", hashlib.sha256()
    try:
        add_observation(digest, envs.reset(0, trace.reset_seed))
        for action in _as_given(trace.actions):
            if isinstance(envs.action_space, _COUNTED) and not envs.action_space.contains(action):
                raise ValueError(f"{action} is not among its actions")  # some environments accept it as another action
            obs, reward, terminated, truncated = envs.step([0], [action])
            add_observation(digest, obs[0])
            total, length = total + float(reward[0]), length + 1
            ended = bool(terminated[0] or truncated[0]) or length >= MAX_EPISODE_STEPS
            if ended:
                break
    except Exception as error:  # noqa: BLE001 - an environment may raise anything for an unexpected action
        problem = f"the environment refused step {length}: {error_text(error)}"
    if not problem and not ended:
        problem = f"the episode does not end after its {length} actions"
    elif not problem and length < len(trace.actions):
        problem = f"the episode ends after {length} of its {len(trace.actions)} actions"
    return {"return": total, "length": length, "observations": digest.hexdigest(), "problem": problem}


def _as_given(actions: Array) -> list[Any]:
    """Return actions in the form in which an evaluation passes them: integers as int, anything else as arrays."""
    return actions.tolist() if actions.ndim == 1 and actions.dtype.kind in "iu" else list(actions)


if __name__ == "__main__":
    answer_request(play, *sys.argv[1:])
