"""Cross-play: the published policies of an algorithm's seeds play with one another, and the returns are stored."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from rlbench.analysis.crossplay_gaps import Team
from rlbench.api import RunGroup, StoreError, group_as_dict
from rlbench.plugins import Plugins
from rlbench.reevaluation.crossplay_worker import first_agents
from rlbench.reevaluation.playback_process import play_in_child
from rlbench.reevaluation.policy_files import POLICY
from rlbench.reevaluation.reevaluate import Episodes, recorded_episodes
from rlbench.results import RunState, Store
from rlbench.results.crossplay_files import CrossPlay, played_runs, write_crossplay
from rlbench.runtime.evaluation import MAX_LANES

EPISODES = 32  # of each pair
_WORKER = "rlbench.reevaluation.crossplay_worker"


def obstacle(team: Team, plugins: Plugins) -> str:
    """Return why the pairs of a team's seeds cannot be played, or "".

    Raises: PluginError if the algorithm cannot be loaded.
    """
    if team.problem:
        return team.problem
    spec, count = plugins.algorithm(team.runs[0].algorithm), len(team.runs)
    if not spec.stackable:
        return f"{spec.name} cannot hold the policies of several seeds at once (stackable=False)"
    if spec.max_stack is not None and spec.max_stack < count:
        return f"{spec.name} can hold the policies of {spec.max_stack} seeds at once, not of {count}"
    return ""


def play_pairs(
    store: Store,
    team: Team,
    states: Mapping[str, RunState],
    episodes: int = EPISODES,
    plugin_files: Sequence[str] = (),
    allowed: Sequence[str] | None = (),
) -> CrossPlay:
    """Play `episodes` episodes of each ordered pair of a team's seeds on the CPU, and store the mean team returns.

    All pairs play the same episodes, which begin with those of the final evaluation, and with the same kind of policy
    (greedy or sampled) as there. allowed: as in rlbench.reevaluation.reevaluate.

    Raises: StoreError if a policy is damaged or the result cannot be written; PluginError if the algorithm cannot be
    loaded or cannot load its policies, or if an environment is not trusted; Diverged if a number is not finite or an
    environment fails.
    """
    request = _request(store, team, states, episodes, plugin_files)
    answer = play_in_child(_WORKER, {**request, "trusted": allowed is None, "allowed": list(allowed or ())})
    own = [Episodes(*both) for both in zip(answer["self_play"]["returns"], answer["self_play"]["lengths"])]
    repeats = _repeats(store, team, states, own)
    identified = played_runs(team.runs, states)
    if not any(policy for _, policy in identified) and not repeats:
        # No policy is needed if the untrained algorithm repeats the recorded episodes, as `random` does.
        raise StoreError(
            f"{team.algorithm} on {team.environment} saved no policies (its final_state is empty), and without training"
            " it does not reach the recorded returns"
        )
    played = CrossPlay(
        team.algorithm,
        team.environment,
        tuple(run.seed for run in team.runs),
        identified,
        team.agents,
        first_agents(len(team.agents)),
        episodes,
        request["policy"],
        np.array(answer["matrix"], np.float64),
        repeats,
        answer["made_by"],
    )
    write_crossplay(store.root, played)
    return played


def _request(
    store: Store, team: Team, states: Mapping[str, RunState], episodes: int, plugin_files: Sequence[str]
) -> dict[str, Any]:
    """Return the request for rlbench.reevaluation.crossplay_worker, as JSON values."""
    first, results = team.runs[0], [states[str(run.key)].result for run in team.runs]
    seeds = tuple(run.seed for run in team.runs)
    group = RunGroup(first.algorithm, first.config, first.task, seeds, seed_space=first.seed_space)
    protocol = first.task.evaluation
    files = [str(store.folder(run) / POLICY) for run in team.runs]
    return {
        "group": group_as_dict(group),
        "policy_file": f"{team.algorithm} on {team.environment}",
        "policies": dict(zip(files, (result["files"].get(POLICY, {}).get("sha256") for result in results))),
        "step": results[0]["steps"],
        "stack_size": len(seeds),
        "mkl": results[0].get("numerics", {}).get("mkl"),
        "policy": protocol.policy,
        # The lanes of the final evaluation, because a policy's random draws depend on their number.
        "lanes": min(protocol.environments or MAX_LANES, protocol.final_episodes or episodes),
        "episodes": episodes,
        "plugin_files": list(plugin_files),
    }


def _repeats(store: Store, team: Team, states: Mapping[str, RunState], own: Sequence[Episodes]) -> bool | None:
    """Return whether self-play repeats the recorded final evaluations bit for bit; None if none was recorded."""
    compared = []
    for run, played in zip(team.runs, own):
        recorded = recorded_episodes(store, run, states[str(run.key)])
        count = min(len(recorded.returns), len(played.returns))
        compared += [played.repeat(recorded, count)] if count else []
    return all(compared) if compared else None
