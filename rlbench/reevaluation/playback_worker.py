"""The process that plays one run's policy (see rlbench.reevaluation.playback_process)."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from rlbench.api import Diverged, PluginError
from rlbench.reevaluation.action_trace import RecordingBatch, write_trace
from rlbench.reevaluation.loaded_group import load_group
from rlbench.reevaluation.playback_process import answer_request
from rlbench.reevaluation.video import Video
from rlbench.runtime.evaluation import Evaluation, Evaluator
from rlbench.runtime.scheduled_evaluation import FINAL


def play(request: Mapping[str, Any]) -> dict[str, Any]:
    """Play the requested episodes. Returns: their returns and lengths, and what played them, as JSON values.

    Raises: StoreError if a file is damaged; Diverged if a number is not finite or an environment fails; PluginError if
    the algorithm cannot be loaded or cannot load its policy; any exception of the algorithm or its environment.
    """
    where, lanes = request["policy_file"], request["lanes"]
    loaded = load_group(request, {where: request["sha256"]})
    task, streams, backend = loaded.group.task, loaded.live.streams, loaded.backend
    try:
        policy = loaded.policy(request["policy"])
    except ValueError as error:
        raise PluginError(f"{error}; choose another with --policy") from error
    envs = backend.make_batch(task, lanes)
    recording = RecordingBatch(envs, lanes) if "trace" in request else None
    evaluator = Evaluator(envs if recording is None else recording, lanes, streams)
    played = evaluator.play(policy, FINAL, request["step"], request["episodes"])
    evaluator.close()
    _refuse_faults(played, where)
    video = request.get("video")
    if video:
        with Video(task, backend.make_env, Path(video["path"])) as filmed:
            fresh_policy = loaded.policy(request["policy"])
            shown = Evaluator(filmed, 1, streams).play(fresh_policy, FINAL, request["step"], video["episodes"])
            _refuse_faults(shown, where)
    returns, lengths = played.returns[0].tolist(), played.lengths[0].tolist()
    answer = {"returns": returns, "lengths": lengths}
    if recording is not None:
        answer["actions"] = write_trace(Path(request["trace"]), recording.traces(returns, lengths))._asdict()
    return {**answer, "made_by": loaded.made_by()}


def _refuse_faults(played: Evaluation, where: str) -> None:
    """Check that all numbers were finite. Raises: Diverged if they were not, or if the environment failed."""
    if not played.finite.all():
        fault = played.faults.get(0, "the policy received or returned a number that is not finite")
        raise Diverged(f"{where}: {fault}")


if __name__ == "__main__":
    answer_request(play, *sys.argv[1:])
