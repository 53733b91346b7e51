"""The process that plays all pairs of seeds of one algorithm on one task (see rlbench.reevaluation.playback_process).

S worlds are played at once, one for each seed, in S rounds with an offset d from 0 to S - 1. In world s, the first
agents play the policy of seed s, the other agents the policy of seed (s + d) mod S.
"""

from __future__ import annotations

import sys
from collections.abc import Mapping
from typing import Any, cast

import numpy as np

from rlbench.api import AgentLayout, Array, Diverged, PluginError, Policy
from rlbench.envs.multiagent.joint_space import JointVectors
from rlbench.reevaluation.loaded_group import LoadedGroup, load_group
from rlbench.reevaluation.playback_process import answer_request
from rlbench.results import commit
from rlbench.runtime.evaluation import Evaluation, Evaluator
from rlbench.runtime.scheduled_evaluation import FINAL


def play(request: Mapping[str, Any]) -> dict[str, Any]:
    """Play every pair. Returns: the mean team return of each pair, the episodes of self-play, and what played them.

    Raises: the errors of rlbench.reevaluation.playback_worker.play.
    """
    loaded = load_group(request, request["policies"])
    seeds, lanes, episodes = len(loaded.group.seeds), request["lanes"], request["episodes"]
    envs = loaded.backend.make_batch(loaded.group.task, seeds * lanes)
    layout = cast(JointVectors, envs.observation_space).layout
    evaluator = Evaluator(envs, lanes, loaded.live.streams)
    matrix, own = np.zeros((seeds, seeds)), None
    for offset in range(seeds):
        policy = _policy(loaded, request["policy"], layout, offset)
        played = evaluator.play(policy, FINAL, request["step"], max(episodes, lanes))
        _refuse_faults(played, loaded.group.seeds, offset, request["policy_file"])
        rows = np.arange(seeds)
        matrix[rows, (rows + offset) % seeds] = played.returns[:, :episodes].mean(1)
        own = played if own is None else own
    evaluator.close()
    assert own is not None  # a group has seeds
    plugin = loaded.plugins.find(loaded.group.algorithm)
    sources = plugin.sources()
    made_by = {**loaded.made_by(), "git_commit": commit(sources[0]) if sources else None}
    self_play = {"returns": own.returns.tolist(), "lengths": own.lengths.tolist()}
    return {"matrix": matrix.tolist(), "self_play": self_play, "made_by": made_by}


def _policy(loaded: LoadedGroup, mode: str, layout: AgentLayout, offset: int) -> Policy:
    """Return the joint policy of the round with this offset (see the module's text).

    With offset 0, it is the policy of the final evaluation itself.
    """
    try:
        first, others = loaded.policy(mode), loaded.policy(mode)
    except ValueError as error:
        raise PluginError(str(error)) from error
    return first if offset == 0 else mixed_policy(first, others, own_numbers(layout), offset)


def first_agents(count: int) -> int:
    """Return how many of `count` agents play the first seed's policy: half of them, rounded up."""
    return -(-count // 2)


def own_numbers(layout: AgentLayout) -> int:
    """Return how many numbers at the start of an action [A] belong to the first seed's agents."""
    return layout.action_starts[first_agents(layout.count)]


def mixed_policy(first: Policy, others: Policy, own: int, offset: int) -> Policy:
    """Return a policy that mixes actions: in world s, the first `own` numbers of seed s, the rest of seed s + offset.

    first, others: two policy functions of one algorithm, each with its own memory, because they see other episodes. Row
    t of `others` gets the observations of world t - offset, in which the other agents play the policy of seed t.
    """

    def policy(obs: Array, start: Array) -> Array:
        mine = np.asarray(first(obs, start))
        theirs = np.roll(np.asarray(others(np.roll(obs, offset, 0), np.roll(start, offset, 0))), -offset, 0)
        return np.concatenate([mine[..., :own], theirs[..., own:]], -1)

    return policy


def _refuse_faults(played: Evaluation, seeds: tuple[int, ...], offset: int, where: str) -> None:
    """Check that all numbers were finite. Raises: Diverged with the first pair of seeds for which they were not."""
    if played.finite.all():
        return
    row = int(np.argmin(played.finite))
    fault = played.faults.get(row, "the policies received or returned a number that is not finite")
    raise Diverged(f"{where}: seeds {seeds[row]} and {seeds[(row + offset) % len(seeds)]}: {fault}")


if __name__ == "__main__":
    answer_request(play, *sys.argv[1:])
