"""Evaluation of a published policy again, as in the final evaluation, and comparison with the recorded episodes.

The first episodes equal the recorded ones, bit for bit: they have the lanes, the step and the episode seeds of the
final evaluation, and the process has the numerical settings of a worker.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from rlbench.api import Run, RunGroup, StoreError, group_as_dict
from rlbench.reevaluation.playback_process import play_in_child
from rlbench.reevaluation.policy_files import POLICY
from rlbench.results import RunState, Store
from rlbench.results.provenance_changes import changed_entries
from rlbench.results.run_table import read_table
from rlbench.runtime.evaluation import MAX_LANES
from rlbench.runtime.scheduled_evaluation import FINAL

_WORKER = "rlbench.reevaluation.playback_worker"


class Episodes(NamedTuple):
    """Returns and lengths of episodes, in the order of the episode seeds."""

    returns: list[float]
    lengths: list[int]

    def repeat(self, other: Episodes, count: int) -> bool:
        """Return whether the first `count` episodes equal those of `other`. Returns are compared bit for bit."""
        bits = [np.array(episodes.returns[:count], np.float64).tobytes() for episodes in (self, other)]
        return bits[0] == bits[1] and self.lengths[:count] == other.lengths[:count]


def reevaluate(
    store: Store,
    run: Run,
    state: RunState,
    episodes: int,
    policy: str,
    plugin_files: Sequence[str] = (),
    video: Path | None = None,
    video_episodes: int = 1,
    allowed: Sequence[str] | None = (),
    trace: Path | None = None,
) -> Mapping[str, Any]:
    """Play `episodes` episodes with a run's final policy on the CPU.

    policy: "greedy" or "sampled".
    allowed: modules that may be imported besides the installed ones (rlbench.reevaluation.trust); None allows every
    module that the run's task names, for a user who has passed the suite.
    trace: a file for the actions of the episodes (rlbench.reevaluation.action_trace).
    video: an MP4 file for the first `video_episodes` episodes, which are played a second time for it.

    Returns a mapping:
    returns, lengths: [episodes].
    recorded_episodes: how many of these episodes the final evaluation also played; they come first.
    equal: whether these episodes equal the recorded ones, bit for bit; None if there are none.
    actions: the form of the actions, if a trace was written.
    changed: entries such as "code.version" that differ from the record, each with the recorded and the present value.

    Raises: StoreError if the run is not published or a file is damaged; PluginError if the algorithm cannot be loaded
    or cannot load its policy; Diverged if a number is not finite.
    """
    if not state.status.has_score:
        raise StoreError(f"{store.folder(run)} has no published policy: the run is {state.status}; finish it first")
    protocol = run.task.evaluation
    recorded = recorded_episodes(store, run, state) if policy == protocol.policy else Episodes([], [])
    total, published = len(recorded.returns), POLICY in state.result["files"]
    # The lanes of the final evaluation, because a policy's random draws depend on their number.
    lanes = min(protocol.environments or MAX_LANES, protocol.final_episodes or episodes)
    count = max(episodes, lanes, 0 if published else total)
    request = _request(store, run, state, policy, lanes, count, plugin_files)
    request |= {"trusted": allowed is None, "allowed": list(allowed or ())}
    if video is not None:
        request["video"] = {"path": str(video.resolve()), "episodes": video_episodes}
    if trace is not None:
        request["trace"] = str(trace.resolve())
    answer = play_in_child(_WORKER, request)
    played = Episodes(answer["returns"], answer["lengths"])
    if not published and not (total and played.repeat(recorded, total)):
        # No policy is needed if the untrained algorithm repeats the recorded episodes, as `random` does.
        raise StoreError(
            f"{store.folder(run)} cannot be evaluated again: {run.algorithm!r} saved no policy (its final_state is "
            "empty), and untrained it does not reach the recorded returns"
        )
    compared = min(episodes, total)
    equal = played.repeat(recorded, compared) if compared else None
    first = {"returns": played.returns[:episodes], "lengths": played.lengths[:episodes]}
    changed = changed_entries(state.result, answer["made_by"])
    form = {"actions": answer["actions"]} if trace is not None else {}
    return {**first, **form, "recorded_episodes": compared, "equal": equal, "changed": changed}


def _request(
    store: Store, run: Run, state: RunState, policy: str, lanes: int, episodes: int, plugin_files: Sequence[str]
) -> dict[str, Any]:
    """Return the request for rlbench.reevaluation.playback_worker, as JSON values."""
    group = RunGroup(run.algorithm, run.config, run.task, (run.seed,), seed_space=run.seed_space)
    return {
        "group": group_as_dict(group),
        "policy_file": str(store.folder(run) / POLICY),
        "sha256": state.result["files"].get(POLICY, {}).get("sha256"),
        "step": state.result["steps"],
        "stack_size": state.result.get("stack_size", 1),
        "mkl": state.result.get("numerics", {}).get("mkl"),
        "policy": policy,
        "lanes": lanes,
        "episodes": episodes,
        "plugin_files": list(plugin_files),
    }


def recorded_episodes(store: Store, run: Run, state: RunState) -> Episodes:
    """Return the episodes of a run's final evaluation; empty lists if there was none."""
    rows = read_table(store.folder(run), "evaluations", state, ["kind", "returns", "lengths"])
    last = rows[rows["kind"] == FINAL].tail(1)
    return Episodes(*(last[name].iloc[0].tolist() if len(last) else [] for name in Episodes._fields))
